//! AES key wrap with padding (RFC 5649), with keys of 256 bits.

use crate::KeyError;
use aws_lc_rs::key_wrap::{AES_256, AesKek, KeyWrapPadded};
use zeroize::Zeroizing;

/// Bytes of a key that wraps.
pub const KEY_LEN: usize = 32;

/// Wraps a key.
pub fn wrap(with: &[u8; KEY_LEN], key: &[u8]) -> Result<Vec<u8>, KeyError> {
    let mut out = vec![0; key.len().next_multiple_of(8) + 8];
    let kek = AesKek::new(&AES_256, with).map_err(|_| KeyError::Failed)?;
    let len = kek.wrap_with_padding(key, &mut out).map_err(|_| KeyError::TooLong)?.len();
    out.truncate(len);
    Ok(out)
}

/// The key that was wrapped.
pub fn unwrap(with: &[u8], wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    if with.len() != KEY_LEN {
        return Err(KeyError::OtherKind);
    }
    let kek = AesKek::new(&AES_256, with).map_err(|_| KeyError::Failed)?;
    let mut out = Zeroizing::new(vec![0; wrapped.len()]);
    let len = kek.unwrap_with_padding(wrapped, &mut out).map_err(|_| KeyError::Refused)?.len();
    out.truncate(len);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unwraps_what_was_wrapped_and_nothing_else() {
        for len in [1, 7, 8, 9, 16, 32, 1219] {
            let key: Vec<u8> = (0..len).map(|i| u8::try_from(i % 251).unwrap()).collect();
            let wrapped = wrap(&[3; 32], &key).unwrap();
            assert_eq!(unwrap(&[3; 32], &wrapped).unwrap().as_slice(), key);
            assert_eq!(unwrap(&[4; 32], &wrapped), Err(KeyError::Refused));
            for cut in 0..wrapped.len().min(40) {
                assert!(unwrap(&[3; 32], &wrapped[..cut]).is_err());
            }
        }
        assert_eq!(unwrap(&[3; 16], &[0; 24]), Err(KeyError::OtherKind));
    }
}
