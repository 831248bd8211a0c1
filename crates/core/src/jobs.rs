//! Unbounded work: a commit leaves a job behind that is effective at once as a tombstone, and is
//! carried out in bounded commits that survive a crash half-way.

use crate::identity::{aliases, groups};
use crate::lease::LeaseRecord;
use crate::mount::Class;
use crate::token::TokenEntry;
use crate::{Core, Fault, Mount, Record, Txn, keys};
use arc_swap::ArcSwap;
use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use strongroom_crypto::{Random, random};

/// Work that is left to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Job {
    /// A token is gone: revoke its children and leases, empty its cubbyhole.
    Belongings {
        /// The token's.
        accessor: String,
    },
    /// Revoke every lease and token below a path prefix that was given before a moment.
    RevokePrefix {
        /// Of lease ids.
        prefix: String,
        /// Leases given later are spared.
        before: Timestamp,
        /// Forget leases even where the engine cannot undo them.
        force: bool,
    },
    /// A group is gone: its members forget it.
    GroupMembers {
        /// Id of the group.
        group: String,
    },
    /// A mount was disabled: revoke its leases, remove its entries and its record.
    RemoveMount {
        /// Its record.
        mount: Box<Mount>,
        /// When it was disabled.
        before: Timestamp,
    },
}

impl Record for Job {}

/// Entries handled in one commit.
const SLICE: usize = 128;

impl Job {
    /// Leaves the job behind in a transaction.
    pub fn enqueue(&self, txn: &mut Txn, random: &dyn Random) -> Result<(), Fault> {
        txn.put(&keys::core(keys::JOB, &random::base62(random, 12)), self)
    }

    fn prefix(&self) -> Option<(String, Timestamp)> {
        match self {
            Self::Belongings { .. } | Self::GroupMembers { .. } => None,
            Self::RevokePrefix { prefix, before, .. } => Some((prefix.clone(), *before)),
            Self::RemoveMount { mount, before } => Some((mount.full_path(), *before)),
        }
    }
}

/// What unfinished jobs have ended already.
#[derive(Default)]
pub struct Tombstones(ArcSwap<Vec<(String, Timestamp)>>);

impl Tombstones {
    /// Whether a token was made below a prefix that is being revoked.
    pub fn covers(&self, token: &TokenEntry) -> bool {
        let all = self.0.load();
        !all.is_empty()
            && all.iter().any(|(prefix, before)| token.issued <= *before && below(prefix, &token.lease_id()))
    }
}

/// Whether a lease id lies below a prefix; `a/b` covers `a/b/...` but not `a/bc`.
fn below(prefix: &str, id: &str) -> bool {
    id.strip_prefix(prefix)
        .is_some_and(|rest| prefix.ends_with('/') || rest.is_empty() || rest.starts_with('/'))
}

impl Core {
    /// Reads which jobs are unfinished and puts their tombstones in force.
    pub(crate) async fn load_tombstones(&self) -> Result<(), Fault> {
        let mut stones = Vec::new();
        for name in self.unfinished().await? {
            if let Some(job) = self.txn().get::<Job>(&keys::core(keys::JOB, &name)).await? {
                stones.extend(job.prefix());
            }
        }
        self.tombstones.0.store(Arc::new(stones));
        Ok(())
    }

    async fn unfinished(&self) -> Result<Vec<String>, Fault> {
        self.txn().names(&keys::core(keys::JOB, "")).await
    }

    /// Carries out jobs until none is left or `slices` commits were made; true when none is left.
    pub async fn work_off(self: &Arc<Self>, slices: usize) -> Result<bool, Fault> {
        let mut left = slices;
        loop {
            let names = self.unfinished().await?;
            if names.is_empty() {
                return Ok(true);
            }
            let mut progress = false;
            for name in names {
                while left > 0 {
                    left -= 1;
                    match self.slice(&name).await {
                        Ok(false) => {}
                        Ok(true) => {
                            progress = true;
                            break;
                        }
                        Err(Fault::Conflict) => {}
                        Err(fault) => return Err(fault),
                    }
                }
            }
            if left == 0 || !progress {
                return Ok(false);
            }
        }
    }

    /// One bounded commit of one job; true when the job is done.
    async fn slice(self: &Arc<Self>, name: &str) -> Result<bool, Fault> {
        let key = keys::core(keys::JOB, name);
        let mut txn = self.txn();
        let Some(job) = txn.get::<Job>(&key).await? else { return Ok(true) };
        let done = match job.as_ref() {
            Job::Belongings { accessor } => self.clear_belongings(&mut txn, accessor).await?,
            Job::RevokePrefix { prefix, before, force } => {
                self.revoke_below(&mut txn, prefix, *before, *force).await?
            }
            Job::GroupMembers { group } => groups::clear_members(&mut txn, group, SLICE).await?,
            Job::RemoveMount { mount, before } => self.remove_mount(&mut txn, mount, *before).await?,
        };
        if done {
            txn.delete(&key);
        }
        self.commit(txn).await?;
        Ok(done)
    }

    async fn clear_belongings(self: &Arc<Self>, txn: &mut Txn, accessor: &str) -> Result<bool, Fault> {
        for child in small_names(txn, &crate::tokens::child_key(accessor, "")).await? {
            self.revoke_token(txn, &child).await?;
            txn.delete(&crate::tokens::child_key(accessor, &child));
        }
        let owned = crate::lease::owned_key(accessor, "");
        for id in small_names(txn, &owned).await? {
            self.end_lease(txn, &id, false).await?;
            txn.delete(&crate::lease::owned_key(accessor, &id));
        }
        let mut left = false;
        for prefix in self.belongings(accessor) {
            let found = txn.list(&prefix, None, SLICE).await?;
            // What is left below the first two prefixes was handled above; the cubbyhole is erased.
            for key in &found {
                if !is_index(key) {
                    txn.delete(key);
                }
            }
            left |= !txn.list(&prefix, None, 1).await?.is_empty();
        }
        Ok(!left)
    }

    async fn revoke_below(
        self: &Arc<Self>,
        txn: &mut Txn,
        prefix: &str,
        before: Timestamp,
        force: bool,
    ) -> Result<bool, Fault> {
        let (mut after, mut handled) = (None::<Bytes>, 0);
        loop {
            let page = txn.list(&keys::core(keys::LEASE, prefix), after.as_deref(), SLICE).await?;
            for key in &page {
                let Some(id) = lease_id(key).filter(|id| below(prefix, id)) else { continue };
                if self.was_given_before(txn, &id, before).await? {
                    self.end_lease(txn, &id, force).await?;
                    handled += 1;
                }
            }
            match page.last() {
                Some(last) if page.len() == SLICE => after = Some(last.clone()),
                _ => return Ok(true),
            }
            if handled >= SLICE {
                return Ok(false);
            }
        }
    }

    async fn remove_mount(
        self: &Arc<Self>,
        txn: &mut Txn,
        mount: &Mount,
        before: Timestamp,
    ) -> Result<bool, Fault> {
        if !self.revoke_below(txn, &mount.full_path(), before, true).await? {
            return Ok(false);
        }
        let entries = txn.list(&mount.key(""), None, SLICE).await?;
        for key in &entries {
            txn.delete(key);
        }
        if entries.len() == SLICE {
            return Ok(false);
        }
        if !aliases::remove_of_mount(txn, &mount.id, self.clock.now(), SLICE).await? {
            return Ok(false);
        }
        if mount.class == Class::Auth {
            let counts = keys::core(keys::LOCKOUT, &format!("{}/", mount.id));
            for name in txn.names(&counts).await? {
                txn.delete(&keys::core(keys::LOCKOUT, &format!("{}/{name}", mount.id)));
            }
        }
        txn.delete(&mount.record_key());
        Ok(true)
    }

    /// Ends a lease inside a job: where the engine cannot undo it now, the expiry queue tries again.
    async fn end_lease(self: &Arc<Self>, txn: &mut Txn, id: &str, force: bool) -> Result<(), Fault> {
        match self.revoke_lease(txn, id, force).await {
            Ok(()) => Ok(()),
            Err(fault @ (Fault::Conflict | Fault::Sealed)) => Err(fault),
            Err(fault) => self.postpone_revocation(id, &fault.to_string()).await,
        }
    }

    async fn was_given_before(&self, txn: &mut Txn, id: &str, before: Timestamp) -> Result<bool, Fault> {
        let record = txn.get::<LeaseRecord>(&crate::lease::lease_key(id)).await?;
        Ok(match record.as_deref() {
            None => false,
            Some(LeaseRecord::Secret(entry)) => entry.issued <= before,
            Some(LeaseRecord::Token { accessor }) => txn
                .get::<TokenEntry>(&keys::core(keys::TOKEN, accessor))
                .await?
                .is_some_and(|entry| entry.issued <= before),
        })
    }

    /// Works off jobs in the background until the server is sealed.
    pub(crate) async fn job_worker(self: Arc<Self>, era: u64) {
        while self.is_era(era) {
            match self.work_off(SLICES_PER_TURN).await {
                Ok(true) => {
                    // Tombstones of finished jobs are taken down here, once nothing of theirs is left.
                    if let Err(fault) = self.load_tombstones().await {
                        tracing::warn!(%fault, "cannot read the unfinished jobs");
                    }
                    let wake = self.jobs_wake.notified();
                    let _ = tokio::time::timeout(Duration::from_secs(60), wake).await;
                }
                Ok(false) => tokio::task::yield_now().await,
                Err(Fault::Sealed) => tokio::time::sleep(Duration::from_millis(50)).await,
                Err(fault) => {
                    tracing::warn!(%fault, "a background job failed and will be tried again");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }
}

const SLICES_PER_TURN: usize = 64;

fn is_index(key: &[u8]) -> bool {
    keys::core_name(key).is_some()
}

fn lease_id(key: &[u8]) -> Option<String> {
    let name = keys::core_name(key)?.strip_prefix(keys::LEASE.as_bytes())?;
    String::from_utf8(name.to_vec()).ok()
}

async fn small_names(txn: &mut Txn, prefix: &[u8]) -> Result<Vec<String>, Fault> {
    let page = txn.list(prefix, None, SLICE).await?;
    Ok(page
        .iter()
        .filter_map(|k| k.strip_prefix(prefix))
        .map(|n| String::from_utf8_lossy(n).into_owned())
        .collect())
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
