//! Logins with a password, and the check of their renewals.

use super::{password, users};
use strongroom_core::engine::Times;
use strongroom_core::token::TokenEntry;
use strongroom_core::{BoxFuture, Call, Fault, Grant, Map, Mount, Response, Txn, Value, cidr};

pub(super) fn login(call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(async move {
        let mount = &call.req.mounted.entry;
        let name = call.args.text_or_empty("username");
        let password = call.args.text_or_empty("password");
        if password.is_empty() {
            return Err(Fault::invalid("missing password"));
        }
        let user = users::find(call.txn, mount, name).await?;
        let hash = user.as_ref().map(|u| u.password_hash.clone());
        let right = password::matches(call.core, password, hash).await?;
        let Some(user) = user.filter(|_| right) else {
            return Err(Fault::BadCredentials("invalid username or password".to_owned()));
        };
        let grant = user.token.grant(mount)?;
        if !cidr::allows(&grant.bound_cidrs, call.req.request.remote.address) {
            return Err(Fault::Denied);
        }
        Ok(Response::grant(Grant {
            display_name: name.to_owned(),
            metadata: Some([("username".to_owned(), name.to_owned())].into()),
            internal: Map::from_iter([(INTERNAL_NAME.to_owned(), Value::String(name.to_owned()))]),
            alias: name.to_owned(),
            ..grant
        }))
    })
}

/// The user must still be there with the token's policies.
pub(super) async fn renew(txn: &mut Txn, mount: &Mount, entry: &TokenEntry) -> Result<Times, Fault> {
    let name = entry.internal.get(INTERNAL_NAME).and_then(Value::as_str).unwrap_or_default();
    let user = users::find(txn, mount, name).await?;
    let user = user.ok_or_else(|| Fault::invalid("the user no longer exists, not renewing"))?;
    if !user.token.gives(&entry.policies) {
        return Err(Fault::invalid("policies have changed, not renewing"));
    }
    Ok(user.token.times())
}

const INTERNAL_NAME: &str = "username";
