//! Values to text, in block style at a column or in flow style on one line.

use super::scalar;
use serde_json::{Map, Value};

/// `name: value` in block style; further lines are indented for a mapping at `column`.
pub(super) fn entry(name: &str, value: &Value, column: usize) -> String {
    let name = scalar::text(name);
    let inner = column + 2;
    match value {
        Value::Object(map) if !map.is_empty() => format!("{name}:{}{}", line(inner), mapping(map, inner)),
        Value::Array(list) if !list.is_empty() => format!("{name}:{}{}", line(inner), list_of(list, inner)),
        other => format!("{name}: {}", leaf(other)),
    }
}

/// `- value` in block style, for a list whose dashes stand at `column`.
pub(super) fn item(value: &Value, column: usize) -> String {
    let inner = column + 2;
    match value {
        Value::Object(map) if !map.is_empty() => format!("- {}", mapping(map, inner)),
        Value::Array(list) if !list.is_empty() => format!("- {}", list_of(list, inner)),
        other => format!("- {}", leaf(other)),
    }
}

/// A mapping's entries in block style, the first where the text stands.
pub(super) fn mapping(map: &Map<String, Value>, column: usize) -> String {
    let entries: Vec<String> = in_order(map).map(|(name, value)| entry(name, value, column)).collect();
    entries.join(&line(column))
}

/// On one line, readable as YAML and as JSON.
pub(super) fn flow(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let entries: Vec<String> = in_order(map).map(|(name, value)| flow_entry(name, value)).collect();
            format!("{{{}}}", entries.join(", "))
        }
        Value::Array(list) => format!("[{}]", list.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::String(text) => scalar::quoted(text),
        other => other.to_string(),
    }
}

/// `"name": value`.
pub(super) fn flow_entry(name: &str, value: &Value) -> String {
    format!("{}: {}", scalar::quoted(name), flow(value))
}

/// A line end and the spaces up to `column`.
pub(super) fn line(column: usize) -> String {
    format!("\n{}", " ".repeat(column))
}

/// A scalar, or an empty collection.
pub(super) fn leaf(value: &Value) -> String {
    match value {
        Value::String(text) => scalar::text(text),
        other => flow(other),
    }
}

fn list_of(list: &[Value], column: usize) -> String {
    list.iter().map(|value| item(value, column)).collect::<Vec<_>>().join(&line(column))
}

/// The name first: people look for it there.
fn in_order(map: &Map<String, Value>) -> impl Iterator<Item = (&String, &Value)> {
    let name = map.get_key_value("name");
    name.into_iter().chain(map.iter().filter(|(key, _)| *key != "name"))
}
