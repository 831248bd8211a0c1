//! `metadata/`: settings of a secret, its versions, and the list of secrets.

use super::config::{self, Config};
use super::rotation::{self, OWNER, OWNER_FIELD, ROTATE_BY, ROTATE_BY_FIELD};
use super::scan;
use super::secret::{self, Secret, Settings};
use super::versioned::{self, PATH, PATH_FIELD, SECRETS};
use crate::folder;
use std::collections::BTreeMap;
use std::time::Duration;
use strongroom_core::{Call, Fault, Map, Operation, Response, Route, Txn, Value};
use strongroom_wire::field::{self, Arg, Args, Field, Kind};
use strongroom_wire::{duration, time};

const MAX_VERSIONS: &str = "max_versions";
const CAS_REQUIRED: &str = "cas_required";
const DELETE_VERSION_AFTER: &str = "delete_version_after";
const CUSTOM_METADATA: &str = "custom_metadata";

static FIELDS: [Field; 7] = [
    PATH_FIELD,
    Field::new(
        MAX_VERSIONS,
        Kind::Int,
        "Versions kept; 0 leaves it to the mount, whose larger number counts.",
    ),
    Field::new(CAS_REQUIRED, Kind::Bool, "Whether every write must use check-and-set."),
    Field::new(
        DELETE_VERSION_AFTER,
        Kind::Seconds,
        "How long a new version lives; 0s leaves it to the mount.",
    ),
    Field::new(
        CUSTOM_METADATA,
        Kind::Any,
        "Names and texts that describe the secret; not secret themselves.",
    ),
    OWNER_FIELD,
    ROTATE_BY_FIELD,
];

/// What `custom_metadata` is decoded as; a patch takes its `null`s out first.
const PAIRS: Field = Field::new(CUSTOM_METADATA, Kind::Pairs, "");
const MAX_PAIRS: usize = 64;
const MAX_NAME: usize = 128;
const MAX_TEXT: usize = 512;

pub(super) fn route() -> Route {
    Route::new("metadata/{path:rest}", "Settings and versions of secrets, and the list of them.", &FIELDS)
        .on(Operation::Read, |call| Box::pin(read(call)))
        .on(Operation::Update, |call| Box::pin(write(call)))
        .on(Operation::Patch, |call| Box::pin(patch(call)))
        .on(Operation::Delete, |call| Box::pin(delete(call)))
        .on(Operation::List, |call| Box::pin(list(call)))
        .exists(|call| Box::pin(versioned::exists(call)))
        .scans()
}

async fn read(call: Call<'_>) -> Result<Response, Fault> {
    if let Some(answer) = versioned::at_root(&call) {
        return Ok(answer);
    }
    let key = versioned::key(&call);
    let secret = call.txn.get::<Secret>(&key).await?.ok_or(Fault::NotFound)?;
    let settings = &secret.settings;
    let versions: Map =
        secret.versions().map(|(n, v)| (n.to_string(), Value::Object(v.describe()))).collect();
    let life = duration::go(Duration::from_secs(settings.delete_version_after));
    let shown = [
        (CAS_REQUIRED, settings.cas_required.into()),
        ("created_time", time::rfc3339(secret.created).into()),
        ("current_version", secret.current.into()),
        (CUSTOM_METADATA, secret.custom_metadata()),
        (DELETE_VERSION_AFTER, life.into()),
        (MAX_VERSIONS, settings.max_versions.into()),
        ("oldest_version", secret.oldest.into()),
        ("updated_time", time::rfc3339(secret.updated).into()),
        ("versions", Value::Object(versions)),
    ];
    let mut shown: Map = shown.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
    rotation::describe(&secret, call.now(), &mut shown);
    Ok(Response::data(shown))
}

async fn write(call: Call<'_>) -> Result<Response, Fault> {
    if let Some(answer) = versioned::at_root(&call) {
        return Ok(answer);
    }
    let args = call.args;
    let custom = args.any(CUSTOM_METADATA).map(pairs).transpose()?;
    if !gives_settings(args) {
        return Ok(Response::none());
    }
    let now = call.now();
    let (key, config_key) = (versioned::key(&call), call.key(config::KEY));
    let config = Config::load(call.txn, &config_key).await?;
    let known = call.txn.get::<Secret>(&key).await?;
    let mut secret = known.map_or_else(|| Secret::empty(now), |known| Secret::clone(&known));
    set(&mut secret.settings, args)?;
    if args.has(CUSTOM_METADATA) {
        secret.settings.custom_metadata = custom.unwrap_or_default();
    }
    call.txn.put(&key, &secret)?;
    Ok(with_warnings(args, &config))
}

async fn patch(call: Call<'_>) -> Result<Response, Fault> {
    if let Some(answer) = versioned::at_root(&call) {
        return Ok(answer);
    }
    let args = call.args;
    let (key, config_key) = (versioned::key(&call), call.key(config::KEY));
    let config = Config::load(call.txn, &config_key).await?;
    let Some(known) = call.txn.get::<Secret>(&key).await? else { return Ok(versioned::missing()) };
    let mut secret = Secret::clone(&known);
    set(&mut secret.settings, args)?;
    if args.is_null(CUSTOM_METADATA) {
        secret.settings.custom_metadata.clear();
    } else if let Some(changes) = args.any(CUSTOM_METADATA) {
        patch_pairs(&mut secret.settings.custom_metadata, changes)?;
    }
    if secret.settings != known.settings {
        call.txn.put(&key, &secret)?;
    }
    Ok(with_warnings(args, &config))
}

async fn delete(call: Call<'_>) -> Result<Response, Fault> {
    if let Some(answer) = versioned::at_root(&call) {
        return Ok(answer);
    }
    let key = versioned::key(&call);
    let Some(secret) = call.txn.get::<Secret>(&key).await? else { return Ok(Response::none()) };
    remove(call.txn, &key, &secret);
    Ok(Response::none())
}

/// Takes away a secret with all its versions.
pub(super) fn remove(txn: &mut Txn, key: &[u8], secret: &Secret) {
    for (number, version) in secret.versions() {
        if number != secret.current && !version.destroyed {
            txn.delete(&secret::version_key(key, number));
        }
    }
    txn.delete(key);
}

async fn list(call: Call<'_>) -> Result<Response, Fault> {
    if call.req.request.is_scan() {
        return scan::scan(call, "metadata/").await;
    }
    let prefix = [call.key(SECRETS).as_slice(), call.args.text_or_empty(PATH).as_bytes()].concat();
    Response::keys(folder::list(call.txn, &prefix).await?)
}

fn gives_settings(args: &Args) -> bool {
    let settings = [MAX_VERSIONS, CAS_REQUIRED, DELETE_VERSION_AFTER, CUSTOM_METADATA, OWNER, ROTATE_BY];
    settings.into_iter().any(|name| args.has(name))
}

/// Takes over what was given, custom metadata aside; `null` resets.
fn set(settings: &mut Settings, args: &Args) -> Result<(), Fault> {
    if args.has(MAX_VERSIONS) {
        settings.max_versions = config::max_versions(args.int(MAX_VERSIONS))?;
    }
    if args.has(CAS_REQUIRED) {
        settings.cas_required = args.bool(CAS_REQUIRED).unwrap_or(false);
    }
    if args.has(DELETE_VERSION_AFTER) {
        settings.delete_version_after = args.seconds(DELETE_VERSION_AFTER).unwrap_or(0);
    }
    rotation::set(settings, args)
}

fn with_warnings(args: &Args, config: &Config) -> Response {
    if config.cas_required && args.bool(CAS_REQUIRED) == Some(false) {
        return Response::none().warn(
            "\"cas_required\" set to false, but is mandated by backend config. This value will be ignored.",
        );
    }
    Response::none()
}

fn pairs(value: &Value) -> Result<BTreeMap<String, String>, Fault> {
    let pairs = match field::convert(&PAIRS, value)? {
        Arg::Pairs(pairs) => pairs,
        _ => BTreeMap::new(),
    };
    check(&pairs)?;
    Ok(pairs)
}

/// Merges changes: `null` removes a name.
fn patch_pairs(custom: &mut BTreeMap<String, String>, changes: &Value) -> Result<(), Fault> {
    let (mut removed, mut kept) = (Vec::new(), changes.clone());
    if let Value::Object(map) = &mut kept {
        map.retain(|name, text| {
            if text.is_null() {
                removed.push(name.clone());
            }
            !text.is_null()
        });
    }
    let added = pairs(&kept)?;
    for name in removed {
        custom.remove(&name);
    }
    custom.extend(added);
    check(custom)
}

fn check(custom: &BTreeMap<String, String>) -> Result<(), Fault> {
    let fail = |problem: String| Err(Fault::invalid(format!("field \"{CUSTOM_METADATA}\": {problem}")));
    if custom.len() > MAX_PAIRS {
        return fail(format!("cannot take {} names, at most {MAX_PAIRS}", custom.len()));
    }
    for (name, text) in custom {
        if name.is_empty() || name.len() > MAX_NAME || name.chars().any(char::is_control) {
            let shown: String = name.chars().take(40).collect();
            return fail(format!(
                "the name {shown:?} must have 1 to {MAX_NAME} bytes without control characters"
            ));
        }
        if text.is_empty() || text.len() > MAX_TEXT || text.chars().any(char::is_control) {
            return fail(format!(
                "the text of {name:?} must have 1 to {MAX_TEXT} bytes without control characters"
            ));
        }
    }
    Ok(())
}
