//! As much DER as keys and signatures need. Lengths are definite and minimal, numbers are not negative;
//! whatever else there is, is refused.

use crate::number::strip;
use zeroize::Zeroizing;

/// Tags of the types that occur in keys.
pub mod tag {
    /// A whole number.
    pub const INTEGER: u8 = 0x02;
    /// Bits, here always whole bytes.
    pub const BIT_STRING: u8 = 0x03;
    /// Bytes.
    pub const OCTET_STRING: u8 = 0x04;
    /// Nothing.
    pub const NULL: u8 = 0x05;
    /// An object identifier.
    pub const OID: u8 = 0x06;
    /// A sequence.
    pub const SEQUENCE: u8 = 0x30;
}

/// The bytes are not what was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DerError;

/// Reads one element after the other.
#[derive(Clone, Copy)]
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// A reader of these bytes.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// A reader of the content of the one sequence that the bytes are.
    pub fn of_sequence(bytes: &'a [u8]) -> Result<Self, DerError> {
        let mut outer = Self(bytes);
        let inner = outer.sequence()?;
        outer.end()?;
        Ok(inner)
    }

    /// The content of the next element, which must have this tag.
    pub fn element(&mut self, tag: u8) -> Result<&'a [u8], DerError> {
        let (found, rest) = self.0.split_first().ok_or(DerError)?;
        if *found != tag {
            return Err(DerError);
        }
        let (len, rest) = length(rest)?;
        let (content, rest) = rest.split_at_checked(len).ok_or(DerError)?;
        self.0 = rest;
        Ok(content)
    }

    /// The next element, which must be a sequence.
    pub fn sequence(&mut self) -> Result<Self, DerError> {
        self.element(tag::SEQUENCE).map(Self)
    }

    /// The next number, without leading zeros.
    pub fn integer(&mut self) -> Result<&'a [u8], DerError> {
        match self.element(tag::INTEGER)? {
            [] => Err(DerError),
            [0] => Ok(&[]),
            [0, next, ..] if *next < 0x80 => Err(DerError),
            [first, ..] if *first >= 0x80 => Err(DerError),
            bytes => Ok(strip(bytes)),
        }
    }

    /// The next bits, whole bytes.
    pub fn bit_string(&mut self) -> Result<&'a [u8], DerError> {
        match self.element(tag::BIT_STRING)? {
            [0, bytes @ ..] => Ok(bytes),
            _ => Err(DerError),
        }
    }

    /// Whether everything was read.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Nothing may be left.
    pub fn end(&self) -> Result<(), DerError> {
        if self.0.is_empty() { Ok(()) } else { Err(DerError) }
    }
}

/// An element with a tag and the parts of its content. May hold secrets: it is wiped when dropped.
pub fn element(tag: u8, parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    let len: usize = parts.iter().map(|part| part.len()).sum();
    let mut out = Zeroizing::new(Vec::with_capacity(len + 6));
    out.push(tag);
    let bytes = len.to_be_bytes();
    let bytes = strip(&bytes);
    match u8::try_from(len) {
        Ok(short) if short < 0x80 => out.push(short),
        _ => {
            out.push(0x80 | u8::try_from(bytes.len()).unwrap_or_default());
            out.extend_from_slice(bytes);
        }
    }
    parts.iter().for_each(|part| out.extend_from_slice(part));
    out
}

/// A sequence of elements.
pub fn sequence(parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    element(tag::SEQUENCE, parts)
}

/// A whole number from its big-endian bytes.
pub fn integer(bytes: &[u8]) -> Zeroizing<Vec<u8>> {
    let bytes = strip(bytes);
    match bytes.first() {
        Some(first) if *first < 0x80 => element(tag::INTEGER, &[bytes]),
        _ => element(tag::INTEGER, &[&[0], bytes]),
    }
}

/// Bits that are whole bytes.
pub fn bit_string(bytes: &[u8]) -> Zeroizing<Vec<u8>> {
    element(tag::BIT_STRING, &[&[0], bytes])
}

fn length(bytes: &[u8]) -> Result<(usize, &[u8]), DerError> {
    let (first, rest) = bytes.split_first().ok_or(DerError)?;
    if *first < 0x80 {
        return Ok((usize::from(*first), rest));
    }
    let count = usize::from(first & 0x7f);
    if !(1..=4).contains(&count) {
        return Err(DerError);
    }
    let (digits, rest) = rest.split_at_checked(count).ok_or(DerError)?;
    let len = digits.iter().fold(0_usize, |len, digit| len << 8 | usize::from(*digit));
    if len < 0x80 || digits.first() == Some(&0) { Err(DerError) } else { Ok((len, rest)) }
}

impl std::fmt::Display for DerError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("not the DER that was expected")
    }
}

impl std::error::Error for DerError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        for len in [0_usize, 1, 127, 128, 255, 256, 70_000] {
            let content = vec![7; len];
            let bytes = element(tag::OCTET_STRING, &[&content]);
            let mut reader = Reader::new(&bytes);
            assert_eq!(reader.element(tag::OCTET_STRING), Ok(content.as_slice()));
            assert!(reader.is_empty());
            assert!(Reader::new(&bytes[..bytes.len() - 1]).element(tag::OCTET_STRING).is_err());
        }
        for number in [&[][..], &[1], &[0x7f], &[0x80], &[0xff, 0]] {
            let bytes = integer(number);
            assert_eq!(Reader::new(&bytes).integer(), Ok(number));
        }
    }

    #[test]
    fn refuses_what_is_not_minimal() {
        for bad in [
            &[2, 0x81, 1, 5][..],
            &[2, 2, 0, 5],
            &[2, 1, 0x80],
            &[2, 0],
            &[2, 0x80],
            &[2, 0x85, 0, 0, 0, 0, 1],
        ] {
            assert!(Reader::new(bad).integer().is_err(), "{bad:?}");
        }
    }
}
