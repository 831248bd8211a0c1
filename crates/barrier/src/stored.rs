//! What the barrier keeps for itself, and where.

use crate::SealConfig;
use serde::{Deserialize, Serialize};
use strongroom_crypto::digest;

/// Keys below this belong to the barrier; nobody else reads or writes them.
pub(crate) const RESERVED: &[u8] = b"barrier/";
/// How many shares there are and how many open the seal; readable while sealed.
pub(crate) const SEAL_CONFIG: &[u8] = b"barrier/seal-config";
/// The root key under the seal key.
pub(crate) const ROOT_KEY: &[u8] = b"barrier/root-key";
/// The keyring under the root key.
pub(crate) const KEYRING: &[u8] = b"barrier/keyring";
/// There from the moment a snapshot took the place of the store until the key is changed: encryptions since
/// the snapshot are not counted in its keyring. Empty.
pub(crate) const RESTORED: &[u8] = b"barrier/restored";
/// Stands in place of a term in entries that are not sealed under the keyring.
pub(crate) const NO_TERM: u32 = 0;

const FORMAT: u8 = 1;

/// Whether keys below a prefix, or a single key, may belong to the barrier.
pub(crate) fn is_reserved(prefix: &[u8]) -> bool {
    prefix.starts_with(RESERVED)
}

/// The seal's configuration with the bytes it is stored as, which the root key is bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SealRecord {
    pub(crate) kind: String,
    pub(crate) config: SealConfig,
    bytes: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    #[serde(rename = "type")]
    kind: String,
    shares: u8,
    threshold: u8,
}

impl SealRecord {
    pub(crate) fn new(kind: &str, config: SealConfig) -> Self {
        let json = serde_json::json!({
            "type": kind, "shares": config.shares(), "threshold": config.threshold(),
        })
        .to_string();
        // The digest shows damage while the seal is closed; forgery shows when the root key is opened.
        let mut bytes = vec![FORMAT];
        bytes.extend_from_slice(&digest::sha256(json.as_bytes()));
        bytes.extend_from_slice(json.as_bytes());
        Self { kind: kind.to_owned(), config, bytes }
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, String> {
        let damaged = || "the seal configuration is damaged".to_owned();
        let (format, rest) = bytes.split_first().ok_or_else(damaged)?;
        if *format != FORMAT {
            return Err(format!(
                "the seal configuration's format {format} is damaged or newer than this program"
            ));
        }
        let (sum, json) = rest.split_first_chunk::<32>().ok_or_else(damaged)?;
        if *sum != digest::sha256(json) {
            return Err(damaged());
        }
        let stored: Stored = serde_json::from_slice(json).map_err(|_| damaged())?;
        let config = SealConfig::new(stored.shares.into(), stored.threshold.into()).map_err(|_| damaged())?;
        Ok(Self { kind: stored.kind, config, bytes: bytes.to_vec() })
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What the sealed root key is bound to: its place and this configuration.
    pub(crate) fn context(&self) -> Vec<u8> {
        [ROOT_KEY, &self.bytes].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_damage_to_the_seal_configuration_is_noticed() {
        let record = SealRecord::new("shamir", SealConfig::new(5, 3).unwrap());
        assert_eq!(SealRecord::decode(record.bytes()), Ok(record.clone()));
        for bit in 0..record.bytes().len() * 8 {
            let mut changed = record.bytes().to_vec();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(SealRecord::decode(&changed).is_err(), "bit {bit}");
        }
        for length in 0..record.bytes().len() {
            assert!(SealRecord::decode(&record.bytes()[..length]).is_err());
        }
    }
}
