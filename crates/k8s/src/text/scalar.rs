//! Plain scalars: what Kubernetes' reader takes them for, and texts written so that every reader takes
//! them for texts.

use serde_json::{Number, Value};

/// What a plain scalar means.
pub(super) fn resolve(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        _ => {}
    }
    if let Some(truth) = truth(text) {
        return Value::Bool(truth);
    }
    number(text).map_or_else(|| Value::String(text.to_owned()), Value::Number)
}

/// The words of YAML 1.1, which `kubectl` reads.
fn truth(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "y" | "Y" => Some(true),
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" | "n" | "N" => Some(false),
        _ => None,
    }
}

fn number(text: &str) -> Option<Number> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let radix = |digits: &str, radix| u64::from_str_radix(digits, radix).ok();
    let whole = if let Some(hex) = digits.strip_prefix("0x") {
        radix(hex, 16)
    } else if let Some(binary) = digits.strip_prefix("0b") {
        radix(binary, 2)
    } else if let Some(octal) = digits.strip_prefix("0o") {
        radix(octal, 8)
    } else if digits.len() > 1 && digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit()) {
        radix(digits.trim_start_matches('0'), 8).or_else(|| (digits.bytes().all(|b| b == b'0')).then_some(0))
    } else {
        None
    };
    if let Some(whole) = whole {
        return serde_json::from_str(&format!("{sign}{whole}")).ok();
    }
    // What JSON has no number for (`1_000`, `.5`, `12:30`) stays a text: nothing here counts with it.
    serde_json::from_str(&format!("{sign}{digits}")).ok()
}

/// A text as a plain scalar or in quotes.
pub(super) fn text(text: &str) -> String {
    if is_safe_plain(text) {
        text.to_owned()
    } else if text.contains('"') && !text.contains(|c: char| c.is_control() || !is_printable(c)) {
        format!("'{}'", text.replace('\'', "''"))
    } else {
        quoted(text)
    }
}

/// A text in double quotes, as JSON and YAML both read it.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_printable(c) => out.push(c),
            c => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
    }
    out.push('"');
    out
}

fn is_printable(c: char) -> bool {
    !c.is_control() && !matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

/// Whether every YAML reader takes the bare text for this text.
fn is_safe_plain(text: &str) -> bool {
    let inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | ':');
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && text.chars().all(inside)
        && !text.ends_with(':')
        && !text.eq_ignore_ascii_case("null")
        && truth(text).is_none()
        && truth(&text.to_ascii_lowercase()).is_none()
}
