//! The record of a key: its settings and all its versions. It is decoded once per stored version and
//! shared by all who use it, with the ciphers and signing keys made ready in it at first use.

use super::kind::Kind;
use super::ready::Ready;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use strongroom_core::{Fault, Record};
use strongroom_wire::time;
use zeroize::Zeroizing;

/// A key.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Key {
    pub(super) name: String,
    pub(super) kind: Kind,
    /// Bytes of keys of type hmac; 0 for the others.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) key_size: u64,
    #[serde(default)]
    pub(super) derived: bool,
    #[serde(default)]
    pub(super) derivation: Derivation,
    #[serde(default)]
    pub(super) convergent: bool,
    /// -1: each version says how; otherwise how all of them do that say nothing.
    #[serde(default)]
    pub(super) convergent_version: i64,
    #[serde(default)]
    pub(super) exportable: bool,
    #[serde(default)]
    pub(super) deletion_allowed: bool,
    #[serde(default)]
    pub(super) plaintext_backup: bool,
    pub(super) min_decryption: u64,
    /// 0: the newest version only unless another is asked for.
    #[serde(default)]
    pub(super) min_encryption: u64,
    /// Versions below were removed for good.
    #[serde(default)]
    pub(super) min_available: u64,
    pub(super) latest: u64,
    /// Seconds; 0 for never.
    #[serde(default)]
    pub(super) auto_rotate: u64,
    #[serde(default)]
    pub(super) imported: bool,
    /// An imported key may be rotated here.
    #[serde(default)]
    pub(super) imported_rotation: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) backed_up: Option<Moment>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) restored: Option<Moment>,
    pub(super) versions: BTreeMap<u64, Version>,
}

impl Record for Key {}

/// One version of a key.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Version {
    /// What is secret of it: the bytes of symmetric keys, the seed of Ed25519 and ML-DSA, the number of
    /// ECDSA, PKCS#1 of RSA. Empty if only the public part is known.
    #[serde(default, skip_serializing_if = "Bytes::is_empty")]
    pub(super) secret: Bytes,
    /// What is public of it: 32 bytes of Ed25519, the point of ECDSA, SubjectPublicKeyInfo of RSA, the
    /// public key of ML-DSA. Empty for symmetric keys.
    #[serde(default, skip_serializing_if = "Bytes::is_empty")]
    pub(super) public: Bytes,
    /// The key of keyed hashes. Empty in the oldest backups.
    #[serde(default, skip_serializing_if = "Bytes::is_empty")]
    pub(super) hmac: Bytes,
    pub(super) created: Timestamp,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) convergent_version: u64,
    #[serde(skip)]
    pub(super) ready: OnceLock<Arc<Ready>>,
}

/// How derived keys come from their context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Derivation {
    /// The counter mode of the oldest keys.
    Counter,
    /// HKDF with SHA-256.
    #[default]
    Hkdf,
}

/// When a key was backed up or restored, and its newest version then.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Moment {
    pub(super) time: Timestamp,
    pub(super) version: u64,
}

/// Bytes that are wiped when dropped; base64 in the record.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Bytes(Zeroizing<Vec<u8>>);

/// Where keys stand in the mount's storage.
pub(super) const PREFIX: &str = "key/";

/// The place of a key's record.
pub(super) fn place(name: &str) -> String {
    format!("{PREFIX}{name}")
}

impl Key {
    /// The version to encrypt or sign with; 0 asks for the newest.
    pub(super) fn version_for(&self, requested: i64, what: &str) -> Result<u64, Fault> {
        let refuse = |why: &str| Fault::invalid(format!("requested version for {what} is {why}"));
        let version = u64::try_from(requested).map_err(|_| refuse("negative"))?;
        match version {
            0 => Ok(self.latest),
            v if v > self.latest => Err(refuse("higher than the latest key version")),
            v if v < self.min_encryption => Err(refuse("less than the minimum encryption key version")),
            v if v < self.min_decryption => Err(refuse("less than the minimum decryption key version")),
            v => Ok(v),
        }
    }

    /// Checks a version that stands in a ciphertext, signature or keyed hash.
    pub(super) fn check_old(&self, version: u64, what: &str) -> Result<u64, Fault> {
        if version > self.latest {
            return Err(Fault::invalid(format!("invalid {what}: version is too new")));
        }
        if version < self.min_decryption {
            return Err(Fault::invalid("ciphertext or signature version is disallowed by policy (too old)"));
        }
        Ok(version)
    }

    /// A version that passed one of the checks above.
    pub(super) fn version(&self, version: u64) -> Result<&Version, Fault> {
        self.versions.get(&version).ok_or_else(|| Fault::invalid("no such key version"))
    }

    /// Adds a version, the newest from now on.
    pub(super) fn add(&mut self, version: Version) {
        self.latest += 1;
        self.versions.insert(self.latest, version);
    }

    /// Versions that can still be used, in order.
    pub(super) fn usable(&self) -> impl Iterator<Item = (u64, &Version)> {
        self.versions.range(self.min_decryption..).map(|(number, version)| (*number, version))
    }

    /// Whether the period of automatic rotation is over.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.auto_rotate > 0
            && self.is_rotatable()
            && self
                .versions
                .get(&self.latest)
                .is_some_and(|newest| time::after(newest.created, self.auto_rotate) <= now)
    }

    /// Whether new versions can be made here; not of keys that were made elsewhere, unless they say so.
    pub(super) fn is_rotatable(&self) -> bool {
        !self.imported || self.imported_rotation
    }

    /// How a version makes equal ciphertexts of equal messages; 0 for not at all.
    pub(super) fn convergence(&self, version: &Version) -> u64 {
        if !self.convergent {
            return 0;
        }
        match (version.convergent_version, u64::try_from(self.convergent_version)) {
            (0, Ok(0)) => 1,
            (0, Ok(all)) => all,
            (0, Err(_)) => super::generate::CONVERGENT_VERSION,
            (own, _) => own,
        }
    }
}

impl Version {
    /// The ciphers and keys of a version, made ready at first use.
    pub(super) fn ready(&self, kind: Kind) -> Result<&Ready, Fault> {
        if let Some(ready) = self.ready.get() {
            return Ok(ready);
        }
        let made = Ready::new(kind, &self.secret, &self.public)
            .map_err(|e| Fault::Internal(format!("a stored {} key cannot be used: {e}", kind.name())))?;
        Ok(self.ready.get_or_init(|| Arc::new(made)))
    }
}

impl Bytes {
    pub(super) fn new(bytes: &[u8]) -> Self {
        Self(Zeroizing::new(bytes.to_vec()))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl std::ops::Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Zeroizing::new(super::text::encode(&self.0)))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        super::text::decode(&text).map(Self).map_err(serde::de::Error::custom)
    }
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}
