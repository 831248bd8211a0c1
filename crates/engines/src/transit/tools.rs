//! `random/` and `hash/`: tools that need no key.

use super::input::{INPUT_FIELD, input, map};
use super::text;
use strongroom_core::{Call, Fault, Operation, Response, Route};
use strongroom_crypto::digest::Digest;
use strongroom_crypto::hex;
use strongroom_wire::field::{Args, Field, Kind};
use zeroize::Zeroizing;

const BYTES: &str = "bytes";
const URL_BYTES: &str = "urlbytes";
const SOURCE: &str = "source";
const FORMAT: &str = "format";
const ALGORITHM: &str = "algorithm";
const URL_ALGORITHM: &str = "urlalgorithm";

const MAX_BYTES: i64 = 128 * 1024;

static RANDOM: [Field; 4] = [
    Field::new(SOURCE, Kind::Text, "Where the bytes come from: platform, seal or all."),
    Field::new(URL_BYTES, Kind::Text, "How many bytes."),
    Field::new(BYTES, Kind::Int, "How many bytes; 32 unless given."),
    Field::new(FORMAT, Kind::Text, "base64 or hex."),
];
static HASH: [Field; 4] = [
    Field::new(URL_ALGORITHM, Kind::Text, "Algorithm; wins over the one in the body."),
    INPUT_FIELD,
    Field::new(
        ALGORITHM,
        Kind::Text,
        "sha2-224, -256, -384 or -512, or sha3 with these; sha2-256 unless given.",
    ),
    Field::new(FORMAT, Kind::Text, "hex or base64."),
];

pub(super) fn routes() -> Vec<Route> {
    let random = |pattern| {
        Route::new(pattern, "Random bytes.", &RANDOM).on(Operation::Update, |call| Box::pin(random(call)))
    };
    let hash = |pattern| {
        Route::new(pattern, "The hash of some input.", &HASH)
            .on(Operation::Update, |call| Box::pin(hash(call)))
    };
    vec![
        random("random"),
        random("random/{urlbytes}"),
        random("random/{source}/{urlbytes}"),
        hash("hash"),
        hash("hash/{urlalgorithm}"),
    ]
}

async fn random(call: Call<'_>) -> Result<Response, Fault> {
    let args = call.args;
    let mut source = args.text_or_empty(SOURCE);
    let mut in_path = args.text_or_empty(URL_BYTES);
    if matches!(in_path, "platform" | "seal" | "all") && source.is_empty() {
        source = std::mem::take(&mut in_path);
    }
    if !matches!(source, "" | "platform" | "seal" | "all") {
        return Err(Fault::invalid("unsupported entropy source, want platform, seal or all"));
    }
    let count = match in_path {
        "" => args.int(BYTES).unwrap_or(32),
        text => {
            text.parse().map_err(|_| Fault::invalid("the number of bytes in the path is not a number"))?
        }
    };
    if !(1..=MAX_BYTES).contains(&count) {
        return Err(Fault::invalid(format!("field {BYTES:?}: want 1 to {MAX_BYTES}")));
    }
    let mut bytes = Zeroizing::new(vec![0; usize::try_from(count).unwrap_or(0)]);
    call.core.random.fill(&mut bytes);
    let shown = show(args, &bytes, "base64")?;
    let answer = Response::data(map([("random_bytes", shown.into())]));
    Ok(if source == "seal" {
        answer.warn("no seal/entropy augmentation available, using platform entropy source")
    } else {
        answer
    })
}

async fn hash(call: Call<'_>) -> Result<Response, Fault> {
    let args = call.args;
    let name = [URL_ALGORITHM, ALGORITHM].into_iter().map(|f| args.text_or_empty(f)).find(|n| !n.is_empty());
    let digest = Digest::parse(name.unwrap_or("sha2-256")).ok_or_else(|| {
        Fault::invalid("unsupported algorithm, want sha2-224 to sha2-512 or sha3-224 to sha3-512")
    })?;
    let sum = digest.of(&input(args)?);
    Ok(Response::data(map([("sum", show(args, &sum, "hex")?.into())])))
}

fn show(args: &Args, bytes: &[u8], usual: &str) -> Result<String, Fault> {
    match args.text(FORMAT).unwrap_or(usual) {
        "hex" => Ok(hex::encode(bytes)),
        "base64" => Ok(text::encode(bytes)),
        _ => Err(Fault::invalid("unsupported encoding format, must be \"hex\" or \"base64\"")),
    }
}
