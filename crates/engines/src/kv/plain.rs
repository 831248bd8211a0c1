//! Version 1: one value per path, without history.

use super::json::Json;
use super::scan;
use super::secret::{self, Secret};
use super::versioned::SECRETS;
use crate::{folder, payload};
use serde::{Deserialize, Deserializer};
use strongroom_core::{Call, ExistsCall, Fault, Operation, Response, Route, RouteTable, Value};
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
        .free_form()
        .scans();
    RouteTable::new(vec![secrets])
}

async fn exists(call: ExistsCall<'_>) -> Result<bool, Fault> {
    call.txn.exists(&secret::key(call.key(SECRETS), call.args.text_or_empty(PATH))).await
}

async fn read(call: Call<'_>) -> Result<Response, Fault> {
    let key = key(&call);
    let found = call.txn.get::<Secret>(&key).await?.ok_or(Fault::NotFound)?;
    let data = found.data.as_ref().ok_or(Fault::NotFound)?;
    let lease_duration = wished_seconds(data)?.unwrap_or_else(|| call.core.default_ttl(call.mount()));
    let answer = if call.may_be_rendered() {
        Response { rendered: Some(data.text().to_vec()), ..Response::default() }
    } else {
        Response::data(data.read()?)
    };
    Ok(Response { lease_duration, ..answer })
}

async fn write(call: Call<'_>) -> Result<Response, Fault> {
    let data = &call.req.request.body;
    if data.is_empty() {
        return Err(Fault::invalid("missing data fields: give at least one key and value"));
    }
    payload::check_depth(data)?;
    let now = call.now();
    let key = key(&call);
    call.txn.put(&key, &Secret::plain(Json::of(data)?, now))?;
    Ok(Response::none())
}

async fn delete(call: Call<'_>) -> Result<Response, Fault> {
    let key = key(&call);
    call.txn.delete(&key);
    Ok(Response::none())
}

async fn list(call: Call<'_>) -> Result<Response, Fault> {
    if call.req.request.is_scan() {
        return scan::scan(call, "").await;
    }
    let prefix = [call.key(SECRETS).as_slice(), call.args.text_or_empty(PATH).as_bytes()].concat();
    Response::keys(folder::list(call.txn, &prefix).await?)
}

fn key(call: &Call<'_>) -> Vec<u8> {
    secret::key(call.key(SECRETS), call.args.text_or_empty(PATH))
}

/// How long the secret itself asks to be kept by readers; none if it does not, or not readably.
fn wished_seconds(data: &Json) -> Result<Option<u64>, Fault> {
    let wishes: Wishes = data.read()?;
    let wish = wishes.ttl.or(wishes.lease);
    Ok(wish.and_then(|wish| duration::from_json(&wish).ok()).map(|d| d.as_secs()))
}

#[derive(Deserialize)]
struct Wishes {
    #[serde(default, deserialize_with = "given")]
    ttl: Option<Value>,
    #[serde(default, deserialize_with = "given")]
    lease: Option<Value>,
}

/// A `null` that was given is one, too: no other field is asked then.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}
