//! The requests that are under way, for `sys/in-flight-req`.

use crate::striped::Striped;
use jiff::Timestamp;
use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use strongroom_wire::Operation;

/// Requests under way. The quickest kinds are only counted.
#[derive(Default)]
pub struct InFlight {
    next: AtomicU64,
    /// Who comes on one thread may leave on another: only the sum of all means anything.
    count: Striped<AtomicI64>,
    listed: Mutex<HashMap<u64, Seen>>,
}

/// What is known of one of them.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Its UUID.
    pub id: String,
    /// When it began.
    pub started: Timestamp,
    /// What it does.
    pub operation: Operation,
    /// Its path.
    pub path: String,
    /// Where it came from.
    pub remote: std::net::IpAddr,
}

/// Takes a request off the list when dropped.
pub struct Entered<'a> {
    all: &'a InFlight,
    slot: Option<u64>,
}

impl InFlight {
    /// Counts a request, and lists it where `seen` is given.
    pub fn enter(&self, seen: Option<Seen>) -> Entered<'_> {
        self.count.mine().fetch_add(1, Ordering::Relaxed);
        let slot = seen.map(|seen| {
            let slot = self.next.fetch_add(1, Ordering::Relaxed);
            self.listed.lock().unwrap_or_else(PoisonError::into_inner).insert(slot, seen);
            slot
        });
        Entered { all: self, slot }
    }

    /// How many are under way.
    pub fn count(&self) -> u64 {
        let count = self.count.all().map(|count| count.load(Ordering::Relaxed)).sum::<i64>();
        u64::try_from(count).unwrap_or_default()
    }

    /// Those that are listed.
    pub fn list(&self) -> Vec<Seen> {
        self.listed.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.all.count.mine().fetch_sub(1, Ordering::Relaxed);
        if let Some(slot) = self.slot {
            self.all.listed.lock().unwrap_or_else(PoisonError::into_inner).remove(&slot);
        }
    }
}
