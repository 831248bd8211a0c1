//! What is kept of one secret, and how its versions come and go. Pure.

use super::config::Config;
use super::json::Json;
use super::rotation::RotateBy;
use crate::folder::END;
use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use strongroom_core::{Map, Record, Value};
use strongroom_wire::time;

/// Versions kept where neither mount nor secret says how many.
const DEFAULT_MAX_VERSIONS: u64 = 10;
/// What an answer needs for a version's metadata where none of it is custom.
const ROOM_FOR_METADATA: usize = 192;

/// One secret: its settings, its versions, and the data of the newest one, in JSON of the form `D`. No
/// `Debug`: it holds secrets.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Secret<D = Json> {
    pub(super) created: Timestamp,
    /// When the newest version was written.
    pub(super) updated: Timestamp,
    /// Number of the newest version; 0 while only metadata was written.
    pub(super) current: u64,
    /// As reported: 0 until something was trimmed.
    #[serde(default)]
    pub(super) oldest: u64,
    /// The versions that are left, up to the newest.
    #[serde(default)]
    versions: Vec<Version>,
    #[serde(default)]
    pub(super) settings: Settings,
    /// Of the newest version; none once that is destroyed, or when `null` was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) data: Option<D>,
}

impl Record for Secret {
    fn from_json(json: &Bytes) -> serde_json::Result<Self> {
        let read: Secret<&RawValue> = serde_json::from_slice(json)?;
        Ok(Self {
            data: read.data.map(|data| Json::part(json, data)),
            created: read.created,
            updated: read.updated,
            current: read.current,
            oldest: read.oldest,
            versions: read.versions,
            settings: read.settings,
        })
    }
}

/// What clients set per secret.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Settings {
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) max_versions: u64,
    #[serde(skip_serializing_if = "is_false")]
    pub(super) cas_required: bool,
    /// In seconds.
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) delete_version_after: u64,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) custom_metadata: BTreeMap<String, String>,
    /// Who answers for the secret; empty if nobody is named.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) owner: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rotate_by: Option<RotateBy>,
}

/// What is known of one version beside its data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Version {
    pub(super) created: Timestamp,
    /// When it was deleted, or will be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) deletion: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) destroyed: bool,
}

/// The data of a version that is not the newest any more.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct OldVersion<D = Json> {
    pub(super) data: Option<D>,
}

impl Record for OldVersion {
    fn from_json(json: &Bytes) -> serde_json::Result<Self> {
        let read: OldVersion<&RawValue> = serde_json::from_slice(json)?;
        Ok(Self { data: read.data.map(|data| Json::part(json, data)) })
    }
}

/// What a new version means for the records of the older ones.
#[derive(Default)]
pub(super) struct Displaced {
    /// The version that was the newest until now, to be kept in a record of its own.
    pub(super) moved: Option<(u64, OldVersion)>,
    /// Versions whose records are to go.
    pub(super) trimmed: Vec<u64>,
}

/// Where a secret's record stands in its mount; the data of older versions follows directly.
pub(super) fn key(mut folder: Vec<u8>, path: &str) -> Vec<u8> {
    folder.reserve(path.len() + 1);
    folder.extend_from_slice(path.as_bytes());
    folder.push(END);
    folder
}

/// Where the data of an older version stands.
pub(super) fn version_key(secret: &[u8], number: u64) -> Vec<u8> {
    [secret, format!("{number:010}").as_bytes()].concat()
}

impl Secret {
    /// A secret without versions.
    pub(super) fn empty(now: Timestamp) -> Self {
        Self {
            created: now,
            updated: now,
            current: 0,
            oldest: 0,
            versions: Vec::new(),
            settings: Settings::default(),
            data: None,
        }
    }

    /// A secret of version 1 of the engine: one version, replaced by every write.
    pub(super) fn plain(data: Json, now: Timestamp) -> Self {
        let version = Version { created: now, deletion: None, destroyed: false };
        Self { current: 1, versions: vec![version], data: Some(data), ..Self::empty(now) }
    }

    /// The version of this number; none if it never was or was trimmed.
    pub(super) fn version(&self, number: u64) -> Option<&Version> {
        self.versions.get(self.place(number)?)
    }

    /// The same, to change it.
    pub(super) fn version_mut(&mut self, number: u64) -> Option<&mut Version> {
        let place = self.place(number)?;
        self.versions.get_mut(place)
    }

    /// The versions that are left with their numbers, oldest first.
    pub(super) fn versions(&self) -> impl Iterator<Item = (u64, &Version)> {
        (self.first()..).zip(&self.versions)
    }

    /// The number a client means: 0 and less is the newest.
    pub(super) fn number(&self, wanted: i64) -> u64 {
        u64::try_from(wanted).ok().filter(|n| *n > 0).unwrap_or(self.current)
    }

    /// Adds a version and drops those beyond the limit.
    pub(super) fn add(&mut self, data: Option<Json>, config: &Config, now: Timestamp) -> Displaced {
        let previous = self.current;
        let previous_data = std::mem::replace(&mut self.data, data);
        let keep_previous = self.version(previous).is_some_and(|v| !v.destroyed);
        let deletion = config.life_of(&self.settings).map(|seconds| time::after(now, seconds));
        self.versions.push(Version { created: now, deletion, destroyed: false });
        self.current += 1;
        self.updated = now;
        let mut trimmed = self.trim(config);
        let moved = if trimmed.contains(&previous) || !keep_previous {
            None
        } else {
            Some((previous, OldVersion { data: previous_data }))
        };
        // The newest version had no record of its own.
        trimmed.retain(|n| *n != previous);
        Displaced { moved, trimmed }
    }

    /// Drops the versions beyond the limit; gives the numbers of those that may have a record.
    fn trim(&mut self, config: &Config) -> Vec<u64> {
        let limit = match self.settings.max_versions.max(config.max_versions) {
            0 => DEFAULT_MAX_VERSIONS,
            set => set,
        };
        if self.current - self.oldest < limit {
            return Vec::new();
        }
        self.oldest = self.current.saturating_sub(limit) + 1;
        let first = self.first();
        let beyond = usize::try_from(self.oldest.saturating_sub(first)).unwrap_or(usize::MAX);
        let gone = self.versions.drain(..beyond.min(self.versions.len()));
        (first..).zip(gone).filter(|(_, v)| !v.destroyed).map(|(n, _)| n).collect()
    }

    /// Number of the first version that is left.
    fn first(&self) -> u64 {
        let left = u64::try_from(self.versions.len()).unwrap_or(u64::MAX);
        (self.current + 1).saturating_sub(left)
    }

    fn place(&self, number: u64) -> Option<usize> {
        usize::try_from(number.checked_sub(self.first())?).ok()
    }

    /// Custom metadata as answers show it.
    pub(super) fn custom_metadata(&self) -> Value {
        if self.settings.custom_metadata.is_empty() {
            return Value::Null;
        }
        self.settings.custom_metadata.iter().map(|(k, v)| (k.clone(), Value::String(v.clone()))).collect()
    }

    /// What answers tell about a version beside its data.
    pub(super) fn describe(&self, number: u64, version: &Version) -> Map {
        let mut shown = version.describe();
        shown.insert("custom_metadata".to_owned(), self.custom_metadata());
        shown.insert("version".to_owned(), number.into());
        shown
    }

    /// The answer to a read of the newest version, in JSON; none if it cannot be put into JSON.
    pub(super) fn shown(&self, newest: &Version) -> Option<Vec<u8>> {
        let data = self.data.as_ref().map_or(&b"null"[..], Json::text);
        let mut out = Vec::with_capacity(data.len() + ROOM_FOR_METADATA);
        for part in [b"{\"data\":", data, b",\"metadata\":{\"created_time\":\""] {
            out.extend_from_slice(part);
        }
        time::push_rfc3339(&mut out, newest.created);
        out.extend_from_slice(b"\",\"custom_metadata\":");
        if self.settings.custom_metadata.is_empty() {
            out.extend_from_slice(b"null");
        } else {
            serde_json::to_writer(&mut out, &self.settings.custom_metadata).ok()?;
        }
        out.extend_from_slice(b",\"deletion_time\":\"");
        if let Some(deletion) = newest.deletion {
            time::push_rfc3339(&mut out, deletion);
        }
        let destroyed = if newest.destroyed { "true" } else { "false" };
        for part in ["\",\"destroyed\":", destroyed, ",\"version\":"] {
            out.extend_from_slice(part.as_bytes());
        }
        serde_json::to_writer(&mut out, &self.current).ok()?;
        out.extend_from_slice(b"}}");
        Some(out)
    }
}

impl Version {
    /// Whether its data must not be given out.
    pub(super) fn is_gone(&self, now: Timestamp) -> bool {
        self.destroyed || self.is_deleted(now)
    }

    /// Whether it was deleted, by somebody or by its age.
    pub(super) fn is_deleted(&self, now: Timestamp) -> bool {
        self.deletion.is_some_and(|at| at <= now)
    }

    /// Its times as answers show them.
    pub(super) fn describe(&self) -> Map {
        let mut shown = Map::new();
        shown.insert("created_time".to_owned(), time::rfc3339(self.created).into());
        shown.insert("deletion_time".to_owned(), self.deletion.map(time::rfc3339).unwrap_or_default().into());
        shown.insert("destroyed".to_owned(), self.destroyed.into());
        shown
    }
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn is_false(flag: &bool) -> bool {
    !*flag
}
