//! The only direct user of aws-lc-rs: authenticated encryption, keyed hashes, digests, Shamir
//! splitting, randomness, and the wrapper for values that must not be printed or left in memory.

pub mod aead;
pub mod digest;
pub mod hex;
pub mod hmac;
pub mod random;
pub mod secret;
pub mod shamir;

pub use random::{Random, SystemRandom};
pub use secret::{Secret, ct_eq};
