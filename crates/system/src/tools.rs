//! `sys/tools`: digests and random bytes.

use crate::Answering;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use strongroom_core::{Call, Fault, Operation, Response, Route};
use strongroom_crypto::digest::Digest;
use strongroom_crypto::hex;
use strongroom_wire::field::{Args, Field, Kind};

pub(crate) fn routes() -> Vec<Route> {
    use Operation::Update;
    vec![
        Route::new("tools/hash", "The digest of some data.", HASH).on(Update, hash),
        Route::new("tools/hash/{urlalgorithm}", "The digest of some data.", HASH).on(Update, hash),
        Route::new("tools/random", "Random bytes.", RANDOM).on(Update, random),
        Route::new("tools/random/{urlbytes}", "Random bytes.", RANDOM).on(Update, random),
        Route::new("tools/random/{source}/{urlbytes}", "Random bytes.", RANDOM).on(Update, random),
    ]
}

const HASH: &[Field] = &[
    Field::new("input", Kind::Text, "The data in base64."),
    Field::new(
        "algorithm",
        Kind::Text,
        "sha2-224, -256, -384, -512 or sha3-224, -256, -384, -512; sha2-256 unless given.",
    ),
    Field::new("urlalgorithm", Kind::Text, "The algorithm; before the one in the body."),
    Field::new("format", Kind::Text, "hex or base64; hex unless given."),
];
const RANDOM: &[Field] = &[
    Field::new("urlbytes", Kind::Text, "How many bytes; before the number in the body."),
    Field::new("bytes", Kind::Int, "How many bytes; 32 unless given."),
    Field::new("format", Kind::Text, "base64 or hex; base64 unless given."),
    Field::new("source", Kind::Text, "platform, seal or all; platform unless given."),
];

/// The most random bytes of one request.
const MAX_BYTES: i64 = 128 * 1024;

fn hash(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let digest = algorithm(call.args)?;
        let input = STANDARD.decode(call.args.text_or_empty("input"));
        let input = input.map_err(|_| Fault::invalid("field \"input\": unable to decode input as base64"))?;
        Ok(Response::json(json!({ "sum": encode(&digest.of(&input), call.args, "hex")? })))
    })
}

fn algorithm(args: &Args) -> Result<Digest, Fault> {
    let named = [args.text_or_empty("urlalgorithm"), args.text_or_empty("algorithm"), "sha2-256"];
    let name = named.into_iter().find(|n| !n.is_empty()).unwrap_or_default();
    Digest::parse(name).ok_or_else(|| {
        let known = "sha2-224, sha2-256, sha2-384, sha2-512, sha3-224, sha3-256, sha3-384, sha3-512";
        Fault::invalid(format!("field \"algorithm\": unsupported algorithm, want one of {known}"))
    })
}

/// There is no seal with a source of its own: whichever source is asked for, the system's generator
/// answers, which is what the others would be mixed with.
fn random(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let args = call.args;
        let (first, source) = (args.text_or_empty("urlbytes"), args.text_or_empty("source"));
        // `tools/random/seal` names a source, `tools/random/32` a number.
        let (number, source) = if is_source(first) { ("", first) } else { (first, source) };
        if !source.is_empty() && !is_source(source) {
            return Err(Fault::invalid("field \"source\": must be platform, seal or all"));
        }
        let mut bytes = vec![0; count(number, args)?];
        call.core.random.fill(&mut bytes);
        Ok(Response::json(json!({ "random_bytes": encode(&bytes, args, "base64")? })))
    })
}

fn is_source(text: &str) -> bool {
    matches!(text, "platform" | "seal" | "all")
}

fn count(in_path: &str, args: &Args) -> Result<usize, Fault> {
    let count = if in_path.is_empty() { Some(args.int("bytes").unwrap_or(32)) } else { in_path.parse().ok() };
    let count = count.filter(|n| (1..=MAX_BYTES).contains(n)).and_then(|n| usize::try_from(n).ok());
    count.ok_or_else(|| Fault::invalid(format!("field \"bytes\": must be a number from 1 to {MAX_BYTES}")))
}

fn encode(bytes: &[u8], args: &Args, default: &str) -> Result<String, Fault> {
    let format = args.text_or_empty("format");
    match if format.is_empty() { default } else { format } {
        "hex" => Ok(hex::encode(bytes)),
        "base64" => Ok(STANDARD.encode(bytes)),
        _ => Err(Fault::invalid("field \"format\": must be hex or base64")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn args(body: Value) -> Args {
        Args::decode(RANDOM, &[], body.as_object().unwrap()).unwrap()
    }

    #[test]
    fn counts_bytes_within_bounds() {
        assert_eq!(count("", &args(json!({}))).unwrap(), 32);
        assert_eq!(count("7", &args(json!({"bytes": 9}))).unwrap(), 7);
        assert_eq!(count("", &args(json!({"bytes": "131072"}))).unwrap(), 131_072);
        for (path, body) in
            [("", json!({"bytes": 0})), ("", json!({"bytes": -1})), ("131073", json!({})), ("x", json!({}))]
        {
            assert!(count(path, &args(body)).is_err(), "{path}");
        }
    }
}
