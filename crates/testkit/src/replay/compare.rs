//! Whether all that was recorded is in the answer.

use serde_json::Value;

/// Endings of the names of numbers of seconds.
const NEAR: [&str; 7] = ["ttl", "duration", "period", "expiration", "_in", "lease", "_ttl"];

pub(super) fn differ(want: &Value, got: &Value, path: &str, ignore: &[&str], out: &mut Vec<String>) {
    if ignore.iter().any(|pattern| glob(pattern, path)) {
        return;
    }
    match (want, got) {
        (Value::Object(want), Value::Object(got)) => {
            for (key, value) in want {
                let below = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                match got.get(key) {
                    Some(found) => differ(value, found, &below, ignore, out),
                    None if ignore.iter().any(|pattern| glob(pattern, &below)) => {}
                    None => out.push(format!("{below}: missing, want {}", short(value))),
                }
            }
        }
        (Value::Array(want), Value::Array(got)) if want.len() == got.len() => {
            for (at, (a, b)) in want.iter().zip(got).enumerate() {
                let below = if path.is_empty() { at.to_string() } else { format!("{path}.{at}") };
                differ(a, b, &below, ignore, out);
            }
        }
        (Value::Array(want), Value::Array(got)) => {
            let (found, wanted) = (short(&Value::Array(got.clone())), short(&Value::Array(want.clone())));
            out.push(format!("{path}: {} items, want {}: {found} / {wanted}", got.len(), want.len()));
        }
        (want, got) if equal(want, got, path) => {}
        (want, got) => out.push(format!("{path}: {}, want {}", short(got), short(want))),
    }
}

/// The value at `data.keys.0`.
pub(super) fn dig<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(value, |v, part| match v {
        Value::Array(items) => items.get(part.parse::<usize>().ok()?),
        Value::Object(map) => map.get(part),
        _ => None,
    })
}

fn equal(want: &Value, got: &Value, path: &str) -> bool {
    match (want, got) {
        (Value::Number(a), Value::Number(b)) => {
            let (Some(x), Some(y)) = (a.as_f64(), b.as_f64()) else { return a == b };
            a == b
                // Whole numbers are compared digit for digit, others by value.
                || (x == y && (a.to_string().contains(['.', 'e', 'E']) || b.to_string().contains(['.', 'e', 'E'])))
                || (NEAR.iter().any(|end| path.ends_with(end)) && (x - y).abs() <= 5.0)
        }
        (want, got) => want == got,
    }
}

/// `*` stands for any text, with dots too.
fn glob(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text
            .strip_prefix(start)
            .is_some_and(|tail| (0..=tail.len()).any(|at| tail.get(at..).is_some_and(|t| glob(rest, t)))),
    }
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() < 160 { text } else { text.chars().take(157).chain("...".chars()).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn differences(want: &Value, got: &Value) -> usize {
        let mut out = Vec::new();
        differ(want, got, "", &["free.*"], &mut out);
        out.len()
    }

    #[test]
    fn allows_more_and_refuses_other() {
        assert_eq!(differences(&json!({"a": 1}), &json!({"a": 1, "b": 2})), 0);
        assert_eq!(differences(&json!({"a": 1}), &json!({"a": 2})), 1);
        assert_eq!(differences(&json!({"a": 1}), &json!({})), 1);
        assert_eq!(differences(&json!({"ttl": 60}), &json!({"ttl": 57})), 0);
        assert_eq!(differences(&json!({"ttl": 60}), &json!({"ttl": 50})), 1);
        assert_eq!(differences(&json!({"free": {"x": 1}}), &json!({"free": {"x": 2}})), 0);
        assert_eq!(differences(&json!({"l": [1, 2]}), &json!({"l": [1]})), 1);
        assert_eq!(differences(&json!({"n": 1000}), &json!({"n": 1e3})), 0);
    }
}
