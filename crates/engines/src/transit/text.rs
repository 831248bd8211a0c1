//! How bytes travel in requests: base64 as Go's library reads it, and the form `vault:v1:...`. Both are
//! read from whoever may call, so both are pure and bounded by the length of the text.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

/// What stands in front of ciphertexts, signatures and keyed hashes.
pub const PREFIX: &str = "vault:v";

/// Like Go's decoder, this one does not look at the bits that the last character has too many.
const LENIENT: GeneralPurpose =
    GeneralPurpose::new(&STANDARD, GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true));

/// A text that is not base64, with the position at which it stops to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Base64Error(pub usize);

/// A parsed `vault:v1:...`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sealed<'a> {
    /// The version of the key; what says 0 is of version 1, as the first Vault counted from there.
    pub version: u64,
    /// What follows.
    pub body: &'a str,
}

/// Why a text is not `vault:v1:...`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SealedError {
    /// It does not begin with `vault:v`.
    NoPrefix,
    /// There is no second colon, or one too many.
    Fields,
    /// The version is not a number.
    Version,
}

/// The bytes of a base64 text. Line ends in it mean nothing.
pub fn decode(text: &str) -> Result<Zeroizing<Vec<u8>>, Base64Error> {
    if let Ok(bytes) = LENIENT.decode(text) {
        return Ok(Zeroizing::new(bytes));
    }
    let mut plain = Zeroizing::new(String::with_capacity(text.len()));
    plain.extend(text.chars().filter(|c| !matches!(c, '\r' | '\n')));
    LENIENT.decode(plain.as_bytes()).map(Zeroizing::new).map_err(|_| Base64Error(offence(text.as_bytes())))
}

/// Base64 with padding.
pub fn encode(bytes: &[u8]) -> String {
    LENIENT.encode(bytes)
}

/// Splits `vault:v1:...`.
pub fn parse(text: &str) -> Result<Sealed<'_>, SealedError> {
    let rest = text.strip_prefix(PREFIX).ok_or(SealedError::NoPrefix)?;
    let (version, body) = rest.split_once(':').ok_or(SealedError::Fields)?;
    if body.contains(':') {
        return Err(SealedError::Fields);
    }
    if version.is_empty() || !version.bytes().all(|b| b.is_ascii_digit()) {
        return Err(SealedError::Version);
    }
    let version: u64 = version.parse().map_err(|_| SealedError::Version)?;
    Ok(Sealed { version: version.max(1), body })
}

/// `vault:v1:...` of some bytes.
pub fn seal(version: u64, bytes: &[u8]) -> String {
    let digits = version.checked_ilog10().unwrap_or(0) as usize + 1;
    let mut out = String::with_capacity(PREFIX.len() + digits + 1 + bytes.len().div_ceil(3) * 4);
    push_prefix(&mut out, version);
    LENIENT.encode_string(bytes, &mut out);
    out
}

/// The same in the alphabet for addresses and without padding, as JWS has it.
pub fn seal_for_jws(version: u64, bytes: &[u8]) -> String {
    let mut out = String::new();
    push_prefix(&mut out, version);
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode_string(bytes, &mut out);
    out
}

/// The bytes of base64 in the alphabet for addresses, without padding.
pub fn decode_for_jws(text: &str) -> Option<Vec<u8>> {
    base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).ok()
}

fn push_prefix(out: &mut String, version: u64) {
    use std::fmt::Write;
    let _ = write!(out, "{PREFIX}{version}:");
}

/// Where Go's decoder says that the text stops to be base64.
fn offence(text: &[u8]) -> usize {
    let significant: Vec<(usize, u8)> =
        text.iter().copied().enumerate().filter(|(_, b)| !matches!(b, b'\r' | b'\n')).collect();
    let (groups, rest) = significant.as_chunks::<4>();
    for group in groups.iter().map(<[(usize, u8); 4]>::as_slice).chain([rest]) {
        for (place, (at, byte)) in group.iter().enumerate() {
            let alphabetic = byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
            if alphabetic {
                continue;
            }
            if *byte != b'=' || place < 2 {
                return *at;
            }
            let next = group.get(place + 1);
            return match (place, next) {
                (2, Some((_, b'='))) | (3, None) => after(&significant, *at + 1 + usize::from(place == 2)),
                (2, Some((next, _))) => *next,
                _ => text.len(),
            };
        }
    }
    rest.first().map_or(text.len(), |_| text.len() - rest.len())
}

/// The first character at or behind a place.
fn after(significant: &[(usize, u8)], place: usize) -> usize {
    significant.iter().map(|(at, _)| *at).find(|at| *at >= place).unwrap_or(place)
}

impl std::fmt::Display for Base64Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "illegal base64 data at input byte {}", self.0)
    }
}

impl std::error::Error for Base64Error {}

impl std::fmt::Display for SealedError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NoPrefix => "no prefix",
            Self::Fields => "wrong number of fields",
            Self::Version => "version number could not be decoded",
        })
    }
}

impl std::error::Error for SealedError {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_base64_as_go_does() {
        for (text, bytes) in
            [("", &b""[..]), ("aGk=", b"hi"), ("aGVs\nbG8=\r\n", b"hello"), ("\n", b""), ("aGl=", b"hi")]
        {
            assert_eq!(decode(text).unwrap().as_slice(), bytes, "{text:?}");
        }
        for (text, place) in [
            ("not base64!", 3),
            ("%%%", 0),
            ("@@@", 0),
            ("aGVsbG8", 4),
            ("aGk", 0),
            ("aGk=a", 4),
            ("a===", 1),
            ("aG=a", 3),
            ("_-8=", 0),
            ("aGk=\n=", 5),
            ("é", 0),
        ] {
            assert_eq!(decode(text), Err(Base64Error(place)), "{text:?}");
        }
    }

    #[test]
    fn splits_what_is_sealed() {
        assert_eq!(parse("vault:v12:AAAA"), Ok(Sealed { version: 12, body: "AAAA" }));
        assert_eq!(parse("vault:v0:"), Ok(Sealed { version: 1, body: "" }));
        for (text, why) in [
            ("garbage", SealedError::NoPrefix),
            ("vault:1:AAAA", SealedError::NoPrefix),
            ("vault:v1", SealedError::Fields),
            ("vault:v1:a:b", SealedError::Fields),
            ("vault:vx:AAAA", SealedError::Version),
            ("vault:v:AAAA", SealedError::Version),
            ("vault:v-1:AAAA", SealedError::Version),
            ("vault:v+1:AAAA", SealedError::Version),
            ("vault:v99999999999999999999:AAAA", SealedError::Version),
        ] {
            assert_eq!(parse(text), Err(why), "{text}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC{0,60}") {
            let _ = decode(&text);
            let _ = parse(&text);
        }

        #[test]
        fn reads_what_it_writes(version in 1_u64.., bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let text = seal(version, &bytes);
            let sealed = parse(&text).unwrap();
            prop_assert_eq!(sealed.version, version);
            let opened = decode(sealed.body).unwrap();
            prop_assert_eq!(opened.as_slice(), bytes.as_slice());
            let text = seal_for_jws(version, &bytes);
            prop_assert_eq!(decode_for_jws(parse(&text).unwrap().body).unwrap(), bytes);
        }
    }
}
