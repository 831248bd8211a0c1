//! Codes that an application takes to the token endpoint for the tokens of a user.

use super::named::place;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use strongroom_core::{Mount, Record};
use strongroom_crypto::{ct_eq, digest};

/// What a code stands for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Code {
    pub(super) provider: String,
    pub(super) client_id: String,
    pub(super) redirect_uri: String,
    /// Id of the entity.
    pub(super) entity: String,
    /// Those that the provider supports.
    pub(super) scopes: Vec<String>,
    pub(super) nonce: String,
    /// When the user logged in, if the application wants to know.
    pub(super) auth_time: Option<Timestamp>,
    pub(super) challenge: Option<Challenge>,
}

impl Record for Code {}

/// What the verifier that comes with the code must be the origin of (RFC 7636).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Challenge {
    pub(super) method: Method,
    pub(super) value: String,
}

/// How a challenge comes from its verifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Method {
    /// It is the same.
    Plain,
    /// It is its SHA-256.
    S256,
}

/// How long a code may be taken back.
pub(super) const TTL: SignedDuration = SignedDuration::from_mins(5);

/// Where codes stand.
pub(super) fn prefix(mount: &Mount) -> Vec<u8> {
    place(mount, "code/", "")
}

impl Challenge {
    /// The challenge of a request, if its form is right.
    pub(super) fn read(method: &str, value: &str) -> Result<Self, &'static str> {
        let method = match method {
            "" | "plain" => Method::Plain,
            "S256" => Method::S256,
            _ => return Err("invalid code_challenge_method"),
        };
        if is_verifier(value) {
            Ok(Self { method, value: value.to_owned() })
        } else {
            Err("invalid code_challenge")
        }
    }

    /// Whether it comes from this verifier.
    pub(super) fn is_of(&self, verifier: &str) -> bool {
        let shown = match self.method {
            Method::Plain => verifier.to_owned(),
            Method::S256 => base64url(&digest::sha256(verifier.as_bytes())),
        };
        is_verifier(verifier) && ct_eq(shown.as_bytes(), self.value.as_bytes())
    }
}

/// Base64 as addresses can carry it.
pub(super) fn base64url(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

fn is_verifier(text: &str) -> bool {
    const LENGTHS: std::ops::RangeInclusive<usize> = 43..=128;
    let unreserved = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
    LENGTHS.contains(&text.len()) && text.bytes().all(unreserved)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verifiers_are_the_origin_of_their_challenges() {
        // RFC 7636, appendix B.
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
        let hashed = Challenge::read("S256", challenge).unwrap();
        assert!(hashed.is_of(verifier) && !hashed.is_of(challenge) && !hashed.is_of(""));
        let plain = Challenge::read("", verifier).unwrap();
        assert!(plain.is_of(verifier) && !plain.is_of(challenge));
        assert!(Challenge::read("s256", challenge).is_err());
        for bad in ["", "short", &"a".repeat(129), &" ".repeat(43)] {
            assert!(Challenge::read("plain", bad).is_err(), "{bad}");
        }
    }
}
