//! Version 1: one value per path, without history.

use super::secret::{self, Secret};
use super::versioned::SECRETS;
use crate::{folder, payload};
use strongroom_core::{Call, ExistsCall, Fault, Map, Operation, Response, Route, RouteTable};
use strongroom_wire::duration;
use strongroom_wire::field::{Field, Kind};

const PATH: &str = "path";
static FIELDS: [Field; 1] = [Field::new(PATH, Kind::Text, "Path of the secret.")];

pub(super) fn table() -> RouteTable {
    let secrets = Route::new("{path:rest}", "Secrets of any keys and values.", &FIELDS)
        .on(Operation::Read, |call| Box::pin(read(call)))
        .on(Operation::Update, |call| Box::pin(write(call)))
        .on(Operation::Delete, |call| Box::pin(delete(call)))
        .on(Operation::List, |call| Box::pin(list(call)))
        .exists(|call| Box::pin(exists(call)))
        .free_form();
    RouteTable::new(vec![secrets])
}

async fn exists(call: ExistsCall<'_>) -> Result<bool, Fault> {
    call.txn.exists(&secret::key(call.key(SECRETS), call.args.text_or_empty(PATH))).await
}

async fn read(call: Call<'_>) -> Result<Response, Fault> {
    let key = key(&call);
    let found = call.txn.get::<Secret>(&key).await?.ok_or(Fault::NotFound)?;
    let data = found.data.as_ref().ok_or(Fault::NotFound)?.clone();
    let lease_duration = wished_seconds(&data).unwrap_or_else(|| call.core.default_ttl(call.mount()));
    Ok(Response { lease_duration, ..Response::data(data) })
}

async fn write(call: Call<'_>) -> Result<Response, Fault> {
    let data = call.req.request.body.clone();
    if data.is_empty() {
        return Err(Fault::invalid("missing data fields: give at least one key and value"));
    }
    payload::check_depth(&data)?;
    let now = call.now();
    let key = key(&call);
    call.txn.put(&key, &Secret::plain(data, now))?;
    Ok(Response::none())
}

async fn delete(call: Call<'_>) -> Result<Response, Fault> {
    let key = key(&call);
    call.txn.delete(&key);
    Ok(Response::none())
}

async fn list(call: Call<'_>) -> Result<Response, Fault> {
    let prefix = [call.key(SECRETS).as_slice(), call.args.text_or_empty(PATH).as_bytes()].concat();
    Response::keys(folder::list(call.txn, &prefix).await?)
}

fn key(call: &Call<'_>) -> Vec<u8> {
    secret::key(call.key(SECRETS), call.args.text_or_empty(PATH))
}

/// How long the secret itself asks to be kept by readers; none if it does not, or not readably.
fn wished_seconds(data: &Map) -> Option<u64> {
    let wish = data.get("ttl").or_else(|| data.get("lease"))?;
    duration::from_json(wish).ok().map(|d| d.as_secs())
}
