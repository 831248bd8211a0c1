//! JSON web tokens: taken apart, with nothing believed yet, and made.

use crate::{Fault, Map, Value};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::json;
use strongroom_crypto::Random;
use strongroom_crypto::jws::{ALGORITHMS, Algorithm, Key, SigningKey};
use strongroom_wire::json;

/// A token in its compact form, taken apart.
pub struct WebToken {
    /// The algorithm its header names.
    pub algorithm: Algorithm,
    /// The name of that algorithm.
    pub algorithm_name: String,
    /// The key its header names.
    pub key_id: Option<String>,
    /// Its claims, an object.
    pub claims: Value,
    message: String,
    signature: Vec<u8>,
}

/// Why a text is no token. Says nothing of the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebTokenError {
    /// More than 64 KiB.
    TooLong,
    /// Not three parts, or parts that are not what they should be.
    Malformed,
    /// No signature algorithm that is supported.
    Algorithm,
    /// Its header asks for extensions.
    Critical,
}

/// When a token holds, in seconds since 1970.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dates {
    /// `iat`
    pub issued: Option<i64>,
    /// `nbf`
    pub not_before: Option<i64>,
    /// `exp`
    pub expires: Option<i64>,
}

/// Longer texts are not looked at.
const MAX_BYTES: usize = 64 * 1024;

impl WebToken {
    /// Takes a token apart.
    pub fn parse(text: &str) -> Result<Self, WebTokenError> {
        let text = text.trim();
        if text.len() > MAX_BYTES {
            return Err(WebTokenError::TooLong);
        }
        let (message, signature) = text.rsplit_once('.').ok_or(WebTokenError::Malformed)?;
        let (header, claims) = message.split_once('.').ok_or(WebTokenError::Malformed)?;
        let (header, claims) = (object(header)?, object(claims)?);
        if header.contains_key("crit") {
            return Err(WebTokenError::Critical);
        }
        let name = header.get("alg").and_then(Value::as_str).unwrap_or_default();
        Ok(Self {
            algorithm: Algorithm::parse(name).ok_or(WebTokenError::Algorithm)?,
            algorithm_name: name.to_owned(),
            key_id: header.get("kid").and_then(Value::as_str).map(str::to_owned),
            claims: Value::Object(claims),
            message: message.to_owned(),
            signature: bytes(signature)?,
        })
    }

    /// Whether the holder of this key has signed it.
    pub fn is_signed_by(&self, key: &Key) -> bool {
        key.verify(self.algorithm, self.message.as_bytes(), &self.signature)
    }

    /// A claim; null counts as none.
    pub fn claim(&self, name: &str) -> Option<&Value> {
        self.claims.get(name).filter(|value| !value.is_null())
    }

    /// A claim that is text; empty if it is none.
    pub fn text(&self, name: &str) -> &str {
        self.claim(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// Whom it is for; none if the claim is neither a text nor a list of texts.
    pub fn audiences(&self) -> Option<Vec<&str>> {
        match self.claim("aud") {
            None => Some(Vec::new()),
            Some(Value::String(one)) => Some(vec![one]),
            Some(Value::Array(many)) => many.iter().map(Value::as_str).collect(),
            Some(_) => None,
        }
    }

    /// When it holds; an error names the claim that is no time.
    pub fn dates(&self) -> Result<Dates, &'static str> {
        let date = |name| self.claim(name).map(|value| seconds(value).ok_or(name)).transpose();
        Ok(Dates { issued: date("iat")?, not_before: date("nbf")?, expires: date("exp")? })
    }
}

/// A token in its compact form. `key_id` names the key to those who verify it.
pub fn sign(
    random: &dyn Random,
    algorithm: Algorithm,
    key: &SigningKey,
    key_id: &str,
    claims: &Map,
) -> Result<String, Fault> {
    let name = ALGORITHMS.iter().find(|(_, known)| *known == algorithm).map_or("", |(name, _)| name);
    let header = json!({ "alg": name, "kid": key_id, "typ": "JWT" });
    let part = |json: Vec<u8>| BASE64_URL_SAFE_NO_PAD.encode(json);
    let encoded = serde_json::to_vec(&header).and_then(|h| Ok((h, serde_json::to_vec(claims)?)));
    let (header, claims) = encoded.map_err(|e| Fault::Internal(format!("cannot encode a token: {e}")))?;
    let message = format!("{}.{}", part(header), part(claims));
    let signature = key
        .sign(random, message.as_bytes())
        .map_err(|why| Fault::Internal(format!("cannot sign a token: {why}")))?;
    Ok(format!("{message}.{}", part(signature)))
}

fn object(part: &str) -> Result<Map, WebTokenError> {
    json::read(&bytes(part)?).map_err(|_| WebTokenError::Malformed)
}

fn bytes(part: &str) -> Result<Vec<u8>, WebTokenError> {
    BASE64_URL_SAFE_NO_PAD.decode(part).map_err(|_| WebTokenError::Malformed)
}

/// Whole seconds of a number within some millennia.
fn seconds(value: &Value) -> Option<i64> {
    const LIMIT: f64 = 1e12;
    let number = value.as_f64().filter(|n| n.abs() < LIMIT)?;
    // Within the limit above nothing is lost.
    #[allow(clippy::cast_possible_truncation)]
    let whole = number.floor() as i64;
    Some(whole)
}

impl std::fmt::Display for WebTokenError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::TooLong => "the token is longer than 64 KiB",
            Self::Malformed => "the token is no signed JSON web token",
            Self::Algorithm => "the token names no signature algorithm that is supported",
            Self::Critical => "the token's header asks for extensions that are not supported",
        })
    }
}

impl std::error::Error for WebTokenError {}
