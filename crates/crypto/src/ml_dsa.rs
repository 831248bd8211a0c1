//! ML-DSA (FIPS 204). A key is kept as its seed.

use crate::{KeyError, Random};
use aws_lc_rs::signature::{
    KeyPair, ML_DSA_44, ML_DSA_44_SIGNING, ML_DSA_65, ML_DSA_65_SIGNING, ML_DSA_87, ML_DSA_87_SIGNING,
    ParsedPublicKey, PqdsaKeyPair, PqdsaSigningAlgorithm, PqdsaVerificationAlgorithm,
};
use zeroize::Zeroizing;

/// Bytes of a seed.
pub const SEED_LEN: usize = 32;

/// A parameter set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParameterSet {
    /// ML-DSA-44.
    Small,
    /// ML-DSA-65.
    Middle,
    /// ML-DSA-87.
    Large,
}

/// A private key with its public one.
pub struct PrivateKey(PqdsaKeyPair);

/// A public key.
pub struct PublicKey(ParsedPublicKey);

/// A new seed.
pub fn generate(random: &dyn Random) -> Zeroizing<[u8; SEED_LEN]> {
    let mut seed = Zeroizing::new([0; SEED_LEN]);
    random.fill(seed.as_mut_slice());
    seed
}

impl ParameterSet {
    fn signing(self) -> &'static PqdsaSigningAlgorithm {
        match self {
            Self::Small => &ML_DSA_44_SIGNING,
            Self::Middle => &ML_DSA_65_SIGNING,
            Self::Large => &ML_DSA_87_SIGNING,
        }
    }

    fn verification(self) -> &'static PqdsaVerificationAlgorithm {
        match self {
            Self::Small => &ML_DSA_44,
            Self::Middle => &ML_DSA_65,
            Self::Large => &ML_DSA_87,
        }
    }
}

impl PrivateKey {
    /// The key of a seed.
    pub fn from_seed(set: ParameterSet, seed: &[u8]) -> Result<Self, KeyError> {
        PqdsaKeyPair::from_seed(set.signing(), seed).map(Self).map_err(|_| KeyError::Malformed)
    }

    /// The public key.
    pub fn public(&self) -> &[u8] {
        self.0.public_key().as_ref()
    }

    /// A signature of a message.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let mut out = vec![0; self.0.algorithm().signature_len()];
        let len = self.0.sign(message, &mut out).map_err(|_| KeyError::Failed)?;
        out.truncate(len);
        Ok(out)
    }
}

impl PublicKey {
    /// A public key as FIPS 204 encodes it.
    pub fn new(set: ParameterSet, bytes: &[u8]) -> Result<Self, KeyError> {
        ParsedPublicKey::new(set.verification(), bytes).map(Self).map_err(|_| KeyError::Malformed)
    }

    /// Whether a signature belongs to a message.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        self.0.verify_sig(message, signature).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemRandom;

    #[test]
    fn signs_and_verifies_with_every_parameter_set() {
        for (set, public_len, signature_len) in [
            (ParameterSet::Small, 1312, 2420),
            (ParameterSet::Middle, 1952, 3309),
            (ParameterSet::Large, 2592, 4627),
        ] {
            let seed = generate(&SystemRandom);
            let key = PrivateKey::from_seed(set, seed.as_slice()).unwrap();
            assert_eq!(key.public().len(), public_len);
            let signature = key.sign(b"message").unwrap();
            assert_eq!(signature.len(), signature_len);
            let public = PublicKey::new(set, key.public()).unwrap();
            assert!(public.verify(b"message", &signature));
            assert!(!public.verify(b"other", &signature));
            assert!(PublicKey::new(set, &key.public()[1..]).is_err());
        }
    }
}
