//! Where the database's bytes are kept: a file, or in a test a disk that fails.

use super::OpenError;
use redb::{BackendError, StorageBackend};
use std::fmt;
use std::io;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Keeps the bytes of one database, and of the one that may take its place.
pub trait Medium: Send + 'static {
    /// Opens the database's bytes; none when there is no database yet. That this database is the one
    /// to open is durable afterwards, even if a `promote` was cut short.
    fn open(&self) -> Result<Option<Box<dyn StorageBackend>>, OpenError>;

    /// Forgets what the operating system believes to be on disk, so that later reads come from it:
    /// after a failed sync the cache may show pages that were never written.
    fn forget_cached(&self) -> io::Result<()>;

    /// An empty place for the database that is to replace this one; an older attempt is discarded.
    fn stage(&self) -> io::Result<Box<dyn StorageBackend>>;

    /// Puts the staged bytes, which are synced already, durably and atomically in place.
    fn promote(&self) -> io::Result<()>;

    /// Throws the staged bytes away.
    fn discard(&self);
}

/// A backend that counts its successful syncs and can be synced from outside redb.
#[derive(Clone)]
pub(super) struct Counted {
    inner: Arc<dyn StorageBackend>,
    syncs: Arc<AtomicU64>,
}

impl Counted {
    pub(super) fn new(inner: Box<dyn StorageBackend>) -> Self {
        Self { inner: Arc::from(inner), syncs: Arc::default() }
    }

    pub(super) fn syncs(&self) -> u64 {
        self.syncs.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl StorageBackend for Counted {
    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.inner.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.inner.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.inner.sync_data()?;
        self.syncs.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.inner.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.inner.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.query_lock_range(start, end)
    }
}
