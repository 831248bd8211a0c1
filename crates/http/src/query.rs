//! Query parameters and form bodies.

use strongroom_wire::{Map, Value};

/// The fields of a query or form. Of pairs that cannot be decoded nothing is taken, as in Go.
pub(crate) fn fields(text: &str) -> Map {
    let mut map = Map::new();
    for (name, value) in text.split('&').filter_map(pair) {
        match map.entry(name) {
            serde_json::map::Entry::Vacant(slot) => {
                slot.insert(Value::String(value));
            }
            serde_json::map::Entry::Occupied(mut slot) => add(slot.get_mut(), value),
        }
    }
    map
}

/// A truth value as Go reads it; the empty text is none.
pub(crate) fn truth(text: &str) -> Result<Option<bool>, NotABool> {
    match text {
        "" => Ok(None),
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(Some(true)),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(Some(false)),
        _ => Err(NotABool),
    }
}

/// The text is no truth value.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotABool;

/// The first text under a name.
pub(crate) fn first<'a>(map: &'a Map, name: &str) -> &'a str {
    match map.get(name) {
        Some(Value::String(text)) => text,
        Some(Value::Array(texts)) => texts.first().and_then(Value::as_str).unwrap_or(""),
        _ => "",
    }
}

fn add(slot: &mut Value, value: String) {
    match slot {
        Value::Array(values) => values.push(Value::String(value)),
        single => *single = Value::Array(vec![single.take(), Value::String(value)]),
    }
}

fn pair(text: &str) -> Option<(String, String)> {
    if text.contains(';') {
        return None;
    }
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    let name = decode(name).filter(|n| !n.is_empty())?;
    Some((name, decode(value)?))
}

fn decode(text: &str) -> Option<String> {
    if !text.contains(['%', '+']) {
        return Some(text.to_owned());
    }
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn decodes_pairs() {
        let of = |text: &str| Value::Object(fields(text));
        assert_eq!(of("version=1&other=x&=&&"), json!({"version": "1", "other": "x"}));
        assert_eq!(of("a=1&a=2&a=3"), json!({"a": ["1", "2", "3"]}));
        assert_eq!(of("a+b=c%26+d%C3%A9"), json!({"a b": "c& d\u{e9}"}));
        assert_eq!(of("list"), json!({"list": ""}));
        assert_eq!(of("a=%zz&b=%ff&c=%4&d;e=1&f=ok"), json!({"f": "ok"}));
    }

    #[test]
    fn reads_truth_as_go_does() {
        assert_eq!(truth("T"), Ok(Some(true)));
        assert_eq!(truth("0"), Ok(Some(false)));
        assert_eq!(truth(""), Ok(None));
        assert_eq!(truth("yes"), Err(NotABool));
    }
}
