//! Signatures of JSON web tokens (RFC 7518): the algorithms with public keys, and nothing that takes a
//! shared secret or no key at all.

mod signing;

pub use signing::{Public, SigningKey};

use crate::digest::Digest;
use crate::ecdsa::{self, Curve};
use crate::rsa::{self, Padding, Salt};
use crate::{KeyError, der, ed25519, pem};
use der::{Reader, tag};

/// A signature algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// RSA with PKCS#1 v1.5 and SHA-256.
    Rs256,
    /// RSA with PKCS#1 v1.5 and SHA-384.
    Rs384,
    /// RSA with PKCS#1 v1.5 and SHA-512.
    Rs512,
    /// RSA with PSS and SHA-256.
    Ps256,
    /// RSA with PSS and SHA-384.
    Ps384,
    /// RSA with PSS and SHA-512.
    Ps512,
    /// ECDSA over P-256 with SHA-256.
    Es256,
    /// ECDSA over P-384 with SHA-384.
    Es384,
    /// ECDSA over P-521 with SHA-512.
    Es512,
    /// Ed25519.
    EdDsa,
}

/// A public key that verifies tokens.
pub enum Key {
    /// For RS and PS algorithms.
    Rsa(rsa::PublicKey),
    /// For the ES algorithm of its curve.
    Ec(Curve, ecdsa::PublicKey),
    /// For EdDSA.
    Ed25519(ed25519::PublicKey),
}

/// Every algorithm with its name.
pub const ALGORITHMS: [(&str, Algorithm); 10] = [
    ("RS256", Algorithm::Rs256),
    ("RS384", Algorithm::Rs384),
    ("RS512", Algorithm::Rs512),
    ("PS256", Algorithm::Ps256),
    ("PS384", Algorithm::Ps384),
    ("PS512", Algorithm::Ps512),
    ("ES256", Algorithm::Es256),
    ("ES384", Algorithm::Es384),
    ("ES512", Algorithm::Es512),
    ("EdDSA", Algorithm::EdDsa),
];

impl Algorithm {
    /// The algorithm of a name such as `RS256`; names are case-sensitive.
    pub fn parse(name: &str) -> Option<Self> {
        ALGORITHMS.iter().find(|(known, _)| *known == name).map(|(_, algorithm)| *algorithm)
    }

    /// The digest that its signatures are of.
    pub fn digest(self) -> Digest {
        match self {
            Self::Rs256 | Self::Ps256 | Self::Es256 => Digest::Sha256,
            Self::Rs384 | Self::Ps384 | Self::Es384 => Digest::Sha384,
            Self::Rs512 | Self::Ps512 | Self::Es512 | Self::EdDsa => Digest::Sha512,
        }
    }

    /// The curve of an ES algorithm.
    fn curve(self) -> Option<Curve> {
        match self {
            Self::Es256 => Some(Curve::P256),
            Self::Es384 => Some(Curve::P384),
            Self::Es512 => Some(Curve::P521),
            _ => None,
        }
    }
}

impl Key {
    /// The first block of a PEM text: a public key, or a certificate, whose key it is.
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let block = pem::decode(text).ok_or(KeyError::Malformed)?;
        match block.label.as_str() {
            "PUBLIC KEY" => Self::from_spki(&block.bytes),
            "CERTIFICATE" => Self::from_certificate(&block.bytes),
            "RSA PUBLIC KEY" => {
                let mut numbers = Reader::of_sequence(&block.bytes).map_err(|_| KeyError::Malformed)?;
                let mut next = || numbers.integer().map_err(|_| KeyError::Malformed);
                Self::from_rsa_numbers(next()?, next()?)
            }
            _ => Err(KeyError::OtherKind),
        }
    }

    /// A key in X.509's SubjectPublicKeyInfo.
    pub fn from_spki(bytes: &[u8]) -> Result<Self, KeyError> {
        match rsa::PublicKey::from_spki(bytes) {
            Err(KeyError::OtherKind) => {}
            other => return other.map(Self::Rsa),
        }
        for curve in [Curve::P256, Curve::P384, Curve::P521] {
            match ecdsa::PublicKey::from_spki(curve, bytes) {
                Err(KeyError::OtherKind) => {}
                other => return other.map(|key| Self::Ec(curve, key)),
            }
        }
        Self::from_ed25519(&ed25519::from_spki(bytes)?)
    }

    /// An RSA key from modulus and exponent.
    pub fn from_rsa_numbers(n: &[u8], e: &[u8]) -> Result<Self, KeyError> {
        rsa::PublicKey::from_numbers(n, e).map(Self::Rsa)
    }

    /// An EC key from its coordinates, each as long as the curve has it.
    pub fn from_coordinates(curve: Curve, x: &[u8], y: &[u8]) -> Result<Self, KeyError> {
        if x.len() != curve.size() || y.len() != curve.size() {
            return Err(KeyError::Malformed);
        }
        ecdsa::PublicKey::from_point(curve, &[&[4], x, y].concat()).map(|key| Self::Ec(curve, key))
    }

    /// An Ed25519 key from its 32 bytes.
    pub fn from_ed25519(bytes: &[u8]) -> Result<Self, KeyError> {
        ed25519::PublicKey::new(bytes).map(Self::Ed25519)
    }

    /// Whether a signature in the form of tokens belongs to a message. A key of another kind than the
    /// algorithm takes verifies nothing.
    pub fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        use Algorithm::{EdDsa, Es256, Es384, Es512, Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};
        let digest = algorithm.digest();
        match (self, algorithm) {
            (Self::Rsa(key), Rs256 | Rs384 | Rs512) => {
                key.verify(Padding::Pkcs1v15, Some(digest), &digest.of(message), signature)
            }
            (Self::Rsa(key), Ps256 | Ps384 | Ps512) => {
                key.verify(Padding::Pss(Salt::Digest), Some(digest), &digest.of(message), signature)
            }
            (Self::Ec(Curve::P256, key), Es256)
            | (Self::Ec(Curve::P384, key), Es384)
            | (Self::Ec(Curve::P521, key), Es512) => {
                let Self::Ec(curve, _) = self else { return false };
                in_der(*curve, signature).is_some_and(|der| key.verify(&digest.of(message), &der))
            }
            (Self::Ed25519(key), EdDsa) => key.verify(message, signature),
            _ => false,
        }
    }

    fn from_certificate(bytes: &[u8]) -> Result<Self, KeyError> {
        let spki = spki_of_certificate(bytes).map_err(|_| KeyError::Malformed)?;
        Self::from_spki(&spki)
    }
}

/// Both numbers of an ECDSA signature, each as long as the curve has it, in DER.
fn in_der(curve: Curve, signature: &[u8]) -> Option<Vec<u8>> {
    let (r, s) = signature.split_at_checked(curve.size()).filter(|(_, s)| s.len() == curve.size())?;
    Some(der::sequence(&[&der::integer(r), &der::integer(s)]).to_vec())
}

/// The SubjectPublicKeyInfo of a certificate. Nothing else of it is judged.
fn spki_of_certificate(bytes: &[u8]) -> Result<Vec<u8>, der::DerError> {
    const VERSION: u8 = 0xa0;
    let mut inner = Reader::of_sequence(bytes)?.sequence()?;
    let mut without_version = inner;
    if without_version.element(VERSION).is_ok() {
        inner = without_version;
    }
    inner.element(tag::INTEGER)?;
    for _signature_issuer_validity_subject in 0..4 {
        inner.sequence()?;
    }
    Ok(der::sequence(&[inner.element(tag::SEQUENCE)?]).to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemRandom;

    fn signed(algorithm: Algorithm, message: &[u8], key: &rsa::PrivateKey) -> Vec<u8> {
        let digest = algorithm.digest();
        let padding = match algorithm {
            Algorithm::Rs256 | Algorithm::Rs384 | Algorithm::Rs512 => Padding::Pkcs1v15,
            _ => Padding::Pss(Salt::Digest),
        };
        key.sign(&SystemRandom, padding, Some(digest), &digest.of(message)).unwrap()
    }

    #[test]
    fn rsa_keys_verify_under_the_named_algorithm_only() {
        use Algorithm::{Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};
        let private = rsa::PrivateKey::generate(2048).unwrap();
        let public = private.public().unwrap();
        let text = pem::encode("PUBLIC KEY", public.spki());
        let key = Key::from_pem(&text).unwrap();
        let (n, e) = public.numbers();
        let by_numbers = Key::from_rsa_numbers(n, e).unwrap();
        let all = [Rs256, Rs384, Rs512, Ps256, Ps384, Ps512];
        for made in all {
            let signature = signed(made, b"m", &private);
            for (name, tried) in ALGORITHMS {
                assert_eq!(key.verify(tried, b"m", &signature), tried == made, "{made:?} as {name}");
            }
            assert!(by_numbers.verify(made, b"m", &signature));
            assert!(!key.verify(made, b"n", &signature));
            assert!(!key.verify(made, b"m", &[]));
        }
        // PSS takes salts as long as the digest and no others.
        let other = private.sign(
            &SystemRandom,
            Padding::Pss(Salt::Bytes(8)),
            Some(Digest::Sha256),
            &Digest::Sha256.of(b"m"),
        );
        assert!(!key.verify(Ps256, b"m", &other.unwrap()));
    }

    #[test]
    fn ec_keys_verify_fixed_width_signatures_of_their_curve() {
        for (curve, made) in [
            (Curve::P256, Algorithm::Es256),
            (Curve::P384, Algorithm::Es384),
            (Curve::P521, Algorithm::Es512),
        ] {
            let private = ecdsa::PrivateKey::generate(curve).unwrap();
            let (x, y) = private.point()[1..].split_at(curve.size());
            let key = Key::from_coordinates(curve, x, y).unwrap();
            let der = private.sign(&made.digest().of(b"m")).unwrap();
            let mut numbers = Reader::of_sequence(&der).unwrap();
            let mut fixed =
                || crate::number::padded(numbers.integer().unwrap(), curve.size()).unwrap().to_vec();
            let signature = [fixed(), fixed()].concat();
            for (name, tried) in ALGORITHMS {
                assert_eq!(key.verify(tried, b"m", &signature), tried == made, "{made:?} as {name}");
            }
            assert!(!key.verify(made, b"m", &der), "DER is no form of tokens");
            assert!(!key.verify(made, b"m", &signature[1..]));
            assert!(!key.verify(made, b"m", &vec![0; signature.len()]));
            assert!(Key::from_coordinates(curve, x, x).is_err(), "a point beside the curve");
            assert!(Key::from_coordinates(curve, &x[1..], y).is_err());
        }
    }

    #[test]
    fn names_are_exact() {
        for bad in ["none", "None", "HS256", "rs256", "", "ES256K", "EDDSA"] {
            assert_eq!(Algorithm::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn takes_the_key_of_a_certificate() {
        let text = "-----BEGIN CERTIFICATE-----\nMIIBNzCB36ADAgECAgISNDAKBggqhkjOPQQDAjAaMRgwFgYDVQQDDA9Db3JwdXMg\nUm9vdCBPbmUwIBcNMjQwMTAxMDAwMDAwWhgPMjA1NDAxMDEwMDAwMDBaMBoxGDAW\nBgNVBAMMD0NvcnB1cyBSb290IE9uZTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IA\nBNfrxC3jNkV8+akhKQr6HcwMDsANtJmS723HJUb0IFF9xAZM3HBMGLhSdXuv5NLZ\nwgyFrNOcy3/hrPpV9o0v/xSjEzARMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0E\nAwIDRwAwRAIgFMgX2MJWVZOe90Phf6u4eE3pbIS6yltLV+DvwA0jCyUCIFjPMV0U\ngaj5K+fpAmsSzWAwjxxZfefRbVXaI0t13aZ7\n-----END CERTIFICATE-----\n";
        assert!(matches!(Key::from_pem(text), Ok(Key::Ec(Curve::P256, _))));
        let bytes = pem::decode(text).unwrap().bytes;
        for len in 0..bytes.len() {
            assert!(Key::from_certificate(&bytes[..len]).is_err());
        }
        for bad in ["", "garbage", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"] {
            assert!(Key::from_pem(bad).is_err(), "{bad}");
        }
    }
}
