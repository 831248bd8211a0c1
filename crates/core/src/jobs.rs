//! Unbounded work: a commit leaves a job behind that is effective at once as a tombstone, and is
//! carried out in bounded commits that survive a crash half-way.

mod tombstones;

pub use tombstones::Tombstones;

use crate::identity::{aliases, groups};
use crate::lease::LeaseRecord;
use crate::mount::Class;
use crate::namespace::{Namespace, NamespaceId};
use crate::token::TokenEntry;
use crate::{Core, Fault, Mount, Record, Txn, keys};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use strongroom_crypto::{Random, random};
use tombstones::{Tombstone, below};

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
        /// The namespace of the leases.
        #[serde(default)]
        namespace: NamespaceId,
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
    /// A namespace was deleted: revoke its leases, remove all that is left of it.
    RemoveNamespace {
        /// Its record.
        namespace: Box<Namespace>,
    },
}

impl Record for Job {}

/// How far a job has come that goes through leases once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Place {
    /// The lease that was looked at last.
    after: String,
    /// Every lease was looked at.
    leases_done: bool,
    /// Why a lease of this pass is still there.
    unread: Option<String>,
}

impl Record for Place {}

/// How the ids of jobs begin that are tombstones too. There are few of them, whereas of the others a
/// family of tokens can leave thousands.
const TOMBSTONE: &str = "tombstone-";
/// Entries handled in one commit.
const SLICE: usize = 128;

impl Job {
    /// Leaves the job behind in a transaction.
    pub fn enqueue(&self, txn: &mut Txn, random: &dyn Random) -> Result<(), Fault> {
        let kind = if self.prefix().is_some() { TOMBSTONE } else { "work-" };
        txn.put(&keys::core(keys::JOB, &format!("{kind}{}", random::base62(random, 12))), self)
    }

    fn prefix(&self) -> Option<Tombstone> {
        match self {
            // Of a namespace that is gone nothing is found any more; there is nothing to look up.
            Self::Belongings { .. } | Self::GroupMembers { .. } | Self::RemoveNamespace { .. } => None,
            Self::RevokePrefix { namespace, prefix, before, .. } => {
                Some(Tombstone { namespace: namespace.clone(), prefix: prefix.clone(), before: *before })
            }
            Self::RemoveMount { mount, before } => {
                let (namespace, prefix) = (mount.namespace.clone(), mount.full_path());
                Some(Tombstone { namespace, prefix, before: *before })
            }
        }
    }

    /// The namespace that the work lies in.
    fn namespace(&self) -> NamespaceId {
        match self {
            Self::Belongings { accessor: id } | Self::GroupMembers { group: id } => NamespaceId::of(id),
            Self::RevokePrefix { namespace, .. } => namespace.clone(),
            Self::RemoveMount { mount, .. } => mount.namespace.clone(),
            Self::RemoveNamespace { namespace } => namespace.id.clone(),
        }
    }
}

impl Core {
    async fn unfinished(&self) -> Result<Vec<String>, Fault> {
        self.txn().names(&keys::core(keys::JOB, "")).await
    }

    /// Carries out jobs until none is left or `slices` commits were made; true when none is left. They
    /// take turns, so that neither a long job nor one that fails keeps the others waiting.
    pub async fn work_off(self: &Arc<Self>, slices: usize) -> Result<bool, Fault> {
        let mut left = slices;
        loop {
            let names = self.unfinished().await?;
            if names.is_empty() {
                return Ok(true);
            }
            let (mut progress, mut failed) = (false, None);
            for name in names {
                if left == 0 {
                    return Ok(false);
                }
                left -= 1;
                match self.slice(&name).await {
                    Ok(()) | Err(Fault::Conflict) => progress = true,
                    Err(Fault::Sealed) => return Err(Fault::Sealed),
                    Err(fault) => failed = Some(fault),
                }
            }
            if let Some(fault) = failed.filter(|_| !progress) {
                return Err(fault);
            }
        }
    }

    /// One bounded commit of one job.
    async fn slice(self: &Arc<Self>, name: &str) -> Result<(), Fault> {
        let (key, place_key) = (keys::core(keys::JOB, name), keys::core(keys::JOB_PLACE, name));
        let Some(job) = self.txn().get::<Job>(&key).await? else { return Ok(()) };
        let mut txn = self.txn_within(job.namespace());
        // Once more, so that the commit depends on it.
        if !txn.exists(&key).await? {
            return Ok(());
        }
        let mut place = txn.get::<Place>(&place_key).await?.map_or_else(Place::default, |p| Place::clone(&p));
        let done = match job.as_ref() {
            Job::Belongings { accessor } => self.clear_belongings(&mut txn, accessor).await?,
            Job::RevokePrefix { prefix, before, force, .. } => {
                self.revoke_below(&mut txn, &mut place, prefix, *before, *force).await?
            }
            Job::GroupMembers { group } => groups::clear_members(&mut txn, group, SLICE).await?,
            Job::RemoveMount { mount, before } => {
                self.remove_mount(&mut txn, &mut place, mount, *before).await?
            }
            Job::RemoveNamespace { namespace } => self.remove_namespace(&mut txn, namespace).await?,
        };
        // A pass that had to leave something out begins again later.
        let unread = if done { place.unread.take() } else { None };
        if done && unread.is_none() {
            txn.delete(&key);
        }
        if done {
            txn.delete(&place_key);
        } else if place != Place::default() {
            txn.put(&place_key, &place)?;
        }
        self.commit(txn).await?;
        unread.map_or(Ok(()), |why| Err(Fault::Internal(why)))
    }

    async fn clear_belongings(self: &Arc<Self>, txn: &mut Txn, accessor: &str) -> Result<bool, Fault> {
        for child in small_names(txn, &crate::tokens::child_key(accessor, "")).await? {
            self.revoke_token(txn, &child).await?;
            txn.delete(&crate::tokens::child_key(accessor, &child));
        }
        let owned = crate::lease::owned_key(accessor, "");
        for id in small_names(txn, &owned).await? {
            self.revoke_or_put_off(txn, &id, false).await?;
            txn.delete(&crate::lease::owned_key(accessor, &id));
        }
        let mut left = clear_away(txn, accessor).await?;
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
        place: &mut Place,
        prefix: &str,
        before: Timestamp,
        force: bool,
    ) -> Result<bool, Fault> {
        let after = (!place.after.is_empty()).then(|| txn.key(keys::LEASE, &place.after));
        let page = txn.list(&txn.key(keys::LEASE, prefix), after.as_deref(), SLICE).await?;
        for key in &page {
            let Some(id) = lease_id(key) else { continue };
            if below(prefix, &id)
                && let Err(fault) = self.end_if_given_before(txn, &id, before, force).await
            {
                if matches!(fault, Fault::Conflict | Fault::Sealed) {
                    return Err(fault);
                }
                place.unread = Some(format!("a lease could not be ended: {fault}"));
            }
            // Leases that stay, since they are newer or their engine is stuck, are passed once.
            place.after = id;
        }
        Ok(page.len() < SLICE)
    }

    async fn end_if_given_before(
        self: &Arc<Self>,
        txn: &mut Txn,
        id: &str,
        before: Timestamp,
        force: bool,
    ) -> Result<(), Fault> {
        if !self.was_given_before(txn, id, before).await? {
            return Ok(());
        }
        self.revoke_or_put_off(txn, id, force).await
    }

    async fn remove_mount(
        self: &Arc<Self>,
        txn: &mut Txn,
        place: &mut Place,
        mount: &Mount,
        before: Timestamp,
    ) -> Result<bool, Fault> {
        if !place.leases_done {
            place.leases_done = self.revoke_below(txn, place, &mount.full_path(), before, true).await?;
            return Ok(place.unread.is_some() && place.leases_done);
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
            let counts = txn.key(keys::LOCKOUT, &format!("{}/", mount.id));
            let found = txn.list(&counts, None, SLICE).await?;
            for key in &found {
                txn.delete(key);
            }
            if found.len() == SLICE {
                return Ok(false);
            }
        }
        txn.delete(&mount.record_key());
        Ok(true)
    }

    /// The leases first, for what they stand for lies outside; then the tokens, whose entries among the
    /// children of others and in the index of what expires lie outside too; then all the rest.
    async fn remove_namespace(self: &Arc<Self>, txn: &mut Txn, namespace: &Namespace) -> Result<bool, Fault> {
        let leases = txn.list(&txn.key(keys::LEASE, ""), None, SLICE).await?;
        for key in &leases {
            if let Some(id) = lease_id(key) {
                self.end_for_good(txn, &id).await?;
            }
            txn.delete(key);
        }
        if !leases.is_empty() {
            return Ok(false);
        }
        let tokens = txn.list(&txn.key(keys::TOKEN, ""), None, SLICE).await?;
        for key in &tokens {
            if let Ok(Some(entry)) = txn.get::<TokenEntry>(key).await {
                crate::tokens::forget(txn, &entry);
            }
            txn.delete(key);
        }
        if !tokens.is_empty() {
            return Ok(false);
        }
        let rest = txn.list(&keys::all_of(namespace.id.as_str()), None, SLICE).await?;
        let cubbyhole = crate::tokens::cubbyhole_below(namespace.id.as_str());
        for key in &rest {
            // A token of a namespace above has noted there that it was here.
            if let Some(entry) = key.strip_prefix(cubbyhole.as_slice()) {
                let entry = String::from_utf8_lossy(entry);
                let accessor = entry.split('/').next().unwrap_or("");
                txn.delete(&crate::tokens::away_key(accessor, namespace.id.as_str()));
            }
            txn.delete(key);
        }
        Ok(rest.is_empty())
    }

    /// Ends a lease of a namespace that is gone: neither an engine that fails nor a record that cannot be
    /// read keeps anything of it.
    async fn end_for_good(self: &Arc<Self>, txn: &mut Txn, id: &str) -> Result<(), Fault> {
        let ended = match txn.get::<LeaseRecord>(&crate::lease::lease_key(id)).await {
            Ok(Some(record)) => match record.as_ref() {
                // What belongs to the token is removed with the namespace.
                LeaseRecord::Token { accessor } => {
                    let entry = txn.get::<TokenEntry>(&keys::of(keys::TOKEN, accessor)).await;
                    entry.map(|entry| entry.iter().for_each(|entry| crate::tokens::forget(txn, entry)))
                }
                LeaseRecord::Secret(_) => self.revoke_lease(txn, id, true).await,
            },
            Ok(None) => Ok(()),
            Err(fault) => Err(fault),
        };
        match ended {
            Err(fault @ (Fault::Conflict | Fault::Sealed)) => Err(fault),
            Err(fault) => {
                tracing::error!(lease = id, %fault, "a lease is forgotten that cannot be read");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    async fn was_given_before(&self, txn: &mut Txn, id: &str, before: Timestamp) -> Result<bool, Fault> {
        let record = txn.get::<LeaseRecord>(&crate::lease::lease_key(id)).await?;
        Ok(match record.as_deref() {
            None => false,
            Some(LeaseRecord::Secret(entry)) => entry.issued <= before,
            Some(LeaseRecord::Token { accessor }) => txn
                .get::<TokenEntry>(&keys::of(keys::TOKEN, accessor))
                .await?
                .is_some_and(|entry| entry.issued <= before),
        })
    }

    /// Works off jobs in the background until the server is sealed.
    pub(crate) async fn job_worker(self: Arc<Self>, era: u64) {
        while self.is_era(era) {
            match self.work_off(SLICES_PER_TURN).await {
                Ok(true) => {
                    if let Err(fault) = self.take_down_tombstones().await {
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

/// Empties what a token has in the cubbyholes of namespaces below its own; true if something is left.
async fn clear_away(txn: &mut Txn, accessor: &str) -> Result<bool, Fault> {
    for namespace in small_names(txn, &crate::tokens::away_key(accessor, "")).await? {
        let mut prefix = crate::tokens::cubbyhole_below(&namespace);
        prefix.extend_from_slice(accessor.as_bytes());
        prefix.push(b'/');
        let found = txn.list(&prefix, None, SLICE).await?;
        for key in &found {
            txn.delete(key);
        }
        if found.len() == SLICE {
            return Ok(true);
        }
        txn.delete(&crate::tokens::away_key(accessor, &namespace));
    }
    Ok(false)
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
