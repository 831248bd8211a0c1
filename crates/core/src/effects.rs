//! What a commit changes beyond the store. It is read off the keys, so that the commits of other
//! nodes can take effect by the same way.

use crate::mount::{Mount, MountTable};
use crate::txn::Written;
use crate::{Core, Fault, keys};
use std::sync::Arc;

/// Records that do not say who may do what. Whatever is not named here outdates what is remembered of
/// tokens: forgetting too often costs a look, forgetting too little would be a hole.
const NOTHING_TO_RIGHTS: [&str; 6] =
    [keys::EXPIRY, keys::LEASE, keys::CHILD, keys::OWNED, keys::LOCKOUT, keys::AUDIT];

impl Core {
    /// Brings memory up to what these keys say now.
    pub(crate) async fn changed(&self, written: &Written) -> Result<(), Fault> {
        let mut seen = Seen::default();
        let mut outdates = written.ends_tokens;
        for name in written.keys.iter().filter_map(|k| keys::core_name(k)) {
            let is = |kind: &str| name.starts_with(kind.as_bytes());
            outdates |= !is(keys::TOKEN) && !NOTHING_TO_RIGHTS.iter().any(|kind| is(kind));
            seen.mounts |= is(keys::MOUNT);
            seen.policies |= is(keys::POLICY);
            seen.quotas |= is(keys::QUOTA) || is(keys::CONFIG);
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
        if seen.mounts {
            self.load_mounts().await?;
        }
        if seen.quotas {
            self.load_quotas().await?;
        }
        if seen.headers {
            self.load_audited_headers().await?;
            self.load_cors().await?;
        }
        if seen.expiry {
            self.expiry_wake.notify_one();
        }
        Ok(())
    }

    /// Makes the routing snapshot from the stored mounts. A mount whose type is not known to this
    /// program is left alone and named in the log.
    pub(crate) async fn load_mounts(&self) -> Result<(), Fault> {
        let mut txn = self.txn();
        let mut mounts = Vec::new();
        for id in txn.names(&keys::core(keys::MOUNT, "")).await? {
            let Some(entry) = txn.get::<Mount>(&keys::core(keys::MOUNT, &id)).await? else { continue };
            match self.plug(Mount::clone(&entry)) {
                Some(mounted) => mounts.push(Arc::new(mounted)),
                None => tracing::error!(
                    path = entry.full_path(),
                    kind = entry.kind,
                    "a mount of unknown type is off"
                ),
            }
        }
        self.set_mounts(MountTable::new(mounts));
        Ok(())
    }
}

#[derive(Default)]
struct Seen {
    mounts: bool,
    policies: bool,
    quotas: bool,
    headers: bool,
    jobs: bool,
    expiry: bool,
    groups: bool,
}

impl Seen {
    fn reads_anew(&self) -> bool {
        self.mounts || self.quotas || self.headers || self.jobs
    }
}
