//! Routes that anybody may call, and that decide by themselves what a token adds.

use std::sync::Arc;
use strongroom_core::token::{Kind, TokenEntry};
use strongroom_core::{Call, Fault, Operation, Txn, keys};
use strongroom_policy::Ask;

/// Whether the caller's token is good and its policies allow the request; counts the use.
pub(crate) async fn is_allowed(call: &mut Call<'_>, needs_sudo: bool) -> Result<bool, Fault> {
    let Some(token) = call.req.token else { return Ok(false) };
    let entry = token.entry.clone();
    if !count_use(call, &entry).await? {
        return Ok(false);
    }
    let acl = match call.core.rights(&entry).await {
        Ok(rights) => rights.acl,
        Err(Fault::Denied) => return Ok(false),
        Err(fault) => return Err(fault),
    };
    let path = call.as_policies_have_it(call.req.request.path.as_str());
    let operation = match call.req.operation {
        Operation::Create => Operation::Update,
        other => other,
    };
    let ask = Ask {
        operation,
        path: &path,
        written: None,
        params: &call.req.request.body,
        wrap_ttl: call.req.request.wrap_ttl.filter(|t| *t > 0),
        needs_sudo,
    };
    Ok(acl.decide(&ask).allowed)
}

/// Takes one use of a token whose uses are limited, whatever comes of the request.
async fn count_use(call: &mut Call<'_>, entry: &Arc<TokenEntry>) -> Result<bool, Fault> {
    if entry.num_uses == 0 || entry.kind == Kind::Batch {
        return Ok(true);
    }
    let txn: &mut Txn = call.txn;
    let key = keys::of(keys::TOKEN, &entry.accessor);
    let Some(now) = txn.get::<TokenEntry>(&key).await? else { return Ok(false) };
    if now.num_uses < 0 {
        return Ok(false);
    }
    if now.num_uses == 1 {
        call.core.revoke_token(txn, &entry.accessor).await?;
    } else {
        txn.put(&key, &TokenEntry { num_uses: now.num_uses - 1, ..TokenEntry::clone(&now) })?;
    }
    txn.keep();
    Ok(true)
}
