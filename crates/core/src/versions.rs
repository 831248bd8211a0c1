//! Which versions of this program have run on the store, for `sys/version-history`.

use crate::{Core, Fault, Record, keys};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The record: versions in the order in which they came.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Versions {
    /// Oldest first.
    pub installed: Vec<Installed>,
}

/// One version.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Installed {
    /// The version that clients see.
    pub version: String,
    /// When the binary was built, RFC 3339; empty when unknown.
    pub build_date: String,
    /// When it was first unsealed here.
    pub since: Timestamp,
}

impl Record for Versions {}

impl Versions {
    /// Where the record is kept.
    pub fn key() -> Vec<u8> {
        keys::core(keys::CONFIG, "versions")
    }
}

impl Core {
    /// Writes down that this version runs, the first time it does.
    pub(crate) async fn note_version(self: &Arc<Self>) -> Result<(), Fault> {
        let mut txn = self.txn();
        let known = txn.get::<Versions>(&Versions::key()).await?;
        let mut versions = known.map(|v| Versions::clone(&v)).unwrap_or_default();
        if versions.installed.last().is_some_and(|v| v.version == self.settings.version) {
            return Ok(());
        }
        versions.installed.push(Installed {
            version: self.settings.version.to_owned(),
            build_date: self.settings.build_date.to_owned(),
            since: self.clock.now(),
        });
        txn.put(&Versions::key(), &versions)?;
        self.commit(txn).await
    }
}
