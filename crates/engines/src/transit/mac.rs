//! `hmac/`: keyed hashes.

use super::input::{
    BATCH_FIELD, INPUT_FIELD, KEY_VERSION, NAME_FIELD, REFERENCE_FIELD, Results, VERSION_FIELD, batch, input,
    map,
};
use super::key::{Key, Version};
use super::signature::{ALGORITHM, URL_ALGORITHM};
use super::{access, text};
use strongroom_core::{Call, Fault, Map, Operation, Response, Route};
use strongroom_crypto::digest::Digest;
use strongroom_crypto::{ct_eq, hmac};
use strongroom_wire::field::{Args, Field, Kind};

pub(super) const HMAC: &str = "hmac";

static FIELDS: [Field; 6] = [
    NAME_FIELD,
    Field::new(URL_ALGORITHM, Kind::Text, "Algorithm; wins over the one in the body."),
    INPUT_FIELD,
    Field::new(
        ALGORITHM,
        Kind::Text,
        "sha2-224, -256, -384 or -512, or sha3 with these; sha2-256 unless given.",
    ),
    VERSION_FIELD,
    BATCH_FIELD,
];
static ITEM: [Field; 2] = [INPUT_FIELD, REFERENCE_FIELD];

pub(super) fn routes() -> Vec<Route> {
    let route = |pattern| {
        Route::new(pattern, "The keyed hash of some input.", &FIELDS)
            .on(Operation::Update, |call| Box::pin(make(call)))
    };
    vec![route("hmac/{name}"), route("hmac/{name}/{urlalgorithm}")]
}

async fn make(mut call: Call<'_>) -> Result<Response, Fault> {
    let items = batch(call.args, &ITEM)?;
    let key = access::current(&mut call).await?;
    let names = [URL_ALGORITHM, ALGORITHM].into_iter().map(|f| call.args.text_or_empty(f));
    let digest = algorithm(names.into_iter().find(|n| !n.is_empty()).unwrap_or("sha2-256"))?;
    let number = key.version_for(call.args.int(KEY_VERSION).unwrap_or(0), "HMAC")?;
    let version = key.version(number)?;
    let one = |args: &Args| -> Result<Map, Fault> {
        let sum = sum(version, digest, &input(args)?)?;
        Ok(map([(HMAC, text::seal(number, &sum).into())]))
    };
    let Some(items) = items else { return one(call.args).map(Response::data) };
    let mut results = Results::with_room(items.len());
    for item in &items {
        results.add(item, one(item), Map::new)?;
    }
    Ok(results.answer())
}

/// Whether a keyed hash belongs to an input.
pub(super) fn verify(key: &Key, digest: Digest, input: &[u8], given: &str) -> Result<bool, Fault> {
    let invalid = |why: &str| Fault::invalid(format!("invalid HMAC to verify: {why}"));
    let sealed = text::parse(given).map_err(|e| invalid(&e.to_string()))?;
    let version = key.version(key.check_old(sealed.version, "HMAC")?)?;
    let given = text::decode(sealed.body).map_err(|_| invalid("unable to decode it as base64"))?;
    Ok(ct_eq(&sum(version, digest, input)?, &given))
}

/// The digest of a name; SHA-1 is allowed in keyed hashes.
pub(super) fn algorithm(name: &str) -> Result<Digest, Fault> {
    if name == "sha1" {
        return Ok(Digest::Sha1);
    }
    Digest::parse(name).ok_or_else(|| {
        Fault::invalid("unsupported algorithm, want sha1, sha2-224 to sha2-512 or sha3-224 to sha3-512")
    })
}

fn sum(version: &Version, digest: Digest, input: &[u8]) -> Result<Vec<u8>, Fault> {
    if version.hmac.is_empty() {
        return Err(Fault::invalid("no HMAC key exists for that key version"));
    }
    Ok(hmac::sign_with(digest, &version.hmac, input))
}
