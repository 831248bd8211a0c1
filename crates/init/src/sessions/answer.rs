//! Answers of the server, read so that their values stay where they are wiped.

use crate::source::{Found, Lease};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use strongroom_client::{Auth, Response};
use zeroize::Zeroizing;

/// A mount, as `sys/internal/ui/mounts` tells of it.
#[derive(Deserialize)]
pub(super) struct Mount {
    pub(super) path: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(default, deserialize_with = "nullable")]
    pub(super) options: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(default)]
    lease_id: Option<String>,
    #[serde(default)]
    lease_duration: Option<u64>,
    #[serde(default)]
    renewable: Option<bool>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Versioned<'a> {
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
    #[serde(default)]
    metadata: Option<Metadata>,
}

#[derive(Deserialize, Default)]
struct Metadata {
    #[serde(default)]
    version: u64,
    #[serde(default)]
    deletion_time: String,
    #[serde(default)]
    destroyed: bool,
}

/// A secret of kv version 2.
pub(super) fn versioned(body: &[u8]) -> Result<Found, String> {
    let envelope = parse::<Envelope<'_>>(body)?;
    let inner = parse::<Versioned<'_>>(envelope.data.map_or("{}", RawValue::get).as_bytes())?;
    let fields = inner.data.ok_or_else(|| "the answer has no data".to_owned())?;
    Ok(Found { fields: texts(fields)?, lease: None })
}

/// A secret of any other engine.
pub(super) fn plain(body: &[u8]) -> Result<Found, String> {
    let envelope = parse::<Envelope<'_>>(body)?;
    let fields = envelope.data.ok_or_else(|| "the answer has no data".to_owned())?;
    let lease = envelope.lease_id.filter(|id| !id.is_empty()).map(|id| Lease {
        id,
        seconds: envelope.lease_duration.unwrap_or_default(),
        renewable: envelope.renewable.unwrap_or_default(),
    });
    Ok(Found { fields: texts(fields)?, lease })
}

/// Why an answer of status 404 has nothing: a version that was deleted is still told of.
pub(super) fn nothing_there(status: u16, body: &[u8]) -> Option<String> {
    if status != 404 {
        return None;
    }
    let envelope = serde_json::from_slice::<Envelope<'_>>(body).ok();
    let versioned = envelope.and_then(|e| serde_json::from_str::<Versioned<'_>>(e.data?.get()).ok());
    Some(match versioned.and_then(|v| v.metadata) {
        Some(metadata) if metadata.destroyed => format!("version {} is destroyed", metadata.version),
        Some(metadata) if !metadata.deletion_time.is_empty() => {
            format!("version {} was deleted at {}", metadata.version, metadata.deletion_time)
        }
        _ => "there is no such secret".to_owned(),
    })
}

/// The token in an answer.
pub(super) fn auth(response: &Response) -> Result<Auth, String> {
    let secret = response.secret().map_err(|e| e.to_string())?;
    let auth = secret.and_then(|s| s.auth).filter(|auth| !auth.client_token.is_empty());
    auth.ok_or_else(|| "the answer grants no token (a second factor is not for Pods)".to_owned())
}

/// The lease in an answer to a renewal.
pub(super) fn lease_seconds(body: &[u8]) -> Result<u64, String> {
    Ok(parse::<Envelope<'_>>(body)?.lease_duration.unwrap_or_default())
}

/// The mount in an answer.
pub(super) fn mount(body: &[u8]) -> Result<Mount, String> {
    #[derive(Deserialize)]
    struct Body {
        data: Mount,
    }
    Ok(parse::<Body>(body)?.data)
}

fn texts(fields: &RawValue) -> Result<BTreeMap<String, Zeroizing<String>>, String> {
    let fields: BTreeMap<String, &RawValue> = parse(fields.get().as_bytes())?;
    let mut texts = BTreeMap::new();
    for (key, raw) in fields {
        let text = match raw.get() {
            "null" => continue,
            text if text.starts_with('"') => parse::<String>(text.as_bytes())?,
            text => text.to_owned(),
        };
        texts.insert(key, Zeroizing::new(text));
    }
    Ok(texts)
}

/// The place of the fault only: serde's own text may quote the body.
fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|e| {
        format!("the answer is not the expected JSON (line {}, column {})", e.line(), e.column())
    })
}

fn nullable<'de, D: serde::Deserializer<'de>, T: Deserialize<'de> + Default>(d: D) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(d)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_texts_or_json() {
        let body = br#"{"lease_id":"","data":{"data":{"a":"x\ny","n":1.50,"o":{"b":[1]},"z":null},"metadata":{"version":3}}}"#;
        let found = versioned(body).unwrap();
        let shown: Vec<_> = found.fields.iter().map(|(k, v)| format!("{k}={}", v.as_str())).collect();
        assert_eq!(shown, ["a=x\ny", "n=1.50", r#"o={"b":[1]}"#]);
        assert!(found.lease.is_none());
    }

    #[test]
    fn leases_are_seen() {
        let body = br#"{"lease_id":"database/creds/a/1","lease_duration":60,"renewable":true,"data":{"username":"u"}}"#;
        let lease = Lease { id: "database/creds/a/1".to_owned(), seconds: 60, renewable: true };
        assert_eq!(plain(body).unwrap().lease, Some(lease));
    }

    #[test]
    fn deleted_versions_are_told_from_nothing() {
        let body = br#"{"data":{"data":null,"metadata":{"version":2,"deletion_time":"2026-01-01T00:00:00Z","destroyed":false}}}"#;
        assert_eq!(nothing_there(404, body).unwrap(), "version 2 was deleted at 2026-01-01T00:00:00Z");
        assert_eq!(nothing_there(404, br#"{"errors":[]}"#).unwrap(), "there is no such secret");
        assert_eq!(nothing_there(403, body), None);
    }

    #[test]
    fn broken_answers_are_not_quoted() {
        let why = plain(br#"{"data":{"a":hunter2}}"#).err().unwrap();
        assert!(!why.contains("hunter2"), "{why}");
    }
}
