//! `sys/leases`: looking up, renewing and revoking leases.

mod listing;
mod tidy;

use crate::Answering;
use serde_json::json;
use strongroom_core::jobs::Job;
use strongroom_core::{Call, Fault, Operation, Response, Route};
use strongroom_wire::field::{Args, Field, Kind};
use strongroom_wire::time;

pub(crate) fn routes() -> Vec<Route> {
    use Operation::{List, Read, Update};
    let mut routes = vec![
        Route::new("leases", "The leases whose revocation fails again and again.", listing::FIELDS)
            .sudo(Read, listing::irrevocable),
        Route::new("leases/count", "How many leases of that kind there are, by mount.", listing::FIELDS)
            .on(Read, listing::count),
        Route::new(
            "leases/lookup/{prefix:rest}",
            "Shows a lease; lists leases below a prefix.",
            LOOKUP_FIELDS,
        )
        .on(Update, look_up)
        .sudo(List, listing::list),
        Route::new("leases/tidy", "Removes leases whose token is gone.", &[])
            .on(Update, tidy::start)
            .goes_on(),
    ];
    for pattern in ["leases/renew/{url_lease_id:rest}", "renew/{url_lease_id:rest}"] {
        routes.push(Route::new(pattern, "Extends a lease.", RENEW_FIELDS).on(Update, renew));
    }
    for pattern in ["leases/revoke/{url_lease_id:rest}", "revoke/{url_lease_id:rest}"] {
        routes.push(Route::new(pattern, "Revokes a lease.", REVOKE_FIELDS).on(Update, revoke));
    }
    for pattern in ["leases/revoke-prefix/{prefix:rest}", "revoke-prefix/{prefix:rest}"] {
        let summary = "Revokes all leases and tokens below a prefix.";
        routes.push(Route::new(pattern, summary, PREFIX_FIELDS).sudo(Update, revoke_prefix));
    }
    for pattern in ["leases/revoke-force/{prefix:rest}", "revoke-force/{prefix:rest}"] {
        let summary = "The same; forgets leases even where the engine cannot undo them.";
        routes.push(Route::new(pattern, summary, PREFIX_FIELDS).sudo(Update, revoke_force));
    }
    routes
}

const LOOKUP_FIELDS: &[Field] =
    &[Field::new("prefix", Kind::Text, "Of lease ids."), Field::new("lease_id", Kind::Text, "The lease.")];

const RENEW_FIELDS: &[Field] = &[
    Field::new("url_lease_id", Kind::Text, "The lease, in the path."),
    Field::new("lease_id", Kind::Text, "The lease."),
    Field::new("increment", Kind::Seconds, "For how long, from now."),
];

const REVOKE_FIELDS: &[Field] = &[
    Field::new("url_lease_id", Kind::Text, "The lease, in the path."),
    Field::new("lease_id", Kind::Text, "The lease."),
    Field::new("sync", Kind::Bool, "Fail if the engine cannot undo it now, instead of trying again later."),
];

const PREFIX_FIELDS: &[Field] = &[
    Field::new("prefix", Kind::Text, "Of lease ids; ends at a slash."),
    Field::new("sync", Kind::Bool, "Answer only when all of them are gone."),
];

fn look_up(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        if !call.args.text_or_empty("prefix").is_empty() {
            return Err(Fault::Unsupported);
        }
        let id = lease_id(call.args)?;
        let lease = if call.owns(id) { call.core.lease(call.txn, id).await? } else { None };
        let lease = lease.ok_or_else(|| Fault::invalid("invalid lease"))?;
        Ok(Response::json(json!({
            "id": lease.id,
            "path": lease.path,
            "issue_time": time::rfc3339(lease.issued),
            "expire_time": lease.expires.map(time::rfc3339),
            "last_renewal": lease.renewed.map(time::rfc3339),
            "renewable": lease.renewable,
            "ttl": lease.ttl,
        })))
    })
}

fn renew(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let id = lease_id(call.args)?;
        let increment = call.args.seconds("increment").unwrap_or(0);
        if !call.owns(id) {
            return Err(Fault::invalid("lease not found"));
        }
        let (seconds, renewable, warnings) = call.core.renew_lease(call.txn, id, increment).await?;
        Ok(Response {
            renewed_lease: Some((id.to_owned(), seconds, renewable)),
            warnings,
            ..Response::default()
        })
    })
}

fn revoke(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let id = lease_id(call.args)?;
        let core = call.core;
        // To revoke what is not there is no error, and what belongs elsewhere is not there.
        if !call.owns(id) {
            return Ok(Response::none());
        }
        // A transaction of its own: what a failing engine has left in it must not be committed.
        let mut txn = core.txn_in(call.namespace());
        match core.revoke_lease(&mut txn, id, false).await {
            Ok(()) => {
                core.commit(txn).await?;
                core.work_off(SLICES).await?;
            }
            Err(fault @ (Fault::Conflict | Fault::Sealed)) => return Err(fault),
            Err(fault) if call.args.bool("sync") == Some(true) => return Err(fault),
            Err(fault) => core.postpone_revocation(id, &fault.to_string()).await?,
        }
        Ok(Response::none())
    })
}

fn revoke_prefix(call: Call<'_>) -> Answering<'_> {
    Box::pin(revoke_below(call, false))
}

fn revoke_force(call: Call<'_>) -> Answering<'_> {
    Box::pin(revoke_below(call, true))
}

/// Commits of clean-up that are made in one go.
const SLICES: usize = 64;
/// Goes that a caller who wants to see the end waits for: some thirty million leases.
const GOES: usize = 4096;

async fn revoke_below(call: Call<'_>, force: bool) -> Result<Response, Fault> {
    let prefix = call.args.text_or_empty("prefix").to_owned();
    if prefix.trim_matches('/').is_empty() {
        return Err(Fault::invalid("prefix is required: it must not be empty"));
    }
    let (core, before) = (call.core, call.now());
    let job = Job::RevokePrefix { namespace: call.namespace().id.clone(), prefix, before, force };
    if call.args.bool("sync") != Some(true) {
        // Effective with the commit; the pipeline begins to clean up before it answers.
        job.enqueue(call.txn, core.random.as_ref())?;
        return Ok(Response::none());
    }
    let mut txn = core.txn_in(call.namespace());
    job.enqueue(&mut txn, core.random.as_ref())?;
    core.commit(txn).await?;
    for _ in 0..GOES {
        if core.work_off(SLICES).await? {
            return Ok(Response::none());
        }
        tokio::task::yield_now().await;
    }
    Err(Fault::Status(
        500,
        "the leases are revoked, but cleaning up after them takes longer and goes on in the background"
            .to_owned(),
    ))
}

/// From the body, else from the path.
fn lease_id(args: &Args) -> Result<&str, Fault> {
    let id = match args.text_or_empty("lease_id") {
        "" => args.text_or_empty("url_lease_id"),
        id => id,
    };
    if id.is_empty() { Err(Fault::invalid("lease_id must be specified")) } else { Ok(id) }
}
