//! The format of a stored entry: a format byte, the term of the key (four bytes, big-endian), the
//! nonce, the AES-256-GCM ciphertext and its tag. The storage key is the additional authenticated
//! data, so an entry opens only where it was written.

use strongroom_crypto::{Random, aead};
use zeroize::Zeroizing;

/// The format this program writes and the only one it reads.
pub const FORMAT: u8 = 1;
/// Bytes in front of the nonce.
const HEADER_LEN: usize = 5;
/// How much longer a stored entry is than its content.
pub const OVERHEAD: usize = HEADER_LEN + aead::OVERHEAD;

/// Why an entry does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenError {
    /// It is shorter than an entry without content.
    TooShort,
    /// It has another format: damaged, or written by a newer program.
    Format(u8),
    /// There is no key of its term.
    Term(u32),
    /// It does not authenticate: damaged, or moved from another key.
    Refused,
}

/// Seals some content for one storage key.
pub fn seal(
    key: &aead::Key,
    term: u32,
    storage_key: &[u8],
    plain: &[u8],
    random: &dyn Random,
) -> Result<Vec<u8>, aead::SealError> {
    let mut out = Vec::with_capacity(plain.len() + OVERHEAD);
    out.push(FORMAT);
    out.extend_from_slice(&term.to_be_bytes());
    key.seal_into(random, storage_key, plain, &mut out)?;
    Ok(out)
}

/// Opens an entry read from `storage_key` with the key of its term.
pub fn open<'k>(
    key_of: impl FnOnce(u32) -> Option<&'k aead::Key>,
    storage_key: &[u8],
    entry: &[u8],
) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    if entry.len() < OVERHEAD {
        return Err(OpenError::TooShort);
    }
    let (format, rest) = entry.split_first().ok_or(OpenError::TooShort)?;
    if *format != FORMAT {
        return Err(OpenError::Format(*format));
    }
    let (term, sealed) = rest.split_first_chunk::<4>().ok_or(OpenError::TooShort)?;
    let term = u32::from_be_bytes(*term);
    let key = key_of(term).ok_or(OpenError::Term(term))?;
    key.open(storage_key, sealed).map_err(|_| OpenError::Refused)
}

impl std::fmt::Display for OpenError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TooShort => f.write_str("it is cut off"),
            Self::Format(format) => write!(f, "its format {format} is damaged or newer than this program"),
            Self::Term(term) => write!(f, "there is no key of its term {term}"),
            Self::Refused => f.write_str("it is damaged or was moved from another key"),
        }
    }
}

impl std::error::Error for OpenError {}

#[cfg(test)]
mod tests;
