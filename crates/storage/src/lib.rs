//! Where encrypted entries are kept: the `Store` trait and the stores that implement it.

pub mod embedded;
mod feed;
mod heartbeat;
mod limits;
pub mod memory;
mod recent;
pub mod store;

pub use embedded::{Medium, OpenError, Options, RedbStore};
pub use memory::MemoryStore;
pub use store::{
    Batch, BoxFuture, Change, ChangeFeed, CommitError, Epoch, Leadership, Limits, Page, RangeRead, ReadError,
    Revision, Snapshot, Store, Versioned,
};
