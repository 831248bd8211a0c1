//! `verify/`: of signatures and of keyed hashes.

use super::access;
use super::input::{
    BATCH_FIELD, BATCH_INPUT, CONTEXT_FIELD, INPUT_FIELD, NAME_FIELD, REFERENCE_FIELD, Results, batch, input,
    map,
};
use super::key::Key;
use super::mac::{self, HMAC};
use super::sign::SIGNATURE;
use super::signature::{self, HOW, How, hash_name};
use strongroom_core::{Call, Fault, Map, Operation, Response, Route};
use strongroom_crypto::digest::Digest;
use strongroom_wire::field::{Args, Field, Kind};

const VALID: &str = "valid";
const SIGNATURE_FIELD: Field = Field::new(SIGNATURE, Kind::Text, "The signature, as sign gave it.");
const HMAC_FIELD: Field = Field::new(HMAC, Kind::Text, "The keyed hash, as hmac gave it.");

static FIELDS: [Field; 13] = {
    let [a, b, c, d, e, f, g] = HOW;
    [a, b, c, d, e, f, g, NAME_FIELD, INPUT_FIELD, CONTEXT_FIELD, SIGNATURE_FIELD, HMAC_FIELD, BATCH_FIELD]
};
static ITEM: [Field; 5] = [INPUT_FIELD, CONTEXT_FIELD, SIGNATURE_FIELD, HMAC_FIELD, REFERENCE_FIELD];

/// What is to be verified, the same for all items of a request.
enum Verifier {
    Signature(How),
    Hmac(Digest),
}

pub(super) fn routes() -> Vec<Route> {
    let route = |pattern| {
        Route::new(pattern, "Verifies signatures and keyed hashes.", &FIELDS)
            .on(Operation::Update, |call| Box::pin(verify(call)))
    };
    vec![route("verify/{name}"), route("verify/{name}/{urlalgorithm}")]
}

async fn verify(mut call: Call<'_>) -> Result<Response, Fault> {
    let items = batch(call.args, &ITEM)?;
    let verifier = match &items {
        None => verifier(call.args, std::slice::from_ref(call.args)),
        Some(items) => verifier(call.args, items),
    }?;
    let key = access::existing(&mut call).await?;
    let Some(items) = items else { return verify_one(&key, &verifier, call.args).map(Response::data) };
    let mut results = Results::with_room(items.len());
    for item in &items {
        results.add(item, verify_one(&key, &verifier, item), || map([(VALID, false.into())]))?;
    }
    Ok(results.answer())
}

fn verify_one(key: &Key, verifier: &Verifier, args: &Args) -> Result<Map, Fault> {
    let input = input(args)?;
    let valid = match verifier {
        Verifier::Signature(how) => signature::verify(key, how, args, &input, args.text_or_empty(SIGNATURE)),
        Verifier::Hmac(digest) => mac::verify(key, *digest, &input, args.text_or_empty(HMAC)),
    }?;
    Ok(map([(VALID, valid.into())]))
}

/// All items bring a signature, or all bring a keyed hash.
fn verifier(args: &Args, items: &[Args]) -> Result<Verifier, Fault> {
    let with = |field: &str| items.iter().filter(|item| !item.text_or_empty(field).is_empty()).count();
    match (with(SIGNATURE), with(HMAC)) {
        (signatures, 0) if signatures == items.len() => How::read(args).map(Verifier::Signature),
        (0, hashes) if hashes == items.len() => {
            let digest = mac::algorithm(hash_name(args))?;
            Ok(Verifier::Hmac(digest))
        }
        (0, 0) if !args.has(BATCH_INPUT) => {
            Err(Fault::invalid("neither a 'signature' nor an 'hmac' was given to verify"))
        }
        (_, _) if !args.has(BATCH_INPUT) => {
            Err(Fault::invalid("provide one of 'signature' and 'hmac', not both"))
        }
        _ => Err(Fault::invalid(format!(
            "elements of {BATCH_INPUT} must all provide either 'signature' or 'hmac'"
        ))),
    }
}
