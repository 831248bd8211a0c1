//! `export/`: keys in the clear, of keys that allow it.

use super::input::{NAME_FIELD, TYPE, map};
use super::key::{Key, Version};
use super::kind::Kind;
use super::ready::Ready;
use super::{access, keys, text};
use strongroom_core::{Call, Fault, Map, Operation, Response, Route, Value};
use strongroom_crypto::pem;
use strongroom_wire::field::{Field, Kind as FieldKind};

pub(super) const VERSION: &str = "version";

static FIELDS: [Field; 3] = [
    Field::new(
        TYPE,
        FieldKind::Text,
        "encryption-key, signing-key, hmac-key, public-key or certificate-chain.",
    ),
    NAME_FIELD,
    Field::new(VERSION, FieldKind::Text, "A version, or latest; all of them unless given."),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Encryption,
    Signing,
    Hmac,
    Public,
    Certificates,
}

pub(super) fn routes() -> Vec<Route> {
    let route = |pattern| {
        Route::new(pattern, "Shows a key in the clear.", &FIELDS)
            .on(Operation::Read, |call| Box::pin(export(call)))
    };
    vec![route("export/{type}/{name}"), route("export/{type}/{name}/{version}")]
}

async fn export(mut call: Call<'_>) -> Result<Response, Fault> {
    let what = match call.args.text_or_empty(TYPE) {
        "encryption-key" => What::Encryption,
        "signing-key" => What::Signing,
        "hmac-key" => What::Hmac,
        "public-key" => What::Public,
        "certificate-chain" => What::Certificates,
        other => {
            let shown: String = other.chars().take(40).collect();
            return Err(Fault::invalid(format!("invalid export type: {shown}")));
        }
    };
    let key = access::find(&mut call).await?.ok_or(Fault::NotFound)?;
    if !key.exportable && !matches!(what, What::Public | What::Certificates) {
        return Err(Fault::invalid("private key material is not exportable"));
    }
    let wanted = call.args.text_or_empty(VERSION);
    let shown = match wanted {
        "" => {
            key.usable().map(|(n, v)| show(&key, v, what).map(|text| (n.to_string(), text.into()))).collect()
        }
        _ => {
            let number = number(&key, wanted)?;
            show(&key, key.version(number)?, what)
                .map(|text| Map::from_iter([(number.to_string(), text.into())]))
        }
    }?;
    let data = map([
        ("name", key.name.clone().into()),
        (TYPE, key.kind.name().into()),
        ("keys", Value::Object(shown)),
    ]);
    Ok(Response::data(data))
}

/// The number of a version that is asked for, `latest` among them.
pub(super) fn number(key: &Key, wanted: &str) -> Result<u64, Fault> {
    if wanted == "latest" {
        return Ok(key.latest);
    }
    let number = wanted
        .strip_prefix('v')
        .unwrap_or(wanted)
        .parse()
        .map_err(|_| Fault::invalid("invalid key version"))?;
    if number < key.min_decryption {
        return Err(Fault::invalid("version for export is below minimum decryption version"));
    }
    if key.versions.contains_key(&number) {
        return Ok(number);
    }
    Err(Fault::invalid("version does not exist or cannot be found"))
}

fn show(key: &Key, version: &Version, what: What) -> Result<String, Fault> {
    let kind = key.kind;
    match what {
        What::Certificates => Err(Fault::invalid("the key has no certificate chain")),
        What::Hmac if version.hmac.is_empty() => Err(Fault::invalid("the version has no HMAC key")),
        What::Hmac => Ok(text::encode(&version.hmac)),
        What::Public => keys::public(key, version),
        What::Encryption if !kind.encrypts() => {
            Err(Fault::invalid(format!("encryption not supported for keys of type {}", kind.name())))
        }
        What::Signing if !kind.signs() => {
            Err(Fault::invalid(format!("signing not supported for keys of type {}", kind.name())))
        }
        What::Encryption | What::Signing => private(kind, version),
    }
}

/// Symmetric keys and seeds in base64, Ed25519 with its public half behind it as Go has it, and PEM of
/// RSA and ECDSA.
fn private(kind: Kind, version: &Version) -> Result<String, Fault> {
    if version.secret.is_empty() {
        return Err(Fault::invalid("private key material is not known: only the public key was imported"));
    }
    let failed = |e: strongroom_crypto::KeyError| Fault::Internal(e.to_string());
    Ok(match version.ready(kind)? {
        Ready::Rsa(Some(key), _) => pem::encode("RSA PRIVATE KEY", &key.numbers().pkcs1()).to_string(),
        Ready::Ecdsa(Some(key), _) => {
            pem::encode("EC PRIVATE KEY", &key.rfc5915().map_err(failed)?).to_string()
        }
        Ready::Ed25519(..) => {
            text::encode(&zeroize::Zeroizing::new([&*version.secret, &*version.public].concat()))
        }
        _ => text::encode(&version.secret),
    })
}
