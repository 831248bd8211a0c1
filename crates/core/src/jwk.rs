//! Public keys as key sets have them (RFC 7517): those of others are read, ours are shown.

use crate::web_token::WebToken;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use strongroom_crypto::ecdsa::Curve;
use strongroom_crypto::jws::{Key, Public};
use strongroom_wire::json;

/// A public key that verifies signatures, as a key set has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jwk {
    /// The type of key.
    pub kty: String,
    /// `sig`; others are for encryption.
    #[serde(rename = "use", default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// Names the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kid: Option<String>,
    /// The one algorithm it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alg: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    crv: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    n: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    e: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    x: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    y: Option<String>,
}

/// A key of a set, made ready.
pub struct SetKey {
    id: Option<String>,
    algorithm: Option<String>,
    key: Key,
}

/// Keys of one set that are looked at.
const MAX_KEYS: usize = 256;

impl Jwk {
    /// A key with its name and its algorithm's.
    pub fn new(public: &Public, kid: &str, alg: &str) -> Self {
        let part = |bytes: &[u8]| Some(BASE64_URL_SAFE_NO_PAD.encode(bytes));
        let empty = Self {
            purpose: Some("sig".to_owned()),
            kid: Some(kid.to_owned()),
            alg: Some(alg.to_owned()),
            ..Self::default()
        };
        match public {
            Public::Rsa { n, e } => Self { kty: "RSA".to_owned(), n: part(n), e: part(e), ..empty },
            Public::Ec { curve, x, y } => Self {
                kty: "EC".to_owned(),
                crv: Some(curve_name(*curve).to_owned()),
                x: part(x),
                y: part(y),
                ..empty
            },
            Public::Ed25519 { x } => {
                Self { kty: "OKP".to_owned(), crv: Some(ED25519.to_owned()), x: part(x), ..empty }
            }
        }
    }

    /// The key made ready; none if it is for something else than signatures, or of an unknown kind.
    pub fn ready(&self) -> Option<SetKey> {
        if self.purpose.as_ref().is_some_and(|u| u != "sig") {
            return None;
        }
        let bytes = |part: &Option<String>| BASE64_URL_SAFE_NO_PAD.decode(part.as_ref()?).ok();
        let key = match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", _) => Key::from_rsa_numbers(&bytes(&self.n)?, &bytes(&self.e)?),
            ("OKP", Some(ED25519)) => Key::from_ed25519(&bytes(&self.x)?),
            ("EC", Some(name)) => {
                let curve = CURVES.into_iter().find(|curve| curve_name(*curve) == name)?;
                Key::from_coordinates(curve, &bytes(&self.x)?, &bytes(&self.y)?)
            }
            _ => return None,
        };
        Some(SetKey { id: self.kid.clone(), algorithm: self.alg.clone(), key: key.ok()? })
    }
}

impl SetKey {
    /// Whether its holder has signed a token that names this key, or none, and the key's algorithm.
    pub fn has_signed(&self, token: &WebToken) -> bool {
        let id_fits = match (&token.key_id, &self.id) {
            (Some(wanted), Some(id)) => wanted == id,
            _ => true,
        };
        let algorithm_fits = self.algorithm.as_ref().is_none_or(|name| *name == token.algorithm_name);
        id_fits && algorithm_fits && token.is_signed_by(&self.key)
    }
}

/// The keys of a set that verify signatures. Others may stand beside them.
pub fn read_set(body: &[u8]) -> Option<Vec<SetKey>> {
    #[derive(Deserialize)]
    struct Set {
        keys: Vec<serde_json::Value>,
    }
    let set: Set = json::read(body).ok()?;
    let read = |value| serde_json::from_value::<Jwk>(value).ok()?.ready();
    Some(set.keys.into_iter().take(MAX_KEYS).filter_map(read).collect())
}

const ED25519: &str = "Ed25519";
const CURVES: [Curve; 3] = [Curve::P256, Curve::P384, Curve::P521];

fn curve_name(curve: Curve) -> &'static str {
    match curve {
        Curve::P256 => "P-256",
        Curve::P384 => "P-384",
        Curve::P521 => "P-521",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web_token;
    use strongroom_crypto::SystemRandom;
    use strongroom_crypto::jws::{ALGORITHMS, SigningKey};

    #[test]
    fn what_is_signed_is_verified_by_what_is_shown() {
        for (name, algorithm) in ALGORITHMS {
            let secret = SigningKey::generate(algorithm, &SystemRandom).unwrap();
            let key = SigningKey::read(algorithm, &secret).unwrap();
            let shown = Jwk::new(&key.public().unwrap(), "k", name);
            let set = serde_json::to_vec(&serde_json::json!({ "keys": [shown] })).unwrap();
            let sign = |kid: &str| {
                let text = web_token::sign(&SystemRandom, algorithm, &key, kid, &crate::Map::new()).unwrap();
                WebToken::parse(&text).unwrap()
            };
            let read = read_set(&set).unwrap();
            assert!(read[0].has_signed(&sign("k")), "{name}");
            assert!(!read[0].has_signed(&sign("other")), "{name}");
            // The same key under another algorithm's name verifies nothing.
            for (other, _) in ALGORITHMS.iter().filter(|(other, _)| *other != name) {
                let renamed = Jwk { alg: Some((*other).to_owned()), ..shown.clone() };
                assert!(!renamed.ready().unwrap().has_signed(&sign("k")), "{name} as {other}");
            }
            let encrypting = Jwk { purpose: Some("enc".to_owned()), ..shown };
            assert!(encrypting.ready().is_none());
        }
    }
}
