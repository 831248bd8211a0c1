//! The only direct user of aws-lc-rs: authenticated encryption, keyed hashes, digests, signatures,
//! Shamir splitting, randomness, and the wrapper for values that must not be printed or left in memory.
//!
//! What aws-lc-rs does not offer is small and stands beside it: SHA3-224 over the `keccak` permutation,
//! HChaCha20, and RSA paddings over digests that its table of signatures lacks (`rsa::raw`).

pub mod aead;
pub mod der;
pub mod digest;
pub mod ecdsa;
pub mod ed25519;
pub mod hex;
pub mod hmac;
pub mod jws;
pub mod kdf;
mod key_error;
pub mod key_wrap;
pub mod ml_dsa;
pub mod number;
pub mod pem;
pub mod random;
pub mod rsa;
pub mod secret;
pub mod shamir;
pub mod symmetric;

pub use key_error::KeyError;
pub use random::{Random, SystemRandom};
pub use secret::{Secret, ct_eq};
