//! Puts a name in the place of every value that differs from run to run.

use regex_lite::Regex;
use serde_json::{Map, Value};
use std::sync::LazyLock;

struct Rules {
    whole: Vec<(Regex, &'static str)>,
    uuid: Option<Regex>,
}

static RULES: LazyLock<Rules> = LazyLock::new(|| {
    let rule = |pattern: &str, to: &'static str| Regex::new(pattern).map(|r| (r, to));
    let whole = [
        rule(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$", "<time>"),
        rule(r"^(hv)?[sbr]\.[A-Za-z0-9_.-]{20,}$", "<token>"),
        rule(r"^vault:v(\d+):[A-Za-z0-9+/=_-]+$", "<vault:v$1>"),
        rule(r"^hmac-sha256:[0-9a-f]{64}$", "<hmac>"),
        rule(r"(?s)^-----BEGIN ([A-Z0-9 ]+)-----.*", "<pem $1>"),
        rule(r"^([a-z0-9-]+_)+[0-9a-f]{8}$", "<accessor>"),
        rule(r"^([0-9a-f]{2}[:-]){15,}[0-9a-f]{2}$", "<serial>"),
        rule(r"(?s)^ssh-(rsa|ed25519)[ -].*", "<ssh-$1>"),
        rule(r"^eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*$", "<jwt>"),
    ];
    Rules {
        whole: whole.into_iter().flatten().collect(),
        uuid: Regex::new(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").ok(),
    }
});

/// Keys whose values are never compared, only that there is one.
const ANY: [&str; 15] = [
    "request_id",
    "creation_time",
    "last_renewal_time",
    "expiration",
    "accessor",
    "uuid",
    "nonce",
    "cluster_id",
    "cluster_name",
    "version",
    "build_date",
    "plugin_version",
    "running_plugin_version",
    "running_sha256",
    "server_time_utc",
];

pub(super) fn value(v: &Value, key: &str) -> Value {
    match v {
        Value::Object(map) => {
            Value::Object(map.iter().map(|(k, x)| (text(k), value(x, k))).collect::<Map<String, Value>>())
        }
        Value::Array(items) => Value::Array(items.iter().map(|x| value(x, key)).collect()),
        other if ANY.contains(&key) && !is_empty(other) && !(key == "version" && is_whole(other)) => {
            Value::String("<any>".to_owned())
        }
        Value::String(s) => Value::String(text(s)),
        other => other.clone(),
    }
}

/// `errors` becomes `<errors>` unless it is empty.
pub(super) fn hide_errors(got: &mut Value) {
    if let Value::Object(map) = got {
        let errors = map.get("errors").cloned().unwrap_or_default();
        let filled = match &errors {
            Value::Array(items) => !items.is_empty(),
            Value::Null => false,
            _ => true,
        };
        map.insert("errors".to_owned(), if filled { Value::String("<errors>".to_owned()) } else { errors });
    }
}

fn text(s: &str) -> String {
    for (pattern, to) in &RULES.whole {
        if pattern.is_match(s) {
            return pattern.replace(s, *to).into_owned();
        }
    }
    RULES.uuid.as_ref().map_or_else(|| s.to_owned(), |uuid| uuid.replace_all(s, "<uuid>").into_owned())
}

fn is_empty(v: &Value) -> bool {
    match v {
        Value::Null => true,
        Value::String(s) => s.is_empty(),
        Value::Number(n) => n.as_f64() == Some(0.0),
        // As in Python, where False equals 0.
        Value::Bool(b) => !b,
        _ => false,
    }
}

fn is_whole(v: &Value) -> bool {
    matches!(v, Value::Bool(_)) || matches!(v, Value::Number(n) if !n.to_string().contains(['.', 'e', 'E']))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_rule_is_valid_and_used() {
        assert_eq!(RULES.whole.len(), 9);
        let seen = json!({
            "t": "2026-01-01T00:00:00.5Z", "k": "hvs.AAAAAAAAAAAAAAAAAAAAAAAA", "c": "vault:v3:abc=",
            "u": "x-00000000-0000-0000-0000-000000000000", "version": 3, "nonce": "n", "m": "kv_1a2b3c4d"
        });
        let want = json!({
            "t": "<time>", "k": "<token>", "c": "<vault:v3>", "u": "x-<uuid>", "version": 3, "nonce": "<any>",
            "m": "<accessor>"
        });
        assert_eq!(value(&seen, ""), want);
    }
}
