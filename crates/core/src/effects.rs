//! What a commit changes beyond the store. It is read off the keys, so that the commits of other
//! nodes can take effect by the same way.

use crate::bootstrap::built_in_mounts;
use crate::mount::{Mount, MountTable, Mounted};
use crate::namespace::{Namespace, NamespaceId};
use crate::realm::Realm;
use crate::txn::Written;
use crate::{Core, Fault, keys};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Records that do not say who may do what. Whatever is not named here outdates what is remembered of
/// tokens: forgetting too often costs a look, forgetting too little would be a hole.
const NOTHING_TO_RIGHTS: [&str; 7] =
    [keys::LAST_USE, keys::EXPIRY, keys::LEASE, keys::CHILD, keys::OWNED, keys::LOCKOUT, keys::AUDIT];

impl Core {
    /// Brings memory up to what these keys say now.
    pub(crate) async fn changed(&self, written: &Written) -> Result<(), Fault> {
        let mut seen = Seen::default();
        let mut outdates = written.ends_tokens;
        for (namespace, name) in written.keys.iter().filter_map(|k| keys::split(k)) {
            let is = |kind: &str| name.starts_with(kind.as_bytes());
            outdates |= !is(keys::TOKEN) && !NOTHING_TO_RIGHTS.iter().any(|kind| is(kind));
            if is(keys::MOUNT) {
                seen.mounts.insert(namespace.to_owned());
            }
            if let Some(path) = name.strip_prefix(keys::NAMESPACE.as_bytes()) {
                seen.namespaces.insert(String::from_utf8_lossy(path).into_owned());
            }
            seen.policies |= is(keys::POLICY);
            seen.quotas |= is(keys::QUOTA) || is(keys::CONFIG);
            seen.lease_quotas |= is(keys::LEASE_QUOTA);
            seen.headers |= is(keys::CONFIG);
            seen.jobs |= is(keys::JOB);
            seen.expiry |= is(keys::EXPIRY);
            seen.groups |= is(keys::GROUP) || is(keys::GROUPS_OF);
        }
        let brought = self.bring_up(&seen).await;
        // Last: what is remembered from here on was worked out from what was brought up.
        if outdates {
            self.presences.outdate();
        }
        brought
    }

    async fn bring_up(&self, seen: &Seen) -> Result<(), Fault> {
        // One after the other: each reads after its own commit, so the last one has read them all, and
        // none puts an older state in the place of a newer one.
        let _turn = if seen.reads_anew() { Some(self.reloading.lock().await) } else { None };
        if seen.policies {
            self.forget_policies();
        }
        if seen.groups {
            self.standings.groups_changed();
        }
        if seen.jobs {
            self.load_tombstones().await?;
            self.jobs_wake.notify_one();
        }
        if !seen.mounts.is_empty() || !seen.namespaces.is_empty() {
            self.reload_mounts(&seen.mounts, &seen.namespaces).await?;
        }
        if seen.quotas {
            self.load_quotas().await?;
        }
        if seen.lease_quotas {
            self.load_lease_quotas().await?;
        }
        if seen.headers {
            self.load_audited_headers().await?;
            self.load_cors().await?;
        }
        if seen.expiry {
            self.tokens_wake.notify_one();
            self.leases_wake.notify_one();
        }
        Ok(())
    }

    /// Makes the routing snapshot from the stored namespaces and mounts.
    pub(crate) async fn load_mounts(&self) -> Result<(), Fault> {
        let root = self.read_table(Namespace::default()).await?;
        let mut txn = self.txn();
        let mut others = Vec::new();
        for path in txn.names(&Namespace::key("")).await? {
            if let Some(record) = txn.get::<Namespace>(&Namespace::key(&path)).await? {
                others.push(self.read_table(Namespace::clone(&record)).await?);
            }
        }
        self.set_realm(Realm::new(root, others));
        Ok(())
    }

    /// Brings the routing snapshot up to what is stored of the mounts of these namespaces, by id, and of
    /// these namespaces themselves, by path.
    async fn reload_mounts(&self, mounts: &BTreeSet<String>, paths: &BTreeSet<String>) -> Result<(), Fault> {
        let mut realm = Realm::clone(&self.realm());
        let mut gone = false;
        for path in paths {
            let record = self.txn().get::<Namespace>(&Namespace::key(path)).await?;
            let before = realm.at(path).map(|t| t.namespace.id.clone());
            gone |= before.is_some_and(|id| record.as_ref().is_none_or(|record| record.id != id));
            match record {
                None => realm.remove(path),
                Some(record) => match realm.at(path).filter(|t| t.namespace.id == record.id).cloned() {
                    Some(table) => realm.put(Arc::new(table.renamed(Namespace::clone(&record)))),
                    None => realm.put(self.read_table(Namespace::clone(&record)).await?),
                },
            }
        }
        for id in mounts {
            // Of one that is gone, or is being made elsewhere, there is nothing to show.
            if let Some(table) = realm.by_id(id).cloned() {
                realm.put(self.read_table(table.namespace.clone()).await?);
            }
        }
        self.set_realm(realm);
        if gone {
            self.lease_quotas.doubt();
        }
        Ok(())
    }

    /// A namespace with its mounts. One whose type is not known to this program is left alone and named
    /// in the log.
    async fn read_table(&self, namespace: Namespace) -> Result<Arc<MountTable>, Fault> {
        let mut mounts: Vec<Arc<Mounted>> = Vec::new();
        let mut plug = |entry: Mount| {
            let (path, kind) = (entry.full_path(), entry.kind.clone());
            match self.plug(entry) {
                Some(mounted) => mounts.push(Arc::new(mounted)),
                None => {
                    tracing::error!(namespace = namespace.path, path, kind, "a mount of unknown type is off")
                }
            }
        };
        if !namespace.id.is_root() {
            built_in_mounts(&namespace).into_iter().for_each(&mut plug);
        }
        let mut txn = self.txn_within(namespace.id.clone());
        for id in txn.names(&txn.key(keys::MOUNT, "")).await? {
            if let Some(entry) = txn.get::<Mount>(&txn.key(keys::MOUNT, &id)).await? {
                plug(Mount::clone(&entry));
            }
        }
        Ok(Arc::new(MountTable::new(namespace, mounts)))
    }

    /// The mounts of a namespace; none if there is no such namespace.
    pub fn space(&self, id: &NamespaceId) -> Option<Arc<MountTable>> {
        self.realm().by_id(id.as_str()).cloned()
    }
}

#[derive(Default)]
struct Seen {
    /// Ids of namespaces.
    mounts: BTreeSet<String>,
    /// Paths of namespaces.
    namespaces: BTreeSet<String>,
    policies: bool,
    quotas: bool,
    lease_quotas: bool,
    headers: bool,
    jobs: bool,
    expiry: bool,
    groups: bool,
}

impl Seen {
    fn reads_anew(&self) -> bool {
        let mounts = !self.mounts.is_empty() || !self.namespaces.is_empty();
        mounts || self.quotas || self.lease_quotas || self.headers || self.jobs
    }
}
