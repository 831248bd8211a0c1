//! Mounts: their records, and the routing snapshot made of them.

use crate::engine::Backend;
use crate::namespace::{Namespace, NamespaceId};
use crate::{Record, RouteTable, keys};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Whether a mount is a secret engine or an auth method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Below `/v1/`.
    Secret,
    /// Below `/v1/auth/`.
    Auth,
}

impl Class {
    /// As the audit trail says it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Auth => "auth",
        }
    }
}

/// The record of a mount.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Mount {
    /// Names its storage; never changes.
    pub id: String,
    /// The namespace it belongs to.
    pub namespace: NamespaceId,
    /// Secret engine or auth method.
    pub class: Class,
    /// Ends in `/`; without `auth/`.
    pub path: String,
    /// `kv`, `userpass`.
    pub kind: String,
    /// Shown as `uuid`.
    pub uuid: String,
    /// Shown as `accessor`, as in `kv_1a2b3c4d`.
    pub accessor: String,
    /// Free text.
    #[serde(default)]
    pub description: String,
    /// Options, such as kv's `version`.
    #[serde(default)]
    pub options: BTreeMap<String, String>,
    /// Tunable settings.
    #[serde(default)]
    pub config: MountConfig,
    /// Not replicated; kept and shown, without effect on one cluster.
    #[serde(default)]
    pub local: bool,
    /// Kept and shown; everything is sealed here.
    #[serde(default)]
    pub seal_wrap: bool,
    /// Kept and shown.
    #[serde(default)]
    pub external_entropy_access: bool,
    /// Set when disabling has begun: the mount is gone for everybody, its entries are being removed.
    #[serde(default)]
    pub removed: bool,
}

impl Record for Mount {}

/// What `tune` changes. Times in seconds, 0 for the server's default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MountConfig {
    /// Default lease TTL.
    pub default_lease_ttl: u64,
    /// Maximum lease TTL.
    pub max_lease_ttl: u64,
    /// Kept and shown.
    pub force_no_cache: bool,
    /// Request keys that audit writes in the clear.
    pub audit_non_hmac_request_keys: Vec<String>,
    /// Response keys that audit writes in the clear.
    pub audit_non_hmac_response_keys: Vec<String>,
    /// `hidden` or `unauth`; empty when never set.
    pub listing_visibility: String,
    /// Request headers handed to the engine.
    pub passthrough_request_headers: Vec<String>,
    /// Response headers the engine may set.
    pub allowed_response_headers: Vec<String>,
    /// `default-service`, `default-batch`, `service`, `batch`; empty when never set.
    pub token_type: String,
    /// Settings of the user lockout, as set.
    pub user_lockout: Option<LockoutConfig>,
    /// Kept and shown.
    pub plugin_version: String,
}

/// User lockout of an auth mount; absent values are the server's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LockoutConfig {
    /// Failures until the lock.
    pub threshold: Option<u64>,
    /// Seconds the lock lasts.
    pub duration: Option<u64>,
    /// Seconds without a failure after which counting starts anew.
    pub counter_reset: Option<u64>,
    /// No lockout here.
    pub disable: Option<bool>,
}

impl Mount {
    /// The full path below `/v1/`, ending in `/`.
    pub fn full_path(&self) -> String {
        match self.class {
            Class::Secret => self.path.clone(),
            Class::Auth => format!("auth/{}", self.path),
        }
    }

    /// A key in the mount's own storage.
    pub fn key(&self, name: &str) -> Vec<u8> {
        let namespace = self.namespace.as_str();
        let mut key = Vec::with_capacity(namespace.len() + self.id.len() + name.len() + 2);
        for part in [namespace, "/", self.id.as_str(), "/", name] {
            key.extend_from_slice(part.as_bytes());
        }
        key
    }

    /// Where its record is kept.
    pub fn record_key(&self) -> Vec<u8> {
        keys::within(self.namespace.as_str(), keys::MOUNT, &self.id)
    }

    /// Whether every namespace has one, at its own path. Those of other namespaces than root have no
    /// record, and are there as long as the namespace is.
    pub fn is_built_in(&self) -> bool {
        BUILT_IN.contains(&self.kind.as_str())
    }

    /// The type as clients see it: `ns_token` where a namespace other than root has `token`.
    pub fn shown_kind(&self) -> &str {
        if self.namespace.is_root() {
            return &self.kind;
        }
        match self.kind.as_str() {
            "system" => "ns_system",
            "cubbyhole" => "ns_cubbyhole",
            "identity" => "ns_identity",
            "token" => "ns_token",
            other => other,
        }
    }
}

/// Types that every namespace has once, at their own path.
pub const BUILT_IN: [&str; 4] = ["system", "cubbyhole", "identity", "token"];

/// A mount with what is plugged in.
pub struct Mounted {
    /// Its record.
    pub entry: Mount,
    /// `entry.full_path()`, made once.
    pub full_path: String,
    /// The engine or auth method.
    pub backend: Backend,
    /// Its routes.
    pub table: Arc<RouteTable>,
}

impl std::fmt::Debug for Mounted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mounted").field("entry", &self.entry).finish_non_exhaustive()
    }
}

/// One snapshot of a namespace and all its mounts, for routing.
#[derive(Default)]
pub struct MountTable {
    /// The namespace.
    pub namespace: Namespace,
    by_path: HashMap<String, Arc<Mounted>>,
}

impl std::fmt::Debug for MountTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MountTable").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}

impl MountTable {
    /// A table of these mounts; removed ones are left out.
    pub fn new(namespace: Namespace, mounts: impl IntoIterator<Item = Arc<Mounted>>) -> Self {
        let live = mounts.into_iter().filter(|m| !m.entry.removed);
        Self { namespace, by_path: live.map(|m| (m.full_path.clone(), m)).collect() }
    }

    /// The same mounts under a changed record of their namespace.
    #[must_use]
    pub fn renamed(&self, namespace: Namespace) -> Self {
        Self { namespace, by_path: self.by_path.clone() }
    }

    /// The mount a path belongs to. Mounts never lie within each other, so the first hit is the one.
    pub fn resolve(&self, path: &str) -> Option<&Arc<Mounted>> {
        let folders = path.char_indices().filter(|(_, c)| *c == '/').filter_map(|(i, _)| path.get(..=i));
        folders.into_iter().find_map(|prefix| self.by_path.get(prefix)).or_else(|| {
            // `LIST secret` without a slash means the mount itself.
            self.by_path.get(&format!("{path}/"))
        })
    }

    /// The mount at exactly this full path (ending in `/`).
    pub fn at(&self, full_path: &str) -> Option<&Arc<Mounted>> {
        self.by_path.get(full_path)
    }

    /// The mount with this id.
    pub fn by_id(&self, id: &str) -> Option<&Arc<Mounted>> {
        self.by_path.values().find(|m| m.entry.id == id)
    }

    /// The mount with this accessor.
    pub fn by_accessor(&self, accessor: &str) -> Option<&Arc<Mounted>> {
        self.by_path.values().find(|m| m.entry.accessor == accessor)
    }

    /// All mounts of a class, by path.
    pub fn of(&self, class: Class) -> Vec<&Arc<Mounted>> {
        let mut all: Vec<_> = self.by_path.values().filter(|m| m.entry.class == class).collect();
        all.sort_by(|a, b| a.entry.path.cmp(&b.entry.path));
        all
    }

    /// A mount whose path contains, or lies within, this full path.
    pub fn in_the_way(&self, full_path: &str) -> Option<&Arc<Mounted>> {
        self.by_path
            .values()
            .find(|m| m.full_path.starts_with(full_path) || full_path.starts_with(&m.full_path))
    }
}
