//! How entries lie in the database.
//!
//! An entry is its version (8 bytes, little endian), a CRC-32 over key, version and value (4 bytes),
//! and the value. redb checks its pages only when it repairs, so without the checksum a flipped bit in
//! a key or a version would go unnoticed; values are authenticated by the barrier above.

use crate::store::{Epoch, ReadError, Revision};
use redb::TableDefinition;

/// All entries.
pub(super) const ENTRIES: TableDefinition<'static, &'static [u8], &'static [u8]> =
    TableDefinition::new("entries");

/// Numbers about the store itself.
pub(super) const META: TableDefinition<'static, &'static str, u64> = TableDefinition::new("meta");

/// The layout that this code reads and writes.
pub(super) const FORMAT: u64 = 1;

/// Keys of `META`.
pub(super) const FORMAT_KEY: &str = "format";
pub(super) const REVISION_KEY: &str = "revision";
pub(super) const EPOCH_KEY: &str = "epoch";

/// Where the store stands; committed with every change.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct State {
    pub(super) revision: Revision,
    pub(super) epoch: Epoch,
}

/// Writes the stored form of an entry over the buffer.
pub(super) fn encode(buffer: &mut Vec<u8>, key: &[u8], version: Revision, value: &[u8]) {
    let version = version.to_le_bytes();
    buffer.clear();
    buffer.extend_from_slice(&version);
    buffer.extend_from_slice(&checksum(key, &version, value).to_le_bytes());
    buffer.extend_from_slice(value);
}

/// Takes the stored form apart, checked.
pub(super) fn decode<'a>(key: &[u8], stored: &'a [u8]) -> Result<(Revision, &'a [u8]), ReadError> {
    let parts = stored
        .split_first_chunk::<8>()
        .and_then(|(version, rest)| rest.split_first_chunk::<4>().map(|(sum, value)| (version, sum, value)));
    match parts {
        Some((version, sum, value)) if checksum(key, version, value).to_le_bytes() == *sum => {
            Ok((Revision::from_le_bytes(*version), value))
        }
        _ => Err(ReadError::Corrupt("the checksum of an entry is wrong".into())),
    }
}

fn checksum(key: &[u8], version: &[u8; 8], value: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key);
    hasher.update(version);
    hasher.update(value);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flipped_bit_is_noticed() {
        let mut stored = Vec::new();
        encode(&mut stored, b"some/key", 7, b"value");
        assert_eq!(decode(b"some/key", &stored), Ok((7, b"value".as_slice())));
        assert!(decode(b"some/kez", &stored).is_err());
        for bit in 0..stored.len() * 8 {
            let mut damaged = stored.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(b"some/key", &damaged).is_err(), "bit {bit}");
        }
        for length in 0..stored.len() {
            assert!(decode(b"some/key", &stored[..length]).is_err(), "length {length}");
        }
    }
}
