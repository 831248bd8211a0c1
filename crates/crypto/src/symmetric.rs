//! The ciphers whose keys users own. Nonces come from outside only where a caller derives them from
//! the message itself; everywhere else they are drawn here.

use crate::aead::{OpenError, SealError};
use crate::{Random, Secret};
use aws_lc_rs::aead::{
    AES_128_GCM, AES_256_GCM, Aad, Algorithm, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey,
};
use zeroize::Zeroizing;

/// Bytes of the tag behind a ciphertext.
pub const TAG_LEN: usize = 16;

/// An authenticated cipher.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cipher {
    /// AES-128-GCM with nonces of 96 bits.
    Aes128Gcm,
    /// AES-256-GCM with nonces of 96 bits.
    Aes256Gcm,
    /// ChaCha20-Poly1305 (RFC 8439).
    ChaCha20Poly1305,
    /// The same with nonces of 192 bits.
    XChaCha20Poly1305,
}

/// A key made ready for use.
pub struct CipherKey {
    cipher: Cipher,
    state: State,
}

enum State {
    Ready(LessSafeKey),
    /// Every nonce of XChaCha20 has a key of its own.
    PerNonce(Secret<[u8; 32]>),
}

impl Cipher {
    /// Bytes of a key.
    pub fn key_len(self) -> usize {
        if self == Self::Aes128Gcm { 16 } else { 32 }
    }

    /// Bytes of a nonce.
    pub fn nonce_len(self) -> usize {
        if self == Self::XChaCha20Poly1305 { 24 } else { 12 }
    }

    fn algorithm(self) -> &'static Algorithm {
        match self {
            Self::Aes128Gcm => &AES_128_GCM,
            Self::Aes256Gcm => &AES_256_GCM,
            Self::ChaCha20Poly1305 | Self::XChaCha20Poly1305 => &CHACHA20_POLY1305,
        }
    }
}

impl CipherKey {
    /// Prepares a key; none if it has the wrong length.
    pub fn new(cipher: Cipher, key: &[u8]) -> Option<Self> {
        let state = match cipher {
            Cipher::XChaCha20Poly1305 => State::PerNonce(Secret::new(key.try_into().ok()?)),
            _ => State::Ready(ready(cipher, key)?),
        };
        Some(Self { cipher, state })
    }

    /// The cipher.
    pub fn cipher(&self) -> Cipher {
        self.cipher
    }

    /// A fresh nonce, the ciphertext and the tag.
    pub fn seal(&self, random: &dyn Random, aad: &[u8], plain: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut nonce = [0_u8; 24];
        let nonce = nonce.get_mut(..self.cipher.nonce_len()).ok_or(SealError)?;
        random.fill(nonce);
        self.seal_with(nonce, aad, plain)
    }

    /// The given nonce, the ciphertext and the tag. The nonce must never meet another message under
    /// this key: it is derived from the message.
    pub fn seal_with(&self, nonce: &[u8], aad: &[u8], plain: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut out = Vec::with_capacity(nonce.len() + plain.len() + TAG_LEN);
        out.extend_from_slice(nonce);
        out.extend_from_slice(plain);
        let body = out.get_mut(nonce.len()..).ok_or(SealError)?;
        let tag = self
            .with(nonce, |key, nonce| key.seal_in_place_separate_tag(nonce, Aad::from(aad), body).ok())
            .flatten();
        match tag {
            Some(tag) => {
                out.extend_from_slice(tag.as_ref());
                Ok(out)
            }
            None => {
                zeroize::Zeroize::zeroize(&mut out);
                Err(SealError)
            }
        }
    }

    /// The plain message of nonce, ciphertext and tag.
    pub fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let (nonce, body) = sealed.split_at_checked(self.cipher.nonce_len()).ok_or(OpenError)?;
        self.open_with(nonce, aad, body)
    }

    /// The plain message of ciphertext and tag under a nonce that was kept elsewhere.
    pub fn open_with(&self, nonce: &[u8], aad: &[u8], body: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let (ciphertext, tag) = body.split_last_chunk::<TAG_LEN>().ok_or(OpenError)?;
        let mut plain = Zeroizing::new(vec![0; ciphertext.len()]);
        self.with(nonce, |key, nonce| {
            key.open_separate_gather(nonce, Aad::from(aad), ciphertext, tag, &mut plain).ok()
        })
        .flatten()
        .ok_or(OpenError)?;
        Ok(plain)
    }

    /// Works with the key and the 96-bit nonce that stand for this nonce; none if its length is wrong.
    fn with<T>(&self, nonce: &[u8], work: impl FnOnce(&LessSafeKey, Nonce) -> T) -> Option<T> {
        match &self.state {
            State::Ready(key) => {
                let nonce = nonce.try_into().ok()?;
                Some(work(key, Nonce::assume_unique_for_key(nonce)))
            }
            State::PerNonce(key) => {
                let (first, rest) = nonce.split_first_chunk::<16>()?;
                let mut short = [0_u8; 12];
                short.last_chunk_mut::<8>()?.copy_from_slice(<&[u8; 8]>::try_from(rest).ok()?);
                let key = ready(self.cipher, hchacha20(key.expose(), first).as_slice())?;
                Some(work(&key, Nonce::assume_unique_for_key(short)))
            }
        }
    }
}

fn ready(cipher: Cipher, key: &[u8]) -> Option<LessSafeKey> {
    UnboundKey::new(cipher.algorithm(), key).ok().map(LessSafeKey::new)
}

/// HChaCha20 of draft-irtf-cfrg-xchacha: ChaCha20's rounds without the final addition, of which the
/// first and the last row are the key. Nothing in it branches on or indexes with secrets.
fn hchacha20(key: &[u8; 32], nonce: &[u8; 16]) -> Zeroizing<[u8; 32]> {
    const CONSTANTS: [u32; 4] = [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574];
    let (key, _) = key.as_chunks::<4>();
    let (nonce, _) = nonce.as_chunks::<4>();
    let words = CONSTANTS.into_iter().chain(key.iter().chain(nonce).map(|word| u32::from_le_bytes(*word)));
    let mut state = Zeroizing::new([0_u32; 16]);
    state.iter_mut().zip(words).for_each(|(to, from)| *to = from);
    for _ in 0..10 {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = &mut *state;
        quarter(a, e, i, m);
        quarter(b, f, j, n);
        quarter(c, g, k, o);
        quarter(d, h, l, p);
        quarter(a, f, k, p);
        quarter(b, g, l, m);
        quarter(c, h, i, n);
        quarter(d, e, j, o);
    }
    let mut out = Zeroizing::new([0_u8; 32]);
    let rows = state.iter().take(4).chain(state.iter().skip(12));
    out.iter_mut().zip(rows.flat_map(|word| word.to_le_bytes())).for_each(|(to, from)| *to = from);
    out
}

fn quarter(a: &mut u32, b: &mut u32, c: &mut u32, d: &mut u32) {
    *a = a.wrapping_add(*b);
    *d = (*d ^ *a).rotate_left(16);
    *c = c.wrapping_add(*d);
    *b = (*b ^ *c).rotate_left(12);
    *a = a.wrapping_add(*b);
    *d = (*d ^ *a).rotate_left(8);
    *c = c.wrapping_add(*d);
    *b = (*b ^ *c).rotate_left(7);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{SystemRandom, hex};

    const ALL: [Cipher; 4] =
        [Cipher::Aes128Gcm, Cipher::Aes256Gcm, Cipher::ChaCha20Poly1305, Cipher::XChaCha20Poly1305];

    #[test]
    fn hchacha20_agrees_with_the_draft() {
        // draft-irtf-cfrg-xchacha-03, section 2.2.1.
        let key: Vec<u8> = (0..32).collect();
        let nonce = hex::decode("000000090000004a0000000031415927").unwrap();
        let out = hchacha20(key.as_slice().try_into().unwrap(), nonce.as_slice().try_into().unwrap());
        assert_eq!(
            hex::encode(out.as_slice()),
            "82413b4227b27bfed30e42508a877d73a0f9e4d58a74a853c12ec41326d3ecdc"
        );
    }

    #[test]
    fn xchacha20_poly1305_agrees_with_the_draft() {
        // The same draft, appendix A.3.1.
        let key: Vec<u8> = (0x80..0xa0).collect();
        let nonce: Vec<u8> = (0x40..0x58).collect();
        let aad = hex::decode("50515253c0c1c2c3c4c5c6c7").unwrap();
        let plain = b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.";
        let key = CipherKey::new(Cipher::XChaCha20Poly1305, &key).unwrap();
        let sealed = key.seal_with(&nonce, &aad, plain).unwrap();
        let expected = concat!(
            "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4aa6440bf3a82f4eda7e39",
            "ae64c6708c54c216cb96b72e1213b4522f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9",
            "21f9664c97637da9768812f615c68b13b52ec0875924c1c7987947deafd8780acf49"
        );
        assert_eq!(hex::encode(&sealed[24..]), expected);
        assert_eq!(key.open(&aad, &sealed).unwrap().as_slice(), plain);
    }

    #[test]
    fn opens_only_what_is_whole_and_in_its_context() {
        for cipher in ALL {
            let key = CipherKey::new(cipher, &vec![7; cipher.key_len()]).unwrap();
            let sealed = key.seal(&SystemRandom, b"place", b"value").unwrap();
            assert_eq!(sealed.len(), cipher.nonce_len() + 5 + TAG_LEN);
            assert_eq!(key.open(b"place", &sealed).unwrap().as_slice(), b"value");
            assert_eq!(key.open(b"elsewhere", &sealed), Err(OpenError));
            for length in 0..sealed.len() {
                assert_eq!(key.open(b"place", &sealed[..length]), Err(OpenError));
            }
            assert!(CipherKey::new(cipher, &[7; 15]).is_none());
            assert!(key.seal_with(&[0; 11], b"", b"").is_err());
        }
    }
}
