//! What tests of several crates share: stores and disks that fail on order, and the suite that every
//! store must pass. Never part of a program.

pub mod clock;
pub mod disk;
pub mod fault_store;
pub mod random;
pub mod store_suite;

pub use clock::VirtualClock;
pub use disk::{FailedSync, FaultyDisk};
pub use fault_store::FaultStore;
pub use random::SeededRandom;
