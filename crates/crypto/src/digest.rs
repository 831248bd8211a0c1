//! Digests, in one step or piece by piece.

use aws_lc_rs::digest as lc;

/// A digest algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Digest {
    /// SHA-1, for signatures and keyed hashes of old systems only.
    Sha1,
    /// SHA-224.
    Sha224,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
    /// SHA3-224.
    Sha3_224,
    /// SHA3-256.
    Sha3_256,
    /// SHA3-384.
    Sha3_384,
    /// SHA3-512.
    Sha3_512,
}

impl Digest {
    /// The algorithm of a name such as `sha2-256` or `sha3-512`. SHA-1 has no name here: who takes it
    /// says so.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "sha2-224" => Self::Sha224,
            "sha2-256" => Self::Sha256,
            "sha2-384" => Self::Sha384,
            "sha2-512" => Self::Sha512,
            "sha3-224" => Self::Sha3_224,
            "sha3-256" => Self::Sha3_256,
            "sha3-384" => Self::Sha3_384,
            "sha3-512" => Self::Sha3_512,
            _ => return None,
        })
    }

    /// The digest of some data.
    pub fn of(self, data: &[u8]) -> Vec<u8> {
        match self.algorithm() {
            Some(algorithm) => lc::digest(algorithm, data).as_ref().to_vec(),
            None => sha3_224(data).to_vec(),
        }
    }

    /// Bytes of a digest.
    pub fn size(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha224 | Self::Sha3_224 => 28,
            Self::Sha256 | Self::Sha3_256 => 32,
            Self::Sha384 | Self::Sha3_384 => 48,
            Self::Sha512 | Self::Sha3_512 => 64,
        }
    }

    /// Bytes that the algorithm takes in one step.
    pub(crate) fn block_len(self) -> usize {
        match self {
            Self::Sha1 | Self::Sha224 | Self::Sha256 => 64,
            Self::Sha384 | Self::Sha512 => 128,
            Self::Sha3_224 | Self::Sha3_256 | Self::Sha3_384 | Self::Sha3_512 => 200 - 2 * self.size(),
        }
    }

    /// What aws-lc calls it; none for SHA3-224, which it does not offer.
    pub(crate) fn algorithm(self) -> Option<&'static lc::Algorithm> {
        Some(match self {
            Self::Sha1 => &lc::SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha224 => &lc::SHA224,
            Self::Sha256 => &lc::SHA256,
            Self::Sha384 => &lc::SHA384,
            Self::Sha512 => &lc::SHA512,
            Self::Sha3_224 => return None,
            Self::Sha3_256 => &lc::SHA3_256,
            Self::Sha3_384 => &lc::SHA3_384,
            Self::Sha3_512 => &lc::SHA3_512,
        })
    }
}

/// SHA3-224 over the Keccak permutation: the sponge of FIPS 202 with the suffix 01.
fn sha3_224(data: &[u8]) -> [u8; 28] {
    const RATE: usize = 144;
    let mut state = [0_u64; 25];
    let (blocks, rest) = data.as_chunks::<RATE>();
    let mut last = [0_u8; RATE];
    last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    if let Some(end) = last.get_mut(rest.len()) {
        *end ^= 0x06;
    }
    if let Some(end) = last.last_mut() {
        *end ^= 0x80;
    }
    keccak::Keccak::new().with_f1600(|permute| {
        for block in blocks.iter().chain([&last]) {
            let (lanes, _) = block.as_chunks::<8>();
            state.iter_mut().zip(lanes).for_each(|(lane, bytes)| *lane ^= u64::from_le_bytes(*bytes));
            permute(&mut state);
        }
    });
    let mut out = [0; 28];
    let bytes = state.iter().flat_map(|lane| lane.to_le_bytes());
    out.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
    out
}

/// The SHA-256 digest of some data.
pub fn sha256(data: &[u8]) -> [u8; 32] {
    fixed(&lc::digest(&lc::SHA256, data))
}

/// SHA-256 of data that comes in pieces.
#[derive(Clone)]
pub struct Sha256(lc::Context);

impl Sha256 {
    /// Nothing hashed yet.
    pub fn new() -> Self {
        Self(lc::Context::new(&lc::SHA256))
    }

    /// The next piece.
    pub fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    /// The digest of all pieces.
    pub fn finish(self) -> [u8; 32] {
        fixed(&self.0.finish())
    }
}

impl Default for Sha256 {
    fn default() -> Self {
        Self::new()
    }
}

fn fixed(digest: &lc::Digest) -> [u8; 32] {
    let mut out = [0; 32];
    out.iter_mut().zip(digest.as_ref()).for_each(|(to, from)| *to = *from);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hex;

    #[test]
    fn agrees_with_the_published_digests_of_abc() {
        let cases = [
            ("sha2-224", "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"),
            ("sha2-256", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                "sha2-384",
                "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
            ),
            ("sha3-256", "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532"),
            ("sha3-224", "e642824c3f8cf24ad09234ee7d3c766fc9a3a5168d0c94ad73b46fdf"),
        ];
        for (name, expected) in cases {
            assert_eq!(hex::encode(&Digest::parse(name).unwrap().of(b"abc")), expected, "{name}");
        }
        assert_eq!(Digest::parse("md5"), None);
    }

    #[test]
    fn sha3_224_pads_around_a_block() {
        // Made with OpenSSL: `printf %NNNs | tr ' ' a | openssl dgst -sha3-224`.
        for (length, expected) in SHA3_224_OF_LETTERS {
            assert_eq!(hex::encode(&Digest::Sha3_224.of(&vec![b'a'; length])), expected, "{length}");
        }
    }

    const SHA3_224_OF_LETTERS: [(usize, &str); 5] = [
        (0, "6b4e03423667dbb73b6e15454f0eb1abd4597f9a1b078e3f5b5a6bc7"),
        (143, "73b1b22b54f515f626a6abdde6af25cd4801dc6e9dc7fa3f77e1c122"),
        (144, "f9019111996dcf160e284e320fd6d8825cabcd41a5ffdc4c5e9d64b6"),
        (145, "7f0521c84aeacc8a46aba17171acbdd22522509a71c663257fbdee0e"),
        (1000, "2461344b84416db8fe01c2a4966fea019590c231dd5724c1bfc26745"),
    ];

    #[test]
    fn lengths_are_those_of_the_digests() {
        use Digest::*;
        for digest in [Sha1, Sha224, Sha256, Sha384, Sha512, Sha3_224, Sha3_256, Sha3_384, Sha3_512] {
            assert_eq!(digest.of(b"").len(), digest.size(), "{digest:?}");
        }
    }

    #[test]
    fn pieces_give_the_digest_of_the_whole() {
        let mut pieces = Sha256::new();
        pieces.update(b"a");
        pieces.update(b"bc");
        assert_eq!(pieces.finish(), sha256(b"abc"));
        assert_eq!(sha256(b"abc").to_vec(), Digest::Sha256.of(b"abc"));
    }
}
