//! YAML, as much of it as JSON values need.

use serde_json::Value;

/// A value as a YAML document, with a line end.
pub(crate) fn yaml(value: &Value) -> String {
    let mut out = String::new();
    write(value, 0, &mut out);
    out
}

/// Writes a value that begins on a line of its own.
fn write(value: &Value, indent: usize, out: &mut String) {
    let pad = " ".repeat(indent);
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                out.push_str(&format!("{pad}{}:", key_text(key)));
                write_after_colon(value, indent, out);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                out.push_str(&format!("{pad}-"));
                write_item(item, indent, out);
            }
        }
        other => out.push_str(&format!("{pad}{}\n", scalar(other, indent))),
    }
}

fn write_after_colon(value: &Value, indent: usize, out: &mut String) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            out.push('\n');
            write(value, indent + 2, out);
        }
        Value::Array(items) if !items.is_empty() => {
            out.push('\n');
            write(value, indent, out);
        }
        other => out.push_str(&format!(" {}\n", scalar(other, indent))),
    }
}

/// An item's first line follows its dash.
fn write_item(value: &Value, indent: usize, out: &mut String) {
    let nested = matches!(value, Value::Object(m) if !m.is_empty())
        || matches!(value, Value::Array(a) if !a.is_empty());
    if nested {
        let mut inner = String::new();
        write(value, indent + 2, &mut inner);
        out.push(' ');
        out.push_str(inner.trim_start_matches(' '));
    } else {
        out.push_str(&format!(" {}\n", scalar(value, indent)));
    }
}

fn scalar(value: &Value, indent: usize) -> String {
    match value {
        Value::String(text) => string(text, indent),
        Value::Object(_) => "{}".to_owned(),
        Value::Array(_) => "[]".to_owned(),
        other => other.to_string(),
    }
}

fn key_text(key: &str) -> String {
    if is_plain(key) { key.to_owned() } else { Value::from(key).to_string() }
}

fn string(text: &str, indent: usize) -> String {
    if is_plain(text) {
        return text.to_owned();
    }
    if is_block(text) {
        let pad = " ".repeat(indent + 2);
        let (mark, body) = text.strip_suffix('\n').map_or(("|-", text), |body| ("|", body));
        let lines: Vec<String> = body
            .split('\n')
            .map(|line| if line.is_empty() { String::new() } else { format!("{pad}{line}") })
            .collect();
        return format!("{mark}\n{}", lines.join("\n"));
    }
    // JSON's quoted form is YAML's too.
    Value::from(text).to_string()
}

/// Whether a text can stand without quotes and still be read as a text.
fn is_plain(text: &str) -> bool {
    let first = text.chars().next().is_some_and(|c| c.is_ascii_alphabetic() || c == '/' || c == '_');
    let rest = text.chars().all(|c| c.is_ascii_alphanumeric() || "_-./ @+".contains(c));
    let words = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];
    first && rest && !text.ends_with(' ') && !words.contains(&text.to_ascii_lowercase().as_str())
}

/// Whether a text of several lines can be written as a block without losing anything.
fn is_block(text: &str) -> bool {
    let visible = text
        .chars()
        .all(|c| c == '\n' || !c.is_control() && c != '\u{feff}' && c != '\u{2028}' && c != '\u{2029}');
    let starts_well = !text.starts_with([' ', '\n']);
    let ends_well = !text.ends_with("\n\n") && text != "\n" && !text.lines().any(|l| l.ends_with(' '));
    visible && starts_well && ends_well && text.contains('\n')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn texts_that_look_like_something_else_are_quoted() {
        for (value, text) in [
            (json!("plain text/x.y"), "plain text/x.y\n"),
            (json!("true"), "\"true\"\n"),
            (json!("Null"), "\"Null\"\n"),
            (json!("12"), "\"12\"\n"),
            (json!("a: b"), "\"a: b\"\n"),
            (json!("- a"), "\"- a\"\n"),
            (json!(" a"), "\" a\"\n"),
            (json!("a "), "\"a \"\n"),
            (json!("#a"), "\"#a\"\n"),
            (json!("tab\there"), "\"tab\\there\"\n"),
            (json!({"a": "x\ny\n"}), "a: |\n  x\n  y\n"),
            (json!({"a": "x\n\ny"}), "a: |-\n  x\n\n  y\n"),
            (json!({"a": "x \ny"}), "a: \"x \\ny\"\n"),
            (json!([{"a": 1, "b": [2, []]}, {}]), "- a: 1\n  b:\n  - 2\n  - []\n- {}\n"),
            (json!([[1, 2]]), "- - 1\n  - 2\n"),
            (json!({"a b": {"*": null}}), "a b:\n  \"*\": null\n"),
        ] {
            assert_eq!(yaml(&value), text, "{value}");
        }
    }
}
