//! Reading the database at one revision.

use super::layout::{ENTRIES, decode};
use super::trouble;
use crate::store::{BoxFuture, Page, ReadError, Revision, Snapshot, Versioned};
use bytes::Bytes;
use redb::{Database, ReadOnlyTable, ReadableDatabase};
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// How many bytes of entries one page of a snapshot holds before it is cut short.
const SNAPSHOT_PAGE_BYTES: usize = 4 << 20;

/// The entries as of one revision. The writer makes one after each commit and all readers share it:
/// a read then is one descent in the tree, without beginning a transaction or opening a table.
pub(super) struct View {
    entries: ReadOnlyTable<&'static [u8], &'static [u8]>,
    pub(super) revision: Revision,
    /// Which opening of the database it reads from.
    pub(super) generation: u64,
}

impl View {
    pub(super) fn take(db: &Database, revision: Revision, generation: u64) -> Result<Self, ReadError> {
        guarded(|| {
            let txn = db.begin_read().map_err(trouble)?;
            let entries = txn.open_table(ENTRIES).map_err(trouble)?;
            Ok(Self { entries, revision, generation })
        })
    }

    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Versioned>, ReadError> {
        guarded(|| {
            let Some(stored) = self.entries.get(key).map_err(trouble)? else {
                return Ok(None);
            };
            let (version, value) = decode(key, stored.value())?;
            Ok(Some(Versioned { value: Bytes::copy_from_slice(value), version }))
        })
    }

    pub(super) fn list(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Page, ReadError> {
        guarded(|| {
            let from = match after {
                Some(after) if after >= prefix => Bound::Excluded(after),
                _ => Bound::Included(prefix),
            };
            let mut page = Page { keys: Vec::new(), more: false, revision: self.revision };
            for found in self.entries.range::<&[u8]>((from, Bound::Unbounded)).map_err(trouble)? {
                let (key, stored) = found.map_err(trouble)?;
                if !key.value().starts_with(prefix) {
                    break;
                }
                if page.keys.len() == limit {
                    page.more = true;
                    break;
                }
                decode(key.value(), stored.value())?;
                page.keys.push(Bytes::copy_from_slice(key.value()));
            }
            Ok(page)
        })
    }

    fn entries(&self, after: Option<&[u8]>, limit: usize) -> Result<Vec<(Bytes, Versioned)>, ReadError> {
        guarded(|| {
            let from = after.map_or(Bound::Unbounded, Bound::Excluded);
            let (mut page, mut bytes) = (Vec::new(), 0);
            for found in self.entries.range::<&[u8]>((from, Bound::Unbounded)).map_err(trouble)? {
                if page.len() == limit || bytes >= SNAPSHOT_PAGE_BYTES {
                    break;
                }
                let (key, stored) = found.map_err(trouble)?;
                let (version, value) = decode(key.value(), stored.value())?;
                bytes += key.value().len() + value.len();
                let value = Bytes::copy_from_slice(value);
                page.push((Bytes::copy_from_slice(key.value()), Versioned { value, version }));
            }
            Ok(page)
        })
    }
}

/// A view that a backup reads.
pub(super) struct ViewSnapshot(pub(super) Arc<View>);

impl Snapshot for ViewSnapshot {
    fn revision(&self) -> Revision {
        self.0.revision
    }

    fn entries<'a>(
        &'a self,
        after: Option<&'a [u8]>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<(Bytes, Versioned)>, ReadError>> {
        let (view, after) = (self.0.clone(), after.map(<[u8]>::to_vec));
        Box::pin(off_thread(move || view.entries(after.as_deref(), limit)))
    }
}

/// Runs a read that takes long where it holds up no other task.
pub(super) async fn off_thread<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, ReadError> + Send + 'static,
) -> Result<T, ReadError> {
    match tokio::task::spawn_blocking(read).await {
        Ok(found) => found,
        Err(e) => Err(ReadError::Unavailable(e.to_string())),
    }
}

/// redb may panic on pages that were damaged outside it; a reader must get an error instead.
fn guarded<T>(read: impl FnOnce() -> Result<T, ReadError>) -> Result<T, ReadError> {
    catch_unwind(AssertUnwindSafe(read))
        .unwrap_or_else(|_| Err(ReadError::Corrupt("the database file cannot be understood".into())))
}
