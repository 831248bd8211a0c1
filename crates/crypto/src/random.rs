//! Randomness is a parameter: whoever needs it takes a `Random`, so a test can seed it.

use std::cell::RefCell;
use zeroize::Zeroizing;

/// Where random bytes come from.
pub trait Random: Send + Sync + 'static {
    /// Fills the buffer. A generator that cannot is a broken machine: it aborts the process.
    fn fill(&self, out: &mut [u8]);
}

/// The system's cryptographic generator.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandom;

/// Bytes drawn ahead of their use.
struct Ahead {
    bytes: Zeroizing<[u8; BLOCK]>,
    left: usize,
}

/// A call of the generator costs half a microsecond, whatever its length; every request needs ids and
/// nonces. So short ones are cut from a block, where nothing stays of what was given out. Keys are
/// longer and never pass here.
const SHORT: usize = 16;
const BLOCK: usize = 512;

thread_local! {
    static AHEAD: RefCell<Ahead> = RefCell::new(Ahead { bytes: Zeroizing::new([0; BLOCK]), left: 0 });
}

impl Random for SystemRandom {
    fn fill(&self, out: &mut [u8]) {
        // A thread that ends has no block any more.
        if out.len() > SHORT || AHEAD.try_with(|ahead| ahead.borrow_mut().give(out)).is_err() {
            draw(out);
        }
    }
}

impl Ahead {
    fn give(&mut self, out: &mut [u8]) {
        if self.left < out.len() {
            draw(self.bytes.as_mut_slice());
            self.left = BLOCK;
        }
        let ready = self.bytes.iter_mut().take(self.left).rev();
        for (to, from) in out.iter_mut().zip(ready) {
            *to = std::mem::take(from);
        }
        self.left -= out.len();
    }
}

// The one place where the generator is called; without randomness nothing here is safe to do.
#[allow(clippy::disallowed_methods)]
fn draw(out: &mut [u8]) {
    if aws_lc_rs::rand::fill(out).is_err() {
        std::process::abort();
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
    let mut bytes = [0_u8; 16];
    random.fill(&mut bytes);
    let mut n = u128::from_be_bytes(bytes);
    n = n & !(0xf << 76) | (4 << 76);
    n = n & !(0b11 << 62) | (0b10 << 62);
    let mut out = String::with_capacity(36);
    for (at, byte) in n.to_be_bytes().into_iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            out.push('-');
        }
        for digit in [byte >> 4, byte & 15] {
            out.push(char::from(if digit < 10 { b'0' + digit } else { b'a' - 10 + digit }));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Across the ends of blocks nothing is given out twice, and nothing stays behind.
    #[test]
    fn short_requests_differ_and_leave_nothing() {
        let mut seen = std::collections::HashSet::new();
        for turn in 0..2000 {
            let mut bytes = vec![0; 8 + turn % 9];
            SystemRandom.fill(&mut bytes);
            bytes.truncate(8);
            assert!(seen.insert(bytes), "turn {turn}");
            AHEAD.with_borrow(|ahead| assert!(ahead.bytes.iter().skip(ahead.left).all(|b| *b == 0)));
        }
    }

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
