//! Vault's response envelope and error body.

use crate::Map;
use serde::Serialize;
use serde_json::Value;

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
    pub data: Option<&'a Map>,
    /// Set instead of `data` when the answer was wrapped.
    pub wrap_info: Option<WrapInfo>,
    /// Warnings, in the order they arose.
    pub warnings: Option<&'a [String]>,
    /// Set when the answer grants a token.
    pub auth: Option<AuthInfo<'a>>,
    /// Type of the mount that answered.
    pub mount_type: &'a str,
}

impl Envelope<'_> {
    /// Writes the envelope as JSON around `data`, which is JSON already and takes the place of its own.
    pub fn write_around(&self, data: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"request_id\":");
        value(out, &self.request_id);
        out.extend_from_slice(b",\"lease_id\":");
        value(out, &self.lease_id);
        out.extend_from_slice(b",\"renewable\":");
        value(out, &self.renewable);
        out.extend_from_slice(b",\"lease_duration\":");
        value(out, &self.lease_duration);
        out.extend_from_slice(b",\"data\":");
        out.extend_from_slice(data);
        out.extend_from_slice(b",\"wrap_info\":");
        value(out, &self.wrap_info);
        out.extend_from_slice(b",\"warnings\":");
        value(out, &self.warnings);
        out.extend_from_slice(b",\"auth\":");
        value(out, &self.auth);
        out.extend_from_slice(b",\"mount_type\":");
        value(out, &self.mount_type);
        out.push(b'}');
    }
}

fn value<T: Serialize>(out: &mut Vec<u8>, value: &T) {
    // Maps with text keys and a growing buffer: serialising cannot fail.
    let _ = serde_json::to_writer(out, value);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_around_json_is_the_envelope() {
        let data = Map::from_iter([("a".to_owned(), Value::from("\"\n"))]);
        let warnings = ["w\"".to_owned()];
        let envelope = Envelope {
            request_id: "id",
            lease_id: "secret/\"x",
            renewable: true,
            lease_duration: 7,
            data: Some(&data),
            wrap_info: Some(WrapInfo::default()),
            warnings: Some(&warnings),
            auth: Some(AuthInfo::default()),
            mount_type: "kv",
        };
        for envelope in
            [envelope.clone(), Envelope { wrap_info: None, warnings: None, auth: None, ..envelope }]
        {
            let mut out = Vec::new();
            envelope.write_around(&serde_json::to_vec(&data).unwrap(), &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), serde_json::to_string(&envelope).unwrap());
        }
    }
}
