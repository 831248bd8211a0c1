//! Large whole numbers as decimal text, as Go writes them into JSON.

use crypto_bigint::BoxedUint;
use zeroize::{Zeroize, Zeroizing};

/// Digits of the longest number that is read: enough for RSA with 8192 bits.
const MAX_DIGITS: usize = 2500;

/// The big-endian bytes, without leading zeros, of a decimal number.
pub fn from_decimal(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    if text.is_empty() || text.len() > MAX_DIGITS || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let mut number = BoxedUint::from_str_radix_vartime(text, 10).ok()?;
    let bytes = trimmed(&number.to_be_bytes());
    number.zeroize();
    Some(bytes)
}

/// A big-endian number as decimal text.
pub fn to_decimal(bytes: &[u8]) -> Zeroizing<String> {
    let mut number = BoxedUint::from_be_slice_vartime(bytes);
    let text = number.to_string_radix_vartime(10);
    number.zeroize();
    Zeroizing::new(text)
}

/// The number in exactly `len` bytes; none if it does not fit.
pub fn padded(bytes: &[u8], len: usize) -> Option<Zeroizing<Vec<u8>>> {
    let bytes = strip(bytes);
    let zeros = len.checked_sub(bytes.len())?;
    let mut out = Zeroizing::new(vec![0; zeros]);
    out.extend_from_slice(bytes);
    Some(out)
}

/// Without leading zeros.
pub(crate) fn strip(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|b| **b == 0).count();
    bytes.get(zeros..).unwrap_or_default()
}

fn trimmed(bytes: &[u8]) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(strip(bytes).to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn converts_both_ways() {
        for (text, bytes) in [
            ("0", &[][..]),
            ("1", &[1]),
            ("65537", &[1, 0, 1]),
            ("340282366920938463463374607431768211456", &[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        ] {
            assert_eq!(from_decimal(text).unwrap().as_slice(), bytes);
            assert_eq!(to_decimal(bytes).as_str(), text);
        }
        for bad in ["", "-1", "+1", "1_0", " 1", "0x1", "1.5"] {
            assert!(from_decimal(bad).is_none(), "{bad}");
        }
        assert!(from_decimal(&"9".repeat(MAX_DIGITS + 1)).is_none());
        assert_eq!(padded(&[0, 1, 2], 4).unwrap().as_slice(), [0, 0, 1, 2]);
        assert!(padded(&[1, 2], 1).is_none());
    }
}
