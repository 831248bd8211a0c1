//! Arguments that carry values: `key=value`, `key=@file`, `key=-`, `@file.json`, `-`.

use crate::failure::Failure;
use serde_json::Value;
use std::io::Read;
use strongroom_wire::Map;

/// Reads arguments into the fields of a request. A key given twice becomes a list. Standard input
/// can be used once.
pub(crate) fn fields(args: &[String], stdin: &mut dyn Read) -> Result<Map, Failure> {
    let mut fields = Map::new();
    let mut stdin = Some(stdin);
    for arg in args {
        if arg == "-" {
            let text = take_stdin(&mut stdin)?;
            merge(&mut fields, object(text.as_bytes(), "standard input")?);
        } else if let Some(file) = arg.strip_prefix('@') {
            merge(&mut fields, object(&read_file(file)?, file)?);
        } else {
            let Some((key, value)) = arg.split_once('=') else {
                let text = "Failed to parse K=V data: invalid key/value pair: format must be key=value, @file.json or - \
                            (its text is not shown here, for it may be secret)";
                return Err(Failure::local(text));
            };
            if key.is_empty() {
                return Err(Failure::local(
                    "Failed to parse K=V data: a key is empty: format must be key=value",
                ));
            }
            let value = value_of(key, value, &mut stdin)?;
            add(&mut fields, key, Value::String(value));
        }
    }
    Ok(fields)
}

/// Reads the `a=1` of flags that may be given many times.
pub(crate) fn pairs(flag: &str, given: &[String]) -> Result<Map, Failure> {
    let mut map = Map::new();
    for text in given {
        let (key, value) = text
            .split_once('=')
            .ok_or_else(|| Failure::local(format!("-{flag} must look like KEY=VALUE")))?;
        map.insert(key.to_owned(), Value::String(value.to_owned()));
    }
    Ok(map)
}

/// Without the white space and slashes around it.
pub(crate) fn clean_path(text: &str) -> String {
    text.trim().trim_matches('/').to_owned()
}

/// Text of a file that must be UTF-8.
pub(crate) fn read_text(file: &str) -> Result<String, Failure> {
    String::from_utf8(read_file(file)?).map_err(|_| {
        Failure::local(format!("{file} is not UTF-8 text: encode it first, for instance with base64"))
    })
}

fn value_of(key: &str, value: &str, stdin: &mut Option<&mut dyn Read>) -> Result<String, Failure> {
    match value.as_bytes() {
        b"-" => take_stdin(stdin),
        [b'@', ..] => read_text(value.trim_start_matches('@'))
            .map_err(|e| Failure::local(format!("Failed to parse K=V data: field {key:?}: {}", e.message))),
        [b'\\', b'@', ..] => Ok(value.trim_start_matches('\\').to_owned()),
        _ => Ok(value.to_owned()),
    }
}

fn take_stdin(stdin: &mut Option<&mut dyn Read>) -> Result<String, Failure> {
    let Some(reader) = stdin.take() else {
        return Err(Failure::local("Failed to parse K=V data: standard input (-) can be used only once"));
    };
    let mut text = String::new();
    reader
        .read_to_string(&mut text)
        .map_err(|e| Failure::local(format!("Failed to read standard input: {e}")))?;
    Ok(text)
}

fn read_file(file: &str) -> Result<Vec<u8>, Failure> {
    std::fs::read(file).map_err(|e| Failure::local(format!("error reading file {file}: {e}")))
}

fn object(text: &[u8], place: &str) -> Result<Map, Failure> {
    serde_json::from_slice(text).map_err(|e| {
        // The parser's own text may quote the value.
        let (line, column) = (e.line(), e.column());
        Failure::local(format!(
            "Failed to parse K=V data: {place} does not hold a JSON object (line {line}, column {column})"
        ))
    })
}

fn merge(fields: &mut Map, more: Map) {
    for (key, value) in more {
        add(fields, &key, value);
    }
}

fn add(fields: &mut Map, key: &str, value: Value) {
    match fields.get_mut(key) {
        None => {
            fields.insert(key.to_owned(), value);
        }
        Some(Value::Array(list)) => list.push(value),
        Some(first) => *first = Value::Array(vec![first.take(), value]),
    }
}

#[cfg(test)]
mod tests;
