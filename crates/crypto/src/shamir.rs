//! Shamir's secret sharing over GF(256) with the polynomial of AES, byte-compatible with Vault's
//! shares: one byte of every share's polynomial value per byte of the secret, then its x coordinate.
//!
//! Nothing here branches on a secret or looks one up in a table: the arithmetic takes the same time
//! for all values. The x coordinates are not secret.

use crate::{Random, Secret};
use zeroize::Zeroizing;

/// How many bytes a share is longer than the secret.
pub const SHARE_OVERHEAD: usize = 1;

/// Why a secret cannot be split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SplitError {
    /// There is nothing to split.
    Empty,
    /// The threshold is not between 2 and 255.
    Threshold,
    /// The number of shares is not between the threshold and 255.
    Parts,
}

/// Why shares cannot be combined. That too few or wrong ones were given cannot be seen from them:
/// they combine to another value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CombineError {
    /// Fewer than two shares.
    TooFew,
    /// A share is shorter than two bytes.
    TooShort,
    /// The shares have different lengths.
    Lengths,
    /// Two shares have the same x coordinate.
    Duplicate,
    /// A share has the x coordinate 0, which would be the secret itself.
    Zero,
}

/// Splits a secret into `parts` shares, any `threshold` of which combine to it.
pub fn split(
    secret: &[u8],
    parts: usize,
    threshold: usize,
    random: &dyn Random,
) -> Result<Vec<Secret<Vec<u8>>>, SplitError> {
    if secret.is_empty() {
        return Err(SplitError::Empty);
    }
    if !(2..=255).contains(&threshold) {
        return Err(SplitError::Threshold);
    }
    if !(threshold..=255).contains(&parts) {
        return Err(SplitError::Parts);
    }
    let coordinates: Vec<u8> = coordinates(random).into_iter().take(parts).collect();
    let mut shares: Vec<Zeroizing<Vec<u8>>> = coordinates
        .iter()
        .map(|_| Zeroizing::new(Vec::with_capacity(secret.len() + SHARE_OVERHEAD)))
        .collect();
    let mut coefficients = Zeroizing::new(vec![0_u8; threshold - 1]);
    for byte in secret {
        random.fill(&mut coefficients);
        for (share, x) in shares.iter_mut().zip(&coordinates) {
            share.push(evaluate(*byte, &coefficients, *x));
        }
    }
    for (share, x) in shares.iter_mut().zip(&coordinates) {
        share.push(*x);
    }
    Ok(shares.iter_mut().map(|share| Secret::new(std::mem::take(&mut **share))).collect())
}

/// The value that the shares combine to.
pub fn combine<S: AsRef<[u8]>>(shares: &[S]) -> Result<Secret<Vec<u8>>, CombineError> {
    let length = shares.first().map_or(0, |share| share.as_ref().len());
    if shares.len() < 2 {
        return Err(CombineError::TooFew);
    }
    if shares.iter().any(|share| share.as_ref().len() != length) {
        return Err(CombineError::Lengths);
    }
    if length < 1 + SHARE_OVERHEAD {
        return Err(CombineError::TooShort);
    }
    let points: Vec<(u8, &[u8])> =
        shares.iter().filter_map(|share| share.as_ref().split_last()).map(|(x, ys)| (*x, ys)).collect();
    check_coordinates(&points)?;
    let mut secret = Zeroizing::new(vec![0_u8; length - SHARE_OVERHEAD]);
    for (at, (x, ys)) in points.iter().enumerate() {
        let weight = weight(&points, at, *x);
        for (out, y) in secret.iter_mut().zip(*ys) {
            *out ^= multiply(weight, *y);
        }
    }
    Ok(Secret::new(std::mem::take(&mut *secret)))
}

fn check_coordinates(points: &[(u8, &[u8])]) -> Result<(), CombineError> {
    let mut seen = [false; 256];
    for (x, _) in points {
        match seen.get_mut(usize::from(*x)) {
            Some(seen) if !*seen => *seen = true,
            _ => return Err(CombineError::Duplicate),
        }
    }
    if seen.first() == Some(&true) { Err(CombineError::Zero) } else { Ok(()) }
}

/// The weight of a share in Lagrange's interpolation at 0.
fn weight(points: &[(u8, &[u8])], at: usize, x: u8) -> u8 {
    let others = points.iter().enumerate().filter(|(other, _)| *other != at);
    others.fold(1, |product, (_, (other, _))| multiply(product, multiply(*other, invert(x ^ other))))
}

/// All x coordinates in random order.
fn coordinates(random: &dyn Random) -> Vec<u8> {
    let mut all: Vec<u8> = (1..=255).collect();
    for last in (1..all.len()).rev() {
        all.swap(last, below(random, last + 1));
    }
    all
}

/// A number below `bound` (at most 255), without bias.
fn below(random: &dyn Random, bound: usize) -> usize {
    loop {
        let mut byte = [0_u8; 1];
        random.fill(&mut byte);
        let number = usize::from(byte[0]);
        if number < 256 / bound * bound {
            return number % bound;
        }
    }
}

/// The polynomial's value by Horner's rule.
fn evaluate(constant: u8, coefficients: &[u8], x: u8) -> u8 {
    multiply(coefficients.iter().rev().fold(0, |value, c| multiply(value, x) ^ c), x) ^ constant
}

/// Multiplication modulo x^8 + x^4 + x^3 + x + 1, always eight rounds without a branch.
fn multiply(a: u8, b: u8) -> u8 {
    let (mut a, mut product) = (a, 0_u8);
    for bit in 0..8 {
        product ^= a & mask(b >> bit);
        a = (a << 1) ^ (0x1b & mask(a >> 7));
    }
    product
}

/// All ones if the lowest bit is set. The barrier keeps the compiler from making a branch of it.
fn mask(bit: u8) -> u8 {
    std::hint::black_box(0_u8.wrapping_sub(bit & 1))
}

/// The inverse, a^254; 0 for 0.
fn invert(a: u8) -> u8 {
    let mut power = a;
    for _ in 0..6 {
        power = multiply(multiply(power, power), a);
    }
    multiply(power, power)
}

impl std::fmt::Display for SplitError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Empty => "an empty secret cannot be split",
            Self::Threshold => "the threshold must be between 2 and 255",
            Self::Parts => "the number of shares must be between the threshold and 255",
        })
    }
}

impl std::error::Error for SplitError {}

impl std::fmt::Display for CombineError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::TooFew => "at least two shares are needed",
            Self::TooShort => "a share must be at least two bytes long",
            Self::Lengths => "all shares must have the same length",
            Self::Duplicate => "two of the shares are the same one",
            Self::Zero => "a share has the coordinate 0, which no share has",
        })
    }
}

impl std::error::Error for CombineError {}

#[cfg(test)]
mod tests;
