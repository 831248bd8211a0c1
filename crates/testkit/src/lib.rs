//! What tests of several crates share: stores and disks that fail on order, and the suite that every
//! store must pass. Never part of a program.

pub mod disk;
pub mod fault_store;
pub mod store_suite;

pub use disk::{FailedSync, FaultyDisk};
pub use fault_store::FaultStore;
