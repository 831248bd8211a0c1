//! Randomness is a parameter: whoever needs it takes a `Random`, so a test can seed it.

use zeroize::Zeroizing;

/// Where random bytes come from.
pub trait Random: Send + Sync + 'static {
    /// Fills the buffer. A generator that cannot is a broken machine: it aborts the process.
    fn fill(&self, out: &mut [u8]);
}

/// The system's cryptographic generator.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    // The one place where the generator is called; without randomness nothing here is safe to do.
    #[allow(clippy::disallowed_methods)]
    fn fill(&self, out: &mut [u8]) {
        if aws_lc_rs::rand::fill(out).is_err() {
            std::process::abort();
        }
    }
}

/// `len` characters of base62, without bias.
pub fn base62(random: &dyn Random, len: usize) -> String {
    let mut out = String::with_capacity(len);
    let mut buffer = Zeroizing::new([0_u8; 64]);
    while out.len() < len {
        random.fill(buffer.as_mut_slice());
        push_base62(&mut out, buffer.as_slice(), len);
    }
    out
}

/// Turns bytes into letters until the text has `len` of them; bytes that would bias it are skipped.
pub(crate) fn push_base62(out: &mut String, bytes: &[u8], len: usize) {
    const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    for byte in bytes {
        // 248 is the largest multiple of 62 in a byte: what lies above would bias the first letters.
        if *byte < 248
            && out.len() < len
            && let Some(letter) = ALPHABET.get(usize::from(byte % 62))
        {
            out.push(char::from(*letter));
        }
    }
}

/// A random (version 4) UUID in its usual form.
pub fn uuid(random: &dyn Random) -> String {
    use std::fmt::Write;
    let mut bytes = [0_u8; 16];
    random.fill(&mut bytes);
    let mut n = u128::from_be_bytes(bytes);
    n = n & !(0xf << 76) | (4 << 76);
    n = n & !(0b11 << 62) | (0b10 << 62);
    let hex = format!("{n:032x}");
    let mut out = String::with_capacity(36);
    for (at, c) in hex.chars().enumerate() {
        if matches!(at, 8 | 12 | 16 | 20) {
            out.push('-');
        }
        let _ = write!(out, "{c}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_the_promised_form() {
        let id = base62(&SystemRandom, 24);
        assert_eq!(id.len(), 24);
        assert!(id.bytes().all(|b| b.is_ascii_alphanumeric()));
        let id = uuid(&SystemRandom);
        assert_eq!(id.len(), 36);
        assert_eq!(id.as_bytes()[14], b'4');
        assert!(matches!(id.as_bytes()[19], b'8' | b'9' | b'a' | b'b'));
    }
}
