//! Logins with certificates, and the check of their renewals.

use super::config::Config;
use super::find::{Match, Scope, find};
use super::role::Role;
use crate::x509::Certificate;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use std::collections::BTreeMap;
use std::sync::Arc;
use strongroom_core::engine::Times;
use strongroom_core::token::TokenEntry;
use strongroom_core::{BoxFuture, Call, Core, Fault, Grant, Map, Mount, Response, Txn, Value, cidr};
use strongroom_crypto::digest::sha256;
use strongroom_crypto::hex;
use strongroom_crypto::number::to_decimal;

pub(super) fn login(call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(async move {
        let mount = &call.req.mounted.entry;
        let request = call.req.request;
        let config = Config::find(call.txn, mount).await?;
        let wanted = call.args.text_or_empty("name");
        let scope = Scope { core: call.core, mount, config: &config, wanted };
        let found = find(&scope, call.txn, &request.certificates).await?;
        let grant = found.role.token.grant(mount)?;
        if !cidr::allows(&grant.bound_cidrs, request.remote.address) {
            return Err(Fault::Denied);
        }
        Ok(Response::grant(describe(grant, &found, &config)))
    })
}

/// The role must still be there with the token's policies, and the caller must still have the certificate of
/// the login, or another that the same issuer has made for the same key and name.
pub(super) async fn renew(
    core: &Arc<Core>,
    txn: &mut Txn,
    mount: &Mount,
    entry: &TokenEntry,
    shown: &[Vec<u8>],
) -> Result<Times, Fault> {
    let name = entry.internal.get(ROLE).and_then(Value::as_str).unwrap_or_default();
    let config = Config::find(txn, mount).await?;
    let role = Role::find(txn, mount, name).await?;
    let role = role.ok_or_else(|| Fault::invalid(format!("role {name:?} no longer exists, not renewing")))?;
    if !config.disable_binding {
        let scope = Scope { core, mount, config: &config, wanted: name };
        let found = find(&scope, txn, shown).await?;
        if binding(&found.certificate).iter().any(|(key, value)| entry.internal.get(*key) != Some(value)) {
            return Err(Fault::invalid(
                "client identity during renewal not matching client identity used during login",
            ));
        }
    }
    if !role.token.gives(&entry.policies) {
        return Err(Fault::invalid("policies have changed, not renewing"));
    }
    Ok(role.token.times())
}

const ROLE: &str = "role";

/// What has to be the same at renewals. Identifiers of keys alone do not do: many certificates have none.
fn binding(certificate: &Certificate) -> [(&'static str, Value); 5] {
    let text = |bytes: &[u8]| Value::String(BASE64_STANDARD.encode(bytes));
    [
        ("subject_key_id", text(&certificate.subject_key_id)),
        ("authority_key_id", text(&certificate.authority_key_id)),
        ("public_key", text(&sha256(&certificate.public_key))),
        ("issuer", text(&sha256(&certificate.issuer))),
        ("subject", text(&sha256(&certificate.subject))),
    ]
}

fn describe(grant: Grant, found: &Match, config: &Config) -> Grant {
    let Match { name, role, certificate } = found;
    let mut metadata = BTreeMap::new();
    for oid in role.allowed_metadata_extensions.iter().flatten() {
        if let Some(text) = certificate.extension_text(oid) {
            metadata.insert(oid.replace('.', "-"), text);
        }
    }
    metadata.extend([
        ("cert_name".to_owned(), name.clone()),
        ("common_name".to_owned(), certificate.common_name.clone()),
        ("serial_number".to_owned(), to_decimal(&certificate.serial).to_string()),
        ("subject_key_id".to_owned(), colons(&certificate.subject_key_id)),
        ("authority_key_id".to_owned(), colons(&certificate.authority_key_id)),
    ]);
    let mut internal = Map::from_iter([(ROLE.to_owned(), Value::String(name.clone()))]);
    internal.extend(binding(certificate).map(|(key, value)| (key.to_owned(), value)));
    Grant {
        display_name: if role.display_name.is_empty() { name.clone() } else { role.display_name.clone() },
        internal,
        alias: certificate.common_name.clone(),
        alias_metadata: config.enable_identity_alias_metadata.then(|| metadata.clone()),
        metadata: Some(metadata),
        ..grant
    }
}

fn colons(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| hex::encode(&[*byte])).collect::<Vec<_>>().join(":")
}
