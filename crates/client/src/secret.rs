//! The envelope of structured answers, as the client sees it.

use serde::{Deserialize, Deserializer, Serialize};
use strongroom_wire::{Map, Value};

/// A structured answer; serialises with its keys in Vault's order. No `Debug`: it carries secrets.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Secret {
    /// Id of the request.
    #[serde(deserialize_with = "nullable")]
    pub request_id: String,
    /// Id of the lease, if there is one.
    #[serde(deserialize_with = "nullable")]
    pub lease_id: String,
    /// Seconds the lease lasts.
    #[serde(deserialize_with = "nullable")]
    pub lease_duration: u64,
    /// Whether the lease can be renewed.
    #[serde(deserialize_with = "nullable")]
    pub renewable: bool,
    /// The answer itself.
    pub data: Option<Map>,
    /// Warnings.
    pub warnings: Option<Vec<String>>,
    /// The token granted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth: Option<Auth>,
    /// Where the answer is wrapped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wrap_info: Option<WrapInfo>,
    /// Type of the mount that answered.
    #[serde(deserialize_with = "nullable")]
    pub mount_type: String,
}

/// A token that was granted.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Auth {
    /// The token.
    #[serde(deserialize_with = "nullable")]
    pub client_token: String,
    /// Its accessor.
    #[serde(deserialize_with = "nullable")]
    pub accessor: String,
    /// All policies.
    #[serde(deserialize_with = "nullable")]
    pub policies: Vec<String>,
    /// Policies of the token itself.
    #[serde(deserialize_with = "nullable")]
    pub token_policies: Vec<String>,
    /// Policies that come through identity.
    #[serde(deserialize_with = "nullable")]
    pub identity_policies: Vec<String>,
    /// Metadata of the login.
    pub metadata: Option<Map>,
    /// Whether it has no parent.
    #[serde(deserialize_with = "nullable")]
    pub orphan: bool,
    /// The identity behind it.
    #[serde(deserialize_with = "nullable")]
    pub entity_id: String,
    /// Seconds it lives, 0 for ever.
    #[serde(deserialize_with = "nullable")]
    pub lease_duration: u64,
    /// Whether it can be renewed.
    #[serde(deserialize_with = "nullable")]
    pub renewable: bool,
    /// A second factor the server asks for.
    pub mfa_requirement: Option<Value>,
    /// `service` or `batch`.
    #[serde(deserialize_with = "nullable")]
    pub token_type: String,
    /// Uses left, 0 for no limit.
    #[serde(deserialize_with = "nullable")]
    pub num_uses: u64,
}

/// Where a wrapped answer is kept.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct WrapInfo {
    /// The single-use token.
    #[serde(deserialize_with = "nullable")]
    pub token: String,
    /// Its accessor.
    #[serde(deserialize_with = "nullable")]
    pub accessor: String,
    /// Seconds it lives.
    #[serde(deserialize_with = "nullable")]
    pub ttl: u64,
    /// RFC 3339.
    #[serde(deserialize_with = "nullable")]
    pub creation_time: String,
    /// The path whose answer was wrapped.
    #[serde(deserialize_with = "nullable")]
    pub creation_path: String,
    /// Accessor of the token inside.
    #[serde(deserialize_with = "nullable")]
    pub wrapped_accessor: String,
}

impl Secret {
    /// Reads a body. An object without any key of the envelope (`sys/health`) becomes the data;
    /// nothing but errors is no secret.
    pub fn parse(body: &[u8]) -> Result<Option<Self>, serde_json::Error> {
        if body.iter().all(u8::is_ascii_whitespace) {
            return Ok(None);
        }
        let mut secret: Self = serde_json::from_slice(body)?;
        if secret == Self::default() {
            let raw: Map = serde_json::from_slice(body)?;
            let only_errors = raw.len() == 1 && raw.contains_key("errors");
            if only_errors {
                return Ok(None);
            }
            if !raw.contains_key("data") && !raw.contains_key("request_id") && !raw.is_empty() {
                secret.data = Some(raw);
            }
        }
        Ok(Some(secret))
    }

    /// A field of the data.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.data.as_ref()?.get(key)
    }

    /// A text field of the data.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.get(key)?.as_str()
    }

    /// Whether there is anything in it worth showing.
    pub fn has_content(&self) -> bool {
        self.data.as_ref().is_some_and(|d| !d.is_empty())
            || self.warnings.as_ref().is_some_and(|w| !w.is_empty())
    }
}

/// `null` reads as the type's empty value, as Go's decoder does it.
fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(d: D) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(d)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_digits_and_nulls_are_empty() {
        let body = br#"{"request_id":"r","lease_id":null,"data":{"n":123456789012345678901234567890.10,"z":null},"auth":null}"#;
        let secret = Secret::parse(body).unwrap().unwrap();
        assert_eq!(secret.get("n").unwrap().to_string(), "123456789012345678901234567890.10");
        let out = serde_json::to_string(&secret).unwrap();
        assert!(out.starts_with(r#"{"request_id":"r","lease_id":"","lease_duration":0,"renewable":false,"data":{"n":1234567890"#), "{out}");
        assert!(!out.contains("auth"));
    }

    #[test]
    fn answers_without_an_envelope_become_the_data() {
        let secret = Secret::parse(br#"{"sealed":true,"t":3}"#).unwrap().unwrap();
        assert_eq!(secret.get("sealed"), Some(&Value::Bool(true)));
        assert!(Secret::parse(br#"{"errors":[]}"#).unwrap().is_none());
        assert!(Secret::parse(b" ").unwrap().is_none());
        assert!(Secret::parse(b"[1]").is_err());
        assert!(Secret::parse(b"<html>").is_err());
    }
}
