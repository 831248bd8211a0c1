//! How devices fare, for health, metrics and people.

use jiff::Timestamp;

/// How one device fares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceStatus {
    /// Where it is mounted, with a slash at the end.
    pub path: String,
    /// Its type.
    pub kind: String,
    /// How it fares.
    pub health: Health,
    /// Bytes that wait to be written.
    pub queued_bytes: usize,
}

/// Whether a device works, since when, and what it has done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Why it does not work; none when it does.
    pub error: Option<String>,
    /// Since when it does or does not work.
    pub since: Timestamp,
    /// Entries written.
    pub written: u64,
    /// Entries whose writing failed.
    pub failed: u64,
    /// Entries that found the queue full.
    pub dropped: u64,
    /// Bytes written.
    pub bytes: u64,
    /// Groups of entries that went out together.
    pub batches: u64,
}

impl Health {
    /// Whether the last attempt to write went well.
    pub const fn is_working(&self) -> bool {
        self.error.is_none()
    }

    /// A device that has done nothing yet.
    pub(crate) const fn working(since: Timestamp) -> Self {
        Self { error: None, since, written: 0, failed: 0, dropped: 0, bytes: 0, batches: 0 }
    }

    /// Counts a batch of which so many lines were written.
    pub(crate) fn count(&mut self, written: usize, of: usize, bytes: usize) {
        let wide = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        self.written += wide(written);
        self.failed += wide(of.saturating_sub(written));
        self.bytes += wide(bytes);
        self.batches += 1;
    }

    /// Notes a failure; true when the device worked until now.
    pub(crate) fn fail(&mut self, error: &str, now: impl FnOnce() -> Timestamp) -> bool {
        let changed = self.error.is_none();
        if changed {
            self.since = now();
        }
        self.error = Some(error.to_owned());
        changed
    }

    /// Notes that it works; true when it did not until now.
    pub(crate) fn recover(&mut self, now: impl FnOnce() -> Timestamp) -> bool {
        let changed = self.error.take().is_some();
        if changed {
            self.since = now();
        }
        changed
    }
}
