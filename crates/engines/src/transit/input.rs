//! What requests bring: fields that many routes share, and batches.

use super::cipher::Terms;
use super::kind::Kind;
use super::text;
use strongroom_core::{Call, Fault, Map, Response, Value};
use strongroom_crypto::rsa::Encryption;
use strongroom_wire::field::{Args, Field, Kind as FieldKind};
use zeroize::Zeroizing;

pub(super) const NAME: &str = "name";
pub(super) const TYPE: &str = "type";
pub(super) const PLAINTEXT: &str = "plaintext";
pub(super) const CIPHERTEXT: &str = "ciphertext";
pub(super) const CONTEXT: &str = "context";
pub(super) const NONCE: &str = "nonce";
pub(super) const ASSOCIATED_DATA: &str = "associated_data";
pub(super) const PADDING_SCHEME: &str = "padding_scheme";
pub(super) const KEY_VERSION: &str = "key_version";
pub(super) const BATCH_INPUT: &str = "batch_input";
pub(super) const REFERENCE: &str = "reference";
pub(super) const PARTIAL_STATUS: &str = "partial_failure_response_code";
pub(super) const INPUT: &str = "input";

pub(super) const NAME_FIELD: Field = Field::new(NAME, FieldKind::Text, "Name of the key.");
pub(super) const PLAINTEXT_FIELD: Field =
    Field::new(PLAINTEXT, FieldKind::Text, "The message, in base64.").secret();
pub(super) const CIPHERTEXT_FIELD: Field =
    Field::new(CIPHERTEXT, FieldKind::Text, "The ciphertext, as encrypt gave it.");
pub(super) const CONTEXT_FIELD: Field =
    Field::new(CONTEXT, FieldKind::Text, "What a derived key is derived from, in base64.").secret();
pub(super) const NONCE_FIELD: Field =
    Field::new(NONCE, FieldKind::Text, "The nonce, in base64; taken by the first convergent keys only.");
pub(super) const ASSOCIATED_FIELD: Field = Field::new(
    ASSOCIATED_DATA,
    FieldKind::Text,
    "What is authenticated with the message but not encrypted, in base64.",
)
.secret();
pub(super) const PADDING_FIELD: Field =
    Field::new(PADDING_SCHEME, FieldKind::Text, "Padding of RSA keys: oaep or pkcs1v15.");
pub(super) const VERSION_FIELD: Field =
    Field::new(KEY_VERSION, FieldKind::Int, "Version of the key; the newest unless given.");
pub(super) const BATCH_FIELD: Field = Field::new(
    BATCH_INPUT,
    FieldKind::Any,
    "A list of objects with these fields, worked off in one request.",
)
.secret();
pub(super) const REFERENCE_FIELD: Field =
    Field::new(REFERENCE, FieldKind::Text, "Comes back with the item's result.");
pub(super) const PARTIAL_FIELD: Field = Field::new(
    PARTIAL_STATUS,
    FieldKind::Int,
    "Status of an answer of which some items failed and some not.",
);
pub(super) const INPUT_FIELD: Field = Field::new(INPUT, FieldKind::Text, "The input, in base64.").secret();

/// Items of a batch at most; the size of the body bounds it too.
const MAX_ITEMS: usize = 100_000;

/// An error of the caller's that Vault answers with 500. Clients know it by its status, so it is kept.
pub(super) fn refused_with_500(message: impl Into<String>) -> Fault {
    Fault::Status(500, message.into())
}

/// The items of `batch_input`, if it was given.
pub(super) fn batch(args: &Args, fields: &[Field]) -> Result<Option<Vec<Args>>, Fault> {
    let Some(given) = args.any(BATCH_INPUT) else { return Ok(None) };
    let parsed;
    let items = match given {
        Value::Array(items) => items,
        // The command line sends a text.
        Value::String(text) => {
            parsed = serde_json::from_str::<Vec<Value>>(text).map_err(|_| not_a_list())?;
            &parsed
        }
        _ => return Err(not_a_list()),
    };
    if items.is_empty() {
        return Err(Fault::invalid("missing batch input to process"));
    }
    if items.len() > MAX_ITEMS {
        return Err(Fault::invalid(format!("field {BATCH_INPUT:?}: more than {MAX_ITEMS} items")));
    }
    let decoded = items.iter().enumerate().map(|(at, item)| match item {
        Value::Object(map) => {
            decode_item(fields, map).map_err(|why| refused_with_500(format!("{BATCH_INPUT}[{at}]: {why}")))
        }
        _ => Err(refused_with_500(format!("{BATCH_INPUT}[{at}]: want an object"))),
    });
    decoded.collect::<Result<Vec<_>, _>>().map(Some)
}

/// Texts in a batch must be strings: no client builds it from words of a command line.
fn decode_item(fields: &[Field], map: &Map) -> Result<Args, String> {
    let strict = |field: &&Field| {
        field.kind == FieldKind::Text
            && !matches!(map.get(field.name), None | Some(Value::Null | Value::String(_)))
    };
    match fields.iter().find(strict) {
        Some(field) => Err(format!("field {:?}: want a string", field.name)),
        None => Args::decode(fields, &[], map).map_err(|e| e.to_string()),
    }
}

/// Every item must have this field.
pub(super) fn need(items: &[Args], field: &str) -> Result<(), Fault> {
    match items.iter().position(|item| !item.has(field)) {
        Some(at) => Err(refused_with_500(format!("{BATCH_INPUT}[{at}]: missing {field}"))),
        None => Ok(()),
    }
}

/// Bytes of a base64 field; none if it is not given.
pub(super) fn bytes(args: &Args, field: &str) -> Result<Zeroizing<Vec<u8>>, Fault> {
    text::decode(args.text_or_empty(field)).map_err(|e| Fault::invalid(format!("field {field:?}: {e}")))
}

/// The plaintext: Vault's error is the decoder's alone, and clients compare it.
pub(super) fn plaintext(args: &Args) -> Result<Zeroizing<Vec<u8>>, Fault> {
    text::decode(args.text_or_empty(PLAINTEXT)).map_err(|e| Fault::invalid(e.to_string()))
}

/// The input of signatures and hashes.
pub(super) fn input(args: &Args) -> Result<Zeroizing<Vec<u8>>, Fault> {
    if !args.has(INPUT) {
        return Err(Fault::invalid("missing input"));
    }
    text::decode(args.text_or_empty(INPUT))
        .map_err(|e| Fault::invalid(format!("unable to decode input as base64: {e}")))
}

/// What goes with a message.
pub(super) fn terms(args: &Args, kind: Kind) -> Result<Terms, Fault> {
    Ok(Terms {
        context: bytes(args, CONTEXT)?,
        nonce: bytes(args, NONCE)?.to_vec(),
        associated: bytes(args, ASSOCIATED_DATA)
            .map_err(|fault| refused_with_500(fault.messages().join("; ")))?
            .to_vec(),
        padding: padding(args, PADDING_SCHEME, kind)?,
    })
}

/// A padding of RSA encryption, if one is given.
pub(super) fn padding(args: &Args, field: &str, kind: Kind) -> Result<Option<Encryption>, Fault> {
    match args.text_or_empty(field) {
        "" => Ok(None),
        _ if kind.rsa_bits().is_none() => {
            Err(Fault::invalid(format!("field {field:?}: keys of type {} take none", kind.name())))
        }
        "oaep" => Ok(Some(Encryption::Oaep)),
        "pkcs1v15" => Ok(Some(Encryption::Pkcs1v15)),
        _ => Err(Fault::invalid(format!("field {field:?}: want oaep or pkcs1v15"))),
    }
}

/// The results of a batch, item by item in the order of the input.
pub(super) struct Results {
    items: Vec<Value>,
    failed: usize,
}

impl Results {
    pub(super) fn with_room(items: usize) -> Self {
        Self { items: Vec::with_capacity(items), failed: 0 }
    }

    /// Adds an item's result. What is the item's own fault is its error; what is not, is the request's.
    pub(super) fn add(
        &mut self,
        item: &Args,
        result: Result<Map, Fault>,
        on_error: impl FnOnce() -> Map,
    ) -> Result<(), Fault> {
        let mut map = match result {
            Ok(map) => map,
            Err(fault @ (Fault::Invalid(_) | Fault::Status(..))) => {
                self.failed += 1;
                let mut map = on_error();
                map.insert("error".to_owned(), fault.messages().join("; ").into());
                map
            }
            Err(fault) => return Err(fault),
        };
        map.insert(REFERENCE.to_owned(), item.text_or_empty(REFERENCE).into());
        self.items.push(Value::Object(map));
        Ok(())
    }

    /// Whether no item went well.
    pub(super) fn all_failed(&self) -> bool {
        self.failed == self.items.len()
    }

    /// 200 whatever became of the items.
    pub(super) fn answer(self) -> Response {
        Response::data(Map::from_iter([("batch_results".to_owned(), Value::Array(self.items))]))
    }

    /// 400 as soon as an item failed; another status where the client named one for partial success.
    pub(super) fn strict_answer(self, call: &Call<'_>) -> Result<Response, Fault> {
        let (all, any) = (self.all_failed(), self.failed > 0);
        let answer = self.answer();
        if !any {
            return Ok(answer);
        }
        let status = match call.args.int(PARTIAL_STATUS) {
            Some(status) if !all => {
                u16::try_from(status).ok().filter(|status| (200..600).contains(status)).ok_or_else(|| {
                    Fault::invalid(format!("field {PARTIAL_STATUS:?}: want a status from 200 to 599"))
                })?
            }
            _ => 400,
        };
        Ok(answer.with_status(status))
    }
}

fn not_a_list() -> Fault {
    refused_with_500(format!("field {BATCH_INPUT:?}: want a list of objects"))
}

/// An object from its entries.
pub(super) fn map<const N: usize>(entries: [(&str, Value); N]) -> Map {
    entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
