//! User lockout: failed logins are counted on the name that the auth method resolves, so that casing
//! or spaces give no extra tries.

use crate::mount::{LockoutConfig, Mount};
use crate::{Core, Fault, Record, keys, ttl};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
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

/// The name in the configuration for auth methods that are not named there themselves.
pub const ALL: &str = "all";

/// What the mount was tuned to, then what the configuration says of its method, then of all, then Vault's
/// defaults; each setting by itself.
fn rules(mount: &Mount, configured: &BTreeMap<String, LockoutConfig>) -> Option<Rules> {
    let layers = [mount.config.user_lockout.as_ref(), configured.get(&mount.kind), configured.get(ALL)];
    let number = |of: fn(&LockoutConfig) -> Option<u64>, usual| {
        layers.iter().flatten().find_map(|l| of(l).filter(|n| *n > 0)).unwrap_or(usual)
    };
    let disabled = layers.iter().flatten().find_map(|l| l.disable).unwrap_or(false);
    (!disabled).then(|| Rules {
        threshold: number(|l| l.threshold, THRESHOLD),
        duration: number(|l| l.duration, LOCK_SECONDS),
        reset: number(|l| l.counter_reset, LOCK_SECONDS),
    })
}

impl Core {
    /// Where the failures of a name at a mount are kept. People type passwords where a name belongs, and
    /// keys are not encrypted: the name stands in the record only, the key holds a keyed hash of it.
    pub fn lockout_key(&self, mount: &Mount, name: &str) -> Result<Vec<u8>, Fault> {
        let guard = self.tokens()?;
        let hash = guard.as_ref().ok_or(Fault::Sealed)?.hide(name);
        let name = format!("{}/{hash}", mount.id);
        Ok(keys::within(mount.namespace.as_str(), keys::LOCKOUT, &name))
    }

    /// Whether a name is locked out at a mount.
    pub async fn is_locked_out(&self, mount: &Mount, name: &str) -> Result<bool, Fault> {
        let Some(rules) = rules(mount, &self.settings.lockout) else { return Ok(false) };
        let failures = self.txn().get::<Failures>(&self.lockout_key(mount, name)?).await?;
        let now = self.clock.now();
        Ok(failures.is_some_and(|f| f.count >= rules.threshold && ttl::ends(f.last, rules.duration) > now))
    }

    /// Counts a failed login.
    pub(crate) async fn count_failure(self: &Arc<Self>, mount: &Mount, name: &str) -> Result<(), Fault> {
        let Some(rules) = rules(mount, &self.settings.lockout) else { return Ok(()) };
        let key = self.lockout_key(mount, name)?;
        let now = self.clock.now();
        loop {
            let mut txn = self.txn_of(mount)?;
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
        let mut txn = self.txn_of(mount)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn lockout(threshold: Option<u64>, duration: Option<u64>, disable: Option<bool>) -> LockoutConfig {
        LockoutConfig { threshold, duration, counter_reset: None, disable }
    }

    fn of(mount: &Mount, configured: &BTreeMap<String, LockoutConfig>) -> Option<(u64, u64, u64)> {
        rules(mount, configured).map(|r| (r.threshold, r.duration, r.reset))
    }

    #[test]
    fn the_nearest_rule_counts_setting_by_setting() {
        let mut mount = crate::bootstrap::system_mount("m", "");
        mount.kind = "userpass".to_owned();
        let mut configured = BTreeMap::new();
        assert_eq!(of(&mount, &configured), Some((5, 900, 900)));
        configured.insert(ALL.to_owned(), lockout(Some(9), Some(60), Some(true)));
        assert_eq!(of(&mount, &configured), None);
        configured.insert("userpass".to_owned(), lockout(None, Some(30), Some(false)));
        assert_eq!(of(&mount, &configured), Some((9, 30, 900)));
        mount.config.user_lockout = Some(lockout(Some(2), Some(0), None));
        assert_eq!(of(&mount, &configured), Some((2, 30, 900)));
        mount.config.user_lockout = Some(lockout(None, None, Some(true)));
        assert_eq!(of(&mount, &configured), None);
    }
}
