//! What unfinished jobs have ended already, before they come to it.

use super::{Job, TOMBSTONE};
use crate::lease::LeaseEntry;
use crate::namespace::NamespaceId;
use crate::token::{Kind, TokenEntry};
use crate::{Core, Fault, keys};
use arc_swap::ArcSwap;
use jiff::Timestamp;
use std::sync::Arc;

/// What unfinished jobs have ended already.
#[derive(Default)]
pub struct Tombstones(ArcSwap<Vec<Tombstone>>);

impl Tombstones {
    /// Whether a token was made below a prefix that is being revoked. One that has no lease, since it
    /// never ends or is not kept, is none that the job will find, and would come back to life after it.
    pub fn covers(&self, token: &TokenEntry) -> bool {
        let all = self.0.load();
        if all.is_empty() || token.expires.is_none() || token.kind == Kind::Batch {
            return false;
        }
        let id = token.lease_id();
        all.iter().any(|stone| stone.covers(&token.namespace, token.issued, &id))
    }

    /// Whether a lease was given below a prefix that is being revoked.
    pub fn covers_lease(&self, lease: &LeaseEntry) -> bool {
        let all = self.0.load();
        !all.is_empty() && {
            let namespace = NamespaceId::of(&lease.id);
            all.iter().any(|stone| stone.covers(&namespace, lease.issued, &lease.id))
        }
    }
}

/// Leases of a namespace below a prefix that were given before a moment.
pub(super) struct Tombstone {
    pub(super) namespace: NamespaceId,
    pub(super) prefix: String,
    pub(super) before: Timestamp,
}

impl Tombstone {
    fn covers(&self, namespace: &NamespaceId, issued: Timestamp, id: &str) -> bool {
        issued <= self.before && self.namespace == *namespace && below(&self.prefix, id)
    }
}

impl Core {
    /// Reads which jobs are unfinished and puts their tombstones in force.
    pub(crate) async fn load_tombstones(&self) -> Result<(), Fault> {
        let mut stones = Vec::new();
        for name in self.txn().names(&keys::core(keys::JOB, TOMBSTONE)).await? {
            let key = keys::core(keys::JOB, &format!("{TOMBSTONE}{name}"));
            if let Some(job) = self.txn().get::<Job>(&key).await? {
                stones.extend(job.prefix());
            }
        }
        self.tombstones.0.store(Arc::new(stones));
        Ok(())
    }

    /// Takes down the tombstones of finished jobs, once nothing of theirs is left.
    pub(super) async fn take_down_tombstones(&self) -> Result<(), Fault> {
        // One that is put up meanwhile must not be lost over it.
        let _turn = self.reloading.lock().await;
        self.load_tombstones().await
    }
}

/// Whether a lease id lies below a prefix; `a/b` covers `a/b/...` but not `a/bc`.
pub(super) fn below(prefix: &str, id: &str) -> bool {
    id.strip_prefix(prefix)
        .is_some_and(|rest| prefix.ends_with('/') || rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_end_at_slashes() {
        assert!(below("a/b", "a/b/c") && below("a/b/", "a/b/c") && below("a/b", "a/b"));
        assert!(!below("a/b", "a/bc/d") && !below("a/b/", "a/b"));
    }
}
