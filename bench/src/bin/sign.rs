//! What one core signs with Ed25519 in a bare loop over the library, as a line of JSON:
//!
//!     sign SECONDS

use serde_json::json;
use std::hint::black_box;
use std::time::{Duration, Instant};
use strongroom_bench::{Failed, argument};
use strongroom_crypto::ed25519::PrivateKey;

/// Signatures between two looks at the clock.
const TURN: u32 = 100;

fn main() -> Result<(), Failed> {
    let time = Duration::from_secs_f64(argument(1, "seconds")?.parse()?);
    let key = PrivateKey::from_seed(&[7; 32])?;
    let (begun, mut signed) = (Instant::now(), 0_u32);
    while begun.elapsed() < time {
        for _ in 0..TURN {
            black_box(key.sign(black_box(&[7; 64]))?);
        }
        signed += TURN;
    }
    println!("{}", json!({ "ed25519": f64::from(signed) / begun.elapsed().as_secs_f64() }));
    Ok(())
}
