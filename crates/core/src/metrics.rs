//! Counters of the core, under Vault's names where one exists.

use crate::expiry::Ending;
use crate::striped::Striped;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What is counted. Cheap enough for every request.
#[derive(Default)]
pub struct Metrics {
    /// `vault.core.handle_request`: all logical requests but logins.
    pub requests: Timing,
    /// `vault.core.handle_login_request`
    pub logins: Timing,
    /// Answers with a status of 500 and above.
    pub errors: Counter,
    /// Requests refused by policy or for lack of a token.
    pub denied: Counter,
    /// `vault.audit.log_request_failure`
    pub audit_request_failures: Counter,
    /// `vault.audit.log_response_failure`
    pub audit_response_failures: Counter,
    /// `vault.token.creation`
    pub tokens_created: Counter,
    /// `vault.token.revoke`
    pub tokens_revoked: Counter,
    /// `vault.expire.revoke`
    pub leases_revoked: Counter,
    /// Seconds that the tokens being ended are overdue.
    pub tokens_behind: Gauge,
    /// Seconds that the leases being ended are overdue.
    pub leases_behind: Gauge,
    /// Revocations that failed and will be tried again.
    pub revocation_failures: Counter,
    /// Commits run again since an entry had changed.
    pub conflicts: Counter,
    /// `vault.quota.lease_count.violation`
    pub leases_refused: Counter,
    /// `vault.quota.rate_limit.violation`
    pub rate_limited: Counter,
}

impl Metrics {
    /// How far behind the end of tokens or leases is.
    pub(crate) fn behind(&self, ending: Ending) -> &Gauge {
        match ending {
            Ending::Tokens => &self.tokens_behind,
            Ending::Leases => &self.leases_behind,
        }
    }
}

/// Goes up and down.
#[derive(Default)]
pub struct Gauge(AtomicU64);

impl Gauge {
    /// Sets it.
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// The value.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Counts up.
#[derive(Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds one.
    pub fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// The count.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How often something happened, and how long it took.
#[derive(Default)]
pub struct Timing(Striped<Times>);

#[derive(Default)]
struct Times {
    count: AtomicU64,
    nanos: AtomicU64,
    longest: AtomicU64,
}

impl Timing {
    /// Counts one that took this long.
    pub fn add(&self, took: Duration) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let times = self.0.mine();
        times.count.fetch_add(1, Ordering::Relaxed);
        times.nanos.fetch_add(nanos, Ordering::Relaxed);
        times.longest.fetch_max(nanos, Ordering::Relaxed);
    }

    /// How many.
    pub fn count(&self) -> u64 {
        self.0.all().map(|times| times.count.load(Ordering::Relaxed)).sum()
    }

    /// How long in all.
    pub fn total(&self) -> Duration {
        Duration::from_nanos(self.0.all().map(|times| times.nanos.load(Ordering::Relaxed)).sum())
    }

    /// The longest one.
    pub fn longest(&self) -> Duration {
        let longest = self.0.all().map(|times| times.longest.load(Ordering::Relaxed)).max();
        Duration::from_nanos(longest.unwrap_or_default())
    }
}
