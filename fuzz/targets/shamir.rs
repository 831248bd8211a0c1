//! Splitting and combining: the first two bytes choose shares and threshold, the rest is the secret;
//! the same bytes are then taken for shares that somebody typed.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::atomic::{AtomicU64, Ordering};
use strongroom_crypto::{Random, shamir};

/// Bytes that repeat from run to run.
struct Repeating(AtomicU64);

impl Random for Repeating {
    fn fill(&self, out: &mut [u8]) {
        for byte in out {
            let state = self.0.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed);
            *byte = (state ^ (state >> 31)).wrapping_mul(0xBF58_476D_1CE4_E5B9).to_be_bytes()[0];
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    let [parts, threshold, rest @ ..] = bytes else { return };
    let (parts, threshold) = (usize::from(*parts), usize::from(*threshold));
    // Every byte costs parts * threshold multiplications.
    let longest = (20_000 / (parts * threshold).max(1)).clamp(1, 64);
    let secret = &rest[..rest.len().min(longest)];
    round_trip(secret, parts, threshold);
    let length = parts.max(1);
    let _ = shamir::combine(&rest.chunks(length).take(255).collect::<Vec<_>>());
});

fn round_trip(secret: &[u8], parts: usize, threshold: usize) {
    let random = Repeating(AtomicU64::new(secret.len() as u64));
    let valid = !secret.is_empty() && (2..=255).contains(&threshold) && (threshold..=255).contains(&parts);
    let shares = shamir::split(secret, parts, threshold, &random);
    assert_eq!(shares.is_ok(), valid);
    let Ok(shares) = shares else { return };
    assert_eq!(shares.len(), parts);
    let shares: Vec<&[u8]> = shares.iter().map(|share| share.expose().as_slice()).collect();
    for some in [&shares[..threshold], &shares[parts - threshold..]] {
        let combined = shamir::combine(some).expect("enough shares");
        assert_eq!(combined.expose().as_slice(), secret);
    }
}
