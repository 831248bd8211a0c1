//! When tokens were used last, to the hour: enough to find those that nobody needs any more, and too little
//! to cost a write for each request. Uses are noted in memory and written together once a minute; those of
//! the minute before a crash are lost.

use crate::token::TokenEntry;
use crate::{Core, Fault, Record, Txn, keys};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The hour that a token was used in last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LastUse {
    hour: i64,
}

impl Record for LastUse {}

/// Hours that were not written yet, by accessor.
#[derive(Default)]
pub(crate) struct LastUses(Mutex<HashMap<String, i64>>);

/// Tokens noted between two writes; what is used beyond that is noted in the next hour.
const MAX_NOTED: usize = 100_000;
/// Tokens looked at in one commit.
const SLICE: usize = 256;
const HOUR: i64 = 3600;

/// The hour of a time.
pub(crate) fn hour(at: Timestamp) -> i64 {
    at.as_second().div_euclid(HOUR)
}

impl LastUses {
    /// Notes that a token is used in this hour. Batch tokens have no accessor, and nothing is kept of them.
    pub(crate) fn note(&self, accessor: &str, hour: i64) {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = noted.get_mut(accessor) {
            *before = hour.max(*before);
        } else if !accessor.is_empty() && noted.len() < MAX_NOTED {
            noted.insert(accessor.to_owned(), hour);
        }
    }

    /// Forgets all, as sealing does.
    pub(crate) fn clear(&self) {
        self.take();
    }

    fn get(&self, accessor: &str) -> Option<i64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(accessor).copied()
    }

    fn take(&self) -> Vec<(String, i64)> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_iter().collect()
    }
}

/// Where it is kept when a token was used last.
pub(crate) fn key(accessor: &str) -> Vec<u8> {
    keys::of(keys::LAST_USE, accessor)
}

impl Core {
    /// The beginning of the hour that a token was used in last; none if it was not used.
    pub async fn last_use(&self, txn: &mut Txn, accessor: &str) -> Result<Option<Timestamp>, Fault> {
        let written = txn.get::<LastUse>(&key(accessor)).await?.map(|use_| use_.hour);
        let hour = self.last_uses.get(accessor).max(written);
        Ok(hour.and_then(|hour| Timestamp::from_second(hour.saturating_mul(HOUR)).ok()))
    }

    /// Writes what was noted; gives how many tokens were used in a new hour.
    pub async fn write_last_uses(self: &Arc<Self>) -> Result<usize, Fault> {
        let mut written = 0;
        for slice in self.last_uses.take().chunks(SLICE) {
            let mut txn = self.txn();
            let mut fresh = 0;
            for (accessor, hour) in slice {
                let known = txn.get::<LastUse>(&key(accessor)).await?.is_some_and(|use_| use_.hour >= *hour);
                // One that is gone must leave nothing behind.
                if known || txn.get::<TokenEntry>(&keys::of(keys::TOKEN, accessor)).await?.is_none() {
                    continue;
                }
                txn.put(&key(accessor), &LastUse { hour: *hour })?;
                fresh += 1;
            }
            match self.commit(txn).await {
                Ok(()) => written += fresh,
                // One of them was changed or ended meanwhile: the next turn sees to them.
                Err(Fault::Conflict) => slice.iter().for_each(|(a, hour)| self.last_uses.note(a, *hour)),
                Err(fault) => return Err(fault),
            }
        }
        Ok(written)
    }
}
