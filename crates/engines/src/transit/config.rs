//! Settings of a mount: `config/keys` and `cache-config`.

use super::input::map;
use serde::{Deserialize, Serialize};
use strongroom_core::{Call, Fault, Operation, Record, Response, Route};
use strongroom_wire::field::{Field, Kind};

/// The settings.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct MountConfig {
    /// Encrypting under a name that has no key makes none.
    pub(super) disable_upsert: bool,
    /// Kept for clients: the core's cache is bounded by bytes for all engines together.
    pub(super) cache_size: u64,
}

impl Record for MountConfig {}

/// Name of the record in the mount's storage.
pub(super) const KEYS: &str = "config";

const DISABLE_UPSERT: &str = "disable_upsert";
const SIZE: &str = "size";
/// The smallest cache that Vault takes.
const MIN_SIZE: u64 = 10;

static UPSERT: [Field; 1] =
    [Field::new(DISABLE_UPSERT, Kind::Bool, "Whether encrypting under an unknown name is refused.")];
static CACHE: [Field; 1] = [Field::new(
    SIZE,
    Kind::Int,
    "Keys to keep ready: 0 or at least 10. Kept for clients; the server's cache is bounded by bytes.",
)];

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new("config/keys", "Settings for all keys of this mount.", &UPSERT)
            .on(Operation::Read, |call| Box::pin(read_upsert(call)))
            .on(Operation::Update, |call| Box::pin(write_upsert(call))),
        Route::new("cache-config", "The size of the cache of keys.", &CACHE)
            .on(Operation::Read, |call| Box::pin(read_cache(call)))
            .on(Operation::Update, |call| Box::pin(write_cache(call))),
    ]
}

async fn load(call: &mut Call<'_>) -> Result<MountConfig, Fault> {
    let place = call.key(KEYS);
    Ok(call
        .txn
        .get::<MountConfig>(&place)
        .await?
        .map(|config| MountConfig::clone(&config))
        .unwrap_or_default())
}

async fn read_upsert(mut call: Call<'_>) -> Result<Response, Fault> {
    Ok(upsert(&load(&mut call).await?))
}

async fn write_upsert(mut call: Call<'_>) -> Result<Response, Fault> {
    let mut config = load(&mut call).await?;
    if let Some(given) = call.args.bool(DISABLE_UPSERT) {
        config.disable_upsert = given;
    }
    let place = call.key(KEYS);
    call.txn.put(&place, &config)?;
    Ok(upsert(&config))
}

async fn read_cache(mut call: Call<'_>) -> Result<Response, Fault> {
    Ok(cache(&load(&mut call).await?))
}

async fn write_cache(mut call: Call<'_>) -> Result<Response, Fault> {
    let size = u64::try_from(call.args.int(SIZE).unwrap_or(0)).ok();
    let size = size.filter(|size| *size == 0 || *size >= MIN_SIZE).ok_or_else(|| {
        Fault::invalid(format!("field {SIZE:?}: size must be 0 or a value greater or equal to {MIN_SIZE}"))
    })?;
    let mut config = load(&mut call).await?;
    config.cache_size = size;
    let place = call.key(KEYS);
    call.txn.put(&place, &config)?;
    Ok(cache(&config))
}

fn upsert(config: &MountConfig) -> Response {
    Response::data(map([(DISABLE_UPSERT, config.disable_upsert.into())]))
}

fn cache(config: &MountConfig) -> Response {
    Response::data(map([(SIZE, config.cache_size.into())]))
}
