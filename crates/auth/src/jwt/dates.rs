//! Whether a token holds now.

use crate::web_token::Dates;

/// How far times may be off, in seconds: 0 for the usual, negative for not at all.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Leeways {
    pub(super) expiration: i64,
    pub(super) not_before: i64,
    pub(super) clock_skew: i64,
}

const USUAL_LIFE: i64 = 150;
const USUAL_SKEW: i64 = 60;

/// Checks the times of a token. What it does not say is worked out from what it says.
pub(super) fn check(dates: Dates, leeways: Leeways, now: i64) -> Result<(), &'static str> {
    let (expires, not_before) = bounds(dates, leeways)?;
    let skew = effective(leeways.clock_skew, USUAL_SKEW);
    if dates.issued.is_some_and(|issued| issued > now.saturating_add(skew)) {
        return Err("the token was issued in the future (iat)");
    }
    if not_before > now.saturating_add(skew) {
        return Err("the token is not valid yet (nbf)");
    }
    if now >= expires.saturating_add(skew) {
        return Err("the token is expired (exp)");
    }
    Ok(())
}

/// End and beginning of the time in which it holds.
fn bounds(dates: Dates, leeways: Leeways) -> Result<(i64, i64), &'static str> {
    // As other readers of tokens have it, 0 is no time.
    let given = |date: Option<i64>| date.filter(|at| *at != 0);
    let (issued, not_before) = (given(dates.issued), given(dates.not_before));
    let start = issued.max(not_before);
    let expires = match (given(dates.expires), start) {
        (Some(expires), _) => expires,
        (None, Some(start)) => start.saturating_add(effective(leeways.expiration, USUAL_LIFE)),
        (None, None) => return Err("the token says neither when it was issued nor how long it holds"),
    };
    let before = || expires.saturating_sub(effective(leeways.not_before, USUAL_LIFE));
    Ok((expires, not_before.or(issued).unwrap_or_else(before)))
}

fn effective(leeway: i64, usual: i64) -> i64 {
    match leeway {
        0 => usual,
        given => given.max(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_000_000;

    fn holds(issued: i64, not_before: i64, expires: i64, leeways: Leeways) -> bool {
        let date = |at: i64| (at != i64::MIN).then_some(at);
        let dates = Dates { issued: date(issued), not_before: date(not_before), expires: date(expires) };
        check(dates, leeways, NOW).is_ok()
    }

    #[test]
    fn each_time_has_its_edge() {
        const NONE: i64 = i64::MIN;
        let usual = Leeways::default();
        let strict = Leeways { expiration: -1, not_before: -1, clock_skew: -1 };
        assert!(!holds(NONE, NONE, NONE, usual));
        assert!(!holds(0, 0, 0, usual));
        for (leeways, skew) in [(usual, 60), (strict, 0), (Leeways { clock_skew: 5, ..usual }, 5)] {
            assert!(holds(1, 1, NOW + 1 - skew, leeways) && !holds(1, 1, NOW - skew, leeways));
            assert!(
                holds(1, NOW + skew, NOW + 999, leeways) && !holds(1, NOW + skew + 1, NOW + 999, leeways)
            );
            assert!(
                holds(NOW + skew, 1, NOW + 999, leeways) && !holds(NOW + skew + 1, 1, NOW + 999, leeways)
            );
        }
        // Without an end it lives from the later beginning.
        assert!(holds(NOW - 209, NONE, NONE, usual) && !holds(NOW - 210, NONE, NONE, usual));
        assert!(holds(1, NOW - 209, NONE, usual) && !holds(NOW, NONE, NONE, strict));
        assert!(holds(NOW - 100, NONE, NONE, Leeways { expiration: 41, ..usual }));
        assert!(!holds(NOW - 101, NONE, NONE, Leeways { expiration: 41, ..usual }));
        // Without a beginning it holds shortly before its end.
        assert!(holds(NONE, NONE, NOW + 210, usual) && !holds(NONE, NONE, NOW + 211, usual));
        assert!(holds(NONE, NONE, NOW + 360, Leeways { not_before: 300, ..usual }));
        assert!(holds(1, NONE, NOW + 9999, usual));
        assert!(!holds(i64::MAX, i64::MAX, i64::MAX, usual));
    }
}
