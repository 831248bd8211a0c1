//! How long the writer waits for company before it begins a transaction.
//!
//! Writers that were answered together come back together, but one after the other. A writer thread
//! that began with the first of them would sync for one, then for all the others, and so on in turn:
//! twice the syncs. So it waits until as many have come as the last time, but only briefly.

use std::time::Duration;

/// At most this part of a transaction's time is spent on waiting.
const FRACTION: u32 = 4;

/// And never more than this.
const LONGEST: Duration = Duration::from_millis(1);

/// What the last transactions were like.
#[derive(Debug, Default)]
pub(super) struct Pace {
    works: usize,
    took: Duration,
}

impl Pace {
    /// How many works are likely to come.
    pub(super) fn expected(&self) -> usize {
        self.works
    }

    /// How long to wait for them.
    pub(super) fn patience(&self) -> Duration {
        (self.took / FRACTION).min(LONGEST)
    }

    /// Takes note of a transaction.
    pub(super) fn learn(&mut self, works: usize, took: Duration) {
        self.works = works;
        self.took = took;
    }
}
