//! Logins with role id and secret id, and the check of their renewals.

use super::addresses;
use super::hash_key::HashKey;
use super::role::Role;
use super::secret_id::{self, SecretId};
use std::net::IpAddr;
use std::sync::Arc;
use strongroom_core::engine::Times;
use strongroom_core::token::TokenEntry;
use strongroom_core::{BoxFuture, Call, Fault, Grant, Map, Mount, Response, Txn, Value, cidr, token_params};

pub(super) fn login(mut call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(async move {
        let mount = &call.req.mounted.entry;
        let role_id = call.args.text_or_empty("role_id").trim();
        if role_id.is_empty() {
            return Err(Fault::invalid("missing role_id"));
        }
        let found = match HashKey::find(call.txn, mount).await? {
            Some(hashes) => Role::by_role_id(call.txn, mount, &hashes, role_id).await?,
            None => None,
        };
        // An unknown role answers as one that binds secret ids, the default, so that the answer to a
        // request without secret id does not say which role ids there are.
        if found.as_ref().is_none_or(|(_, role)| role.bind_secret_id) && given_secret_id(&call).is_empty() {
            return Err(Fault::invalid("missing secret_id"));
        }
        let (name, role) = found.ok_or_else(wrong)?;
        let secret_id = if role.bind_secret_id { Some(spend(&mut call, &role).await?) } else { None };
        check_address(&role, secret_id.as_deref(), call.req.request.remote.address)?;
        Ok(Response::grant(grant(mount, &name, &role, secret_id.as_deref())?))
    })
}

/// The role must still be there. Its policies may have changed: the token keeps its own.
pub(super) async fn renew(txn: &mut Txn, mount: &Mount, entry: &TokenEntry) -> Result<Times, Fault> {
    let name = entry.internal.get(INTERNAL_NAME).and_then(Value::as_str).unwrap_or_default();
    let role = Role::find(txn, mount, name).await?;
    let role = role.ok_or_else(|| Fault::invalid(format!("role {name:?} no longer exists, not renewing")))?;
    Ok(role.token.times())
}

const INTERNAL_NAME: &str = "role_name";

fn given_secret_id<'a>(call: &Call<'a>) -> &'a str {
    call.args.text_or_empty("secret_id").trim()
}

fn wrong() -> Fault {
    Fault::BadCredentials("invalid role or secret ID".to_owned())
}

/// The secret id that was shown, with this use counted, whatever comes of the login.
async fn spend(call: &mut Call<'_>, role: &Role) -> Result<Arc<SecretId>, Fault> {
    let (mount, now) = (&call.req.mounted.entry, call.now());
    let found =
        secret_id::find(call.txn, mount, role, given_secret_id(call), now).await?.ok_or_else(wrong)?;
    if found.record.num_uses > 0 {
        secret_id::use_up(call.txn, mount, role, &found, now)?;
        call.txn.keep();
    }
    Ok(found.record)
}

/// The blocks of the secret id must still lie within those of the role, and the caller within both.
fn check_address(role: &Role, secret_id: Option<&SecretId>, address: IpAddr) -> Result<(), Fault> {
    let own = secret_id.map(|s| s.cidrs.as_slice()).unwrap_or_default();
    if !addresses::within(own, role.login_cidrs()) {
        return Err(Fault::invalid("the blocks of the secret id go beyond those of the role"));
    }
    if !cidr::allows(own, address) {
        return Err(Fault::invalid("source address unauthorized by CIDR restrictions on the secret ID"));
    }
    if !cidr::allows(role.login_cidrs(), address) {
        return Err(Fault::invalid("source address unauthorized by CIDR restrictions on the role"));
    }
    Ok(())
}

fn grant(mount: &Mount, name: &str, role: &Role, secret_id: Option<&SecretId>) -> Result<Grant, Fault> {
    let grant = role.token.grant(mount)?;
    let mut metadata = secret_id.map(|s| s.metadata.clone()).unwrap_or_default();
    // Last, so that no metadata can pass for another role.
    metadata.insert("role_name".to_owned(), name.to_owned());
    let bound_cidrs = match secret_id {
        Some(s) if !s.token_cidrs.is_empty() => token_params::addresses("token_bound_cidrs", &s.token_cidrs)?,
        _ => grant.bound_cidrs,
    };
    Ok(Grant {
        bound_cidrs,
        metadata: Some(metadata),
        internal: Map::from_iter([(INTERNAL_NAME.to_owned(), Value::String(name.to_owned()))]),
        alias: role.role_id.clone(),
        alias_metadata: Some([("role_name".to_owned(), name.to_owned())].into()),
        ..grant
    })
}
