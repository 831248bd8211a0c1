//! `datakey/`: keys for clients that encrypt by themselves.

use super::input::{
    ASSOCIATED_FIELD, CIPHERTEXT, CONTEXT_FIELD, KEY_VERSION, NAME_FIELD, NONCE_FIELD, PADDING_FIELD,
    PLAINTEXT, VERSION_FIELD, map, terms,
};
use super::{access, cipher, text};
use strongroom_core::{Call, Fault, Operation, Response, Route};
use strongroom_wire::field::{Field, Kind};
use zeroize::Zeroizing;

const FORM: &str = "plaintext";
const BITS: &str = "bits";

static FIELDS: [Field; 8] = [
    Field::new(FORM, Kind::Text, "plaintext shows the key, wrapped only its ciphertext."),
    NAME_FIELD,
    Field::new(BITS, Kind::Int, "128, 256 or 512; 256 unless given."),
    CONTEXT_FIELD,
    NONCE_FIELD,
    ASSOCIATED_FIELD,
    PADDING_FIELD,
    VERSION_FIELD,
];

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new("datakey/{plaintext}/{name}", "A new key, encrypted with this one.", &FIELDS)
            .on(Operation::Update, |call| Box::pin(make(call))),
    ]
}

async fn make(mut call: Call<'_>) -> Result<Response, Fault> {
    let shown = match call.args.text_or_empty(FORM) {
        "plaintext" => true,
        "wrapped" => false,
        _ => return Err(Fault::invalid("invalid path, must be 'plaintext' or 'wrapped'")),
    };
    let len = match call.args.int(BITS).unwrap_or(256) {
        128 => 16,
        256 => 32,
        512 => 64,
        _ => return Err(Fault::invalid("invalid bit length, want 128, 256 or 512")),
    };
    let key = access::current(&mut call).await?;
    let version = key.version_for(call.args.int(KEY_VERSION).unwrap_or(0), "encryption")?;
    let terms = terms(call.args, key.kind)?;
    let random = call.core.random.as_ref();
    let mut plain = Zeroizing::new(vec![0; len]);
    random.fill(&mut plain);
    let ciphertext = cipher::encrypt(&key, random, version, &terms, &plain)?;
    let mut out = map([(CIPHERTEXT, ciphertext.into()), (KEY_VERSION, version.into())]);
    if shown {
        out.insert(PLAINTEXT.to_owned(), text::encode(&plain).into());
    }
    Ok(Response::data(out))
}
