//! A client of the Kubernetes API, for the few calls that webhook and operator make.

pub(crate) mod exchange;

use exchange::{Answer, Origin, Trust};
use serde_json::{Value, json};
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// A client of one API server. Its token is read anew for each request, as Kubernetes replaces it.
pub struct Api {
    origin: Origin,
    token: Option<PathBuf>,
}

/// Why the API server did not do what was asked.
#[derive(Debug)]
pub enum ApiError {
    /// It did not answer, or not as an API server does.
    Unreachable(String),
    /// It refused.
    Refused {
        /// The HTTP status.
        status: u16,
        /// What it said.
        message: String,
    },
}

/// Objects in one page of a list.
const PAGE: usize = 500;
/// The largest answer that is read.
const MAX_ANSWER: usize = 64 << 20;
const TIMEOUT: Duration = Duration::from_secs(10);
/// Where Kubernetes puts a Pod's own token and the API server's authority.
pub const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

impl Api {
    /// A client of the cluster that this Pod runs in, as its own service account. `variable` looks up the environment.
    pub fn in_cluster(variable: &dyn Fn(&str) -> Option<String>) -> Result<Self, String> {
        let get = |name: &str| variable(name).filter(|value| !value.is_empty());
        let host = get("KUBERNETES_SERVICE_HOST").ok_or(
            "KUBERNETES_SERVICE_HOST is not set: run this in a Pod, or name the API server with -kube-api",
        )?;
        let host = if host.contains(':') { format!("[{host}]") } else { host };
        let port = get("KUBERNETES_SERVICE_PORT").unwrap_or_else(|| "443".to_owned());
        let account = PathBuf::from(ACCOUNT);
        let (ca, token) = (account.join("ca.crt"), account.join("token"));
        Self::new(&format!("https://{host}:{port}"), Some(ca), Some(token))
    }

    /// A client of the API server at an address, whose certificate the authorities in `ca` have signed.
    pub fn new(address: &str, ca: Option<PathBuf>, token: Option<PathBuf>) -> Result<Self, String> {
        let trust = ca.map_or(Trust::System, Trust::File);
        Ok(Self { origin: Origin::new(address, trust)?, token })
    }

    /// An object.
    pub(crate) async fn get(&self, path: &str) -> Result<Value, ApiError> {
        self.send("GET", path, None, "application/json").await
    }

    /// All objects of a list, in pages. `query` narrows it, or is empty.
    pub(crate) async fn items(&self, path: &str, query: &str) -> Result<Vec<Value>, ApiError> {
        let mut items = Vec::new();
        let mut next = String::new();
        loop {
            let mut target = format!("{path}?limit={PAGE}");
            for (name, value) in [("&", query), ("&continue=", next.as_str())] {
                if !value.is_empty() {
                    target.push_str(name);
                    target.push_str(value);
                }
            }
            let mut page = self.get(&target).await?;
            if let Some(Value::Array(found)) = page.get_mut("items").map(Value::take) {
                items.extend(found);
            }
            match page.pointer("/metadata/continue").and_then(Value::as_str) {
                Some(token) if !token.is_empty() => next = encoded(token),
                _ => return Ok(items),
            }
        }
    }

    /// Replaces an object; its `resourceVersion` says what is replaced.
    pub(crate) async fn update(&self, path: &str, object: &Value) -> Result<Value, ApiError> {
        self.send("PUT", path, Some(object), "application/json").await
    }

    /// Sets the fields that an object names, under a field manager of its own.
    pub(crate) async fn apply(&self, path: &str, manager: &str, object: &Value) -> Result<Value, ApiError> {
        let path = format!("{path}?fieldManager={manager}&force=true");
        self.send("PATCH", &path, Some(object), "application/apply-patch+yaml").await
    }

    async fn send(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        kind: &str,
    ) -> Result<Value, ApiError> {
        let mut request =
            http::Request::builder().method(method).uri(path).header("accept", "application/json");
        if let Some(file) = &self.token {
            request = request.header("authorization", bearer(file).await.map_err(ApiError::Unreachable)?);
        }
        if body.is_some() {
            request = request.header("content-type", kind);
        }
        let body = body.map(|body| bytes::Bytes::from(body.to_string())).unwrap_or_default();
        let answer = self.origin.send(request, body, MAX_ANSWER, TIMEOUT).await;
        decode(answer.map_err(ApiError::Unreachable)?)
    }
}

/// The header that a token file's content makes.
pub(crate) async fn bearer(file: &PathBuf) -> Result<http::HeaderValue, String> {
    let failed = |why: &dyn fmt::Display| format!("the token in {}: {why}", file.display());
    let token = tokio::fs::read_to_string(file).await.map_err(|error| failed(&error))?;
    let value = http::HeaderValue::from_str(&format!("Bearer {}", token.trim()));
    let mut value = value.map_err(|_| failed(&"cannot stand in a header"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Percent-encodes what may not stand in a query.
pub(crate) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn decode(answer: Answer) -> Result<Value, ApiError> {
    let body: Option<Value> = serde_json::from_slice(&answer.body).ok();
    if answer.status < 300 {
        return body
            .ok_or_else(|| ApiError::Unreachable("the API server did not answer with JSON".to_owned()));
    }
    let message = body.as_ref().and_then(|body| body.get("message")).and_then(Value::as_str);
    let message = message.map_or_else(|| format!("HTTP status {}", answer.status), str::to_owned);
    Err(ApiError::Refused { status: answer.status, message })
}

impl ApiError {
    /// Whether there is no such object.
    pub(crate) fn is_absent(&self) -> bool {
        matches!(self, Self::Refused { status: 404, .. })
    }

    /// Whether the account may not do this.
    pub(crate) fn is_forbidden(&self) -> bool {
        matches!(self, Self::Refused { status: 403, .. })
    }

    /// Whether somebody else was faster.
    pub(crate) fn is_conflict(&self) -> bool {
        matches!(self, Self::Refused { status: 409, .. })
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(why) => write!(out, "the API server: {why}"),
            Self::Refused { status, message } => write!(out, "the API server refused ({status}): {message}"),
        }
    }
}

impl std::error::Error for ApiError {}

/// Sets a field of an object, whose parents are made where they are missing.
pub(crate) fn set(object: &mut Value, path: &[&str], value: Value) {
    let mut place = object;
    for name in path {
        if !place.is_object() {
            *place = json!({});
        }
        let Some(map) = place.as_object_mut() else { return };
        place = map.entry((*name).to_owned()).or_insert(Value::Null);
    }
    *place = value;
}

/// A text in an object; empty if it is not there.
pub(crate) fn text<'v>(object: &'v Value, pointer: &str) -> &'v str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}
