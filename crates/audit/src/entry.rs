//! What an entry says. Views borrow from the request; nothing is copied until a device renders it.

use strongroom_wire::Map;

/// Whether the entry stands before or after the operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// `"type": "request"`
    Request,
    /// `"type": "response"`
    Response,
}

/// One entry, before hashing.
#[derive(Debug, Clone)]
pub struct Entry<'a> {
    /// Before or after.
    pub phase: Phase,
    /// When.
    pub time: jiff::Timestamp,
    /// Who asks, as far as it is known.
    pub auth: Option<AuthView<'a>>,
    /// What was asked.
    pub request: RequestView<'a>,
    /// What was answered; `Phase::Response` only.
    pub response: Option<ResponseView<'a>>,
    /// Why it failed; empty when it did not. Never carries a secret.
    pub error: &'a str,
}

/// The caller's token, or the one that a response grants.
#[derive(Debug, Clone, Default)]
pub struct AuthView<'a> {
    /// Hashed.
    pub client_token: &'a str,
    /// Hashed unless `hmac_accessor=false`.
    pub accessor: &'a str,
    /// In the clear.
    pub display_name: &'a str,
    /// All policies.
    pub policies: &'a [String],
    /// Policies of the token itself.
    pub token_policies: &'a [String],
    /// Id of the token's namespace, whose policies these are. It may lie above that of the request.
    pub namespace: &'a str,
    /// Policies through identity.
    pub identity_policies: &'a [String],
    /// Whether policy allowed the request, and the policies whose rule allowed it (`policy_results`).
    pub policy_results: Option<(bool, Vec<(&'a str, &'static str)>)>,
    /// Metadata, in the clear as Vault has it.
    pub metadata: Option<&'a std::collections::BTreeMap<String, String>>,
    /// Uses left; 0 for no limit.
    pub remaining_uses: u64,
    /// Empty without one.
    pub entity_id: &'a str,
    /// `service` or `batch`.
    pub token_type: &'static str,
    /// Seconds it was given.
    pub token_ttl: u64,
    /// RFC 3339; empty when unknown.
    pub token_issue_time: &'a str,
    /// Whether it was made without the default policy.
    pub no_default_policy: bool,
}

/// The request.
#[derive(Debug, Clone)]
pub struct RequestView<'a> {
    /// Its UUID.
    pub id: &'a str,
    /// `read`, `update`.
    pub operation: &'static str,
    /// Below `/v1/`.
    pub path: &'a str,
    /// Type of the mount: `kv`; empty when unknown.
    pub mount_type: &'a str,
    /// Full path of the mount; empty when unknown.
    pub mount_point: &'a str,
    /// Accessor of the mount.
    pub mount_accessor: &'a str,
    /// `secret` or `auth`.
    pub mount_class: &'a str,
    /// As the client sent it; hashed. Empty without one.
    pub client_token: &'a str,
    /// Its accessor, once known.
    pub client_token_accessor: &'a str,
    /// Body or query.
    pub data: Option<&'a Map>,
    /// Keys of `data` that the mount's tuning leaves in the clear.
    pub clear_keys: &'a [String],
    /// Address of the client.
    pub remote_address: std::net::IpAddr,
    /// Port of the client.
    pub remote_port: u16,
    /// Seconds; 0 when no wrapping was asked for.
    pub wrap_ttl: u64,
    /// Audited headers: lower-case name, values, whether they are hashed.
    pub headers: Vec<(&'a str, Vec<&'a str>, bool)>,
    /// Namespace id and path; `root` and empty for the root.
    pub namespace: (&'a str, &'a str),
    /// Serial number of the client's certificate; empty without one.
    pub client_certificate_serial_number: &'a str,
}

/// The answer.
#[derive(Debug, Clone, Default)]
pub struct ResponseView<'a> {
    /// A token it grants.
    pub auth: Option<AuthView<'a>>,
    /// Its data; hashed but for `clear_keys` and the accessor rules.
    pub data: Option<&'a Map>,
    /// The same as one object in JSON, in place of `data`; empty without.
    pub json: &'a [u8],
    /// Whether the operation was LIST, for `elide_list_responses`.
    pub is_list: bool,
    /// Keys of `data` that the mount's tuning leaves in the clear.
    pub clear_keys: &'a [String],
    /// Lease id; empty without one. In the clear as Vault has it.
    pub lease_id: &'a str,
    /// Warnings.
    pub warnings: &'a [String],
    /// Redirects and raw answers: a note in place of bytes.
    pub raw_content_type: &'a str,
    /// Wrapping token, accessor, ttl, creation time, creation path, wrapped accessor.
    pub wrap_info: Option<&'a strongroom_wire::envelope::WrapInfo>,
}
