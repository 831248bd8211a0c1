//! `import` and `import_version`: keys that were made elsewhere.

use super::input::{CIPHERTEXT, CONTEXT_FIELD, NAME, NAME_FIELD, TYPE, refused_with_500};
use super::key::{Bytes, Key, Version};
use super::keys::{AUTO_ROTATE, DERIVED, EXPORTABLE, New, PARAMETER_SET, PLAINTEXT_BACKUP};
use super::kind::Kind;
use super::ready::Ready;
use super::{access, generate, text, wrapped, wrapping};
use strongroom_core::{Call, Fault, Operation, Response, Route};
use strongroom_crypto::rsa::Encryption;
use strongroom_crypto::{KeyError, ecdsa, ed25519, key_wrap, ml_dsa, pem, rsa};
use strongroom_wire::field::{Args, Field, Kind as FieldKind};
use zeroize::Zeroizing;

const HASH_FUNCTION: &str = "hash_function";
const PUBLIC_KEY: &str = "public_key";
const ALLOW_ROTATION: &str = "allow_rotation";
const VERSION: &str = "version";

const CIPHERTEXT_FIELD: Field = Field::new(
    CIPHERTEXT,
    FieldKind::Text,
    "An AES-256 key under the wrapping key and the imported key wrapped with it, in base64.",
);
const HASH_FIELD: Field = Field::new(
    HASH_FUNCTION,
    FieldKind::Text,
    "Hash of the OAEP padding: SHA1, SHA256, SHA384 or SHA512; SHA256 unless given.",
);
const PUBLIC_FIELD: Field =
    Field::new(PUBLIC_KEY, FieldKind::Text, "A public key in PEM, in place of a ciphertext.");

static IMPORT: [Field; 12] = [
    NAME_FIELD,
    CIPHERTEXT_FIELD,
    HASH_FIELD,
    PUBLIC_FIELD,
    Field::new(TYPE, FieldKind::Text, "Type of the key; aes256-gcm96 unless given."),
    Field::new(PARAMETER_SET, FieldKind::Text, "44, 65 or 87, of keys of type ml-dsa."),
    Field::new(ALLOW_ROTATION, FieldKind::Bool, "Whether the key can be rotated here."),
    Field::new(DERIVED, FieldKind::Bool, "Whether requests bring a context from which the key is derived."),
    Field::new(EXPORTABLE, FieldKind::Bool, "Whether the key can be exported."),
    Field::new(PLAINTEXT_BACKUP, FieldKind::Bool, "Whether the key can be backed up."),
    Field::new(AUTO_ROTATE, FieldKind::Seconds, "Age at which the key gets a new version: 0 or at least 1h."),
    CONTEXT_FIELD,
];
static IMPORT_VERSION: [Field; 5] = [
    NAME_FIELD,
    CIPHERTEXT_FIELD,
    HASH_FIELD,
    PUBLIC_FIELD,
    Field::new(VERSION, FieldKind::Int, "A version whose private part is brought now."),
];

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new("keys/{name}/import", "Makes a key of one that was made elsewhere.", &IMPORT)
            .on(Operation::Update, |call| Box::pin(import(call))),
        Route::new("keys/{name}/import_version", "Adds a version that was made elsewhere.", &IMPORT_VERSION)
            .on(Operation::Update, |call| Box::pin(import_version(call))),
    ]
}

async fn import(mut call: Call<'_>) -> Result<Response, Fault> {
    if access::find(&mut call).await?.is_some() {
        return Err(refused_with_500(
            "the import path cannot be used with an existing key; use import_version to add to an imported key",
        ));
    }
    // The size of an hmac key is its own.
    let mut new = New::read_imported(call.args)?;
    let kind = new.kind;
    let rotation = call.args.bool(ALLOW_ROTATION).unwrap_or(false);
    if new.auto_rotate > 0 && !rotation {
        return Err(refused_with_500("allow_rotation must be set to true if auto-rotation is enabled"));
    }
    if new.derived && call.args.has(PUBLIC_KEY) {
        return Err(refused_with_500(
            "a key that is derived from cannot be imported by its public part alone",
        ));
    }
    let (secret, public) = material(&mut call, kind).await?;
    if kind == Kind::Hmac {
        new.key_size = u64::try_from(secret.len()).unwrap_or(0);
    }
    let mut key = new.without_versions();
    key.imported = true;
    key.imported_rotation = rotation;
    key.add(generate::imported(call.core, kind, secret, public));
    access::save(&mut call, &key)?;
    Ok(Response::none())
}

async fn import_version(mut call: Call<'_>) -> Result<Response, Fault> {
    let mut key = Key::clone(&*existing(&mut call).await?);
    if !key.imported {
        return Err(refused_with_500("the import_version endpoint can only be used with an imported key"));
    }
    let (secret, public) = material(&mut call, key.kind).await?;
    match target(call.args, &key, &secret)? {
        Some(number) => fill(&mut key, number, secret, &public)?,
        None => {
            if key.derived && secret.is_empty() {
                return Err(refused_with_500("a key that is derived from needs its private part"));
            }
            key.add(generate::imported(call.core, key.kind, secret, public));
        }
    }
    access::save(&mut call, &key)?;
    Ok(Response::none())
}

async fn existing(call: &mut Call<'_>) -> Result<std::sync::Arc<Key>, Fault> {
    let name = call.args.text_or_empty(NAME);
    let missing = format!("no key found with name {name}; to import a new key, use the import endpoint");
    access::find(call).await?.ok_or_else(|| refused_with_500(missing))
}

/// The version whose private part is brought; none for a new one.
fn target(args: &Args, key: &Key, secret: &[u8]) -> Result<Option<u64>, Fault> {
    match args.int(VERSION) {
        None => {
            let newest = key.versions.get(&key.latest);
            Ok(newest.filter(|v| v.secret.is_empty() && !secret.is_empty()).map(|_| key.latest))
        }
        Some(given) => u64::try_from(given)
            .ok()
            .filter(|number| key.versions.contains_key(number))
            .map(Some)
            .ok_or_else(|| refused_with_500(format!("field {VERSION:?}: the key has no such version"))),
    }
}

/// Adds the private part to a version of which only the public one was known.
fn fill(key: &mut Key, number: u64, secret: Bytes, public: &[u8]) -> Result<(), Fault> {
    let known = key.version(number)?;
    if !known.secret.is_empty() {
        return Err(refused_with_500("private key imported, key version cannot be updated"));
    }
    if secret.is_empty() {
        return Err(refused_with_500("no private key was given for the version"));
    }
    if *known.public != *public {
        return Err(refused_with_500("the private key does not belong to the public key of the version"));
    }
    let filled = Version { secret, ready: std::sync::OnceLock::new(), ..known.clone() };
    key.versions.insert(number, filled);
    Ok(())
}

/// The secret and the public part that a request brings.
async fn material(call: &mut Call<'_>, kind: Kind) -> Result<(Bytes, Bytes), Fault> {
    let (sealed, public) = (call.args.text_or_empty(CIPHERTEXT), call.args.text_or_empty(PUBLIC_KEY));
    let parts = match (sealed.is_empty(), public.is_empty()) {
        (false, true) => secret(kind, &open(call).await?),
        (true, false) => public_only(kind, public),
        (true, true) => return Err(refused_with_500("one of ciphertext and public_key must be given")),
        (false, false) => return Err(refused_with_500("only one of ciphertext and public_key can be given")),
    };
    let (secret, public) =
        parts.map_err(|e| refused_with_500(format!("the imported {} key: {e}", kind.name())))?;
    // Whatever was brought must work from now on.
    Ready::new(kind, &secret, &public)
        .map_err(|e| refused_with_500(format!("the imported {} key: {e}", kind.name())))?;
    Ok((secret, public))
}

/// Takes the key out of its two wrappings.
async fn open(call: &mut Call<'_>) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let padding = oaep(call.args, HASH_FUNCTION)?;
    let bytes = text::decode(call.args.text_or_empty(CIPHERTEXT))
        .map_err(|e| refused_with_500(format!("field {CIPHERTEXT:?}: {e}")))?;
    let parts = wrapped::split(&bytes).ok_or_else(|| {
        refused_with_500(format!(
            "field {CIPHERTEXT:?}: too short, or not an RSA ciphertext with a wrapped key behind it"
        ))
    })?;
    // One answer for both wrappings: which of them failed is nobody's business.
    let refuse = |_: KeyError| refused_with_500(format!("field {CIPHERTEXT:?}: it cannot be unwrapped"));
    // Nothing can have been made for a key that nobody has seen yet.
    let wrapping = wrapping::find(call).await?.ok_or_else(|| refuse(KeyError::Refused))?;
    let ephemeral = wrapping.ready()?.decrypt(padding, parts.ephemeral).map_err(refuse)?;
    key_wrap::unwrap(&ephemeral, parts.key).map_err(refuse)
}

/// The padding over the hash function that a field names.
pub(super) fn oaep(args: &Args, field: &str) -> Result<Encryption, Fault> {
    match args.text_or_empty(field).to_ascii_uppercase().as_str() {
        "" | "SHA256" => Ok(Encryption::Oaep),
        "SHA1" => Ok(Encryption::OaepSha1),
        "SHA384" => Ok(Encryption::OaepSha384),
        "SHA512" => Ok(Encryption::OaepSha512),
        _ => Err(refused_with_500(format!("field {field:?}: want SHA1, SHA256, SHA384 or SHA512"))),
    }
}

fn secret(kind: Kind, bytes: &[u8]) -> Result<(Bytes, Bytes), KeyError> {
    if let Some(curve) = kind.curve() {
        let key = ecdsa::PrivateKey::from_pkcs8(curve, bytes)?;
        return Ok((Bytes::new(&key.secret()?), Bytes::new(key.point())));
    }
    if let Some(bits) = kind.rsa_bits() {
        let key = rsa::PrivateKey::from_pkcs8(bytes)?;
        if key.bits() != bits {
            return Err(KeyError::OtherKind);
        }
        return Ok((Bytes::new(&key.numbers().pkcs1()), Bytes::new(key.public()?.spki())));
    }
    if let Some(set) = kind.ml_dsa() {
        let key = ml_dsa::PrivateKey::from_seed(set, bytes)?;
        return Ok((Bytes::new(bytes), Bytes::new(key.public())));
    }
    if kind == Kind::Ed25519 {
        let seed = ed25519::seed_from_pkcs8(bytes)?;
        let key = ed25519::PrivateKey::from_seed(&seed)?;
        return Ok((Bytes::new(&seed), Bytes::new(key.public())));
    }
    let fits = match kind.cipher() {
        Some(cipher) => bytes.len() == cipher.key_len(),
        None => (32..=512).contains(&bytes.len()),
    };
    if fits { Ok((Bytes::new(bytes), Bytes::default())) } else { Err(KeyError::OtherKind) }
}

fn public_only(kind: Kind, text: &str) -> Result<(Bytes, Bytes), KeyError> {
    let block = pem::decode(text).filter(|block| block.label == "PUBLIC KEY").ok_or(KeyError::Malformed)?;
    let public = if let Some(curve) = kind.curve() {
        Bytes::new(ecdsa::PublicKey::from_spki(curve, &block.bytes)?.point())
    } else if let Some(bits) = kind.rsa_bits() {
        let key = rsa::PublicKey::from_spki(&block.bytes)?;
        if key.bits() != bits {
            return Err(KeyError::OtherKind);
        }
        Bytes::new(key.spki())
    } else if kind == Kind::Ed25519 {
        Bytes::new(&ed25519::from_spki(&block.bytes)?)
    } else {
        return Err(KeyError::OtherKind);
    };
    Ok((Bytes::default(), public))
}
