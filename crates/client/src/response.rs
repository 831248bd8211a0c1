//! What was answered.

use crate::error::{ApiError, Error};
use crate::secret::Secret;
use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;
use strongroom_wire::Map;

/// An answer with any status. No `Debug`: it carries secrets.
pub struct Response {
    pub(crate) method: &'static str,
    pub(crate) url: String,
    pub(crate) path: String,
    pub(crate) namespace: String,
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Response {
    /// The body as JSON.
    pub fn json(&self) -> Result<Value, Error> {
        serde_json::from_slice(&self.body).map_err(|e| self.unusable(&e))
    }

    /// The body as a secret; none when it is empty.
    pub fn secret(&self) -> Result<Option<Secret>, Error> {
        Secret::parse(&self.body).map_err(|e| self.unusable(&e))
    }

    /// The fields of the answer: what `data` holds in an envelope, or else the whole object. None
    /// when the body is empty.
    pub fn fields(&self) -> Result<Map, Error> {
        if self.body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Map::new());
        }
        let mut whole: Map = serde_json::from_slice(&self.body).map_err(|e| self.unusable(&e))?;
        let is_envelope = whole.contains_key("request_id") || whole.len() == 1;
        match whole.get_mut("data") {
            Some(Value::Object(data)) if is_envelope => Ok(std::mem::take(data)),
            _ => Ok(whole),
        }
    }

    /// Passes on answers below 400; the rest become [`Error::Api`].
    pub fn checked(self) -> Result<Self, Error> {
        if self.status < 400 {
            return Ok(self);
        }
        Err(Error::Api(Box::new(self.error())))
    }

    /// The answer as an error.
    pub fn error(&self) -> ApiError {
        let mut error = ApiError {
            method: self.method,
            url: self.url.clone(),
            path: self.path.clone(),
            namespace: self.namespace.clone(),
            status: self.status,
            errors: Vec::new(),
            warnings: Vec::new(),
            raw: None,
        };
        error.read(&self.body);
        error
    }

    /// The place of the fault only: serde's own text may quote the body, which holds secrets.
    fn unusable(&self, e: &serde_json::Error) -> Error {
        let reason = format!("it is not the expected JSON (line {}, column {})", e.line(), e.column());
        Error::Answer { url: self.url.clone(), reason }
    }
}
