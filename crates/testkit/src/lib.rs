//! What tests of several crates share: stores and disks that fail on order, the suite that every store
//! must pass, the real program as a child process, and the replay of recorded conversations. Never part
//! of a program.

pub mod clock;
pub mod disk;
pub mod fault_store;
#[cfg(feature = "harness")]
pub mod harness;
pub mod http;
pub mod random;
pub mod replay;
pub mod server;
pub mod store_suite;

pub use clock::VirtualClock;
pub use disk::{FailedSync, FaultyDisk};
pub use fault_store::FaultStore;
#[cfg(feature = "harness")]
pub use harness::{Harness, Reply};
pub use random::SeededRandom;
