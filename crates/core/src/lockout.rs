//! User lockout: failed logins are counted on the name that the auth method resolves, so that casing
//! or spaces give no extra tries.

use crate::mount::{LockoutConfig, Mount};
use crate::{Core, Fault, Record, keys, ttl};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Failed logins of one name.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Failures {
    /// The name as the auth method resolves it.
    pub name: String,
    /// In a row.
    pub count: u64,
    /// When the last one was.
    pub last: Timestamp,
}

impl Record for Failures {}

/// Vault's defaults: five failures lock for a quarter of an hour.
const THRESHOLD: u64 = 5;
const LOCK_SECONDS: u64 = 900;

struct Rules {
    threshold: u64,
    duration: u64,
    reset: u64,
}

fn rules(mount: &Mount) -> Option<Rules> {
    let LockoutConfig { threshold, duration, counter_reset, disable } =
        mount.config.user_lockout.clone().unwrap_or_default();
    (disable != Some(true)).then(|| Rules {
        threshold: threshold.filter(|t| *t > 0).unwrap_or(THRESHOLD),
        duration: duration.filter(|d| *d > 0).unwrap_or(LOCK_SECONDS),
        reset: counter_reset.filter(|r| *r > 0).unwrap_or(LOCK_SECONDS),
    })
}

impl Core {
    /// Where the failures of a name at a mount are kept. People type passwords where a name belongs, and
    /// keys are not encrypted: the name stands in the record only, the key holds a keyed hash of it.
    pub fn lockout_key(&self, mount: &Mount, name: &str) -> Result<Vec<u8>, Fault> {
        let guard = self.tokens()?;
        let hash = guard.as_ref().ok_or(Fault::Sealed)?.hide(name);
        Ok(keys::core(keys::LOCKOUT, &format!("{}/{hash}", mount.id)))
    }

    /// Whether a name is locked out at a mount.
    pub async fn is_locked_out(&self, mount: &Mount, name: &str) -> Result<bool, Fault> {
        let Some(rules) = rules(mount) else { return Ok(false) };
        let failures = self.txn().get::<Failures>(&self.lockout_key(mount, name)?).await?;
        let now = self.clock.now();
        Ok(failures.is_some_and(|f| f.count >= rules.threshold && ttl::ends(f.last, rules.duration) > now))
    }

    /// Counts a failed login.
    pub(crate) async fn count_failure(self: &Arc<Self>, mount: &Mount, name: &str) -> Result<(), Fault> {
        let Some(rules) = rules(mount) else { return Ok(()) };
        let key = self.lockout_key(mount, name)?;
        let now = self.clock.now();
        loop {
            let mut txn = self.txn();
            let before = txn.get::<Failures>(&key).await?;
            let count = before.filter(|f| ttl::ends(f.last, rules.reset) > now).map_or(0, |f| f.count);
            txn.put(&key, &Failures { name: name.to_owned(), count: count.saturating_add(1), last: now })?;
            match self.commit(txn).await {
                Err(Fault::Conflict) => {}
                other => return other,
            }
        }
    }

    /// Forgets the failures after a success, or when an operator unlocks the name.
    pub async fn forget_failures(self: &Arc<Self>, mount: &Mount, name: &str) -> Result<(), Fault> {
        let key = self.lockout_key(mount, name)?;
        let mut txn = self.txn();
        if !txn.exists(&key).await? {
            return Ok(());
        }
        txn.delete(&key);
        match self.commit(txn).await {
            // A failure was counted at the same moment: it stands.
            Err(Fault::Conflict) => Ok(()),
            other => other,
        }
    }
}
