//! What has to be looked at from time to time: keys that are due for rotation, the counts of failed
//! logins that mean nothing any more, and when tokens were used last.

use crate::lockout::Failures;
use crate::namespace::NamespaceId;
use crate::{Core, Fault, keys, ttl};
use std::sync::Arc;
use std::time::Duration;

const INTERVAL: Duration = Duration::from_secs(60);
/// Counts looked at in one commit.
const SLICE: usize = 256;
/// Seconds after which a count of failures cannot matter under any tuning that is likely; a mount with a
/// longer lock keeps its own counts until then only.
const FAILURES_KEPT: u64 = 24 * 3600;

impl Core {
    /// Looks after the server until it is sealed.
    pub(crate) async fn housekeeper(self: Arc<Self>, era: u64) {
        while self.is_era(era) {
            match self.barrier.rotate_if_due(self.clock.now()).await {
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "the encryption key could not be rotated"),
            }
            if let Err(fault) = self.forget_old_failures().await {
                tracing::warn!(%fault, "old counts of failed logins could not be removed");
            }
            if let Err(fault) = self.write_last_uses().await {
                tracing::warn!(%fault, "when tokens were used last could not be written");
            }
            tokio::time::sleep(INTERVAL).await;
        }
    }

    /// Removes counts of failed logins that are long over, so that names nobody has do not pile up.
    pub async fn forget_old_failures(self: &Arc<Self>) -> Result<usize, Fault> {
        let mut namespaces = vec![NamespaceId::ROOT];
        namespaces.extend(self.realm().others().map(|t| t.namespace.id.clone()));
        let mut removed = 0;
        for namespace in namespaces {
            removed += self.forget_old_failures_in(namespace).await?;
        }
        Ok(removed)
    }

    async fn forget_old_failures_in(self: &Arc<Self>, namespace: NamespaceId) -> Result<usize, Fault> {
        let (prefix, now) = (keys::within(namespace.as_str(), keys::LOCKOUT, ""), self.clock.now());
        let (mut after, mut removed) = (None, 0);
        loop {
            let mut txn = self.txn_within(namespace.clone());
            let page = txn.list(&prefix, after.as_deref(), SLICE).await?;
            for key in &page {
                let failures = txn.get::<Failures>(key).await?;
                if failures.is_some_and(|f| ttl::ends(f.last, FAILURES_KEPT) <= now) {
                    txn.delete(key);
                    removed += 1;
                }
            }
            match self.commit(txn).await {
                // A login failed meanwhile; the next round sees to the rest.
                Err(Fault::Conflict) => return Ok(removed),
                Err(fault) => return Err(fault),
                Ok(()) => {}
            }
            match page.last() {
                Some(last) if page.len() == SLICE => after = Some(last.clone()),
                _ => return Ok(removed),
            }
        }
    }
}
