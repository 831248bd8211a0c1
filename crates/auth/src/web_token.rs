//! JSON web tokens as logins show them: taken apart, with nothing believed yet.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use strongroom_core::{Map, Value};
use strongroom_crypto::jws::{Algorithm, Key};
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

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use serde_json::json;
    use strongroom_crypto::ed25519::PrivateKey;

    /// Signs claims with the Ed25519 key of a seed of equal bytes.
    pub(crate) fn sign(seed: u8, header: Value, claims: &Value) -> String {
        let mut full = json!({"alg": "EdDSA", "typ": "JWT"});
        full.as_object_mut().unwrap().extend(header.as_object().unwrap().clone());
        let part = |v: &Value| BASE64_URL_SAFE_NO_PAD.encode(v.to_string());
        let message = format!("{}.{}", part(&full), part(claims));
        let signature = private(seed).sign(message.as_bytes()).unwrap();
        format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
    }

    /// The public key of that seed, in PEM.
    pub(crate) fn public_pem(seed: u8) -> String {
        let prefix = [0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0];
        let der = [&prefix[..], private(seed).public()].concat();
        strongroom_crypto::pem::encode("PUBLIC KEY", &der).to_string()
    }

    /// The public key of that seed, as a key set has it.
    pub(crate) fn public_jwk(seed: u8, kid: &str) -> Value {
        let x = BASE64_URL_SAFE_NO_PAD.encode(private(seed).public());
        json!({"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": kid, "x": x})
    }

    fn private(seed: u8) -> PrivateKey {
        PrivateKey::from_seed(&[seed; 32]).unwrap()
    }

    #[test]
    fn takes_apart_what_it_verifies() {
        let text =
            sign(1, json!({"kid": "k"}), &json!({"sub": "ann", "aud": ["a", "b"], "exp": 1.5, "nbf": null}));
        let token = WebToken::parse(&format!(" {text}\n")).unwrap();
        assert_eq!((token.key_id.as_deref(), token.text("sub"), token.text("aud")), (Some("k"), "ann", ""));
        assert_eq!(token.audiences(), Some(vec!["a", "b"]));
        assert_eq!(token.dates(), Ok(Dates { expires: Some(1), ..Dates::default() }));
        assert!(token.is_signed_by(&Key::from_pem(&public_pem(1)).unwrap()));
        assert!(!token.is_signed_by(&Key::from_pem(&public_pem(2)).unwrap()));
    }

    #[test]
    fn refuses_what_is_no_token() {
        let part = |v: Value| BASE64_URL_SAFE_NO_PAD.encode(v.to_string());
        let with = |header: Value| format!("{}.{}.AAAA", part(header), part(json!({})));
        for (text, error) in [
            (String::new(), WebTokenError::Malformed),
            ("a.b.c".to_owned(), WebTokenError::Malformed),
            (format!("{}.{}", part(json!({"alg": "EdDSA"})), part(json!({}))), WebTokenError::Malformed),
            (with(json!({"alg": "EdDSA"})) + ".AAAA", WebTokenError::Malformed),
            (with(json!([])), WebTokenError::Malformed),
            (with(json!({"alg": "none"})), WebTokenError::Algorithm),
            (with(json!({"alg": "HS256"})), WebTokenError::Algorithm),
            (with(json!({})), WebTokenError::Algorithm),
            (
                with(json!({"alg": "EdDSA", "x": {"$serde_json::private::RawValue": "1"}})),
                WebTokenError::Malformed,
            ),
            (with(json!({"alg": "EdDSA", "crit": ["b64"], "b64": false})), WebTokenError::Critical),
            ("a".repeat(MAX_BYTES + 1), WebTokenError::TooLong),
        ] {
            assert_eq!(WebToken::parse(&text).err(), Some(error), "{}", text.get(..40).unwrap_or(&text));
        }
    }

    #[test]
    fn times_are_numbers() {
        for bad in [json!("1"), json!([]), json!(1e300), json!(true)] {
            let token = WebToken::parse(&sign(1, json!({}), &json!({"exp": 1, "iat": bad}))).unwrap();
            assert_eq!(token.dates(), Err("iat"), "{bad}");
        }
        let token = WebToken::parse(&sign(1, json!({}), &json!({"aud": [5]}))).unwrap();
        assert_eq!(token.audiences(), None);
    }
}
