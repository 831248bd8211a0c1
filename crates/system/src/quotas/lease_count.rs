//! `sys/quotas/lease-count`: limits on how many leases there may be.

use super::{inheritable, path};
use crate::Answering;
use serde_json::json;
use strongroom_core::lease_quota::LeaseLimit;
use strongroom_core::{Call, Fault, Response, Txn, keys};
use strongroom_wire::field::{Args, Field, Kind};

pub(super) const FIELDS: &[Field] = &[
    Field::new("name", Kind::Text, "The name of the limit."),
    Field::new("type", Kind::Text, "Always lease-count."),
    Field::new("path", Kind::Text, "A namespace, a mount or a path below one; empty for all leases."),
    Field::new("max_leases", Kind::Int, "How many leases there may be."),
    Field::new("role", Kind::Text, "A login role; not supported."),
    Field::new("inheritable", Kind::Bool, "Whether it holds in child namespaces too."),
];

pub(super) fn list(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move { Response::keys(call.txn.names(&keys::core(keys::LEASE_QUOTA, "")).await?) })
}

/// Shows a limit and how many leases count against it, which are counted if they were not before.
pub(super) fn read(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let name = call.args.text_or_empty("name");
        let limit = call.txn.get::<LeaseLimit>(&key(name)).await?.ok_or(Fault::NotFound)?;
        let counter = call.core.leases_of_limit(name).await?.unwrap_or(0);
        Ok(Response::json(json!({
            "counter": counter,
            "inheritable": limit.inheritable,
            "max_leases": limit.max_leases,
            "name": limit.name,
            "path": limit.path,
            "role": "",
            "type": "lease-count",
        })))
    })
}

/// A write replaces all that was set before.
pub(super) fn write(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let args = call.args;
        let path = path(call.core, args)?;
        if !args.text_or_empty("role").is_empty() {
            return Err(Fault::invalid(
                "field \"role\": lease count quotas for login roles are not supported by this server",
            ));
        }
        let limit = LeaseLimit {
            name: args.text_or_empty("name").to_owned(),
            max_leases: max_leases(args)?,
            inheritable: inheritable(args, &path)?,
            path,
        };
        check_unique(call.txn, &limit).await?;
        call.txn.put(&key(&limit.name), &limit)?;
        Ok(Response::none())
    })
}

pub(super) fn delete(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        call.txn.delete(&key(call.args.text_or_empty("name")));
        Ok(Response::none())
    })
}

fn key(name: &str) -> Vec<u8> {
    keys::core(keys::LEASE_QUOTA, name)
}

fn max_leases(args: &Args) -> Result<u64, Fault> {
    let given = args.int("max_leases").and_then(|n| u64::try_from(n).ok()).filter(|n| *n > 0);
    given.ok_or_else(|| Fault::invalid("field \"max_leases\": a whole number greater than 0 is needed"))
}

async fn check_unique(txn: &mut Txn, limit: &LeaseLimit) -> Result<(), Fault> {
    for name in txn.names(&key("")).await? {
        if name == limit.name {
            continue;
        }
        let other = txn.get::<LeaseLimit>(&key(&name)).await?;
        if other.is_some_and(|other| other.path == limit.path) {
            return Err(Fault::invalid(format!(
                "field \"path\": the lease count quota {name:?} is for the same path"
            )));
        }
    }
    Ok(())
}
