//! The fields of a `vaultSecret`.

use super::refusal::Problem;
use serde_json::{Map, Value};
use strongroom_plan::Reference;

/// The fields that lead to a secret. `key` is checked where one is due.
const SECRET: &[&str] = &["name", "mount", "version", "role", "namespace", "optional"];

/// One value: `{name, key, mount, version, role, namespace, optional}`.
pub(super) fn value(path: &str, field: &Value) -> Result<Reference, Problem> {
    let map = fields(path, field, &["key"])?;
    let key = text(path, map, "key")?;
    let key = key.ok_or_else(|| missing(path, "key", "name the key inside the secret"))?;
    Ok(Reference { key, ..secret(path, map)? })
}

/// A whole secret, `key` left empty. `more` are fields that are read elsewhere.
pub(super) fn whole(path: &str, field: &Value, more: &[&str]) -> Result<Reference, Problem> {
    secret(path, fields(path, field, more)?)
}

/// The fields of a mapping that has no others.
fn fields<'v>(path: &str, field: &'v Value, more: &[&str]) -> Result<&'v Map<String, Value>, Problem> {
    let known = || SECRET.iter().chain(more).copied();
    let map = field.as_object().ok_or_else(|| {
        Problem::new(
            path,
            "is no mapping",
            format!("write {{name: ..., {}}}", more.first().unwrap_or(&"...")),
        )
    })?;
    let unknown = map.keys().find(|name| !known().any(|known| known == name.as_str()));
    match unknown {
        Some(name) => {
            let known: Vec<&str> = known().collect();
            Err(Problem::new(
                &format!("{path}.{name}"),
                "no such field",
                format!("there are {}", known.join(", ")),
            ))
        }
        None => Ok(map),
    }
}

fn secret(path: &str, map: &Map<String, Value>) -> Result<Reference, Problem> {
    let name = text(path, map, "name")?.ok_or_else(|| missing(path, "name", "name the secret"))?;
    let at = |field: &str| format!("{path}.{field}");
    if name.split('/').any(|part| part.is_empty() || part == "." || part == "..") {
        return Err(Problem::new(
            &at("name"),
            format!("{name:?} is no path of a secret"),
            "write it as for `vault kv get`, without slashes at its ends",
        ));
    }
    let mount = text(path, map, "mount")?;
    let mount = mount.as_deref().map(|mount| mount.trim_matches('/')).unwrap_or("secret");
    if mount.split('/').any(|part| part.is_empty() || part == "." || part == "..") {
        return Err(Problem::new(
            &at("mount"),
            "is no path of a mount",
            "write it as in `vault secrets list`",
        ));
    }
    let version = match map.get("version") {
        None | Some(Value::Null) => None,
        Some(Value::Number(number)) => number.as_u64(),
        Some(Value::String(digits)) => digits.parse().ok(),
        Some(_) => Some(0),
    };
    let is_given = map.get("version").is_some_and(|version| !version.is_null());
    if is_given && version.is_none_or(|version| version == 0) {
        let way_out = "write a whole number from 1, or leave it out for the newest";
        return Err(Problem::new(&at("version"), "is no version", way_out));
    }
    Ok(Reference {
        mount: mount.to_owned(),
        path: name,
        key: String::new(),
        version,
        role: text(path, map, "role")?,
        namespace: text(path, map, "namespace")?.map(|name| name.trim_matches('/').to_owned()),
        optional: truth(path, map, "optional")?,
    })
}

/// A field that is a text and not empty.
pub(super) fn text(path: &str, map: &Map<String, Value>, name: &str) -> Result<Option<String>, Problem> {
    match map.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if !text.is_empty() => Ok(Some(text.clone())),
        Some(Value::String(_)) => {
            Err(Problem::new(&format!("{path}.{name}"), "is empty", "fill it in or leave it out"))
        }
        Some(_) => Err(Problem::new(&format!("{path}.{name}"), "is no text", "put it in quotes")),
    }
}

/// A field that is `true` or `false`, false if it is not there.
pub(super) fn truth(path: &str, map: &Map<String, Value>, name: &str) -> Result<bool, Problem> {
    match map.get(name) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(truth)) => Ok(*truth),
        Some(_) => {
            Err(Problem::new(&format!("{path}.{name}"), "is neither true nor false", "write true or false"))
        }
    }
}

pub(super) fn missing(path: &str, name: &str, way_out: &str) -> Problem {
    Problem::new(path, format!("has no {name}"), way_out)
}
