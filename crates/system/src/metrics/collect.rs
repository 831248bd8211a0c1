//! What is known of this node, under Vault's names where one exists.

use std::sync::Arc;
use strongroom_core::Core;
use strongroom_core::lease_quota::LeaseLimit;
use strongroom_core::metrics::Timing;

/// One metric.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Metric {
    /// With dots: `vault.core.unsealed`.
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) labels: Vec<(&'static str, String)>,
    pub(super) value: Value,
}

/// What it says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value {
    Gauge(f64),
    Counter(u64),
    /// Milliseconds.
    Timing {
        count: u64,
        sum: f64,
        longest: f64,
    },
}

pub(super) fn all(core: &Arc<Core>) -> Vec<Metric> {
    let mut all = of_the_node(core);
    all.extend(of_requests(core));
    all.extend(of_lease_limits(core));
    all.extend(of_the_trail(core));
    all
}

fn of_the_node(core: &Arc<Core>) -> Vec<Metric> {
    let sealed = core.is_sealed();
    let up = core.clock.now().duration_since(core.started).as_secs_f64().max(0.0);
    let mut all = vec![
        gauge("vault.core.unsealed", "Whether the server is unsealed.", if sealed { 0.0 } else { 1.0 }),
        gauge("vault.core.active", "Whether this node is the active one.", if sealed { 0.0 } else { 1.0 }),
        gauge("vault.core.in_flight_requests", "Requests under way.", float(core.in_flight.count())),
        gauge("strongroom.uptime_seconds", "Seconds since the start.", up),
    ];
    if let Ok(key) = core.barrier.key_status() {
        let term = f64::from(key.term);
        all.push(gauge("vault.barrier.key_term", "Number of the newest encryption key.", term));
        all.push(counter(
            "vault.barrier.estimated_encryptions",
            "Entries sealed with the newest encryption key.",
            key.encryptions,
        ));
    }
    all
}

fn of_requests(core: &Arc<Core>) -> Vec<Metric> {
    let m = &core.metrics;
    vec![
        timing("vault.core.handle_request", "Requests but logins.", &m.requests),
        timing("vault.core.handle_login_request", "Logins.", &m.logins),
        counter("strongroom.request.errors", "Answers with a status of 500 and above.", m.errors.get()),
        counter("strongroom.request.denied", "Answers with status 403.", m.denied.get()),
        counter("strongroom.request.conflicts", "Commits run again.", m.conflicts.get()),
        counter("vault.token.creation", "Tokens made.", m.tokens_created.get()),
        counter("vault.token.revoke", "Tokens revoked.", m.tokens_revoked.get()),
        counter("vault.expire.revoke", "Leases revoked.", m.leases_revoked.get()),
        gauge(
            "strongroom.expire.tokens_behind_seconds",
            "How long ago the tokens should have ended that are being ended.",
            float(m.tokens_behind.get()),
        ),
        gauge(
            "strongroom.expire.leases_behind_seconds",
            "How long ago the leases should have ended that are being ended.",
            float(m.leases_behind.get()),
        ),
        counter("strongroom.expire.revoke_failures", "Revocations that failed.", m.revocation_failures.get()),
        counter("vault.quota.lease_count.violation", "Leases over a limit.", m.leases_refused.get()),
        counter("vault.quota.rate_limit.violation", "Requests over a rate limit.", m.rate_limited.get()),
    ]
}

/// What was counted; nothing is counted for this.
fn of_lease_limits(core: &Arc<Core>) -> Vec<Metric> {
    let counts = core.lease_counts();
    let of = |name, help, value: &dyn Fn(&(LeaseLimit, u64)) -> u64| -> Vec<Metric> {
        let one = |limit: &(LeaseLimit, u64)| Metric {
            labels: vec![("name", limit.0.name.clone())],
            ..gauge(name, help, float(value(limit)))
        };
        counts.iter().map(one).collect()
    };
    let mut all = of("vault.quota.lease_count.counter", "Leases that count against a limit.", &|l| l.1);
    all.extend(of("vault.quota.lease_count.max", "How many leases a limit allows.", &|l| l.0.max_leases));
    all
}

fn of_the_trail(core: &Arc<Core>) -> Vec<Metric> {
    let m = &core.metrics;
    let mut all = vec![
        counter(
            "vault.audit.log_request_failure",
            "Requests refused since they could not be audited.",
            m.audit_request_failures.get(),
        ),
        counter(
            "vault.audit.log_response_failure",
            "Answers withheld since they could not be audited.",
            m.audit_response_failures.get(),
        ),
    ];
    for device in core.audit.status() {
        let labels = vec![("device", device.path.clone()), ("type", device.kind.clone())];
        let health = &device.health;
        let queued = u64::try_from(device.queued_bytes).unwrap_or(u64::MAX);
        for metric in [
            gauge(
                "strongroom.audit.working",
                "Whether the device works.",
                if health.is_working() { 1.0 } else { 0.0 },
            ),
            gauge("strongroom.audit.queued_bytes", "Bytes that wait for the device.", float(queued)),
            counter("strongroom.audit.written", "Entries written.", health.written),
            counter("strongroom.audit.failed", "Entries that could not be written.", health.failed),
            counter("strongroom.audit.dropped", "Entries that found the queue full.", health.dropped),
            counter("strongroom.audit.bytes", "Bytes written.", health.bytes),
        ] {
            all.push(Metric { labels: labels.clone(), ..metric });
        }
    }
    // A family's samples must stand together.
    all.sort_by_key(|m| m.name);
    all
}

fn gauge(name: &'static str, help: &'static str, value: f64) -> Metric {
    Metric { name, help, labels: Vec::new(), value: Value::Gauge(value) }
}

fn counter(name: &'static str, help: &'static str, count: u64) -> Metric {
    Metric { name, help, labels: Vec::new(), value: Value::Counter(count) }
}

fn timing(name: &'static str, help: &'static str, timing: &Timing) -> Metric {
    let value = Value::Timing {
        count: timing.count(),
        sum: timing.total().as_secs_f64() * 1000.0,
        longest: timing.longest().as_secs_f64() * 1000.0,
    };
    Metric { name, help, labels: Vec::new(), value }
}

/// Exact up to 2^53, which no gauge here reaches.
#[allow(clippy::cast_precision_loss)]
fn float(n: u64) -> f64 {
    n as f64
}
