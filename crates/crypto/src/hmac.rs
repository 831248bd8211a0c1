//! Keyed hashes.

use crate::random::push_base62;
use crate::{digest::Digest, hex};
use aws_lc_rs::hmac as lc;
use zeroize::Zeroizing;

/// A key for HMAC-SHA256 made ready for use: the two key blocks are hashed once, so that signing and
/// cloning are cheap.
#[derive(Clone)]
pub struct HmacKey(lc::Key);

impl HmacKey {
    /// Prepares a key.
    pub fn sha256(key: &[u8]) -> Self {
        Self(lc::Key::new(lc::HMAC_SHA256, key))
    }

    /// The HMAC of some data.
    pub fn sign(&self, data: &[u8]) -> [u8; 32] {
        self.sign_parts(&[data])
    }

    /// The HMAC of the parts one after the other.
    pub fn sign_parts(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut context = lc::Context::with_key(&self.0);
        for part in parts {
            context.update(part);
        }
        let mut out = [0; 32];
        out.iter_mut().zip(context.sign().as_ref()).for_each(|(to, from)| *to = *from);
        out
    }

    /// The HMAC as lower-case hexadecimal.
    pub fn sign_hex(&self, data: &[u8]) -> String {
        hex::encode(&self.sign(data))
    }
}

/// The HMAC of some data under any digest.
pub fn sign_with(digest: Digest, key: &[u8], data: &[u8]) -> Vec<u8> {
    let algorithm = match digest {
        Digest::Sha1 => lc::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        Digest::Sha224 => lc::HMAC_SHA224,
        Digest::Sha256 => lc::HMAC_SHA256,
        Digest::Sha384 => lc::HMAC_SHA384,
        Digest::Sha512 => lc::HMAC_SHA512,
        Digest::Sha3_224 | Digest::Sha3_256 | Digest::Sha3_384 | Digest::Sha3_512 => {
            return sign_by_definition(digest, key, data);
        }
    };
    lc::sign(&lc::Key::new(algorithm, key), data).as_ref().to_vec()
}

/// HMAC as RFC 2104 defines it, for the digests that aws-lc has no HMAC for.
fn sign_by_definition(digest: Digest, key: &[u8], data: &[u8]) -> Vec<u8> {
    let block = digest.block_len();
    let mut padded = Zeroizing::new(if key.len() > block { digest.of(key) } else { key.to_vec() });
    padded.resize(block, 0);
    let step = |pad: u8, message: &[u8]| {
        let mut input = Zeroizing::new(Vec::with_capacity(block + message.len()));
        input.extend(padded.iter().map(|byte| byte ^ pad));
        input.extend_from_slice(message);
        digest.of(&input)
    };
    step(0x5c, &step(0x36, data))
}

/// `len` characters of base62 that only the holder of the key can derive from the data.
pub fn prf_base62(key: &HmacKey, data: &[u8], len: usize) -> String {
    let first = key.sign(data);
    let mut out = String::with_capacity(len);
    push_base62(&mut out, &first, len);
    let mut counter = 0_u32;
    while out.len() < len {
        counter = counter.wrapping_add(1);
        push_base62(&mut out, &key.sign_parts(&[&first, &counter.to_be_bytes()]), len);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_rfc_4231() {
        // Test case 2, and test case 6 with a key longer than a block.
        let key = HmacKey::sha256(b"Jefe");
        let data = b"what do ya want for nothing?";
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(key.sign_hex(data), expected);
        assert_eq!(key.clone().sign_parts(&[&data[..5], &data[5..]]), key.sign(data));
        assert_eq!(sign_with(Digest::Sha256, b"Jefe", data), key.sign(data).to_vec());
        let long = sign_with(
            Digest::Sha224,
            &[0xaa; 131],
            b"Test Using Larger Than Block-Size Key - Hash Key First",
        );
        assert_eq!(hex::encode(&long), "95e9a0db962095adaebe9b2d6f0dbce2d499f112f2d2b7273fa6870e");
    }

    #[test]
    fn hmac_by_definition_agrees_with_the_library_and_with_nist() {
        for key in [&b"Jefe"[..], &[0xaa; 64], &[0xaa; 65], &[0xaa; 131]] {
            for digest in [Digest::Sha1, Digest::Sha256, Digest::Sha512] {
                assert_eq!(sign_by_definition(digest, key, b"data"), sign_with(digest, key, b"data"));
            }
        }
        let sha3 = sign_with(Digest::Sha3_256, b"Jefe", b"what do ya want for nothing?");
        assert_eq!(hex::encode(&sha3), "c7d4072e788877ae3596bbb0da73b887c9171f93095b294ae857fbe2645e1ba5");
    }

    #[test]
    fn derived_texts_are_stable_and_of_any_length() {
        let key = HmacKey::sha256(b"key");
        let long = prf_base62(&key, b"data", 200);
        assert_eq!(long.len(), 200);
        assert!(long.bytes().all(|b| b.is_ascii_alphanumeric()));
        assert!(long.starts_with(&prf_base62(&key, b"data", 24)));
        assert_ne!(prf_base62(&key, b"datb", 24), prf_base62(&key, b"data", 24));
        assert_ne!(prf_base62(&HmacKey::sha256(b"kez"), b"data", 24), prf_base62(&key, b"data", 24));
    }
}
