//! Everything that is stored passes here: entries are encrypted under a keyring, the keyring under
//! the root key, the root key under the seal key that Shamir's shares make.

pub mod barrier;
mod cache;
pub mod cached;
pub mod entry;
pub mod error;
pub mod generate_root;
pub mod init;
mod keyring;
mod open;
pub mod rekey;
pub mod replace;
pub mod rotate;
pub mod seal;
mod shares;
pub mod snapshot;
pub mod status;
mod stored;
pub mod unseal;

pub use barrier::{Barrier, Options, PlainBatch};
pub use cached::Cached;
pub use error::{CommitError, GetError};
pub use seal::{InvalidSealConfig, Seal, SealConfig, ShamirSeal};
pub use shares::ShareError;
pub use status::SealStatus;
pub use strongroom_storage::{Page, RangeRead, Revision};
