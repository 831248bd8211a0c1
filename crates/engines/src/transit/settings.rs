//! What is changed of a key: its settings, its newest version, and its oldest ones.

use super::input::{NAME_FIELD, refused_with_500};
use super::key::Key;
use super::keys::{AUTO_ROTATE, EXPORTABLE, PLAINTEXT_BACKUP, auto_rotate, describe};
use super::{access, generate};
use strongroom_core::{Call, Fault, Operation, Response, Route};
use strongroom_wire::field::{Args, Field, Kind};

const MIN_DECRYPTION: &str = "min_decryption_version";
const MIN_ENCRYPTION: &str = "min_encryption_version";
const MIN_AVAILABLE: &str = "min_available_version";
const DELETION_ALLOWED: &str = "deletion_allowed";
const MANAGED_NAME: &str = "managed_key_name";
const MANAGED_ID: &str = "managed_key_id";

static CONFIG: [Field; 7] = [
    NAME_FIELD,
    Field::new(MIN_DECRYPTION, Kind::Int, "Oldest version that still decrypts and verifies."),
    Field::new(MIN_ENCRYPTION, Kind::Int, "Oldest version that encrypts and signs; 0 for the newest only."),
    Field::new(DELETION_ALLOWED, Kind::Bool, "Whether the key can be deleted."),
    Field::new(EXPORTABLE, Kind::Bool, "Whether the key can be exported; cannot be taken back."),
    Field::new(PLAINTEXT_BACKUP, Kind::Bool, "Whether the key can be backed up; cannot be taken back."),
    Field::new(AUTO_ROTATE, Kind::Seconds, "Age at which the key gets a new version: 0 or at least 1h."),
];
static ROTATE: [Field; 3] = [
    NAME_FIELD,
    Field::new(MANAGED_NAME, Kind::Text, "Keys held elsewhere are not supported."),
    Field::new(MANAGED_ID, Kind::Text, "Keys held elsewhere are not supported."),
];
static TRIM: [Field; 2] =
    [NAME_FIELD, Field::new(MIN_AVAILABLE, Kind::Int, "Versions below are removed for good.")];

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new("keys/{name}/config", "Settings of a key.", &CONFIG)
            .on(Operation::Update, |call| Box::pin(configure(call))),
        Route::new("keys/{name}/rotate", "Gives a key a new version.", &ROTATE)
            .on(Operation::Update, |call| Box::pin(rotate(call))),
        Route::new("keys/{name}/trim", "Removes old versions of a key.", &TRIM)
            .on(Operation::Update, |call| Box::pin(trim(call))),
    ]
}

async fn configure(mut call: Call<'_>) -> Result<Response, Fault> {
    let mut key = Key::clone(&*access::existing(&mut call).await?);
    let args = call.args;
    let mut warnings = Vec::new();
    if let Some(given) = version(args, MIN_DECRYPTION, &key)? {
        if given == 0 {
            warnings
                .push("since Vault 0.3, transit key numbering starts at 1; forcing minimum to 1".to_owned());
        }
        key.min_decryption = given.max(1);
    }
    if let Some(given) = version(args, MIN_ENCRYPTION, &key)? {
        key.min_encryption = given;
    }
    if key.min_encryption > 0 && key.min_encryption < key.min_decryption {
        return Err(Fault::invalid(format!(
            "min encryption version ({}) is less than min decryption version ({})",
            key.min_encryption, key.min_decryption
        )));
    }
    if key.min_decryption < key.min_available {
        return Err(Fault::invalid(format!(
            "min decryption version ({}) is less than min available version ({}): older versions are gone",
            key.min_decryption, key.min_available
        )));
    }
    key.deletion_allowed = args.bool(DELETION_ALLOWED).unwrap_or(key.deletion_allowed);
    key.exportable |= args.bool(EXPORTABLE).unwrap_or(false);
    key.plaintext_backup |= args.bool(PLAINTEXT_BACKUP).unwrap_or(false);
    if let Some(period) = auto_rotate(args)? {
        if period > 0 && !key.is_rotatable() {
            return Err(Fault::invalid(
                "an imported key that does not allow rotation cannot be rotated by itself",
            ));
        }
        key.auto_rotate = period;
    }
    access::save(&mut call, &key)?;
    Ok(Response { warnings, ..describe(&key, &[]).map(Response::data)? })
}

async fn rotate(mut call: Call<'_>) -> Result<Response, Fault> {
    for managed in [MANAGED_NAME, MANAGED_ID] {
        if !call.args.text_or_empty(managed).is_empty() {
            return Err(Fault::invalid(format!("field {managed:?}: managed keys are not supported")));
        }
    }
    let mut key = Key::clone(&*access::existing(&mut call).await?);
    if !key.is_rotatable() {
        return Err(refused_with_500(format!("imported key {} does not allow rotation", key.name)));
    }
    key.add(generate::version(call.core, key.kind, key.key_size, key.convergent).await?);
    access::save(&mut call, &key)?;
    describe(&key, &[]).map(Response::data)
}

async fn trim(mut call: Call<'_>) -> Result<Response, Fault> {
    let mut key = Key::clone(&*access::existing(&mut call).await?);
    let given = call.args.int(MIN_AVAILABLE).unwrap_or(0);
    let refuse = |why: String| Fault::invalid(format!("field {MIN_AVAILABLE:?}: {why}"));
    let oldest = u64::try_from(given).ok().filter(|oldest| *oldest > 0);
    let oldest = oldest.ok_or_else(|| refuse("want a version, at least 1".to_owned()))?;
    if key.min_encryption == 0 {
        return Err(refuse("cannot be set while the minimum encryption version is not set".to_owned()));
    }
    if oldest < key.min_available {
        return Err(refuse(format!("cannot be lowered, versions below {} are gone", key.min_available)));
    }
    for (limit, name) in [
        (key.latest, "the latest version"),
        (key.min_encryption, "the minimum encryption version"),
        (key.min_decryption, "the minimum decryption version"),
    ] {
        if oldest > limit {
            return Err(refuse(format!("cannot be greater than {name}, {limit}")));
        }
    }
    key.min_available = oldest;
    key.versions = key.versions.split_off(&oldest);
    access::save(&mut call, &key)?;
    describe(&key, &[]).map(Response::data)
}

/// A minimum that was given.
fn version(args: &Args, field: &str, key: &Key) -> Result<Option<u64>, Fault> {
    let Some(given) = args.int(field) else { return Ok(None) };
    let version = u64::try_from(given)
        .map_err(|_| Fault::invalid(format!("field {field:?}: a version cannot be negative")))?;
    if version > key.latest {
        return Err(Fault::invalid(format!(
            "field {field:?}: cannot be set to {version}, the latest key version is {}",
            key.latest
        )));
    }
    Ok(Some(version))
}
