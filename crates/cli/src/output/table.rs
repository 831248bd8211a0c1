//! Tables.

use super::go::go;
use serde_json::Value;
use std::time::Duration;
use strongroom_client::{Auth, Secret, WrapInfo};
use strongroom_wire::{Map, duration};

/// Rows in columns four spaces apart, the first one underlined. An empty cell shows `n/a`.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let Some((header, body)) = rows.split_first() else { return String::new() };
    let underline: Vec<String> = header.iter().map(|h| "-".repeat(h.chars().count())).collect();
    columns([header, &underline].into_iter().chain(body))
}

/// Names and values below each other, without a header.
pub(crate) fn aligned(rows: &[(&str, String)]) -> String {
    let rows: Vec<Vec<String>> = rows.iter().map(|(name, value)| pair(*name, value)).collect();
    columns(rows.iter())
}

/// Rows of a secret, with their header: lease, token, wrapping and data.
pub(crate) fn secret_rows(secret: &Secret) -> Vec<Vec<String>> {
    let mut rows = vec![pair("Key", "Value")];
    if secret.lease_duration > 0 {
        let lasts = human_duration(secret.lease_duration);
        if secret.lease_id.is_empty() {
            rows.push(pair("refresh_interval", lasts));
        } else {
            rows.push(pair("lease_id", &secret.lease_id));
            rows.push(pair("lease_duration", lasts));
            rows.push(pair("lease_renewable", secret.renewable.to_string()));
        }
    }
    rows.extend(secret.auth.iter().flat_map(auth_rows));
    rows.extend(secret.wrap_info.iter().flat_map(wrap_rows));
    rows.extend(secret.data.iter().flat_map(|data| map_rows(data).into_iter().skip(1)));
    rows
}

/// Rows of a map, with their header. What is named like a duration is shown as one.
pub(crate) fn map_rows(map: &Map) -> Vec<Vec<String>> {
    let mut rows = vec![pair("Key", "Value")];
    for (key, value) in map {
        let seconds = value.as_u64().filter(|_| is_duration(key));
        rows.push(pair(key, seconds.map_or_else(|| go(value), human_duration)));
    }
    rows
}

/// Rows of a list, with their header.
pub(crate) fn list_rows(items: &[Value]) -> Vec<Vec<String>> {
    std::iter::once("Keys".to_owned()).chain(items.iter().map(go)).map(|cell| vec![cell]).collect()
}

/// `768h`, `1h30m`, `20s`: Go's form without the zeros at its end.
pub(crate) fn human_duration(seconds: u64) -> String {
    let text = duration::go(Duration::from_secs(seconds));
    let text = text.strip_suffix("m0s").map_or(text.clone(), |t| format!("{t}m"));
    text.replacen("h0m", "h", 1)
}

/// A heading over a table of `map`, as wide as that table's keys make it.
pub(crate) fn titled(title: &str, map: &Map) -> String {
    let longest = map.keys().map(String::len).max().unwrap_or(0);
    centred(title, longest + "    Value".len())
}

/// A heading between equal signs, about `width` wide.
pub(crate) fn centred(title: &str, width: usize) -> String {
    let signs = match width.saturating_sub(title.len() + 2) {
        0 => 4,
        signs => signs + signs % 2,
    };
    let side = "=".repeat(signs / 2);
    format!("{side} {title} {side}")
}

/// Broken at white space into lines of at most 78, all but the first indented.
pub(crate) fn wrapped(text: &str, indent: usize) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.trim().is_empty() && line.chars().count() + 1 + word.chars().count() > WIDTH {
            lines.push(std::mem::replace(&mut line, " ".repeat(indent)));
        } else if !line.trim().is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines.join("\n")
}

fn auth_rows(auth: &Auth) -> Vec<Vec<String>> {
    let lasts = if auth.lease_duration == 0 { "∞".to_owned() } else { human_duration(auth.lease_duration) };
    let mut rows = vec![
        pair("token", &auth.client_token),
        pair("token_accessor", &auth.accessor),
        pair("token_duration", lasts),
        pair("token_renewable", auth.renewable.to_string()),
        pair("token_policies", quoted(&auth.token_policies)),
        pair("identity_policies", quoted(&auth.identity_policies)),
        pair("policies", quoted(&auth.policies)),
    ];
    for (key, value) in auth.metadata.iter().flatten() {
        rows.push(pair(format!("token_meta_{key}"), go(value)));
    }
    rows
}

fn wrap_rows(wrap: &WrapInfo) -> Vec<Vec<String>> {
    let mut rows = vec![
        pair("wrapping_token:", &wrap.token),
        pair("wrapping_accessor:", &wrap.accessor),
        pair("wrapping_token_ttl:", human_duration(wrap.ttl)),
        pair("wrapping_token_creation_time:", go_time(&wrap.creation_time)),
        pair("wrapping_token_creation_path:", &wrap.creation_path),
    ];
    if !wrap.wrapped_accessor.is_empty() {
        rows.push(pair("wrapped_accessor:", &wrap.wrapped_accessor));
    }
    rows
}

/// `2026-11-24T17:00:00.1Z` as Go prints times: `2026-11-24 17:00:00.1 +0000 UTC`.
fn go_time(rfc3339: &str) -> String {
    match rfc3339.strip_suffix('Z').and_then(|t| t.split_once('T')) {
        Some((date, time)) => format!("{date} {time} +0000 UTC"),
        None => rfc3339.to_owned(),
    }
}

/// `["a" "b"]`, Go's `%q` of a list.
fn quoted(list: &[String]) -> String {
    let items: Vec<String> = list.iter().map(|item| format!("{item:?}")).collect();
    format!("[{}]", items.join(" "))
}

fn is_duration(key: &str) -> bool {
    let named = |name: &str| key == name || key.strip_suffix(name).is_some_and(|rest| rest.ends_with('_'));
    named("period") || named("ttl") || named("duration") || matches!(key, "lease_max" | "ttl_max")
}

fn pair(key: impl Into<String>, value: impl Into<String>) -> Vec<String> {
    vec![key.into(), value.into()]
}

fn columns<'a>(rows: impl Iterator<Item = &'a Vec<String>> + Clone) -> String {
    let mut widths: Vec<usize> = Vec::new();
    for row in rows.clone() {
        for (i, cell) in row.iter().enumerate() {
            let width = shown(cell).chars().count();
            match widths.get_mut(i) {
                Some(widest) => *widest = width.max(*widest),
                None => widths.push(width),
            }
        }
    }
    let line = |row: &Vec<String>| {
        let mut line = String::new();
        for (i, (cell, width)) in row.iter().zip(&widths).enumerate() {
            if i + 1 == row.len() {
                line.push_str(shown(cell));
            } else {
                line.push_str(&format!("{:width$}    ", shown(cell)));
            }
        }
        line
    };
    rows.map(line).collect::<Vec<_>>().join("\n")
}

fn shown(cell: &str) -> &str {
    let cell = cell.trim();
    if cell.is_empty() { "n/a" } else { cell }
}

const WIDTH: usize = 78;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_for_people() {
        for (seconds, text) in [
            (0, "0s"),
            (20, "20s"),
            (60, "1m"),
            (3_600, "1h"),
            (5_400, "1h30m"),
            (3_601, "1h1s"),
            (2_764_800, "768h"),
        ] {
            assert_eq!(human_duration(seconds), text);
        }
    }

    #[test]
    fn headings_are_as_wide_as_vaults() {
        assert_eq!(centred("Secret Path", "secret/data/foo/bar/x".len()), "==== Secret Path ====");
        assert_eq!(centred("Secret Path", 5), "== Secret Path ==");
    }

    #[test]
    fn long_warnings_break_at_words() {
        let text = wrapped(&format!("* {}", "word ".repeat(20)), 2);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2);
        assert!(lines.iter().all(|l| l.chars().count() <= WIDTH) && text.contains("\n  word"), "{text}");
    }
}
