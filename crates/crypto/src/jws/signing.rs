//! The private side: keys that sign tokens.

use super::{Algorithm, Key};
use crate::ecdsa::{self, Curve};
use crate::rsa::{self, Padding, Salt};
use crate::{KeyError, Random, ed25519};
use zeroize::Zeroizing;

/// A private key for one algorithm.
pub struct SigningKey {
    algorithm: Algorithm,
    pair: Pair,
}

enum Pair {
    Rsa(Box<rsa::PrivateKey>),
    Ec(Curve, ecdsa::PrivateKey),
    Ed25519(ed25519::PrivateKey),
}

/// What others need to verify, as the numbers that key sets have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Public {
    /// Modulus and exponent.
    Rsa {
        /// The modulus.
        n: Vec<u8>,
        /// The exponent.
        e: Vec<u8>,
    },
    /// Coordinates of a point, each as long as the curve has it.
    Ec {
        /// The curve.
        curve: Curve,
        /// The first coordinate.
        x: Vec<u8>,
        /// The second coordinate.
        y: Vec<u8>,
    },
    /// The 32 bytes of an Ed25519 key.
    Ed25519 {
        /// The key.
        x: Vec<u8>,
    },
}

const RSA_BITS: usize = 2048;

impl SigningKey {
    /// The secret of a new key, to be kept and read again. For RSA it takes a while.
    pub fn generate(algorithm: Algorithm, random: &dyn Random) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        match algorithm.curve() {
            Some(curve) => ecdsa::PrivateKey::generate(curve)?.pkcs8(),
            None if algorithm == Algorithm::EdDsa => {
                Ok(Zeroizing::new(ed25519::generate(random).as_slice().to_vec()))
            }
            None => Ok(rsa::PrivateKey::generate(RSA_BITS)?.numbers().pkcs1()),
        }
    }

    /// The key of a secret that was generated for the same algorithm.
    pub fn read(algorithm: Algorithm, secret: &[u8]) -> Result<Self, KeyError> {
        let pair = match algorithm.curve() {
            Some(curve) => Pair::Ec(curve, ecdsa::PrivateKey::from_pkcs8(curve, secret)?),
            None if algorithm == Algorithm::EdDsa => Pair::Ed25519(ed25519::PrivateKey::from_seed(secret)?),
            None => Pair::Rsa(Box::new(rsa::PrivateKey::from_pkcs1(secret)?)),
        };
        Ok(Self { algorithm, pair })
    }

    /// A signature of a message, in the form of tokens.
    pub fn sign(&self, random: &dyn Random, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        use Algorithm::{Ps256, Ps384, Ps512};
        let digest = self.algorithm.digest();
        match &self.pair {
            Pair::Rsa(key) => {
                let is_pss = matches!(self.algorithm, Ps256 | Ps384 | Ps512);
                let padding = if is_pss { Padding::Pss(Salt::Digest) } else { Padding::Pkcs1v15 };
                key.sign(random, padding, Some(digest), &digest.of(message))
            }
            Pair::Ec(curve, key) => {
                let der = key.sign(&digest.of(message))?;
                ecdsa::fixed_from_der(*curve, &der).ok_or(KeyError::Failed)
            }
            Pair::Ed25519(key) => key.sign(message),
        }
    }

    /// What verifies its signatures.
    pub fn public(&self) -> Result<Public, KeyError> {
        Ok(match &self.pair {
            Pair::Rsa(key) => {
                let public = key.public()?;
                let (n, e) = public.numbers();
                Public::Rsa { n: n.to_vec(), e: e.to_vec() }
            }
            Pair::Ec(curve, key) => {
                let (_, numbers) = key.point().split_first().ok_or(KeyError::Failed)?;
                let (x, y) = numbers.split_at_checked(curve.size()).ok_or(KeyError::Failed)?;
                Public::Ec { curve: *curve, x: x.to_vec(), y: y.to_vec() }
            }
            Pair::Ed25519(key) => Public::Ed25519 { x: key.public().to_vec() },
        })
    }
}

impl Public {
    /// The key made ready.
    pub fn key(&self) -> Result<Key, KeyError> {
        match self {
            Self::Rsa { n, e } => Key::from_rsa_numbers(n, e),
            Self::Ec { curve, x, y } => Key::from_coordinates(*curve, x, y),
            Self::Ed25519 { x } => Key::from_ed25519(x),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::ALGORITHMS;
    use super::*;
    use crate::SystemRandom;

    #[test]
    fn every_algorithm_signs_what_its_public_key_verifies_and_no_other() {
        for (name, algorithm) in ALGORITHMS {
            let secret = SigningKey::generate(algorithm, &SystemRandom).unwrap();
            let key = SigningKey::read(algorithm, &secret).unwrap();
            let signature = key.sign(&SystemRandom, b"m").unwrap();
            let public = key.public().unwrap().key().unwrap();
            for (other_name, other) in ALGORITHMS {
                let verifies = public.verify(other, b"m", &signature);
                assert_eq!(verifies, other == algorithm, "{name} as {other_name}");
            }
            assert!(!public.verify(algorithm, b"n", &signature), "{name}");
        }
    }

    #[test]
    fn secrets_of_other_kinds_are_refused() {
        let seed = SigningKey::generate(Algorithm::EdDsa, &SystemRandom).unwrap();
        let p256 = SigningKey::generate(Algorithm::Es256, &SystemRandom).unwrap();
        for algorithm in [Algorithm::Rs256, Algorithm::Es256, Algorithm::Es384] {
            assert!(SigningKey::read(algorithm, &seed).is_err());
        }
        for algorithm in [Algorithm::Rs256, Algorithm::Es384, Algorithm::EdDsa] {
            assert!(SigningKey::read(algorithm, &p256).is_err());
        }
    }
}
