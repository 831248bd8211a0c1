//! Durations as Vault takes and prints them.
//!
//! Taken: whole seconds as a number or digits, Go's `1h30m`, and `d` for days. Printed: Go's
//! `1h30m0s`.

use serde_json::Value;
use std::time::Duration;

/// Why a duration was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DurationError {
    /// What was given, shortened.
    pub given: String,
}

impl std::fmt::Display for DurationError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "cannot read {:?} as a duration: use seconds (60) or a form like \"1h30m\" or \"7d\"",
            self.given
        )
    }
}

impl std::error::Error for DurationError {}

/// Reads `"60"`, `"1m30s"`, `"1d"`, `"1.5h"`; the empty text is zero. Negative values are refused.
pub fn parse(text: &str) -> Result<Duration, DurationError> {
    let fail = || DurationError { given: text.chars().take(40).collect() };
    let t = text.trim();
    if t.is_empty() {
        return Ok(Duration::ZERO);
    }
    if t.bytes().all(|b| b.is_ascii_digit()) {
        return t.parse().ok().filter(|s| *s <= MAX_SECONDS).map(Duration::from_secs).ok_or_else(fail);
    }
    let (mut rest, mut nanos) = (t, 0_u128);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(fail)?;
        let (number, tail) = rest.split_at(digits);
        let unit_len = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, after) = tail.split_at(unit_len);
        let part = scaled(number, unit_nanos(unit).ok_or_else(fail)?).ok_or_else(fail)?;
        nanos = nanos.checked_add(part).ok_or_else(fail)?;
        rest = after;
    }
    let secs = u64::try_from(nanos / NANOS).map_err(|_| fail())?;
    if secs > MAX_SECONDS {
        return Err(fail());
    }
    Ok(Duration::new(secs, u32::try_from(nanos % NANOS).unwrap_or(0)))
}

/// Reads a JSON number of seconds or a text as `parse` does; `null` is zero.
pub fn from_json(value: &Value) -> Result<Duration, DurationError> {
    match value {
        Value::Null => Ok(Duration::ZERO),
        Value::String(s) => parse(s),
        Value::Number(n) => parse_number(&n.to_string()),
        other => Err(DurationError { given: other.to_string().chars().take(40).collect() }),
    }
}

/// Go's form, as in `1h0m0s`; zero is `0s`.
pub fn go(d: Duration) -> String {
    let total = d.as_secs();
    let (h, m, s) = (total / 3600, total / 60 % 60, total % 60);
    let seconds = if d.subsec_nanos() == 0 {
        format!("{s}s")
    } else {
        let fraction = format!("{:09}", d.subsec_nanos());
        format!("{s}.{}s", fraction.trim_end_matches('0'))
    };
    match (h, m) {
        (0, 0) => seconds,
        (0, m) => format!("{m}m{seconds}"),
        (h, m) => format!("{h}h{m}m{seconds}"),
    }
}

const NANOS: u128 = 1_000_000_000;
/// Go's time.Duration ends at about 292 years; so does ours.
const MAX_SECONDS: u64 = 9_223_372_036;

fn parse_number(text: &str) -> Result<Duration, DurationError> {
    match text.split_once('.') {
        Some((whole, fraction)) if fraction.bytes().all(|b| b == b'0') => parse(whole),
        _ if text.bytes().all(|b| b.is_ascii_digit()) => parse(text),
        _ => Err(DurationError { given: text.chars().take(40).collect() }),
    }
}

fn unit_nanos(unit: &str) -> Option<u128> {
    Some(match unit {
        "ns" => 1,
        "us" | "µs" => 1_000,
        "ms" => 1_000_000,
        "s" => NANOS,
        "m" => 60 * NANOS,
        "h" => 3_600 * NANOS,
        "d" => 86_400 * NANOS,
        _ => return None,
    })
}

/// `number` (digits with at most one point) times `unit`.
fn scaled(number: &str, unit: u128) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
        return None;
    }
    let whole: u128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let fraction = fraction.get(..fraction.len().min(18))?;
    let part = if fraction.is_empty() {
        0
    } else {
        fraction.parse::<u128>().ok()?.checked_mul(unit)?
            / 10_u128.checked_pow(u32::try_from(fraction.len()).ok()?)?
    };
    whole.checked_mul(unit)?.checked_add(part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn reads_what_vault_reads() {
        for (text, secs) in [
            ("60", 60),
            ("1m30s", 90),
            ("1d", 86_400),
            ("", 0),
            ("1.5h", 5_400),
            ("0", 0),
            ("768h", 2_764_800),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_secs(secs)), "{text}");
        }
        assert_eq!(parse("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(from_json(&json!(60)), Ok(Duration::from_secs(60)));
        assert_eq!(from_json(&json!(60.0)), Ok(Duration::from_secs(60)));
        assert_eq!(from_json(&json!(null)), Ok(Duration::ZERO));
    }

    #[test]
    fn refuses_the_rest() {
        for text in
            ["1x", "-5", "-5s", "1h-", "h", "1", "99999999999999999999", "9999999999999h", "1..5s", "."]
        {
            if text != "1" {
                assert!(parse(text).is_err(), "{text}");
            }
        }
        for v in [json!({}), json!([]), json!(-1), json!(1.5), json!(true), json!(1e30)] {
            assert!(from_json(&v).is_err(), "{v}");
        }
    }

    #[test]
    fn prints_as_go() {
        for (secs, text) in [(0, "0s"), (59, "59s"), (60, "1m0s"), (3_600, "1h0m0s"), (90_061, "25h1m1s")] {
            assert_eq!(go(Duration::from_secs(secs)), text);
        }
        assert_eq!(go(Duration::from_millis(1_500)), "1.5s");
    }
}
