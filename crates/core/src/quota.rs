//! Rate limits: requests of one address in an interval, for the whole server, a mount or a path.
//! They are asked before a body is read.

use crate::realm::Realm;
use crate::{Core, Fault, Record, keys};
use arc_swap::ArcSwap;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// A rate limit as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RateLimit {
    /// Its name.
    pub name: String,
    /// Empty for all requests, else a mount (`secret/`) or a path below one; `*` at the end for all that begin so.
    pub path: String,
    /// Requests in an interval.
    pub rate: f64,
    /// Seconds of the interval.
    pub interval: u64,
    /// Seconds that an address is blocked once it went over; 0 for none.
    pub block_interval: u64,
    /// The login role it is for; empty for all.
    #[serde(default)]
    pub role: String,
    /// Whether it holds in child namespaces too.
    #[serde(default)]
    pub inheritable: bool,
}

impl Record for RateLimit {}

/// Settings beside the limits.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct QuotaConfig {
    /// Paths without rate limit.
    pub rate_limit_exempt_paths: Vec<String>,
    /// Write refused requests to the audit trail.
    pub enable_rate_limit_audit_logging: bool,
    /// Tell clients their limit in headers.
    pub enable_rate_limit_response_headers: bool,
}

impl Record for QuotaConfig {}

impl QuotaConfig {
    /// Where the record is kept.
    pub fn key() -> Vec<u8> {
        keys::core(keys::CONFIG, "quotas")
    }
}

/// What operators need when everything else is over its limit.
const ALWAYS_EXEMPT: [&str; 8] = [
    "sys/generate-root/attempt",
    "sys/generate-root/update",
    "sys/health",
    "sys/seal-status",
    "sys/unseal",
    "sys/rekey/init",
    "sys/leader",
    "sys/init",
];

/// The limits in force and how far each address has used them.
#[derive(Default)]
pub struct Quotas(ArcSwap<Rules>);

#[derive(Default)]
struct Rules {
    limits: Vec<Arc<Active>>,
    config: QuotaConfig,
}

struct Active {
    limit: RateLimit,
    clients: Mutex<HashMap<IpAddr, Bucket>>,
}

struct Bucket {
    tokens: f64,
    seen: Timestamp,
    blocked_until: Option<Timestamp>,
}

/// Addresses remembered for one limit; beyond that those are forgotten that have not used any of it, and
/// if that makes no room, all of them.
const MAX_CLIENTS: usize = 65_536;

impl Quotas {
    /// Takes one request off the most specific limit of a path; refuses with 429.
    ///
    /// The path is a request's, below `namespace` as its header names it.
    pub fn admit(
        &self,
        realm: &Realm,
        namespace: &str,
        path: &str,
        client: IpAddr,
        now: impl FnOnce() -> Timestamp,
    ) -> Result<(), Fault> {
        let rules = self.0.load();
        if rules.limits.is_empty() {
            return Ok(());
        }
        // What names no namespace is refused later, and counts where it was sent.
        let found = realm.find(namespace, path);
        let (space, local) = found
            .map_or(("", path), |(t, skip)| (t.namespace.path.as_str(), path.get(skip..).unwrap_or(path)));
        rules.admit(space, local, client, now())
    }

    /// Forgets all limits.
    pub(crate) fn clear(&self) {
        self.0.store(Arc::default());
    }
}

impl Rules {
    fn admit(&self, namespace: &str, local: &str, client: IpAddr, now: Timestamp) -> Result<(), Fault> {
        let whole = format!("{namespace}{local}");
        let path = whole.as_str();
        let exempt = |e: &str| path == e || e.strip_suffix('*').is_some_and(|p| path.starts_with(p));
        if ALWAYS_EXEMPT.iter().any(|e| exempt(e))
            || self.config.rate_limit_exempt_paths.iter().any(|e| exempt(e))
        {
            return Ok(());
        }
        let fitting =
            self.limits.iter().filter(|a| a.limit.role.is_empty() && a.limit.covers(namespace, path));
        match fitting.max_by_key(|a| a.limit.path.len()) {
            Some(active) if !active.take(client, now) => Err(Fault::TooMany(format!(
                "request path \"{path}\": rate limit quota \"{}\" exceeded",
                active.limit.name
            ))),
            _ => Ok(()),
        }
    }
}

impl RateLimit {
    /// Whether it is for a path within a namespace. A limit for all requests is for those of root, and of
    /// other namespaces if it is inheritable.
    fn covers(&self, namespace: &str, path: &str) -> bool {
        if self.path.is_empty() { namespace.is_empty() || self.inheritable } else { covers(&self.path, path) }
    }
}

impl Active {
    fn take(&self, client: IpAddr, now: Timestamp) -> bool {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        #[allow(clippy::cast_precision_loss)] // Intervals are small.
        let per_second = self.limit.rate / self.limit.interval.max(1) as f64;
        let client = network(client);
        if clients.len() >= MAX_CLIENTS && !clients.contains_key(&client) {
            clients.retain(|_, b| {
                b.refilled(now, per_second) < self.limit.rate
                    || b.blocked_until.is_some_and(|until| until > now)
            });
            // Looking through them once for every newcomer would cost more than they have to spend.
            if clients.len() > MAX_CLIENTS / 2 {
                clients.clear();
            }
        }
        let bucket = clients.entry(client).or_insert(Bucket {
            tokens: self.limit.rate,
            seen: now,
            blocked_until: None,
        });
        if bucket.blocked_until.is_some_and(|until| until > now) {
            return false;
        }
        bucket.blocked_until = None;
        bucket.tokens = bucket.refilled(now, per_second).min(self.limit.rate);
        bucket.seen = now;
        if bucket.tokens >= 1.0 {
            bucket.tokens -= 1.0;
            return true;
        }
        if self.limit.block_interval > 0 {
            bucket.blocked_until = Some(crate::ttl::ends(now, self.limit.block_interval));
        }
        false
    }
}

impl Bucket {
    fn refilled(&self, now: Timestamp, per_second: f64) -> f64 {
        self.tokens + now.duration_since(self.seen).as_secs_f64().max(0.0) * per_second
    }
}

/// Whoever has an IPv6 address has 2^64 of them: they count as one.
fn network(client: IpAddr) -> IpAddr {
    match client {
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() & !u128::from(u64::MAX)).into()),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// Whether a limit for one path is for another: the same, or one below it.
pub(crate) fn covers(rule: &str, path: &str) -> bool {
    if let Some(start) = rule.strip_suffix('*') {
        return path.starts_with(start);
    }
    let rule = rule.trim_end_matches('/');
    rule.is_empty() || path.strip_prefix(rule).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl Core {
    /// Puts the stored limits in force; those that did not change keep their counts.
    pub(crate) async fn load_quotas(&self) -> Result<(), Fault> {
        let mut txn = self.txn();
        let old = self.quotas.0.load_full();
        let mut limits = Vec::new();
        for name in txn.names(&keys::core(keys::QUOTA, "")).await? {
            if let Some(limit) = txn.get::<RateLimit>(&keys::core(keys::QUOTA, &name)).await? {
                let same = old.limits.iter().find(|a| a.limit == *limit).cloned();
                limits.push(same.unwrap_or_else(|| {
                    Arc::new(Active { limit: RateLimit::clone(&limit), clients: Mutex::default() })
                }));
            }
        }
        let config = txn.get::<QuotaConfig>(&QuotaConfig::key()).await?.map(|c| QuotaConfig::clone(&c));
        self.quotas.0.store(Arc::new(Rules { limits, config: config.unwrap_or_default() }));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_per_address_and_refills() {
        let limit = RateLimit {
            name: "q".into(),
            path: "m/".into(),
            rate: 2.0,
            interval: 1,
            block_interval: 0,
            role: String::new(),
            inheritable: false,
        };
        let active = Arc::new(Active { limit, clients: Mutex::default() });
        let quotas =
            Quotas(ArcSwap::from_pointee(Rules { limits: vec![active], config: QuotaConfig::default() }));
        let realm = Realm::default();
        let (a, b) = ("1.1.1.1".parse().unwrap(), "2.2.2.2".parse().unwrap());
        let at = |ms: i64| Timestamp::from_millisecond(ms).unwrap();
        assert!(quotas.admit(&realm, "", "m/x", a, || at(0)).is_ok());
        assert!(quotas.admit(&realm, "", "m/x", a, || at(0)).is_ok());
        assert!(matches!(quotas.admit(&realm, "", "m/x", a, || at(0)), Err(Fault::TooMany(_))));
        assert!(quotas.admit(&realm, "", "m/x", b, || at(0)).is_ok());
        assert!(quotas.admit(&realm, "", "mm/x", a, || at(0)).is_ok());
        assert!(quotas.admit(&realm, "", "m/x", a, || at(600)).is_ok());
        assert!(quotas.admit(&realm, "", "m/x", a, || at(601)).is_err());
    }

    fn active(rate: f64) -> Active {
        let (name, path, role) = ("q".into(), String::new(), String::new());
        let limit =
            RateLimit { name, path, rate, interval: 1, block_interval: 3600, role, inheritable: false };
        Active { limit, clients: Mutex::default() }
    }

    /// The class of CVE-2025-6015: no limit is passed by using the next address of one's own network.
    #[test]
    fn one_network_of_version_six_is_one_client() {
        let active = active(2.0);
        let taken: Vec<bool> = (1..=4)
            .map(|n| active.take(format!("2001:db8:1:2::{n}").parse().unwrap(), Timestamp::UNIX_EPOCH))
            .collect();
        assert_eq!(taken, [true, true, false, false]);
        assert!(active.take("2001:db8:1:3::1".parse().unwrap(), Timestamp::UNIX_EPOCH));
    }

    /// However many addresses knock, and however many of them are blocked, memory has an end.
    #[test]
    fn a_crowd_of_addresses_is_forgotten() {
        let active = active(1.0);
        for n in 0..200_000_u32 {
            let address = IpAddr::V4(n.into());
            assert!(active.take(address, Timestamp::UNIX_EPOCH));
            active.take(address, Timestamp::UNIX_EPOCH);
        }
        assert!(active.clients.lock().unwrap().len() <= MAX_CLIENTS);
    }
}
