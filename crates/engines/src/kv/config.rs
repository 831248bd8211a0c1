//! `config`: what holds for all secrets of a mount of version 2.

use super::secret::Settings;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use strongroom_core::{Call, Fault, Map, Operation, Record, Response, Route, Txn, Value};
use strongroom_wire::duration;
use strongroom_wire::field::{Field, Kind};

/// Settings of a mount.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Config {
    /// 0 leaves it to the secrets.
    pub(super) max_versions: u64,
    pub(super) cas_required: bool,
    pub(super) delete_version_after: Lifetime,
}

impl Record for Config {}

/// `delete_version_after` of a mount.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Lifetime {
    /// Left to the secrets.
    #[default]
    Unset,
    /// Versions never end by their age, whatever the secrets say.
    Disabled,
    /// Seconds; a secret can shorten them.
    After(u64),
}

impl Config {
    /// The config of the mount that `key` was made for.
    pub(super) async fn load(txn: &mut Txn, key: &[u8]) -> Result<Arc<Self>, Fault> {
        Ok(txn.get::<Self>(key).await?.unwrap_or_default())
    }

    /// Seconds that a new version lives; none for ever.
    pub(super) fn life_of(&self, settings: &Settings) -> Option<u64> {
        match (self.delete_version_after, settings.delete_version_after) {
            (Lifetime::Disabled, _) | (Lifetime::Unset, 0) => None,
            (Lifetime::Unset, own) => Some(own),
            (Lifetime::After(all), 0) => Some(all),
            (Lifetime::After(all), own) => Some(all.min(own)),
        }
    }
}

/// Name of the record in the mount's storage.
pub(super) const KEY: &str = "config";

const MAX_VERSIONS: &str = "max_versions";
const CAS_REQUIRED: &str = "cas_required";
const DELETE_VERSION_AFTER: &str = "delete_version_after";

static FIELDS: [Field; 3] = [
    Field::new(MAX_VERSIONS, Kind::Int, "Versions kept of each secret; 0 for 10. A secret can keep more."),
    Field::new(CAS_REQUIRED, Kind::Bool, "Whether every write must use check-and-set."),
    Field::new(
        DELETE_VERSION_AFTER,
        Kind::Any,
        "How long a version lives, as in 3h25m19s; 0s for ever unless the secret says otherwise, negative for ever.",
    ),
];

pub(super) fn route() -> Route {
    Route::new("config", "Settings for all secrets of this mount.", &FIELDS)
        .on(Operation::Read, |call| Box::pin(read(call)))
        .on(Operation::Update, |call| Box::pin(write(call)))
}

async fn read(call: Call<'_>) -> Result<Response, Fault> {
    let key = call.key(KEY);
    let config = Config::load(call.txn, &key).await?;
    Ok(Response::data(Map::from_iter([
        (CAS_REQUIRED.to_owned(), config.cas_required.into()),
        (DELETE_VERSION_AFTER.to_owned(), config.delete_version_after.shown().into()),
        (MAX_VERSIONS.to_owned(), config.max_versions.into()),
    ])))
}

async fn write(call: Call<'_>) -> Result<Response, Fault> {
    let key = call.key(KEY);
    let mut config = Config::clone(&*Config::load(call.txn, &key).await?);
    let args = call.args;
    if args.has(MAX_VERSIONS) {
        config.max_versions = max_versions(args.int(MAX_VERSIONS))?;
    }
    if args.has(CAS_REQUIRED) {
        config.cas_required = args.bool(CAS_REQUIRED).unwrap_or(false);
    }
    if args.has(DELETE_VERSION_AFTER) {
        config.delete_version_after = Lifetime::read(args.any(DELETE_VERSION_AFTER).unwrap_or(&Value::Null))?;
    }
    call.txn.put(&key, &config)?;
    Ok(Response::none())
}

/// A limit that was given; `null` resets it.
pub(super) fn max_versions(given: Option<i64>) -> Result<u64, Fault> {
    let given = given.unwrap_or(0);
    u32::try_from(given).map(u64::from).map_err(|_| {
        Fault::invalid(format!(
            "field \"{MAX_VERSIONS}\": cannot take {given}, want a whole number from 0 to {}",
            u32::MAX
        ))
    })
}

impl Lifetime {
    fn read(value: &Value) -> Result<Self, Fault> {
        let text = match value {
            Value::Number(n) => n.to_string(),
            Value::String(s) => s.clone(),
            _ => String::new(),
        };
        if let Some(positive) = text.trim().strip_prefix('-')
            && duration::parse(positive).is_ok_and(|d| !d.is_zero())
        {
            return Ok(Self::Disabled);
        }
        let life = duration::from_json(value)
            .map_err(|e| Fault::invalid(format!("field \"{DELETE_VERSION_AFTER}\": {e}")))?;
        Ok(match life.as_secs() {
            0 => Self::Unset,
            seconds => Self::After(seconds),
        })
    }

    fn shown(self) -> String {
        match self {
            Self::Unset => duration::go(Duration::ZERO),
            Self::Disabled => "-1s".to_owned(),
            Self::After(seconds) => duration::go(Duration::from_secs(seconds)),
        }
    }
}
