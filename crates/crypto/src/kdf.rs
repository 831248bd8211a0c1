//! Keys derived from keys.

use crate::hmac::HmacKey;
use aws_lc_rs::hkdf;
use zeroize::Zeroizing;

/// HKDF with SHA-256 (RFC 5869) and no salt; none for more than 8160 bytes.
pub fn hkdf_sha256(key: &[u8], info: &[u8], len: usize) -> Option<Zeroizing<Vec<u8>>> {
    let mut out = Zeroizing::new(vec![0; len]);
    let extracted = hkdf::Salt::new(hkdf::HKDF_SHA256, &[]).extract(key);
    extracted.expand(&[info], Length(len)).ok()?.fill(&mut out).ok()?;
    Some(out)
}

/// The counter mode of NIST SP 800-108 with HMAC-SHA256 and 32-bit numbers, the counter beginning at 0:
/// how the oldest derived keys of Vault were made.
pub fn counter_sha256(key: &[u8], context: &[u8], len: usize) -> Option<Zeroizing<Vec<u8>>> {
    let bits = u32::try_from(len.checked_mul(8)?).ok()?.to_be_bytes();
    let key = HmacKey::sha256(key);
    let mut out = Zeroizing::new(Vec::with_capacity(len.next_multiple_of(32)));
    let mut counter = 0_u32;
    while out.len() < len {
        out.extend_from_slice(&key.sign_parts(&[&counter.to_be_bytes(), context, &bits]));
        counter = counter.checked_add(1)?;
    }
    out.truncate(len);
    Some(out)
}

#[derive(Clone, Copy)]
struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hex;

    #[test]
    fn hkdf_agrees_with_rfc_5869() {
        // Test case 3: no salt, no info.
        let okm = hkdf_sha256(&[0x0b; 22], b"", 42).unwrap();
        let expected = "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8";
        assert_eq!(hex::encode(&okm), expected);
        assert!(hkdf_sha256(b"k", b"", 255 * 32 + 1).is_none());
    }

    #[test]
    fn counter_mode_is_a_run_of_hmacs() {
        let long = counter_sha256(b"key", b"context", 40).unwrap();
        let block = |counter: u32| {
            HmacKey::sha256(b"key").sign_parts(&[&counter.to_be_bytes(), b"context", &320_u32.to_be_bytes()])
        };
        assert_eq!(long[..32], block(0));
        assert_eq!(long[32..], block(1)[..8]);
    }
}
