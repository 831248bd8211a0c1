//! Keyed hashing with the salt of one device.

use crate::cache::{Cache, Hex};
use strongroom_crypto::Random;
use strongroom_crypto::hmac::HmacKey;

const PREFIX: &[u8] = b"hmac-sha256:";

/// Tells one hasher from another, even one that had the same place in memory.
pub(crate) type Id = [u8; 16];

/// Hashes values as `hmac-sha256:<hex>`.
pub(crate) struct Hasher {
    id: Id,
    key: HmacKey,
    empty: Hex,
    cache: Cache,
}

impl Hasher {
    /// A hasher with the given salt.
    pub(crate) fn new(salt: &[u8], random: &dyn Random) -> Self {
        let key = HmacKey::sha256(salt);
        let empty = hex(&key.sign(b""));
        let mut id = Id::default();
        random.fill(&mut id);
        Self { id, key, empty, cache: Cache::new(random) }
    }

    /// Which one it is.
    pub(crate) fn id(&self) -> Id {
        self.id
    }

    /// Writes the hash of a value, quoted.
    pub(crate) fn write(&self, out: &mut Vec<u8>, value: &[u8]) {
        quoted(out, &if value.is_empty() { self.empty } else { self.compute(value) });
    }

    /// The same for values that come again and again.
    pub(crate) fn write_repeated(&self, out: &mut Vec<u8>, value: &[u8]) {
        quoted(out, &self.cache.get(value, || self.compute(value)));
    }

    /// The hash as a text.
    pub(crate) fn text(&self, value: &[u8]) -> String {
        [PREFIX, &self.compute(value)].concat().iter().copied().map(char::from).collect()
    }

    fn compute(&self, value: &[u8]) -> Hex {
        hex(&self.key.sign(value))
    }
}

fn quoted(out: &mut Vec<u8>, hex: &Hex) {
    out.push(b'"');
    out.extend_from_slice(PREFIX);
    out.extend_from_slice(hex);
    out.push(b'"');
}

fn hex(digest: &[u8; 32]) -> Hex {
    let digit = |nibble: u8| if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
    let mut out = [0; 64];
    for (pair, byte) in out.chunks_exact_mut(2).zip(digest) {
        pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
    }
    out
}
