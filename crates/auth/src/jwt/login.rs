//! Logins with signed tokens, and the check of their renewals.

use super::config::Config;
use super::role::{Role, RoleType};
use super::{claims, dates, keys, roles};
use crate::web_token::WebToken;
use strongroom_core::engine::Times;
use strongroom_core::token::TokenEntry;
use strongroom_core::{BoxFuture, Call, Fault, Grant, Map, Mount, Response, Txn, Value, cidr};

pub(super) fn login(call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(async move {
        let mount = &call.req.mounted.entry;
        let config = Config::find(call.txn, mount).await?;
        let config =
            config.ok_or_else(|| Fault::invalid("could not load configuration: write config first"))?;
        let name = match call.args.text_or_empty("role") {
            "" => config.default_role.as_str(),
            given => given,
        };
        if name.is_empty() {
            return Err(Fault::invalid("missing role"));
        }
        let role = Role::find(call.txn, mount, name).await?;
        let role = role.ok_or_else(|| Fault::invalid(format!("role {name:?} could not be found")))?;
        if role.role_type == RoleType::Oidc {
            return Err(Fault::invalid(
                "role with oidc role_type is not allowed here; log in through a browser, at oidc/auth_url",
            ));
        }
        let text = call.args.text_or_empty("jwt");
        if text.is_empty() {
            return Err(Fault::invalid("missing token"));
        }
        let grant = role.token.grant(mount)?;
        if !cidr::allows(&grant.bound_cidrs, call.req.request.remote.address) {
            return Err(Fault::Denied);
        }
        let token =
            WebToken::parse(text).map_err(|why| Fault::invalid(format!("error validating token: {why}")))?;
        keys::verify(call.core, &config, &token, call.now()).await?;
        check_dates(&role, &token, call.now().as_second())?;
        claims::check(&role, &token)?;
        Ok(Response::grant(describe(grant, name, &role, &token)?))
    })
}

/// The role must still be there.
pub(super) async fn renew(txn: &mut Txn, mount: &Mount, entry: &TokenEntry) -> Result<Times, Fault> {
    let name = entry.internal.get(INTERNAL_NAME).and_then(Value::as_str).unwrap_or_default();
    let role = Role::find(txn, mount, name).await?;
    let role = role.ok_or_else(|| Fault::invalid(format!("role {name:?} no longer exists, not renewing")))?;
    Ok(role.token.times())
}

const INTERNAL_NAME: &str = "role";

/// The times of a token must hold now.
pub(super) fn check_dates(role: &Role, token: &WebToken, now: i64) -> Result<(), Fault> {
    let shown = token
        .dates()
        .map_err(|claim| Fault::invalid(format!("error validating token: claim {claim:?} is no time")))?;
    dates::check(shown, role.leeways(), now)
        .map_err(|why| Fault::invalid(format!("error validating token: {why}")))
}

/// What the claims make of the role's grant.
pub(super) fn describe(grant: Grant, name: &str, role: &Role, token: &WebToken) -> Result<Grant, Fault> {
    let user = claims::user(role, token)?;
    let metadata = roles::with_role(claims::metadata(role, token)?, name);
    Ok(Grant {
        display_name: user.clone(),
        internal: Map::from_iter([(INTERNAL_NAME.to_owned(), Value::String(name.to_owned()))]),
        alias: user,
        alias_metadata: Some(metadata.clone()),
        metadata: Some(metadata),
        group_aliases: claims::groups(role, token)?,
        ..grant
    })
}
