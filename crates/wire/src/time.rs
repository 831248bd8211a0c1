//! Times as Vault prints them: RFC 3339, UTC, up to nine fractional digits.

use jiff::Timestamp;

/// `2026-11-24T17:00:00.123456789Z`; the fraction is left out when it is zero.
pub fn rfc3339(t: Timestamp) -> String {
    t.to_string()
}

/// Whole seconds since 1970, the form of `creation_time` in token look-ups.
pub fn unix(t: Timestamp) -> i64 {
    t.as_second()
}

/// The time `seconds` after `t`, held at the end of time instead of overflowing.
pub fn after(t: Timestamp, seconds: u64) -> Timestamp {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    t.checked_add(jiff::SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
}

/// Whole seconds from `now` until `t`, zero when `t` has passed.
pub fn until(now: Timestamp, t: Timestamp) -> u64 {
    let left = t.duration_since(now);
    if left.is_negative() {
        return 0;
    }
    // Rounded to the nearest second, as Vault reports a TTL right after creation in full.
    let secs = u64::try_from(left.as_secs()).unwrap_or(0);
    secs + u64::from(left.subsec_nanos() >= 500_000_000)
}

/// Reads an RFC 3339 time.
pub fn parse(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_and_reads() {
        let t = parse("2026-11-24T17:00:00.12Z").unwrap();
        assert_eq!(rfc3339(t), "2026-11-24T17:00:00.12Z");
        assert_eq!(until(t, after(t, 60)), 60);
        assert_eq!(until(after(t, 1), t), 0);
        assert_eq!(after(t, u64::MAX), Timestamp::MAX);
    }
}
