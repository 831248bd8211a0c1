//! Times as Vault prints them: RFC 3339, UTC, up to nine fractional digits.

use jiff::Timestamp;

/// `2026-11-24T17:00:00.123456789Z`; the fraction is left out when it is zero.
pub fn rfc3339(t: Timestamp) -> String {
    let mut out = Vec::with_capacity(30);
    push_rfc3339(&mut out, t);
    String::from_utf8(out).unwrap_or_default()
}

/// The same at the end of `out`. Written by hand: audit lines hold several of them, and by way of a
/// formatter each took longer than what stands around it.
pub fn push_rfc3339(out: &mut Vec<u8>, t: Timestamp) {
    let (days, second) = (t.as_second().div_euclid(86_400), t.as_second().rem_euclid(86_400));
    let (year, month, day) = date(days);
    let nanos = t.subsec_nanosecond();
    if !(0..=9999).contains(&year) || nanos < 0 {
        out.extend_from_slice(t.to_string().as_bytes());
        return;
    }
    digits(out, year, 4);
    for (mark, part) in
        [(b'-', month), (b'-', day), (b'T', second / 3600), (b':', second / 60 % 60), (b':', second % 60)]
    {
        out.push(mark);
        digits(out, part, 2);
    }
    if nanos != 0 {
        out.push(b'.');
        digits(out, i64::from(nanos), 9);
        while out.last() == Some(&b'0') {
            out.pop();
        }
    }
    out.push(b'Z');
}

/// The civil date of a day counted from 1970-01-01, after Howard Hinnant.
fn date(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Months counted from March, so that a leap day comes last.
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// The last `count` decimal digits of a number.
fn digits(out: &mut Vec<u8>, number: i64, count: usize) {
    let (mut text, mut left) = ([b'0'; 9], number);
    for digit in text.iter_mut().take(count).rev() {
        *digit = b'0' + u8::try_from(left % 10).unwrap_or_default();
        left /= 10;
    }
    out.extend(text.iter().take(count));
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

    /// In steps that meet all days, leap days among them, and all lengths of the fraction.
    #[test]
    fn prints_as_the_library_does() {
        let mut second = -2_208_988_800_i64;
        for turn in 0..60_000_u32 {
            let unit = 10_i32.pow(turn % 10);
            let nanos = i32::try_from(u64::from(turn) * 16_661 % 1_000_000_000).unwrap() / unit * unit;
            let t = Timestamp::new(second, nanos).unwrap();
            assert_eq!(rfc3339(t), t.to_string());
            second += 86_399;
        }
    }

    #[test]
    fn prints_the_ends_of_time_as_the_library_does() {
        for t in [
            Timestamp::MIN,
            Timestamp::MAX,
            Timestamp::UNIX_EPOCH,
            parse("2028-02-29T23:59:59.000000001Z").unwrap(),
        ] {
            assert_eq!(rfc3339(t), t.to_string());
        }
    }
}
