//! What is asked.

use bytes::Bytes;
use serde_json::Value;
use std::time::Duration;

/// The verb of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Read.
    Get,
    /// List; travels as `GET` with `list=true`, which every proxy lets through.
    List,
    /// Write.
    Put,
    /// Write, where the API asks for POST.
    Post,
    /// Merge-patch.
    Patch,
    /// Delete.
    Delete,
    /// Headers only.
    Head,
}

impl Method {
    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get | Self::List => "GET",
            Self::Put => "PUT",
            Self::Post => "POST",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Head => "HEAD",
        }
    }
}

/// One request. No `Debug`: it carries secrets.
#[derive(Clone)]
pub struct Request {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) body: Option<Bytes>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) token: Option<String>,
    pub(crate) wrap_ttl: Option<String>,
    pub(crate) timeout: Option<Duration>,
}

impl Request {
    /// `path` is what follows `/v1/`, not percent-encoded.
    pub fn new(method: Method, path: impl AsRef<str>) -> Self {
        let query = match method {
            Method::List => vec![("list".to_owned(), "true".to_owned())],
            _ => Vec::new(),
        };
        Self {
            method,
            path: path.as_ref().trim_start_matches('/').to_owned(),
            query,
            body: None,
            headers: Vec::new(),
            token: None,
            wrap_ttl: None,
            timeout: None,
        }
    }

    /// Adds a query parameter.
    #[must_use]
    pub fn query(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.query.push((key.into(), value.into()));
        self
    }

    /// Sets the JSON body.
    #[must_use]
    pub fn body(mut self, body: Value) -> Self {
        self.body = Some(Bytes::from(body.to_string()));
        self
    }

    /// Sets a body that is not JSON, such as a snapshot.
    #[must_use]
    pub fn bytes(mut self, body: impl Into<Bytes>) -> Self {
        self.body = Some(body.into());
        self.header("content-type", "application/octet-stream")
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Uses this token instead of the client's; the empty text sends none.
    #[must_use]
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// Asks for a wrapped answer of this lifetime instead of the client's; the empty text asks for none.
    #[must_use]
    pub fn wrap_ttl(mut self, ttl: impl Into<String>) -> Self {
        self.wrap_ttl = Some(ttl.into());
        self
    }

    /// Waits this long instead of the client's time-out, for operations known to take long.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Path and query, percent-encoded, from `/v1/` on.
    pub(crate) fn target(&self, base: &str) -> String {
        let mut target = format!("{base}/v1/");
        encode(&self.path, b"$&+,/:;=@", &mut target);
        for (i, (key, value)) in self.query.iter().enumerate() {
            target.push(if i == 0 { '?' } else { '&' });
            encode(key, b"", &mut target);
            target.push('=');
            encode(value, b"", &mut target);
        }
        target
    }
}

/// Percent-encodes everything but letters, digits, `-_.~` and what `keep` names.
fn encode(text: &str, keep: &[u8], out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) || keep.contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_encoded_once() {
        let request = Request::new(Method::List, "/secret/a b/%2F+c?/").query("after", "x&y=1");
        assert_eq!(request.target("/edge"), "/edge/v1/secret/a%20b/%252F+c%3F/?list=true&after=x%26y%3D1");
    }
}
