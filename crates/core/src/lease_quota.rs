//! Limits on how many leases there may be, tokens included, for the whole server, a namespace, a mount or a
//! path below one.
//!
//! Leases are counted in memory and nowhere else: a counter in the store would make every login wait for
//! every other. The count of a limit is taken when it is needed first, page by page, and follows every
//! commit from then on. Commits that make or end leases wait while a page is counted, so that each lease is
//! either on a page or in a commit that follows, never both.

use crate::namespace::NamespaceId;
use crate::realm::Realm;
use crate::{Core, Fault, Record, Txn, keys, quota};
use arc_swap::ArcSwap;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A limit as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseLimit {
    /// Its name.
    pub name: String,
    /// Empty for all leases, else a namespace, a mount (`auth/userpass/`) or a path below one; `*` at the
    /// end for all that begin so.
    pub path: String,
    /// How many leases there may be.
    pub max_leases: u64,
    /// Whether it holds in child namespaces too.
    pub inheritable: bool,
}

impl Record for LeaseLimit {}

/// The limits in force and how far each is used.
#[derive(Default)]
pub(crate) struct LeaseQuotas {
    limits: ArcSwap<Vec<Arc<Limit>>>,
    /// Held by commits that make or end leases, and alone while a page is counted.
    gate: tokio::sync::RwLock<()>,
}

/// A limit with its count.
pub(crate) struct Limit {
    rule: LeaseLimit,
    count: Mutex<Count>,
    /// Held while it is being counted.
    counting: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Count {
    leases: u64,
    /// Leases that requests under way are about to make.
    pending: u64,
    place: Place,
}

/// How far the counting has come.
#[derive(Default, Clone, PartialEq)]
enum Place {
    /// It has not begun.
    #[default]
    Nowhere,
    /// All keys of the parts before this one, and those of this one up to a key.
    At { parts: Arc<Vec<Vec<u8>>>, part: usize, after: Vec<u8> },
    /// It is done.
    Done,
}

/// The right to make one lease, until it is there or the request has failed.
pub(crate) struct Permit(Arc<Limit>);

/// The leases that a commit makes and ends, by key.
#[derive(Debug, Default)]
pub(crate) struct LeaseChanges {
    pub(crate) made: Vec<Bytes>,
    pub(crate) ended: Vec<Bytes>,
}

/// Keys counted at a time.
const PAGE: usize = 1000;

impl LeaseQuotas {
    fn none(&self) -> bool {
        self.limits.load().is_empty()
    }

    /// Forgets all limits.
    pub(crate) fn clear(&self) {
        self.limits.store(Arc::default());
    }

    /// The most specific limit of a lease, by its key.
    fn specific(&self, realm: &Realm, key: &[u8]) -> Option<Arc<Limit>> {
        let limits = self.limits.load();
        let (namespace, name) = keys::split(key)?;
        let id = std::str::from_utf8(name.strip_prefix(keys::LEASE.as_bytes())?).ok()?;
        let space = realm.by_id(namespace)?.namespace.path.as_str();
        let whole = format!("{space}{id}");
        let fitting = limits.iter().filter(|limit| limit.rule.covers(space, &whole));
        fitting.max_by_key(|limit| limit.rule.path.len()).cloned()
    }

    /// Follows what a commit has made and ended.
    fn follow(&self, realm: &Realm, changes: &LeaseChanges) {
        for key in &changes.made {
            if let Some(limit) = self.specific(realm, key) {
                limit.count().made(key);
            }
        }
        for key in &changes.ended {
            if let Some(limit) = self.specific(realm, key) {
                limit.count().ended(key);
            }
        }
    }

    /// Forgets what was counted: nobody knows what a commit has done, or a namespace has gone with its leases,
    /// whose ends are no limit's any more.
    pub(crate) fn doubt(&self) {
        self.limits.load().iter().for_each(|limit| limit.count().place = Place::Nowhere);
    }
}

impl LeaseLimit {
    /// Whether it is for a path within a namespace. A limit for all leases is for those of root, and of
    /// other namespaces if it is inheritable.
    fn covers(&self, namespace: &str, path: &str) -> bool {
        if self.path.is_empty() {
            return namespace.is_empty() || self.inheritable;
        }
        quota::covers(&self.path, path)
    }

    /// Where the keys of the leases begin that it may be for.
    fn parts(&self, realm: &Realm) -> Vec<Vec<u8>> {
        let path = self.path.strip_suffix('*').unwrap_or(&self.path);
        let spaces = std::iter::once(realm.root()).chain(realm.others()).map(|table| &table.namespace);
        spaces
            .filter_map(|space| {
                let rest = match path.strip_prefix(space.path.as_str()) {
                    Some(rest) => rest,
                    None if space.path.starts_with(path) => "",
                    None => return None,
                };
                Some(keys::within(space.id.as_str(), keys::LEASE, rest))
            })
            .collect()
    }
}

impl Limit {
    fn count(&self) -> MutexGuard<'_, Count> {
        self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_counted(&self) -> bool {
        self.count().place == Place::Done
    }

    /// Takes the right to one more lease, if there is room.
    fn take(self: Arc<Self>) -> Option<Permit> {
        let mut count = self.count();
        if count.leases + count.pending >= self.rule.max_leases {
            return None;
        }
        count.pending += 1;
        drop(count);
        Some(Permit(self))
    }
}

impl Count {
    fn made(&mut self, key: &[u8]) {
        if self.has_passed(key) {
            self.leases += 1;
        }
    }

    fn ended(&mut self, key: &[u8]) {
        if self.has_passed(key) {
            self.leases = self.leases.saturating_sub(1);
        }
    }

    /// Whether the counting is past a key: what happens to it will be on no page.
    fn has_passed(&self, key: &[u8]) -> bool {
        match &self.place {
            Place::Nowhere => false,
            Place::Done => true,
            Place::At { parts, part, after } => {
                let own = parts.iter().position(|start| key.starts_with(start));
                own.is_some_and(|own| own < *part || (own == *part && key <= after.as_slice()))
            }
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut count = self.0.count();
        count.pending = count.pending.saturating_sub(1);
    }
}

impl Core {
    /// Puts the stored limits in force. They are counted anew: what one is for, others may have taken over.
    pub(crate) async fn load_lease_quotas(&self) -> Result<(), Fault> {
        let mut txn = self.txn();
        let mut limits = Vec::new();
        for name in txn.names(&keys::core(keys::LEASE_QUOTA, "")).await? {
            if let Some(rule) = txn.get::<LeaseLimit>(&keys::core(keys::LEASE_QUOTA, &name)).await? {
                let rule = LeaseLimit::clone(&rule);
                limits.push(Arc::new(Limit { rule, count: Mutex::default(), counting: Default::default() }));
            }
        }
        self.lease_quotas.limits.store(Arc::new(limits));
        Ok(())
    }

    /// Takes the right to a lease below a request's path in a namespace off the most specific limit, for as
    /// long as the transaction lasts; refuses with 429.
    pub(crate) async fn permit_lease(
        &self,
        txn: &mut Txn,
        namespace: &NamespaceId,
        path: &str,
    ) -> Result<(), Fault> {
        if self.lease_quotas.none() {
            return Ok(());
        }
        let below = format!("{}/", path.trim_end_matches('/'));
        let key = keys::within(namespace.as_str(), keys::LEASE, &below);
        let Some(limit) = self.lease_quotas.specific(&self.realm(), &key) else { return Ok(()) };
        self.counted(&limit).await?;
        match limit.clone().take() {
            Some(permit) => {
                txn.hold(permit);
                Ok(())
            }
            None => {
                self.metrics.leases_refused.add();
                Err(Fault::TooMany(format!(
                    "request path {path:?}: lease count quota {:?} exceeded",
                    limit.rule.name
                )))
            }
        }
    }

    /// How many leases count against a limit; none if there is no limit of that name.
    pub async fn leases_of_limit(&self, name: &str) -> Result<Option<u64>, Fault> {
        let found = self.lease_quotas.limits.load().iter().find(|l| l.rule.name == name).cloned();
        let Some(limit) = found else { return Ok(None) };
        self.counted(&limit).await?;
        let leases = limit.count().leases;
        Ok(Some(leases))
    }

    /// The limits whose leases were counted, with their counts: what there is to say without counting.
    pub fn lease_counts(&self) -> Vec<(LeaseLimit, u64)> {
        let limits = self.lease_quotas.limits.load();
        let counted = limits.iter().filter(|limit| limit.is_counted());
        counted.map(|limit| (limit.rule.clone(), limit.count().leases)).collect()
    }

    /// Commits, with an eye on leases where there are limits.
    pub(crate) async fn commit_counted(&self, txn: Txn) -> (crate::txn::Written, Result<(), Fault>) {
        if self.lease_quotas.none() {
            return txn.commit().await;
        }
        let changes = txn.lease_changes();
        let _still = self.lease_quotas.gate.read().await;
        let (written, outcome) = txn.commit().await;
        match &outcome {
            Ok(()) => self.lease_quotas.follow(&self.realm(), &changes),
            Err(Fault::Conflict) => {}
            Err(_) => self.lease_quotas.doubt(),
        }
        (written, outcome)
    }

    /// Sees to it that the leases of a limit are counted.
    async fn counted(&self, limit: &Arc<Limit>) -> Result<(), Fault> {
        if limit.is_counted() {
            return Ok(());
        }
        let _turn = limit.counting.lock().await;
        if limit.is_counted() {
            return Ok(());
        }
        let counted = self.count_leases(limit).await;
        if counted.is_err() {
            limit.count().place = Place::Nowhere;
        }
        counted
    }

    async fn count_leases(&self, limit: &Arc<Limit>) -> Result<(), Fault> {
        let realm = self.realm().clone();
        let parts = Arc::new(limit.rule.parts(&realm));
        {
            let _alone = self.lease_quotas.gate.write().await;
            let mut count = limit.count();
            count.leases = 0;
            count.place = Place::At { parts: parts.clone(), part: 0, after: Vec::new() };
        }
        for (part, start) in parts.iter().enumerate() {
            let mut after = None::<Bytes>;
            loop {
                let _alone = self.lease_quotas.gate.write().await;
                let page = self.barrier.list(start, after.as_deref(), PAGE).await?;
                let is_own = |key: &&Bytes| {
                    self.lease_quotas.specific(&realm, key).is_some_and(|l| Arc::ptr_eq(&l, limit))
                };
                let found = page.keys.iter().filter(is_own).count();
                let mut count = limit.count();
                // A commit in doubt came between.
                if count.place == Place::Nowhere {
                    return Err(Fault::Conflict);
                }
                count.leases += u64::try_from(found).unwrap_or(u64::MAX);
                after = page.keys.last().cloned().filter(|_| page.more);
                let (part, after) = match &after {
                    Some(last) => (part, last.to_vec()),
                    None => (part + 1, Vec::new()),
                };
                count.place = Place::At { parts: parts.clone(), part, after };
                if part == parts.len() {
                    count.place = Place::Done;
                }
                if !page.more {
                    break;
                }
            }
        }
        Ok(())
    }
}
