//! How long a token or lease may live: what was asked for, capped by mount, role and server.

use crate::{Core, Mount};
use jiff::Timestamp;
use std::time::Duration;
use strongroom_wire::{duration, time};

/// The wishes and bounds for one life, in seconds; 0 stands for none.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wish {
    /// Asked for.
    pub ttl: u64,
    /// The role's maximum.
    pub max_ttl: u64,
    /// Counted from the issue, whatever else is said.
    pub explicit_max_ttl: u64,
    /// Of periodic tokens, which have no maximum but the explicit one.
    pub period: u64,
}

/// What is granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Granted {
    /// Seconds from now.
    pub ttl: u64,
    /// What had to be cut, for the client.
    pub warnings: Vec<String>,
}

impl Core {
    /// Seconds a lease of this mount lives where nothing else is said.
    pub fn default_ttl(&self, mount: &Mount) -> u64 {
        let tuned = mount.config.default_lease_ttl;
        let ttl = if tuned > 0 { tuned } else { self.settings.default_lease_ttl };
        ttl.min(self.max_ttl(mount))
    }

    /// Seconds no lease of this mount passes.
    pub fn max_ttl(&self, mount: &Mount) -> u64 {
        let tuned = mount.config.max_lease_ttl;
        if tuned > 0 { tuned } else { self.settings.max_lease_ttl }
    }

    /// Grants a life to what was issued at `issued` and lives on from `now`.
    pub fn grant_ttl(&self, mount: &Mount, wish: Wish, issued: Timestamp, now: Timestamp) -> Granted {
        bound(wish, self.default_ttl(mount), self.max_ttl(mount), issued, now)
    }
}

fn bound(wish: Wish, default: u64, mount_max: u64, issued: Timestamp, now: Timestamp) -> Granted {
    let mut warnings = Vec::new();
    let age = now.duration_since(issued).as_secs().max(0).unsigned_abs();
    if wish.period > 0 {
        let mut ttl = wish.period;
        if ttl > mount_max {
            warnings.push(cut("period", "period", ttl, mount_max));
            ttl = mount_max;
        }
        if wish.explicit_max_ttl > 0 {
            ttl = ttl.min(wish.explicit_max_ttl.saturating_sub(age));
        }
        return Granted { ttl, warnings };
    }
    let max = [wish.max_ttl, wish.explicit_max_ttl].into_iter().filter(|m| *m > 0).fold(mount_max, u64::min);
    let mut ttl = if wish.ttl > 0 { wish.ttl } else { default };
    let left = max.saturating_sub(age);
    if ttl > left {
        warnings.push(cut("TTL", "TTL", ttl, max));
        ttl = left;
    }
    Granted { ttl, warnings }
}

fn cut(what: &str, value: &str, asked: u64, max: u64) -> String {
    format!(
        "{what} of \"{}\" exceeded the effective max_ttl of \"{}\"; {value} value is capped accordingly",
        short(asked),
        short(max)
    )
}

/// Go's form without units that are zero: `768h`, `1h30m`.
fn short(seconds: u64) -> String {
    let text = duration::go(Duration::from_secs(seconds));
    let text = text.strip_suffix("m0s").map_or(text.clone(), |t| format!("{t}m"));
    text.strip_suffix("h0m").map_or(text.clone(), |t| format!("{t}h"))
}

/// The moment `ttl` seconds from `now`.
pub fn ends(now: Timestamp, ttl: u64) -> Timestamp {
    time::after(now, ttl)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    #[test]
    fn renewal_never_passes_the_maximum() {
        // The class of CVE-2021-32923: a renewal in the last second grants no more than what is left.
        let wish = Wish { ttl: 3600, explicit_max_ttl: 120, ..Wish::default() };
        assert_eq!(bound(wish, 600, 7200, at(0), at(119)).ttl, 1);
        assert_eq!(bound(wish, 600, 7200, at(0), at(120)).ttl, 0);
        assert_eq!(bound(wish, 600, 7200, at(0), at(500)).ttl, 0);
        let periodic = Wish { period: 300, explicit_max_ttl: 420, ..Wish::default() };
        assert_eq!(bound(periodic, 600, 7200, at(0), at(200)).ttl, 220);
        assert_eq!(bound(Wish { period: 300, ..Wish::default() }, 600, 7200, at(0), at(1_000_000)).ttl, 300);
    }

    #[test]
    fn says_what_was_cut() {
        let granted = bound(Wish { ttl: 9000 * 3600, ..Wish::default() }, 1, 768 * 3600, at(0), at(0));
        assert_eq!(granted.ttl, 768 * 3600);
        assert_eq!(
            granted.warnings,
            ["TTL of \"9000h\" exceeded the effective max_ttl of \"768h\"; TTL value is capped accordingly"]
        );
        let granted = bound(Wish { period: 1000 * 3600, ..Wish::default() }, 1, 768 * 3600, at(0), at(0));
        assert_eq!(
            granted.warnings,
            [
                "period of \"1000h\" exceeded the effective max_ttl of \"768h\"; period value is capped accordingly"
            ]
        );
        assert_eq!(short(90), "1m30s");
        assert_eq!(short(600), "10m");
        assert_eq!(short(5400), "1h30m");
        assert_eq!(short(0), "0s");
    }
}
