//! Hexadecimal text.

use zeroize::Zeroizing;

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// A text that is not hexadecimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecodeError {
    /// It has an odd number of characters.
    OddLength,
    /// There is another character at this position.
    Character(usize),
}

/// Lower-case hexadecimal.
pub fn encode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        out.push(digit(byte >> 4));
        out.push(digit(byte & 15));
    }
    out
}

/// The bytes of a text in upper or lower case, wiped if they are not handed out.
pub fn decode(text: &str) -> Result<Vec<u8>, DecodeError> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return Err(DecodeError::OddLength);
    }
    let mut out = Zeroizing::new(Vec::with_capacity(pairs.len()));
    for (at, [high, low]) in pairs.iter().enumerate() {
        let high = value(*high).ok_or(DecodeError::Character(at * 2))?;
        let low = value(*low).ok_or(DecodeError::Character(at * 2 + 1))?;
        out.push(high << 4 | low);
    }
    Ok(std::mem::take(&mut *out))
}

fn digit(nibble: u8) -> char {
    DIGITS.get(usize::from(nibble)).map_or('0', |d| char::from(*d))
}

fn value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

impl std::fmt::Display for DecodeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::OddLength => f.write_str("hexadecimal text needs an even number of characters"),
            Self::Character(at) => write!(f, "the character at position {at} is not hexadecimal"),
        }
    }
}

impl std::error::Error for DecodeError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodes_and_decodes() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(decode(&encode(&all)), Ok(all.clone()));
        assert_eq!(decode(&encode(&all).to_uppercase()), Ok(all));
        assert_eq!(encode(&[0, 0x1f, 0xf1]), "001ff1");
        assert_eq!(decode("abc"), Err(DecodeError::OddLength));
        assert_eq!(decode("0g"), Err(DecodeError::Character(1)));
        assert_eq!(decode("é0"), Err(DecodeError::OddLength));
        assert_eq!(decode("é"), Err(DecodeError::Character(0)));
    }
}
