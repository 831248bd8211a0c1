//! Ends what has come to its end. The index lies on disk in the order of time: memory holds no more
//! than the next page of it, and start-up does not depend on how many there are.

use crate::lease::{self, Due, Mark};
use crate::{Core, Fault, keys, ttl};
use bytes::Bytes;
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// How many are ended before the worker looks up again.
const PAGE: usize = 256;
/// How many are ended in one commit.
const SLICE: usize = 32;
/// Seconds until what cannot be read is looked at again.
const LATER: u64 = 60;
/// The longest pause; a clock that was set is noticed after it.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

impl Core {
    /// Ends what is due now; gives how many, and when the next one is due if that is known.
    pub async fn expire_due(self: &Arc<Self>) -> Result<(usize, Option<Timestamp>), Fault> {
        let now = self.clock.now();
        let page = self.txn().list(&keys::core(keys::EXPIRY, ""), None, PAGE).await?;
        let mut due = Vec::new();
        let mut next = None;
        for key in page {
            match lease::read_expiry_key(&key) {
                Some((at, _)) if at > now => {
                    next = Some(at);
                    break;
                }
                Some((_, what)) => due.push((key, what)),
                None => tracing::warn!("an entry of the expiry index cannot be read"),
            }
        }
        for slice in due.chunks(SLICE) {
            self.end_slice(slice).await?;
        }
        Ok((due.len(), next))
    }

    async fn end_slice(self: &Arc<Self>, slice: &[(Bytes, Due)]) -> Result<(), Fault> {
        let mut txn = self.txn();
        for (key, due) in slice {
            // Renewed or revoked since the page was read.
            if !txn.exists(key).await? {
                continue;
            }
            let before = txn.save();
            let ended = match due {
                Due::Token(accessor) => self.revoke_token(&mut txn, accessor).await,
                Due::Lease(id) => self.revoke_or_put_off(&mut txn, id, false).await,
            };
            if let Err(fault) = ended {
                if matches!(fault, Fault::Sealed | Fault::Conflict) {
                    return Err(fault);
                }
                // What cannot be read must not keep everything behind it from ending.
                tracing::error!(?due, %fault, "what has come to its end cannot be ended and is tried again later");
                txn.roll_back(before);
                txn.put(&lease::expiry_key(ttl::ends(self.clock.now(), LATER), due), &Mark {})?;
            }
            txn.delete(key);
        }
        match self.commit(txn).await {
            // Somebody renewed or revoked one of them meanwhile: the next look sees it.
            Err(Fault::Conflict) => Ok(()),
            other => other,
        }
    }

    /// Ends what is due, until the server is sealed.
    pub(crate) async fn expiry_worker(self: Arc<Self>, era: u64) {
        while self.is_era(era) {
            let pause = match self.expire_due().await {
                Ok((PAGE, _)) => Duration::ZERO,
                Ok((_, next)) => self.pause_until(next),
                Err(Fault::Sealed) => Duration::from_millis(50),
                Err(Fault::Conflict) => Duration::from_millis(5),
                Err(fault) => {
                    tracing::warn!(%fault, "ending expired leases failed and will be tried again");
                    Duration::from_secs(1)
                }
            };
            if pause.is_zero() {
                tokio::task::yield_now().await;
            } else {
                let _ = tokio::time::timeout(pause, self.expiry_wake.notified()).await;
            }
        }
    }

    fn pause_until(&self, next: Option<Timestamp>) -> Duration {
        let Some(next) = next else { return LONGEST_PAUSE };
        let left = next.duration_since(self.clock.now());
        Duration::try_from(left).unwrap_or(Duration::ZERO).clamp(Duration::from_millis(20), LONGEST_PAUSE)
    }
}
