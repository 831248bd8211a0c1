//! `data/`: reading, writing, patching and soft deletion.

use super::config::{self, Config};
use super::json::Json;
use super::merge;
use super::secret::{self, Secret};
use super::versioned::{self, Found, PATH_FIELD, VERSION_FIELD};
use crate::payload;
use jiff::Timestamp;
use std::sync::Arc;
use strongroom_core::{Call, Fault, Map, Operation, Response, Route, Txn, Value};
use strongroom_wire::field::{self, Arg, Args, Field, Kind};

const DATA: &str = "data";
const OPTIONS: &str = "options";
const CAS: Field =
    Field::new("options.cas", Kind::Int, "The version that must be the newest; 0 for none at all.");

static FIELDS: [Field; 4] = [
    PATH_FIELD,
    VERSION_FIELD,
    Field::new(DATA, Kind::Any, "The secret: an object of any keys and values.").secret(),
    Field::new(OPTIONS, Kind::Object, "Options of a write: cas, the version that must be the newest."),
];

pub(super) fn route() -> Route {
    Route::new("data/{path:rest}", "Secrets with their versions.", &FIELDS)
        .on(Operation::Read, |call| Box::pin(read(call)))
        .on(Operation::Update, |call| Box::pin(write(call)))
        .on(Operation::Patch, |call| Box::pin(patch(call)))
        .on(Operation::Delete, |call| Box::pin(delete(call)))
        .exists(|call| Box::pin(versioned::exists(call)))
        .asked(&[VERSION_FIELD])
}

async fn read(mut call: Call<'_>) -> Result<Response, Fault> {
    if let Some(answer) = versioned::at_root(&call) {
        return Ok(answer);
    }
    let now = call.now();
    if let Some(answer) = Found::newest(&mut call, now).await? {
        return Ok(answer);
    }
    let found = Found::find(&mut call, now).await?;
    let data = found.data()?.map_or(Value::Null, Value::Object);
    Ok(found.answer(DATA, data))
}

async fn write(call: Call<'_>) -> Result<Response, Fault> {
    if let Some(answer) = versioned::at_root(&call) {
        return Ok(answer);
    }
    let data = if call.args.is_null(DATA) { None } else { Some(Json::of(payload_of(call.args)?)?) };
    let now = call.now();
    let (key, config_key) = (versioned::key(&call), call.key(config::KEY));
    let config = Config::load(call.txn, &config_key).await?;
    let known = call.txn.get::<Secret>(&key).await?;
    let secret = known.map_or_else(|| Secret::empty(now), |known| Secret::clone(&known));
    check_and_set(call.args, &config, &secret)?;
    store(call.txn, &key, secret, data, &config, now)
}

async fn patch(call: Call<'_>) -> Result<Response, Fault> {
    if let Some(answer) = versioned::at_root(&call) {
        return Ok(answer);
    }
    let changes = payload_of(call.args)?.clone();
    let now = call.now();
    let (key, config_key) = (versioned::key(&call), call.key(config::KEY));
    let config = Config::load(call.txn, &config_key).await?;
    let Some(secret) = call.txn.get::<Secret>(&key).await? else { return Ok(versioned::missing()) };
    check_and_set(call.args, &config, &secret)?;
    let number = secret.current;
    let Some(newest) = secret.version(number) else { return Ok(versioned::missing()) };
    if newest.is_gone(now) {
        return Ok(Response::data(secret.describe(number, newest)).with_status(404));
    }
    let mut data: Map = secret.data.as_ref().map(Json::read).transpose()?.unwrap_or_default();
    merge::apply(&mut data, changes);
    store(call.txn, &key, Secret::clone(&secret), Some(Json::of(&data)?), &config, now)
}

async fn delete(call: Call<'_>) -> Result<Response, Fault> {
    if let Some(answer) = versioned::at_root(&call) {
        return Ok(answer);
    }
    let now = call.now();
    let key = versioned::key(&call);
    let Some(known) = call.txn.get::<Secret>(&key).await? else { return Ok(Response::none()) };
    if known.version(known.current).is_some_and(|newest| !newest.is_gone(now)) {
        let mut secret = Secret::clone(&known);
        if let Some(newest) = secret.version_mut(known.current) {
            newest.deletion = Some(now);
        }
        call.txn.put(&key, &secret)?;
    }
    Ok(Response::none())
}

/// The object under `data`.
fn payload_of(args: &Args) -> Result<&Map, Fault> {
    let data = match args.any(DATA) {
        Some(Value::Object(data)) => data,
        Some(_) => {
            return Err(Fault::invalid("field \"data\": want an object of the secret's keys and values"));
        }
        None => return Err(Fault::invalid("no data provided: field \"data\" must be an object")),
    };
    payload::check_depth(data)?;
    Ok(data)
}

fn check_and_set(args: &Args, config: &Config, secret: &Secret) -> Result<(), Fault> {
    let given = args.object(OPTIONS).and_then(|options| options.get("cas"));
    let wanted = match given {
        None => None,
        Some(Value::Null) => {
            return Err(Fault::invalid("field \"options.cas\": cannot take null, want a whole number"));
        }
        Some(given) => match field::convert(&CAS, given)? {
            Arg::Int(wanted) => Some(wanted),
            _ => Some(-1),
        },
    };
    check_version(wanted, config, secret)
}

/// Whether a new version may be written on top of the newest one, given the version that its writer wants
/// that to be.
pub(super) fn check_version(wanted: Option<i64>, config: &Config, secret: &Secret) -> Result<(), Fault> {
    match wanted {
        None if config.cas_required || secret.settings.cas_required => {
            Err(Fault::invalid("check-and-set parameter required for this call"))
        }
        Some(wanted) if u64::try_from(wanted) != Ok(secret.current) => {
            Err(Fault::invalid("check-and-set parameter did not match the current version"))
        }
        _ => Ok(()),
    }
}

/// Writes a new version.
pub(super) fn store(
    txn: &mut Txn,
    key: &[u8],
    mut secret: Secret,
    data: Option<Json>,
    config: &Arc<Config>,
    now: Timestamp,
) -> Result<Response, Fault> {
    let displaced = secret.add(data, config, now);
    txn.put(key, &secret)?;
    if let Some((number, version)) = displaced.moved {
        txn.put(&secret::version_key(key, number), &version)?;
    }
    for number in displaced.trimmed {
        txn.delete(&secret::version_key(key, number));
    }
    let number = secret.current;
    let written =
        secret.version(number).ok_or_else(|| Fault::Internal("a new version is missing".to_owned()))?;
    Ok(Response::data(secret.describe(number, written)))
}
