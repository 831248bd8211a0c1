//! The kinds of keys and what each of them can do.

use serde::{Deserialize, Serialize};
use strongroom_core::Fault;
use strongroom_crypto::ecdsa::Curve;
use strongroom_crypto::ml_dsa::ParameterSet;
use strongroom_crypto::symmetric::Cipher;

/// A kind of key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Kind {
    #[serde(rename = "aes128-gcm96")]
    Aes128Gcm,
    #[serde(rename = "aes256-gcm96")]
    Aes256Gcm,
    #[serde(rename = "chacha20-poly1305")]
    ChaCha20Poly1305,
    #[serde(rename = "xchacha20-poly1305")]
    XChaCha20Poly1305,
    #[serde(rename = "ed25519")]
    Ed25519,
    #[serde(rename = "ecdsa-p256")]
    EcdsaP256,
    #[serde(rename = "ecdsa-p384")]
    EcdsaP384,
    #[serde(rename = "ecdsa-p521")]
    EcdsaP521,
    #[serde(rename = "rsa-2048")]
    Rsa2048,
    #[serde(rename = "rsa-3072")]
    Rsa3072,
    #[serde(rename = "rsa-4096")]
    Rsa4096,
    #[serde(rename = "hmac")]
    Hmac,
    #[serde(rename = "ml-dsa-44")]
    MlDsa44,
    #[serde(rename = "ml-dsa-65")]
    MlDsa65,
    #[serde(rename = "ml-dsa-87")]
    MlDsa87,
}

use Kind::{
    Aes128Gcm, Aes256Gcm, ChaCha20Poly1305, EcdsaP256, EcdsaP384, EcdsaP521, Ed25519, Hmac, MlDsa44, MlDsa65,
    MlDsa87, Rsa2048, Rsa3072, Rsa4096, XChaCha20Poly1305,
};

pub(super) const ALL: [Kind; 15] = [
    Aes128Gcm,
    Aes256Gcm,
    ChaCha20Poly1305,
    XChaCha20Poly1305,
    Ed25519,
    EcdsaP256,
    EcdsaP384,
    EcdsaP521,
    Rsa2048,
    Rsa3072,
    Rsa4096,
    Hmac,
    MlDsa44,
    MlDsa65,
    MlDsa87,
];

impl Kind {
    /// The kind that a request names; the parameter set tells ML-DSA keys apart.
    pub(super) fn read(name: &str, parameter_set: &str) -> Result<Self, Fault> {
        if !parameter_set.is_empty() && name != "ml-dsa" {
            return Err(Fault::invalid("field \"parameter_set\": only keys of type ml-dsa have one"));
        }
        let fits = |kind: &&Self| kind.name() == name && (parameter_set == kind.parameter_set());
        if let Some(kind) = ALL.iter().find(fits) {
            return Ok(*kind);
        }
        if name == "ml-dsa" {
            return Err(Fault::invalid("field \"parameter_set\": want 44, 65 or 87 with type ml-dsa"));
        }
        let shown: String = name.chars().take(40).collect();
        let mut names: Vec<_> = ALL.iter().map(|kind| kind.name()).collect();
        names.dedup();
        Err(Fault::invalid(format!("unknown key type {shown:?}, want one of {}", names.join(", "))))
    }

    /// The name in requests and answers.
    pub(super) fn name(self) -> &'static str {
        match self {
            Aes128Gcm => "aes128-gcm96",
            Aes256Gcm => "aes256-gcm96",
            ChaCha20Poly1305 => "chacha20-poly1305",
            XChaCha20Poly1305 => "xchacha20-poly1305",
            Ed25519 => "ed25519",
            EcdsaP256 => "ecdsa-p256",
            EcdsaP384 => "ecdsa-p384",
            EcdsaP521 => "ecdsa-p521",
            Rsa2048 => "rsa-2048",
            Rsa3072 => "rsa-3072",
            Rsa4096 => "rsa-4096",
            Hmac => "hmac",
            MlDsa44 | MlDsa65 | MlDsa87 => "ml-dsa",
        }
    }

    /// The parameter set of ML-DSA keys; empty for all others.
    pub(super) fn parameter_set(self) -> &'static str {
        match self {
            MlDsa44 => "44",
            MlDsa65 => "65",
            MlDsa87 => "87",
            _ => "",
        }
    }

    /// The number in Vault's backups.
    pub(super) fn number(self) -> u64 {
        match self {
            Aes256Gcm => 0,
            EcdsaP256 => 1,
            Ed25519 => 2,
            Rsa2048 => 3,
            Rsa4096 => 4,
            ChaCha20Poly1305 => 5,
            EcdsaP384 => 6,
            EcdsaP521 => 7,
            Aes128Gcm => 8,
            Rsa3072 => 9,
            Hmac => 11,
            XChaCha20Poly1305 => 12,
            MlDsa44 | MlDsa65 | MlDsa87 => 14,
        }
    }

    /// The cipher of keys that encrypt with the key they decrypt with.
    pub(super) fn cipher(self) -> Option<Cipher> {
        Some(match self {
            Aes128Gcm => Cipher::Aes128Gcm,
            Aes256Gcm => Cipher::Aes256Gcm,
            ChaCha20Poly1305 => Cipher::ChaCha20Poly1305,
            XChaCha20Poly1305 => Cipher::XChaCha20Poly1305,
            _ => return None,
        })
    }

    /// The curve of ECDSA keys.
    pub(super) fn curve(self) -> Option<Curve> {
        Some(match self {
            EcdsaP256 => Curve::P256,
            EcdsaP384 => Curve::P384,
            EcdsaP521 => Curve::P521,
            _ => return None,
        })
    }

    /// The size of RSA keys.
    pub(super) fn rsa_bits(self) -> Option<usize> {
        Some(match self {
            Rsa2048 => 2048,
            Rsa3072 => 3072,
            Rsa4096 => 4096,
            _ => return None,
        })
    }

    /// The parameters of ML-DSA keys.
    pub(super) fn ml_dsa(self) -> Option<ParameterSet> {
        Some(match self {
            MlDsa44 => ParameterSet::Small,
            MlDsa65 => ParameterSet::Middle,
            MlDsa87 => ParameterSet::Large,
            _ => return None,
        })
    }

    /// What the versions of asymmetric keys are called in answers.
    pub(super) fn version_name(self) -> Option<&'static str> {
        match self {
            EcdsaP256 => Some("P-256"),
            EcdsaP384 => Some("P-384"),
            EcdsaP521 => Some("P-521"),
            _ if self.signs() => Some(self.name()),
            _ => None,
        }
    }

    /// Whether keys encrypt and decrypt.
    pub(super) fn encrypts(self) -> bool {
        self.cipher().is_some() || self.rsa_bits().is_some()
    }

    /// Whether keys sign and verify; the others have no public part.
    pub(super) fn signs(self) -> bool {
        self == Ed25519 || self.curve().is_some() || self.rsa_bits().is_some() || self.ml_dsa().is_some()
    }

    /// Whether keys can be derived from a context.
    pub(super) fn derives(self) -> bool {
        self == Ed25519 || self.cipher().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_lead_back() {
        for kind in ALL {
            assert_eq!(Kind::read(kind.name(), kind.parameter_set()).unwrap(), kind);
            let same: Vec<_> = ALL.iter().filter(|other| other.number() == kind.number()).collect();
            assert!(same.iter().all(|other| other.name() == kind.name()));
        }
        for (name, set) in [("aes512", ""), ("ml-dsa", ""), ("ml-dsa", "50"), ("hmac", "44"), ("", "")] {
            assert!(Kind::read(name, set).is_err(), "{name} {set}");
        }
    }
}
