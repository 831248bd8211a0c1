//! `byok-export/`: a key on its way to another server, readable only there.

use super::export::{VERSION, number};
use super::import::oaep;
use super::input::{TYPE, map};
use super::key::{self, Key, Version};
use super::kind::Kind;
use super::ready::Ready;
use super::text;
use std::sync::Arc;
use strongroom_core::{Call, Fault, Map, Operation, Response, Route, Value};
use strongroom_crypto::rsa::{Encryption, PublicKey};
use strongroom_crypto::{KeyError, ed25519, key_wrap};
use strongroom_wire::field::{Field, Kind as FieldKind};
use zeroize::Zeroizing;

const DESTINATION: &str = "destination";
const SOURCE: &str = "source";
const HASH: &str = "hash";

static FIELDS: [Field; 4] = [
    Field::new(
        DESTINATION,
        FieldKind::Text,
        "An RSA key: the wrapping key of the other server, imported here.",
    ),
    Field::new(SOURCE, FieldKind::Text, "The key to export."),
    Field::new(VERSION, FieldKind::Text, "A version, or latest; all of them unless given."),
    Field::new(
        HASH,
        FieldKind::Text,
        "Hash of the OAEP padding: SHA1, SHA256, SHA384 or SHA512; SHA256 unless given.",
    ),
];

pub(super) fn routes() -> Vec<Route> {
    let route = |pattern| {
        Route::new(pattern, "Exports a key under another server's wrapping key.", &FIELDS)
            .on(Operation::Read, |call| Box::pin(export(call)))
    };
    vec![route("byok-export/{destination}/{source}"), route("byok-export/{destination}/{source}/{version}")]
}

async fn export(mut call: Call<'_>) -> Result<Response, Fault> {
    let padding = oaep(call.args, HASH)?;
    let destination = find(&mut call, DESTINATION).await?;
    let source = find(&mut call, SOURCE).await?;
    if !source.exportable {
        return Err(Fault::invalid("private key material is not exportable"));
    }
    let Ready::Rsa(_, public) = destination.version(destination.latest)?.ready(destination.kind)? else {
        return Err(Fault::invalid(format!(
            "field {DESTINATION:?}: want a key of type rsa-2048 to rsa-4096"
        )));
    };
    let wanted = call.args.text_or_empty(VERSION);
    let chosen: Vec<(u64, &Version)> = match wanted {
        "" => source.usable().collect(),
        _ => {
            let number = number(&source, wanted)?;
            vec![(number, source.version(number)?)]
        }
    };
    let mut keys = Map::new();
    for (number, version) in chosen {
        keys.insert(number.to_string(), wrap(&call, padding, public, source.kind, version)?.into());
    }
    let data = map([
        ("name", source.name.clone().into()),
        (TYPE, source.kind.name().into()),
        ("keys", Value::Object(keys)),
    ]);
    Ok(Response::data(data))
}

async fn find(call: &mut Call<'_>, field: &str) -> Result<Arc<Key>, Fault> {
    let place = call.key(&key::place(call.args.text_or_empty(field)));
    call.txn.get::<Key>(&place).await?.ok_or(Fault::NotFound)
}

/// What `import` takes: a fresh AES key under the RSA key, and the key wrapped with it.
fn wrap(
    call: &Call<'_>,
    padding: Encryption,
    public: &PublicKey,
    kind: Kind,
    version: &Version,
) -> Result<String, Fault> {
    if version.secret.is_empty() {
        return Err(Fault::invalid("private key material is not known: only the public key was imported"));
    }
    let failed = |e: KeyError| Fault::Internal(format!("a key cannot be wrapped: {e}"));
    let mut ephemeral = Zeroizing::new([0; key_wrap::KEY_LEN]);
    call.core.random.fill(ephemeral.as_mut_slice());
    let mut out = public.encrypt(padding, ephemeral.as_slice()).map_err(failed)?;
    let key = portable(kind, version).map_err(failed)?;
    out.extend_from_slice(&key_wrap::wrap(&ephemeral, &key).map_err(failed)?);
    Ok(text::encode(&out))
}

/// The form in which keys travel: PKCS#8 of asymmetric ones, the bytes of all others.
fn portable(kind: Kind, version: &Version) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    match version.ready(kind).map_err(|_| KeyError::Failed)? {
        Ready::Rsa(Some(key), _) => Ok(key.numbers().pkcs8()),
        Ready::Ecdsa(Some(key), _) => key.pkcs8(),
        Ready::Ed25519(..) => Ok(ed25519::pkcs8(&version.secret)),
        _ => Ok(Zeroizing::new(version.secret.to_vec())),
    }
}
