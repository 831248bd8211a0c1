//! The form in which Vault backs up keys, so that keys move between servers.

mod entry;

use self::entry::Entry;
use super::key::{Derivation, Key, Moment, Version};
use super::kind::{self, Kind};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use strongroom_wire::time;

/// A backup.
#[derive(Serialize, Deserialize)]
pub(super) struct Backup {
    policy: Policy,
    #[serde(default)]
    archived_keys: Option<Archive>,
}

#[derive(Default, Serialize, Deserialize)]
struct Archive {
    /// The place in the list is the version.
    #[serde(default)]
    keys: Option<Vec<Entry>>,
}

#[derive(Serialize, Deserialize)]
struct Policy {
    name: String,
    keys: BTreeMap<String, Entry>,
    #[serde(default)]
    derived: bool,
    /// 0 for the counter mode, 1 for HKDF.
    #[serde(default)]
    kdf: u64,
    #[serde(default)]
    convergent_encryption: bool,
    #[serde(default)]
    exportable: bool,
    #[serde(default)]
    min_decryption_version: u64,
    #[serde(default)]
    min_encryption_version: u64,
    latest_version: u64,
    #[serde(default)]
    archive_version: u64,
    #[serde(default)]
    archive_min_version: u64,
    #[serde(default)]
    min_available_version: u64,
    #[serde(default)]
    deletion_allowed: bool,
    #[serde(default)]
    convergent_version: i64,
    #[serde(rename = "type")]
    kind: u64,
    #[serde(default)]
    backup_info: Option<Info>,
    #[serde(default)]
    restore_info: Option<Info>,
    #[serde(default)]
    allow_plaintext_backup: bool,
    #[serde(default)]
    version_template: String,
    #[serde(default)]
    storage_prefix: String,
    /// Nanoseconds.
    #[serde(default)]
    auto_rotate_period: u64,
    #[serde(default, rename = "Imported")]
    imported: bool,
    #[serde(default, rename = "AllowImportedKeyRotation")]
    imported_rotation: bool,
    #[serde(default)]
    soft_deleted: bool,
    #[serde(default, skip_serializing_if = "is_zero")]
    key_size: u64,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    parameter_set: String,
}

#[derive(Serialize, Deserialize)]
struct Info {
    time: String,
    version: u64,
}

/// Why a backup cannot be restored. Never shows what is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RestoreError {
    /// The number of a type that is not known here.
    Kind(u64),
    /// The versions do not fit the numbers that the backup gives.
    Versions,
    /// A version is not a key of the backup's type.
    Version(u64),
    /// A property that is not supported.
    Unsupported(&'static str),
}

const NANOS: u64 = 1_000_000_000;
/// Versions that a backup can have.
const MAX_VERSIONS: u64 = 100_000;

impl Backup {
    /// The backup of a key.
    pub(super) fn of(key: &Key) -> Option<Self> {
        let entries: BTreeMap<u64, Entry> =
            key.versions.iter().map(|(n, v)| Some((*n, Entry::of(key.kind, v)?))).collect::<Option<_>>()?;
        let archived = (0..=key.latest).map(|n| entries.get(&n).cloned().unwrap_or_default()).collect();
        let usable = entries.into_iter().filter(|(n, _)| *n >= key.min_decryption);
        Some(Self {
            archived_keys: Some(Archive { keys: Some(archived) }),
            policy: Policy {
                keys: usable.map(|(n, entry)| (n.to_string(), entry)).collect(),
                name: key.name.clone(),
                derived: key.derived,
                kdf: u64::from(key.derived && key.derivation == Derivation::Hkdf),
                convergent_encryption: key.convergent,
                exportable: key.exportable,
                min_decryption_version: key.min_decryption,
                min_encryption_version: key.min_encryption,
                latest_version: key.latest,
                archive_version: key.latest,
                archive_min_version: 0,
                min_available_version: key.min_available,
                deletion_allowed: key.deletion_allowed,
                convergent_version: key.convergent_version,
                kind: key.kind.number(),
                backup_info: key.backed_up.map(Info::of),
                restore_info: key.restored.map(Info::of),
                allow_plaintext_backup: key.plaintext_backup,
                version_template: String::new(),
                storage_prefix: String::new(),
                auto_rotate_period: key.auto_rotate.saturating_mul(NANOS),
                imported: key.imported,
                imported_rotation: key.imported_rotation,
                soft_deleted: false,
                key_size: key.key_size,
                parameter_set: key.kind.parameter_set().to_owned(),
            },
        })
    }

    /// The name of the key that was backed up.
    pub(super) fn name(&self) -> &str {
        &self.policy.name
    }

    /// The key.
    pub(super) fn key(self) -> Result<Key, RestoreError> {
        let policy = self.policy;
        let kind = kind_of(policy.kind, &policy.parameter_set)?;
        if policy.soft_deleted {
            return Err(RestoreError::Unsupported("soft_deleted"));
        }
        if !policy.version_template.is_empty() {
            return Err(RestoreError::Unsupported("version_template"));
        }
        if (policy.derived && !kind.derives())
            || (policy.convergent_encryption && (!policy.derived || kind.cipher().is_none()))
        {
            return Err(RestoreError::Unsupported("derived"));
        }
        let versions = versions(kind, &policy.keys, self.archived_keys)?;
        let key_size = match versions.values().next() {
            Some(version) if kind == Kind::Hmac => u64::try_from(version.hmac.len()).unwrap_or(0),
            _ => 0,
        };
        let key = Key {
            name: policy.name,
            kind,
            key_size,
            derived: policy.derived,
            derivation: if policy.derived && policy.kdf == 0 {
                Derivation::Counter
            } else {
                Derivation::Hkdf
            },
            convergent: policy.convergent_encryption,
            convergent_version: policy.convergent_version,
            exportable: policy.exportable,
            deletion_allowed: policy.deletion_allowed,
            plaintext_backup: policy.allow_plaintext_backup,
            min_decryption: policy.min_decryption_version.max(1),
            min_encryption: policy.min_encryption_version,
            min_available: policy.min_available_version,
            latest: policy.latest_version,
            auto_rotate: policy.auto_rotate_period / NANOS,
            imported: policy.imported,
            imported_rotation: policy.imported_rotation,
            backed_up: policy.backup_info.and_then(|info| info.moment()),
            restored: policy.restore_info.and_then(|info| info.moment()),
            versions,
        };
        let fits = key.versions.last_key_value().is_some_and(|(newest, _)| *newest == key.latest)
            && [key.min_decryption, key.min_encryption, key.min_available]
                .into_iter()
                .all(|v| v <= key.latest)
            && (key.min_decryption.max(key.min_available)..=key.latest)
                .all(|v| key.versions.contains_key(&v));
        if fits { Ok(key) } else { Err(RestoreError::Versions) }
    }
}

impl Info {
    fn of(moment: Moment) -> Self {
        Self { time: time::rfc3339(moment.time), version: moment.version }
    }

    fn moment(&self) -> Option<Moment> {
        Some(Moment { time: time::parse(&self.time)?, version: self.version })
    }
}

fn kind_of(number: u64, parameter_set: &str) -> Result<Kind, RestoreError> {
    let fits = |kind: &&Kind| kind.number() == number && kind.parameter_set() == parameter_set;
    kind::ALL.iter().find(fits).copied().ok_or(RestoreError::Kind(number))
}

/// The versions of the archive and those beside it, which are the same where both have them.
fn versions(
    kind: Kind,
    current: &BTreeMap<String, Entry>,
    archive: Option<Archive>,
) -> Result<BTreeMap<u64, Version>, RestoreError> {
    let mut all = BTreeMap::new();
    let archived = archive.and_then(|archive| archive.keys).unwrap_or_default();
    for (number, entry) in (0_u64..).zip(&archived).filter(|(number, entry)| *number > 0 && !entry.is_empty())
    {
        all.insert(number, entry.version(kind).ok_or(RestoreError::Version(number))?);
    }
    for (number, entry) in current {
        let number: u64 = number.parse().map_err(|_| RestoreError::Versions)?;
        if !(1..=MAX_VERSIONS).contains(&number) {
            return Err(RestoreError::Versions);
        }
        all.insert(number, entry.version(kind).ok_or(RestoreError::Version(number))?);
    }
    Ok(all)
}

/// A time of the backup; the second form is that of older ones.
fn created(time_text: &str, unix: i64) -> Timestamp {
    time::parse(time_text)
        .filter(|time| time.as_second() > 0)
        .or_else(|| Timestamp::from_second(unix).ok())
        .unwrap_or(Timestamp::UNIX_EPOCH)
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl std::fmt::Display for RestoreError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Kind(number) => write!(f, "its key type {number} is not known here"),
            Self::Versions => f.write_str("its versions do not fit its version numbers"),
            Self::Version(number) => write!(f, "its version {number} is not a key of its type"),
            Self::Unsupported(what) => write!(f, "its property {what} is not supported for this key"),
        }
    }
}
