//! Vault's response envelope and error body.

use crate::Map;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// The envelope around every structured answer, keys in Vault's order.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Envelope<'a> {
    /// Id of the request; empty on wrapped answers.
    pub request_id: &'a str,
    /// Id of the lease, if the answer has one.
    pub lease_id: &'a str,
    /// Whether the lease can be renewed.
    pub renewable: bool,
    /// Seconds the lease lasts.
    pub lease_duration: u64,
    /// The answer itself.
    pub data: Option<Data<'a>>,
    /// Set instead of `data` when the answer was wrapped.
    pub wrap_info: Option<WrapInfo>,
    /// Warnings, in the order they arose.
    pub warnings: Option<&'a [String]>,
    /// Set when the answer grants a token.
    pub auth: Option<AuthInfo<'a>>,
    /// Type of the mount that answered.
    pub mount_type: &'a str,
}

/// The answer itself, as fields or as JSON that was made before.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(untagged)]
pub enum Data<'a> {
    /// Fields.
    Fields(&'a Map),
    /// An object in JSON.
    Made(&'a RawValue),
}

/// What a client learns about a wrapped answer.
#[derive(Debug, Clone, Default, Serialize)]
pub struct WrapInfo {
    /// The single-use token.
    pub token: String,
    /// Its accessor.
    pub accessor: String,
    /// Seconds it lives.
    pub ttl: u64,
    /// RFC 3339.
    pub creation_time: String,
    /// The path whose answer was wrapped.
    pub creation_path: String,
    /// Accessor of the token inside, if the answer grants one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub wrapped_accessor: String,
}

/// What a client learns about a token it was granted.
#[derive(Debug, Clone, Default, Serialize)]
pub struct AuthInfo<'a> {
    /// The token.
    pub client_token: &'a str,
    /// Its accessor; empty for batch tokens.
    pub accessor: &'a str,
    /// All policies.
    pub policies: &'a [String],
    /// Policies of the token itself.
    pub token_policies: &'a [String],
    /// Policies that come through identity, left out when there are none.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub identity_policies: &'a [String],
    /// Metadata of the login.
    pub metadata: Option<&'a Map>,
    /// Seconds the token lives.
    pub lease_duration: u64,
    /// Whether it can be renewed.
    pub renewable: bool,
    /// The identity behind it, empty without one.
    pub entity_id: &'a str,
    /// `service` or `batch`.
    pub token_type: &'a str,
    /// Whether it has no parent.
    pub orphan: bool,
    /// Always null: login MFA is not a part of this server.
    pub mfa_requirement: Option<Value>,
    /// Uses left, 0 for no limit.
    pub num_uses: u64,
}

/// `{"errors": [...]}` as bytes.
pub fn errors<S: AsRef<str>>(messages: &[S]) -> Vec<u8> {
    let list: Vec<&str> = messages.iter().map(AsRef::as_ref).collect();
    serde_json::to_vec(&serde_json::json!({ "errors": list })).unwrap_or_default()
}
