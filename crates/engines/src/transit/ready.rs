//! Keys in the form in which the cryptographic library uses them.

use super::kind::Kind;
use strongroom_crypto::symmetric::CipherKey;
use strongroom_crypto::{KeyError, ecdsa, ed25519, ml_dsa, rsa};

/// A version of a key, ready for use. Private parts are missing where only the public one is known.
pub(super) enum Ready {
    Cipher(CipherKey),
    Ed25519(Option<ed25519::PrivateKey>, ed25519::PublicKey),
    Ecdsa(Option<ecdsa::PrivateKey>, ecdsa::PublicKey),
    Rsa(Option<Box<rsa::PrivateKey>>, Box<rsa::PublicKey>),
    MlDsa(Option<ml_dsa::PrivateKey>, ml_dsa::PublicKey),
    /// The bytes are used as they are.
    Hmac,
}

impl Ready {
    pub(super) fn new(kind: Kind, secret: &[u8], public: &[u8]) -> Result<Self, KeyError> {
        if let Some(cipher) = kind.cipher() {
            return CipherKey::new(cipher, secret).map(Self::Cipher).ok_or(KeyError::Malformed);
        }
        if let Some(curve) = kind.curve() {
            let private = || ecdsa::PrivateKey::from_parts(curve, secret, public);
            return Ok(Self::Ecdsa(known(secret, private)?, ecdsa::PublicKey::from_point(curve, public)?));
        }
        if kind.rsa_bits().is_some() {
            let private = || rsa::PrivateKey::from_pkcs1(secret).map(Box::new);
            return Ok(Self::Rsa(known(secret, private)?, Box::new(rsa::PublicKey::from_spki(public)?)));
        }
        if let Some(set) = kind.ml_dsa() {
            let private = || ml_dsa::PrivateKey::from_seed(set, secret);
            return Ok(Self::MlDsa(known(secret, private)?, ml_dsa::PublicKey::new(set, public)?));
        }
        if kind == Kind::Ed25519 {
            let private = || ed25519::PrivateKey::from_seed(secret);
            return Ok(Self::Ed25519(known(secret, private)?, ed25519::PublicKey::new(public)?));
        }
        Ok(Self::Hmac)
    }
}

fn known<T>(secret: &[u8], make: impl FnOnce() -> Result<T, KeyError>) -> Result<Option<T>, KeyError> {
    if secret.is_empty() { Ok(None) } else { make().map(Some) }
}
