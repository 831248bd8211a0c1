//! `encrypt/`, `decrypt/` and `rewrap/`.

use super::cipher::{self, NEEDS_CONTEXT};
use super::config::{self, MountConfig};
use super::input::{self, Results, map};
use super::input::{
    ASSOCIATED_FIELD, BATCH_FIELD, CIPHERTEXT, CIPHERTEXT_FIELD, CONTEXT, CONTEXT_FIELD, KEY_VERSION,
    NAME_FIELD, NONCE_FIELD, PADDING_FIELD, PARTIAL_FIELD, PLAINTEXT, PLAINTEXT_FIELD, REFERENCE_FIELD, TYPE,
    VERSION_FIELD,
};
use super::key::Key;
use super::kind::Kind;
use super::{access, keys, text};
use std::sync::Arc;
use strongroom_core::{Call, ExistsCall, Fault, Map, Operation, Response, Route};
use strongroom_wire::field::{Args, Field, Kind as FieldKind};

const CONVERGENT: &str = "convergent_encryption";

static ENCRYPT: [Field; 11] = [
    NAME_FIELD,
    PLAINTEXT_FIELD,
    CONTEXT_FIELD,
    NONCE_FIELD,
    ASSOCIATED_FIELD,
    PADDING_FIELD,
    VERSION_FIELD,
    BATCH_FIELD,
    PARTIAL_FIELD,
    Field::new(TYPE, FieldKind::Text, "Type of the key if this request makes it; aes256-gcm96 unless given."),
    Field::new(CONVERGENT, FieldKind::Bool, "Whether a key that this request makes encrypts convergently."),
];
static ENCRYPT_ITEM: [Field; 7] = [
    PLAINTEXT_FIELD,
    CONTEXT_FIELD,
    NONCE_FIELD,
    ASSOCIATED_FIELD,
    PADDING_FIELD,
    VERSION_FIELD,
    REFERENCE_FIELD,
];
static DECRYPT: [Field; 8] = [
    NAME_FIELD,
    CIPHERTEXT_FIELD,
    CONTEXT_FIELD,
    NONCE_FIELD,
    ASSOCIATED_FIELD,
    PADDING_FIELD,
    BATCH_FIELD,
    PARTIAL_FIELD,
];
static DECRYPT_ITEM: [Field; 6] =
    [CIPHERTEXT_FIELD, CONTEXT_FIELD, NONCE_FIELD, ASSOCIATED_FIELD, PADDING_FIELD, REFERENCE_FIELD];
static REWRAP: [Field; 10] = [
    NAME_FIELD,
    CIPHERTEXT_FIELD,
    CONTEXT_FIELD,
    NONCE_FIELD,
    ASSOCIATED_FIELD,
    PADDING_FIELD,
    Field::new(
        DECRYPT_PADDING,
        FieldKind::Text,
        "Padding that the ciphertext was made with, where it is another one.",
    ),
    Field::new(ENCRYPT_PADDING, FieldKind::Text, "Padding for the new ciphertext, where it is another one."),
    VERSION_FIELD,
    BATCH_FIELD,
];
static REWRAP_ITEM: [Field; 9] = [
    CIPHERTEXT_FIELD,
    CONTEXT_FIELD,
    NONCE_FIELD,
    ASSOCIATED_FIELD,
    PADDING_FIELD,
    Field::new(DECRYPT_PADDING, FieldKind::Text, ""),
    Field::new(ENCRYPT_PADDING, FieldKind::Text, ""),
    VERSION_FIELD,
    REFERENCE_FIELD,
];
const DECRYPT_PADDING: &str = "decrypt_padding_scheme";
const ENCRYPT_PADDING: &str = "encrypt_padding_scheme";

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new("encrypt/{name}", "Encrypts messages; makes the key if policy allows to.", &ENCRYPT)
            .on(Operation::Update, |call| Box::pin(encrypt(call)))
            .exists(|call| Box::pin(exists(call))),
        Route::new("decrypt/{name}", "Decrypts messages.", &DECRYPT)
            .on(Operation::Update, |call| Box::pin(decrypt(call))),
        Route::new(
            "rewrap/{name}",
            "Encrypts what was encrypted anew, without showing it to the caller.",
            &REWRAP,
        )
        .on(Operation::Update, |call| Box::pin(rewrap(call))),
    ]
}

async fn exists(call: ExistsCall<'_>) -> Result<bool, Fault> {
    let place = call.key(&super::key::place(call.args.text_or_empty(input::NAME)));
    call.txn.exists(&place).await
}

async fn encrypt(mut call: Call<'_>) -> Result<Response, Fault> {
    let items = input::batch(call.args, &ENCRYPT_ITEM)?;
    match &items {
        Some(items) => input::need(items, PLAINTEXT)?,
        None if !call.args.has(PLAINTEXT) => return Err(Fault::invalid("missing plaintext to encrypt")),
        None => {}
    }
    let found = access::find(&mut call).await?;
    let is_new = found.is_none();
    let key = match found {
        Some(key) => access::rotated_if_due(&mut call, key).await?,
        None => upsert(&mut call, items.as_deref()).await?,
    };
    let Some(items) = items else {
        return encrypt_one(&call, &key, call.args).map(Response::data);
    };
    let mut results = Results::with_room(items.len());
    for item in &items {
        results.add(item, encrypt_one(&call, &key, item), Map::new)?;
    }
    if is_new && results.all_failed() {
        // The key goes as it came: nothing was encrypted with it.
        return Err(Fault::Answer(400, Box::new(results.answer())));
    }
    results.strict_answer(&call)
}

fn encrypt_one(call: &Call<'_>, key: &Key, args: &Args) -> Result<Map, Fault> {
    let plain = input::plaintext(args)?;
    let version = key.version_for(args.int(KEY_VERSION).unwrap_or(0), "encryption")?;
    let terms = input::terms(args, key.kind)?;
    let ciphertext = cipher::encrypt(key, call.core.random.as_ref(), version, &terms, &plain)?;
    Ok(map([(CIPHERTEXT, ciphertext.into()), (KEY_VERSION, version.into())]))
}

/// The key of a first encryption under its name.
async fn upsert(call: &mut Call<'_>, items: Option<&[Args]>) -> Result<Arc<Key>, Fault> {
    if call.req.operation != Operation::Create {
        return Err(access::missing());
    }
    let place = call.key(config::KEYS);
    if call.txn.get::<MountConfig>(&place).await?.is_some_and(|config| config.disable_upsert) {
        return Err(access::missing());
    }
    let has_context = |args: &Args| !args.text_or_empty(CONTEXT).is_empty();
    let derived = match items {
        None => has_context(call.args),
        Some(items) => {
            let with = items.iter().filter(|item| has_context(item)).count();
            if with != 0 && with != items.len() {
                return Err(Fault::invalid(
                    "context should be set either in all the request blocks or in none",
                ));
            }
            with != 0
        }
    };
    let kind = match call.args.text_or_empty(TYPE) {
        "" => Kind::Aes256Gcm,
        name => Kind::read(name, "")?,
    };
    if kind.cipher().is_none() {
        return Err(Fault::invalid(format!("key type {} not supported for this operation", kind.name())));
    }
    let convergent = call.args.bool(CONVERGENT).unwrap_or(false);
    if convergent && !derived {
        return Err(Fault::invalid(NEEDS_CONTEXT));
    }
    let name = call.args.text_or_empty(input::NAME).to_owned();
    let key = keys::New { name, kind, derived, convergent, ..keys::New::default() }.make(call).await?;
    Ok(Arc::new(key))
}

async fn decrypt(mut call: Call<'_>) -> Result<Response, Fault> {
    let items = input::batch(call.args, &DECRYPT_ITEM)?;
    match &items {
        Some(items) => input::need(items, CIPHERTEXT)?,
        None if call.args.text_or_empty(CIPHERTEXT).is_empty() => {
            return Err(Fault::invalid("missing ciphertext to decrypt"));
        }
        None => {}
    }
    let key = access::existing(&mut call).await?;
    let Some(items) = items else { return decrypt_one(&key, call.args).map(Response::data) };
    let mut results = Results::with_room(items.len());
    for item in &items {
        results.add(item, decrypt_one(&key, item), || map([(PLAINTEXT, "".into())]))?;
    }
    results.strict_answer(&call)
}

fn decrypt_one(key: &Key, args: &Args) -> Result<Map, Fault> {
    let terms = input::terms(args, key.kind)?;
    let plain = cipher::decrypt(key, &terms, args.text_or_empty(CIPHERTEXT))?;
    Ok(map([(PLAINTEXT, text::encode(&plain).into())]))
}

async fn rewrap(mut call: Call<'_>) -> Result<Response, Fault> {
    let items = input::batch(call.args, &REWRAP_ITEM)?;
    match &items {
        Some(items) => input::need(items, CIPHERTEXT)?,
        None if call.args.text_or_empty(CIPHERTEXT).is_empty() => {
            return Err(Fault::invalid("missing ciphertext to decrypt"));
        }
        None => {}
    }
    let key = access::current(&mut call).await?;
    let Some(items) = items else { return rewrap_one(&call, &key, call.args).map(Response::data) };
    let mut results = Results::with_room(items.len());
    for item in &items {
        results.add(item, rewrap_one(&call, &key, item), Map::new)?;
    }
    Ok(results.answer())
}

fn rewrap_one(call: &Call<'_>, key: &Key, args: &Args) -> Result<Map, Fault> {
    let version = key.version_for(args.int(KEY_VERSION).unwrap_or(0), "encryption")?;
    let mut terms = input::terms(args, key.kind)?;
    let usual = terms.padding;
    terms.padding = input::padding(args, DECRYPT_PADDING, key.kind)?.or(usual);
    let plain = cipher::decrypt(key, &terms, args.text_or_empty(CIPHERTEXT))?;
    terms.padding = input::padding(args, ENCRYPT_PADDING, key.kind)?.or(usual);
    let ciphertext = cipher::encrypt(key, call.core.random.as_ref(), version, &terms, &plain)?;
    Ok(map([(CIPHERTEXT, ciphertext.into()), (KEY_VERSION, version.into())]))
}
