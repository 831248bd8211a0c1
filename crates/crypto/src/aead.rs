//! AES-256-GCM. The nonce is drawn here for every message and travels in front of the ciphertext:
//! no caller can choose one, so none can repeat one.

use crate::Random;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use zeroize::Zeroizing;

/// Bytes of a key.
pub const KEY_LEN: usize = 32;
/// Bytes of the nonce in front of the ciphertext.
pub const NONCE_LEN: usize = 12;
/// Bytes of the tag behind the ciphertext.
pub const TAG_LEN: usize = 16;
/// How much longer a sealed message is than the plain one.
pub const OVERHEAD: usize = NONCE_LEN + TAG_LEN;

/// A key made ready for use. aws-lc wipes its memory when it is freed.
pub struct Key(LessSafeKey);

/// A message cannot be sealed: it is longer than the cipher allows (64 GiB).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealError;

/// A message does not open: another key, another context, or damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenError;

impl Key {
    /// Expands a key.
    pub fn new(key: &[u8; KEY_LEN]) -> Self {
        match UnboundKey::new(&AES_256_GCM, key) {
            Ok(key) => Self(LessSafeKey::new(key)),
            // The length is right by type, so only memory can have run out, as in any allocation.
            Err(_) => std::process::abort(),
        }
    }

    /// The nonce, the ciphertext and the tag.
    pub fn seal(&self, random: &dyn Random, aad: &[u8], plain: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut out = Vec::with_capacity(plain.len() + OVERHEAD);
        self.seal_into(random, aad, plain, &mut out)?;
        Ok(out)
    }

    /// Appends the nonce, the ciphertext and the tag. On failure nothing readable was appended.
    pub fn seal_into(
        &self,
        random: &dyn Random,
        aad: &[u8],
        plain: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), SealError> {
        let mut nonce = [0_u8; NONCE_LEN];
        random.fill(&mut nonce);
        let start = out.len();
        out.reserve(plain.len() + OVERHEAD);
        out.extend_from_slice(&nonce);
        out.extend_from_slice(plain);
        let body = out.get_mut(start + NONCE_LEN..).unwrap_or_default();
        let nonce = Nonce::assume_unique_for_key(nonce);
        match self.0.seal_in_place_separate_tag(nonce, Aad::from(aad), body) {
            Ok(tag) => {
                out.extend_from_slice(tag.as_ref());
                Ok(())
            }
            Err(_) => {
                body.fill(0);
                out.truncate(start);
                Err(SealError)
            }
        }
    }

    /// The plain message, wiped when it is dropped.
    pub fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let (nonce, rest) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(OpenError)?;
        let (ciphertext, tag) = rest.split_last_chunk::<TAG_LEN>().ok_or(OpenError)?;
        let mut plain = Zeroizing::new(vec![0; ciphertext.len()]);
        self.0
            .open_separate_gather(
                Nonce::assume_unique_for_key(*nonce),
                Aad::from(aad),
                ciphertext,
                tag,
                &mut plain,
            )
            .map_err(|_| OpenError)?;
        Ok(plain)
    }
}

impl std::fmt::Display for SealError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the message is too long to be encrypted")
    }
}

impl std::error::Error for SealError {}

impl std::fmt::Display for OpenError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the message does not open under this key and context")
    }
}

impl std::error::Error for OpenError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SystemRandom;

    /// Hands out the same bytes, to compare with published vectors.
    struct Fixed(Vec<u8>);

    impl Random for Fixed {
        fn fill(&self, out: &mut [u8]) {
            out.copy_from_slice(&self.0[..out.len()]);
        }
    }

    #[test]
    fn agrees_with_the_gcm_specification() {
        // Test case 16 of the GCM specification (McGrew and Viega).
        let unhex = |s: &str| crate::hex::decode(s).unwrap();
        let key = unhex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308");
        let nonce = unhex("cafebabefacedbaddecaf888");
        let plain = unhex(concat!(
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72",
            "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
        ));
        let aad = unhex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
        let sealed = unhex(concat!(
            "cafebabefacedbaddecaf888",
            "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa",
            "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
            "76fc6ece0f4e1768cddf8853bb2d551b"
        ));
        let key = Key::new(key.as_slice().try_into().unwrap());
        assert_eq!(key.seal(&Fixed(nonce), &aad, &plain), Ok(sealed.clone()));
        assert_eq!(key.open(&aad, &sealed).unwrap().as_slice(), plain);
    }

    #[test]
    fn refuses_what_was_changed_or_cut() {
        let key = Key::new(&[7; 32]);
        let sealed = key.seal(&SystemRandom, b"place", b"value").unwrap();
        assert_eq!(key.open(b"place", &sealed).unwrap().as_slice(), b"value");
        assert_eq!(key.open(b"elsewhere", &sealed), Err(OpenError));
        assert_eq!(Key::new(&[8; 32]).open(b"place", &sealed), Err(OpenError));
        for length in 0..sealed.len() {
            assert_eq!(key.open(b"place", &sealed[..length]), Err(OpenError));
        }
        for bit in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(key.open(b"place", &changed), Err(OpenError));
        }
    }

    #[test]
    fn draws_a_nonce_for_every_message() {
        let key = Key::new(&[7; 32]);
        assert_ne!(key.seal(&SystemRandom, b"", b"same"), key.seal(&SystemRandom, b"", b"same"));
    }
}
