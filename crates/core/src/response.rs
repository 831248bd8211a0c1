//! What handlers answer, and what leaves the pipeline.

use bytes::Bytes;
use std::collections::BTreeMap;
use strongroom_wire::Map;
use strongroom_wire::envelope::WrapInfo;

/// What a handler answers.
#[derive(Debug, Clone, Default)]
pub struct Response {
    /// The structured answer; none together with nothing else means 204.
    pub data: Option<Map>,
    /// An object in JSON in place of `data`, for what is stored as JSON and sent as it is. Only where
    /// nothing is wrapped or added (`Call::may_be_rendered`).
    pub rendered: Option<Vec<u8>>,
    /// A token to be created in the same commit (logins, token creation).
    pub grant: Option<Box<Grant>>,
    /// A token that was renewed; printed like a grant.
    pub renewed: Option<Box<Renewed>>,
    /// A lease to be registered in the same commit (dynamic secrets).
    pub lease: Option<Box<LeaseGrant>>,
    /// A lease that exists already and was renewed: its id, seconds left, whether it can be renewed.
    pub renewed_lease: Option<(String, u64, bool)>,
    /// `lease_duration` of an answer without a lease (kv version 1).
    pub lease_duration: u64,
    /// Shown to the client.
    pub warnings: Vec<String>,
    /// Status in place of 200 or 204.
    pub status: Option<u16>,
    /// Bytes in place of the JSON envelope: content type and body.
    pub raw: Option<(String, Bytes)>,
    /// Bytes that arrive while they are sent, in place of a body: content type and source.
    pub stream: Option<(String, Stream)>,
    /// Accessor of a token that was made beside the answer and goes if the answer is withheld.
    pub made_token: Option<String>,
    /// Further headers.
    pub headers: Vec<(String, String)>,
    /// Set by wrapping endpoints, and by the pipeline when it wraps.
    pub wrap_info: Option<WrapInfo>,
    /// `data` stands at top level only, without an envelope (`sys/health`, `sys/seal-status`).
    pub bare: bool,
}

impl Response {
    /// An answer with data.
    pub fn data(data: Map) -> Self {
        Self { data: Some(data), ..Self::default() }
    }

    /// An answer with data from a `json!({...})` object; anything else is no data.
    pub fn json(value: serde_json::Value) -> Self {
        match value {
            serde_json::Value::Object(map) => Self::data(map),
            _ => Self::default(),
        }
    }

    /// An object without the envelope, as the oldest `sys` endpoints answer.
    pub fn bare(value: serde_json::Value) -> Self {
        Self { bare: true, ..Self::json(value) }
    }

    /// 204.
    pub fn none() -> Self {
        Self::default()
    }

    /// The answer of LIST: `keys`; an empty list is 404 as everywhere in Vault.
    pub fn keys(keys: Vec<String>) -> Result<Self, crate::Fault> {
        if keys.is_empty() {
            return Err(crate::Fault::NotFound);
        }
        Ok(Self::json(serde_json::json!({ "keys": keys })))
    }

    /// An answer that grants a token.
    pub fn grant(grant: Grant) -> Self {
        Self { grant: Some(Box::new(grant)), ..Self::default() }
    }

    /// Adds a warning.
    #[must_use]
    pub fn warn(mut self, warning: impl Into<String>) -> Self {
        self.warnings.push(warning.into());
        self
    }

    /// Sets the status.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// Whether there is anything to print or wrap.
    pub fn has_body(&self) -> bool {
        self.data.is_some()
            || self.rendered.is_some()
            || self.grant.is_some()
            || self.renewed.is_some()
            || self.lease.is_some()
            || self.renewed_lease.is_some()
            || self.wrap_info.is_some()
            || self.raw.is_some()
            || self.stream.is_some()
            || !self.warnings.is_empty()
    }
}

/// A token to be made. The pipeline caps its times by the mount and the server and creates it.
#[derive(Debug, Clone, Default)]
pub struct Grant {
    /// Service or batch.
    pub kind: crate::token::Kind,
    /// A custom id (root only); none for a random one.
    pub id: Option<String>,
    /// Policies before `default` is added.
    pub policies: Vec<String>,
    /// Leave `default` out.
    pub no_default_policy: bool,
    /// Leave out what the entity and its groups give.
    pub no_identity_policies: bool,
    /// Seconds; 0 for the mount's default.
    pub ttl: u64,
    /// Seconds; 0 for the mount's maximum.
    pub max_ttl: u64,
    /// Seconds; 0 for none. Kept in the token, never passed by renewal.
    pub explicit_max_ttl: u64,
    /// Seconds; 0 when not periodic.
    pub period: u64,
    /// Period of the token role, which is asked anew at each renewal and not kept in the token.
    pub role_period: u64,
    /// Uses; 0 for no limit.
    pub num_uses: u64,
    /// The parent's accessor; none for orphans, as logins are.
    pub parent: Option<String>,
    /// Shown in look-ups and audit.
    pub display_name: String,
    /// Metadata of the login.
    pub metadata: Option<BTreeMap<String, String>>,
    /// The token role it was made through.
    pub role: String,
    /// Addresses it may be used from, as given.
    pub bound_cidrs: Vec<String>,
    /// Whether it can be renewed.
    pub renewable: bool,
    /// Never expires (root).
    pub never_expires: bool,
    /// Private to the auth method, handed back to it at renewal.
    pub internal: Map,
    /// The identity alias of the login: name at the auth mount; empty without one.
    pub alias: String,
    /// What the auth method knows of the alias; none leaves what is known as it is.
    pub alias_metadata: Option<BTreeMap<String, String>>,
    /// The groups that the auth method says the caller is in. They name external groups at the mount.
    pub group_aliases: Vec<String>,
    /// Id of the entity the token belongs to, where it is not that of an alias: of the parent's.
    pub entity: String,
    /// The path recorded in the token when it is not the request's.
    pub path: Option<String>,
}

/// A token after renewal, for the answer's `auth` block.
#[derive(Debug, Clone)]
pub struct Renewed {
    /// The token itself, empty when it was renewed by accessor.
    pub token: String,
    /// Its entry after renewal.
    pub entry: crate::token::TokenEntry,
    /// Seconds it lives from now on.
    pub ttl: u64,
}

/// A response with what the core added: what is audited and then rendered.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    pub(crate) response: Response,
    /// On the heap: most answers have none, and this is moved about.
    pub(crate) auth: Option<Box<Answered>>,
    pub(crate) lease_id: String,
    pub(crate) renewable: bool,
    /// The lease was made by this request.
    pub(crate) fresh_lease: bool,
    pub(crate) mount_type: String,
    pub(crate) top_level: bool,
    /// Accessor of a token that was granted and wrapped.
    pub(crate) inner_token: Option<String>,
    /// A lease that was made and wrapped.
    pub(crate) inner_lease: Option<String>,
}

/// A token in an answer.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) token: strongroom_crypto::Secret<String>,
    pub(crate) entry: crate::token::TokenEntry,
    pub(crate) ttl: u64,
    /// The policies that come through identity now.
    pub(crate) identity_policies: Vec<String>,
    /// It was made by this request.
    pub(crate) fresh: bool,
}

impl Answered {
    /// All its policies, those through identity included.
    pub(crate) fn policies(&self) -> Vec<String> {
        crate::identity::standing::union(&self.entry.policies, &self.identity_policies)
    }
}

impl Sent {
    pub(crate) fn plain(response: Response) -> Self {
        Self { response, ..Self::default() }
    }

    pub(crate) fn has_body(&self) -> bool {
        self.response.has_body() || self.auth.is_some() || !self.lease_id.is_empty()
    }

    pub(crate) fn can_be_wrapped(&self) -> bool {
        let r = &self.response;
        (r.data.is_some() || r.rendered.is_some() || self.auth.is_some() || !self.lease_id.is_empty())
            && r.raw.is_none()
            && r.stream.is_none()
            && r.wrap_info.is_none()
    }
}

/// A lease to be registered for a dynamic secret.
#[derive(Debug, Clone, Default)]
pub struct LeaseGrant {
    /// Seconds; 0 for the mount's default.
    pub ttl: u64,
    /// Seconds; 0 for the mount's maximum.
    pub max_ttl: u64,
    /// Whether it can be renewed.
    pub renewable: bool,
    /// Private to the engine, handed back to it at renewal and revocation.
    pub internal: Map,
}

/// What leaves the pipeline, ready for any listener.
#[derive(Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Content type; empty when there is no body.
    pub content_type: std::borrow::Cow<'static, str>,
    /// The body.
    pub body: Body,
    /// Further headers.
    pub headers: Vec<(String, String)>,
}

/// Chunks of a body as they are made; an error ends it.
pub type Chunks = tokio::sync::mpsc::Receiver<Result<Bytes, String>>;

/// The body of an answer.
#[derive(Debug)]
pub enum Body {
    /// All of it; may be empty.
    Whole(Bytes),
    /// Chunks as they are made.
    Stream(Chunks),
}

/// The source of a streamed answer. Taken once, by the listener; an error ends the connection, so
/// that a cut answer is never taken for a whole one.
#[derive(Clone)]
pub struct Stream(std::sync::Arc<std::sync::Mutex<Option<Chunks>>>);

impl Stream {
    /// A stream of what this channel brings.
    pub fn new(source: Chunks) -> Self {
        Self(std::sync::Arc::new(std::sync::Mutex::new(Some(source))))
    }

    /// The channel, the first time.
    pub fn take(&self) -> Option<Chunks> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take()
    }
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Stream")
    }
}
