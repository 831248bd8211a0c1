//! `sign/`.

use super::access;
use super::input::{
    BATCH_FIELD, CONTEXT_FIELD, INPUT_FIELD, KEY_VERSION, NAME_FIELD, REFERENCE_FIELD, Results,
    VERSION_FIELD, batch, input, map, refused_with_500,
};
use super::key::Key;
use super::signature::{self, HOW, How};
use strongroom_core::{Call, Fault, Map, Operation, Response, Route};
use strongroom_wire::field::{Args, Field};

static FIELDS: [Field; 12] = {
    let [a, b, c, d, e, f, g] = HOW;
    [a, b, c, d, e, f, g, NAME_FIELD, INPUT_FIELD, CONTEXT_FIELD, VERSION_FIELD, BATCH_FIELD]
};
static ITEM: [Field; 3] = [INPUT_FIELD, CONTEXT_FIELD, REFERENCE_FIELD];

pub(super) const SIGNATURE: &str = "signature";

pub(super) fn routes() -> Vec<Route> {
    let route = |pattern| {
        Route::new(pattern, "Signs inputs.", &FIELDS).on(Operation::Update, |call| Box::pin(sign(call)))
    };
    vec![route("sign/{name}"), route("sign/{name}/{urlalgorithm}")]
}

async fn sign(mut call: Call<'_>) -> Result<Response, Fault> {
    let items = batch(call.args, &ITEM)?;
    let key = access::current(&mut call).await?;
    let how = How::read(call.args)?;
    let number = key
        .version_for(call.args.int(KEY_VERSION).unwrap_or(0), "signing")
        .map_err(|fault| refused_with_500(fault.messages().join("; ")))?;
    let Some(items) = items else {
        return sign_one(&call, &key, number, &how, call.args).map(Response::data);
    };
    let mut results = Results::with_room(items.len());
    for item in &items {
        let on_error = || map([(KEY_VERSION, 0.into())]);
        results.add(item, sign_one(&call, &key, number, &how, item), on_error)?;
    }
    Ok(results.answer())
}

fn sign_one(call: &Call<'_>, key: &Key, number: u64, how: &How, args: &Args) -> Result<Map, Fault> {
    let signed = signature::sign(key, call.core.random.as_ref(), number, how, args, &input(args)?)?;
    let mut out = map([(SIGNATURE, signed.text.into()), (KEY_VERSION, number.into())]);
    if let Some(public) = signed.public {
        out.insert("public_key".to_owned(), public.into());
    }
    Ok(out)
}
