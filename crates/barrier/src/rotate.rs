//! Counting encryptions and changing the key before there are too many.

use crate::barrier::too_large;
use crate::keyring::Keyring;
use crate::open::Open;
use crate::{Barrier, CommitError, entry, stored};
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use strongroom_storage::{self as storage, Batch};

/// The newest key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyStatus {
    /// Its number, from 1.
    pub term: u32,
    /// Since when it is used.
    pub install_time: Timestamp,
    /// How many entries it has sealed; after a crash, at most.
    pub encryptions: u64,
}

/// When the key changes by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RotateConfig {
    /// Whether `max_operations` and `interval` count. The bound of the cipher always does.
    pub enabled: bool,
    /// After how many encryptions.
    pub max_operations: u64,
    /// After how many seconds; 0 for never.
    #[serde(rename = "interval")]
    pub interval_seconds: u64,
}

/// Why rules of rotation are refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RotateConfigError {
    /// `max_operations` is not between `MIN_OPERATIONS` and `MAX_OPERATIONS`.
    MaxOperations,
    /// The interval is neither 0 nor at least `MIN_INTERVAL_SECONDS`.
    Interval,
    /// They could not be stored.
    Commit(CommitError),
}

/// Rotating after fewer encryptions would only make the keyring long.
pub const MIN_OPERATIONS: u64 = 1_000_000;
/// Nine tenths of 2^32, the number of random nonces that one key may see.
pub const MAX_OPERATIONS: u64 = 3_865_470_566;
/// A day.
pub const MIN_INTERVAL_SECONDS: u64 = 86_400;

impl Default for RotateConfig {
    fn default() -> Self {
        Self { enabled: true, max_operations: MAX_OPERATIONS, interval_seconds: 0 }
    }
}

impl RotateConfig {
    fn bound(&self) -> u64 {
        if self.enabled { self.max_operations.min(MAX_OPERATIONS) } else { MAX_OPERATIONS }
    }

    fn is_due(&self, installed: Timestamp, now: Timestamp) -> bool {
        let interval = SignedDuration::from_secs(i64::try_from(self.interval_seconds).unwrap_or(i64::MAX));
        self.enabled && self.interval_seconds > 0 && now.duration_since(installed) >= interval
    }
}

impl Barrier {
    /// The newest key.
    pub fn key_status(&self) -> Result<KeyStatus, CommitError> {
        let open = self.state.open.load_full().ok_or(CommitError::Sealed)?;
        let term = open.ring.load().active.clone();
        Ok(KeyStatus { term: term.id, install_time: term.installed, encryptions: term.budget.used() })
    }

    /// When the key changes by itself.
    pub fn rotate_config(&self) -> Result<RotateConfig, CommitError> {
        let open = self.state.open.load_full().ok_or(CommitError::Sealed)?;
        Ok(open.ring.load().rotation)
    }

    /// Changes when the key changes by itself.
    pub async fn set_rotate_config(&self, config: RotateConfig) -> Result<(), RotateConfigError> {
        if !(MIN_OPERATIONS..=MAX_OPERATIONS).contains(&config.max_operations) {
            return Err(RotateConfigError::MaxOperations);
        }
        if (1..MIN_INTERVAL_SECONDS).contains(&config.interval_seconds) {
            return Err(RotateConfigError::Interval);
        }
        let _changes = self.changes.lock().await;
        let open = self.state.open.load_full().ok_or(RotateConfigError::Commit(CommitError::Sealed))?;
        let ring = open.ring.load().with_rotation(config);
        self.store_ring(&open, &ring, 0).await.map_err(RotateConfigError::Commit)?;
        open.ring.store(Arc::new(ring));
        Ok(())
    }

    /// Installs a new key; what was sealed under older ones stays readable.
    pub async fn rotate(&self, now: Timestamp) -> Result<KeyStatus, CommitError> {
        {
            let _changes = self.changes.lock().await;
            let open = self.state.open.load_full().ok_or(CommitError::Sealed)?;
            self.install_key(&open, now, 0).await?;
        }
        self.key_status()
    }

    /// Installs a new key if the interval says so; to be called from time to time. The number of
    /// encryptions needs no call: it is looked at when they are reserved.
    pub async fn rotate_if_due(&self, now: Timestamp) -> Result<bool, CommitError> {
        let _changes = self.changes.lock().await;
        let Some(open) = self.state.open.load_full() else { return Ok(false) };
        let ring = open.ring.load_full();
        let due = ring.rotation.is_due(ring.active.installed, now);
        if due {
            self.install_key(&open, now, 0).await?;
        }
        Ok(due)
    }

    /// The keyring whose newest key may seal `count` more entries.
    pub(crate) async fn reserve(&self, open: &Arc<Open>, count: u64) -> Result<Arc<Keyring>, CommitError> {
        loop {
            let ring = open.ring.load_full();
            if ring.active.budget.take(count) {
                return Ok(ring);
            }
            self.refill(open, count).await?;
        }
    }

    async fn refill(&self, open: &Arc<Open>, count: u64) -> Result<(), CommitError> {
        let _changes = self.changes.lock().await;
        let still_open = self.state.open.load_full().is_some_and(|now| Arc::ptr_eq(&now, open));
        if !still_open {
            return Err(CommitError::Sealed);
        }
        let ring = open.ring.load_full();
        let budget = &ring.active.budget;
        if budget.reserved() - budget.used() >= count {
            return Ok(());
        }
        let bound = ring.rotation.bound();
        // Small bounds are approached in small steps, or one block would be beyond them.
        let block = self.options.reserve.min(bound / 8).max(count);
        if budget.reserved() + block > bound {
            return self.install_key(open, (self.options.now)(), block).await;
        }
        self.store_ring(open, &ring, block).await?;
        budget.grant(block);
        Ok(())
    }

    /// Stores a keyring with a new key in front, then uses it.
    pub(crate) async fn install_key(
        &self,
        open: &Open,
        now: Timestamp,
        reserve: u64,
    ) -> Result<(), CommitError> {
        let old = open.ring.load_full();
        let ring =
            old.rotated(now, &*self.random).ok_or_else(|| unavailable("the terms of keys are used up"))?;
        self.store_ring_and(open, &ring, reserve, vec![(Bytes::from_static(stored::RESTORED), None)]).await?;
        ring.active.budget.grant(reserve);
        open.ring.store(Arc::new(ring));
        old.active.budget.close();
        Ok(())
    }

    /// Stores the keyring with `more` encryptions reserved than it has in memory.
    pub(crate) async fn store_ring(&self, open: &Open, ring: &Keyring, more: u64) -> Result<(), CommitError> {
        self.store_ring_and(open, ring, more, Vec::new()).await
    }

    async fn store_ring_and(
        &self,
        open: &Open,
        ring: &Keyring,
        more: u64,
        mut writes: Vec<(Bytes, Option<Bytes>)>,
    ) -> Result<(), CommitError> {
        let seen = self.own(stored::KEYRING).await.map_err(|e| unavailable(&e.to_string()))?;
        let plain = ring.encode(more).map_err(|e| unavailable(&e.to_string()))?;
        let sealed = entry::seal(&open.cipher, stored::NO_TERM, stored::KEYRING, &plain, &*self.random);
        let key = Bytes::from_static(stored::KEYRING);
        let reads = vec![(key.clone(), seen.map_or(0, |s| s.version))];
        writes.push((key, Some(sealed.map_err(too_large)?.into())));
        let batch = Batch { reads, ranges: Vec::new(), writes };
        self.commit_own(open, batch).await.map(|_| ())
    }
}

fn unavailable(why: &str) -> CommitError {
    CommitError::Store(storage::CommitError::Unavailable(why.to_owned()))
}

impl std::fmt::Display for RotateConfigError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::MaxOperations => {
                write!(f, "max_operations must be between {MIN_OPERATIONS} and {MAX_OPERATIONS}")
            }
            Self::Interval => {
                write!(f, "interval must be 0 (never) or at least {MIN_INTERVAL_SECONDS} seconds")
            }
            Self::Commit(e) => e.fmt(f),
        }
    }
}

impl std::error::Error for RotateConfigError {}
