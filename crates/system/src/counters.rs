//! What runs and has run: versions, requests under way, counts.

use crate::Answering;
use serde_json::{Value, json};
use strongroom_core::versions::Versions;
use strongroom_core::{Call, Core, Fault, Map, Operation, Response, Route, keys};
use strongroom_wire::time::rfc3339;

pub(crate) fn routes() -> Vec<Route> {
    use Operation::{List, Read};
    vec![
        Route::new("version-history", "The versions that have run on this store.", &[])
            .on(List, versions)
            .root_only(),
        Route::new("in-flight-req", "The requests under way, but for reads of static secrets.", &[])
            .on(Read, in_flight)
            .root_only()
            .plain(),
        Route::new("internal/counters/tokens", "How many service tokens there are.", &[]).on(Read, tokens),
        Route::new("internal/counters/entities", "How many entities there are.", &[]).on(Read, entities),
        Route::new("internal/counters/requests", "Requests by month; not counted.", &[])
            .on(Read, not_counted)
            .root_only()
            .refuses(),
        Route::new("internal/counters/activity", "Clients by month; not counted.", &[])
            .on(Read, not_counted)
            .root_only()
            .refuses(),
        Route::new("internal/counters/activity/{which}", "Clients by month; not counted.", &[])
            .on(Read, not_counted)
            .root_only()
            .refuses(),
        Route::new("internal/counters/config", "Client counting; not supported.", &[])
            .on(Read, not_counted)
            .root_only()
            .refuses(),
    ]
}

fn versions(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let record = call.txn.get::<Versions>(&Versions::key()).await?.ok_or(Fault::NotFound)?;
        let (mut names, mut info, mut previous) = (Vec::new(), Map::new(), Value::Null);
        for installed in &record.installed {
            names.push(installed.version.clone());
            let entry = json!({
                "build_date": installed.build_date,
                "previous_version": previous,
                "timestamp_installed": rfc3339(installed.since),
            });
            previous = json!(installed.version);
            info.insert(installed.version.clone(), entry);
        }
        Ok(Response::json(json!({ "keys": names, "key_info": info })))
    })
}

fn in_flight(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let seen = call.core.in_flight.list();
        let all: Map = seen
            .into_iter()
            .map(|s| {
                let entry = json!({
                    "start_time": rfc3339(s.started),
                    "client_remote_address": s.remote.to_string(),
                    "request_path": format!("/v1/{}", s.path),
                    "request_method": s.operation.as_str(),
                });
                (s.id, entry)
            })
            .collect();
        Ok(Response { bare: true, ..Response::data(all) })
    })
}

/// Entries read at a time.
const PAGE: usize = 1000;

fn tokens(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let total = count(&call, keys::TOKEN).await?;
        Ok(Response::json(json!({ "counters": { "service_tokens": { "total": total } } })))
    })
}

fn entities(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let total = count(&call, keys::ENTITY).await?;
        Ok(Response::json(json!({ "counters": { "entities": { "total": total } } })))
    })
}

/// How many records of a kind there are, in the request's namespace and those below it.
async fn count(call: &Call<'_>, kind: &str) -> Result<usize, Fault> {
    let here = call.namespace();
    let mut prefixes = vec![keys::within(here.id.as_str(), kind, "")];
    for table in call.core.realm().others() {
        let below = &table.namespace;
        if below.path.len() > here.path.len() && below.path.starts_with(&here.path) {
            prefixes.push(keys::within(below.id.as_str(), kind, ""));
        }
    }
    let mut total = 0;
    for prefix in prefixes {
        total += count_below(call.core, &prefix).await?;
    }
    Ok(total)
}

async fn count_below(core: &Core, prefix: &[u8]) -> Result<usize, Fault> {
    let (mut total, mut after) = (0_usize, None::<Vec<u8>>);
    loop {
        // A transaction of its own for each page: a count need not be of one moment.
        let page = core.txn().list(prefix, after.as_deref(), PAGE).await?;
        total += page.len();
        match page.last() {
            Some(last) if page.len() == PAGE => after = Some(last.to_vec()),
            _ => return Ok(total),
        }
    }
}

fn not_counted(_call: Call<'_>) -> Answering<'_> {
    Box::pin(async { Err(Fault::invalid("this server does not count clients or requests by month")) })
}
