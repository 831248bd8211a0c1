//! Ends what has come to its end. The index lies on disk in the order of time: memory holds no more
//! than the next page of it, and start-up does not depend on how many there are.
//!
//! Tokens are ended by one worker and leases by another: to undo a lease may take an engine long, and must
//! keep no token alive. Both work in small commits, one after the other, so that requests get their turn.

use crate::lease::{self, Due, Mark};
use crate::{Core, Fault, keys, ttl};
use bytes::Bytes;
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// How many are ended before the worker looks up again.
const PAGE: usize = 256;
/// How many tokens are ended in one commit.
const TOKENS: usize = 32;
/// How many leases: each may take its engine a while.
const LEASES: usize = 8;
/// How long a worker leaves the store to others after a commit: it still ends thousands of tokens a second.
const REST: Duration = Duration::from_millis(5);
/// Seconds behind from which on it does not rest.
const HURRY: u64 = 15;
/// Seconds until what cannot be read is looked at again.
const LATER: u64 = 60;
/// The longest pause; a clock that was set is noticed after it.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What a worker ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Tokens,
    Leases,
}

impl Ending {
    fn is(self, due: &Due) -> bool {
        matches!((self, due), (Self::Tokens, Due::Token(_)) | (Self::Leases, Due::Lease(_)))
    }

    fn slice(self) -> usize {
        match self {
            Self::Tokens => TOKENS,
            Self::Leases => LEASES,
        }
    }
}

/// What is due of one kind.
#[derive(Default)]
struct Found {
    due: Vec<(Bytes, Due)>,
    /// When the first of it was due.
    since: Option<Timestamp>,
    /// When the next one of either kind is due, if that was seen.
    next: Option<Timestamp>,
}

impl Core {
    /// Ends what is due now, leases and tokens, a page of each; gives how many, and when the next one is due
    /// if that is known.
    pub async fn expire_due(self: &Arc<Self>) -> Result<(usize, Option<Timestamp>), Fault> {
        let now = self.clock.now();
        let leases = self.find_due(Ending::Leases, now).await?;
        let tokens = self.find_due(Ending::Tokens, now).await?;
        self.end(Ending::Leases, &leases, now).await?;
        self.end(Ending::Tokens, &tokens, now).await?;
        let next = leases.next.into_iter().chain(tokens.next).min();
        Ok((leases.due.len() + tokens.due.len(), next))
    }

    async fn expire(self: &Arc<Self>, ending: Ending) -> Result<(usize, Option<Timestamp>), Fault> {
        let now = self.clock.now();
        let found = self.find_due(ending, now).await?;
        let late = self.note_lateness(ending, &found, now);
        for slice in found.due.chunks(ending.slice()) {
            self.end_slice(slice).await?;
            if late < HURRY {
                tokio::time::sleep(REST).await;
            }
        }
        Ok((found.due.len(), found.next))
    }

    async fn end(self: &Arc<Self>, ending: Ending, found: &Found, now: Timestamp) -> Result<(), Fault> {
        self.note_lateness(ending, found, now);
        for slice in found.due.chunks(ending.slice()) {
            self.end_slice(slice).await?;
        }
        Ok(())
    }

    /// Seconds that the first of what is due is late.
    fn note_lateness(&self, ending: Ending, found: &Found, now: Timestamp) -> u64 {
        let late = found.since.map_or(0, |since| now.duration_since(since).as_secs());
        let late = u64::try_from(late).unwrap_or(0);
        self.metrics.behind(ending).set(late);
        late
    }

    /// A page of what is due. What is due of the other kind is passed over, however much it is.
    async fn find_due(&self, ending: Ending, now: Timestamp) -> Result<Found, Fault> {
        let (mut found, mut after) = (Found::default(), None::<Bytes>);
        loop {
            let page = self.txn().list(&keys::core(keys::EXPIRY, ""), after.as_deref(), PAGE).await?;
            for key in &page {
                match lease::read_expiry_key(key) {
                    Some((at, _)) if at > now => {
                        found.next = Some(at);
                        return Ok(found);
                    }
                    Some((at, due)) if ending.is(&due) => {
                        found.since = found.since.or(Some(at));
                        found.due.push((key.clone(), due));
                    }
                    Some(_) => {}
                    None => tracing::warn!("an entry of the expiry index cannot be read"),
                }
            }
            match page.last() {
                Some(last) if page.len() == PAGE && found.due.len() < PAGE => after = Some(last.clone()),
                _ => return Ok(found),
            }
        }
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

    /// Ends what is due of one kind, until the server is sealed.
    pub(crate) async fn expiry_worker(self: Arc<Self>, era: u64, ending: Ending) {
        while self.is_era(era) {
            let pause = match self.expire(ending).await {
                Ok((PAGE.., _)) => Duration::ZERO,
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
                let _ = tokio::time::timeout(pause, self.expiry_wake(ending).notified()).await;
            }
        }
    }

    fn expiry_wake(&self, ending: Ending) -> &Notify {
        match ending {
            Ending::Tokens => &self.tokens_wake,
            Ending::Leases => &self.leases_wake,
        }
    }

    fn pause_until(&self, next: Option<Timestamp>) -> Duration {
        let Some(next) = next else { return LONGEST_PAUSE };
        let left = next.duration_since(self.clock.now());
        Duration::try_from(left).unwrap_or(Duration::ZERO).clamp(Duration::from_millis(20), LONGEST_PAUSE)
    }
}
