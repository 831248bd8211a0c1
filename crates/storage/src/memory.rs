//! A store that forgets everything with its process: for `server -dev` and tests.

use crate::feed::Feed;
use crate::heartbeat::Heartbeats;
use crate::limits::{LIMITS, measure};
use crate::recent::{Recent, Touched};
use crate::store::{
    Batch, BoxFuture, ChangeFeed, CommitError, Epoch, Leadership, Limits, Page, ReadError, Revision,
    Snapshot, Store, Versioned,
};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Keeps entries in memory. No operation waits for anything but a short lock.
#[derive(Debug)]
pub struct MemoryStore {
    content: RwLock<Content>,
}

type Entries = BTreeMap<Bytes, Versioned>;

#[derive(Debug)]
struct Content {
    entries: Entries,
    revision: Revision,
    epoch: Epoch,
    recent: Recent,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        let content = Content { entries: Entries::new(), revision: 0, epoch: 0, recent: Recent::after(0) };
        Self { content: RwLock::new(content) }
    }

    // No code panics while it holds the lock half-way through a change, so a poisoned one is whole.
    fn read(&self) -> RwLockReadGuard<'_, Content> {
        self.content.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Content> {
        self.content.write().unwrap_or_else(PoisonError::into_inner)
    }

    async fn gather(&self, epoch: Epoch, source: Box<dyn Snapshot>) -> Result<Revision, CommitError> {
        self.read().admit(epoch)?;
        let floor = source.revision();
        let mut feed = Feed::new(source).map_err(unreadable)?;
        let mut gathered = Vec::new();
        loop {
            let page = feed.next().await.map_err(unreadable)?;
            if page.is_empty() {
                break;
            }
            gathered.extend(page);
        }
        let mut content = self.write();
        content.admit(epoch)?;
        let version = content.revision.max(floor) + 1;
        content.entries =
            gathered.into_iter().map(|(k, found)| (k, Versioned { version, ..found })).collect();
        content.revision = version;
        content.recent = Recent::after(version);
        Ok(version)
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl Store for MemoryStore {
    fn kind(&self) -> &'static str {
        "inmem"
    }

    fn get<'a>(&'a self, key: &'a [u8]) -> BoxFuture<'a, Result<Option<Versioned>, ReadError>> {
        let found = self.read().entries.get(key).cloned();
        Box::pin(std::future::ready(Ok(found)))
    }

    fn list<'a>(
        &'a self,
        prefix: &'a [u8],
        after: Option<&'a [u8]>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, ReadError>> {
        let page = self.read().list(prefix, after, limit);
        Box::pin(std::future::ready(Ok(page)))
    }

    fn commit(&self, epoch: Epoch, batch: Batch) -> BoxFuture<'_, Result<Revision, CommitError>> {
        Box::pin(async move {
            measure(&batch)?;
            self.write().commit(epoch, batch)
        })
    }

    fn replace(
        &self,
        epoch: Epoch,
        source: Box<dyn Snapshot>,
    ) -> BoxFuture<'_, Result<Revision, CommitError>> {
        Box::pin(self.gather(epoch, source))
    }

    fn snapshot(&self) -> BoxFuture<'_, Result<Box<dyn Snapshot>, ReadError>> {
        let content = self.read();
        let copy = Copy { entries: content.entries.clone(), revision: content.revision };
        Box::pin(std::future::ready(Ok(Box::new(copy) as Box<dyn Snapshot>)))
    }

    fn changes(&self, _since: Revision) -> Box<dyn ChangeFeed> {
        Box::new(Heartbeats)
    }

    fn lead(&self) -> BoxFuture<'_, Result<Leadership, CommitError>> {
        Box::pin(async move {
            let mut content = self.write();
            content.epoch += 1;
            Ok(Leadership { epoch: content.epoch })
        })
    }

    fn limits(&self) -> Limits {
        LIMITS
    }
}

impl Content {
    fn admit(&self, epoch: Epoch) -> Result<(), CommitError> {
        if epoch == 0 || epoch != self.epoch { Err(CommitError::Fenced) } else { Ok(()) }
    }

    fn commit(&mut self, epoch: Epoch, batch: Batch) -> Result<Revision, CommitError> {
        self.admit(epoch)?;
        let version_of = |key: &Bytes| self.entries.get(key).map_or(0, |found| found.version);
        if batch.reads.iter().any(|(key, seen)| version_of(key) != *seen)
            || batch.ranges.iter().any(|range| self.recent.changed(range))
        {
            return Err(CommitError::Conflict);
        }
        if batch.writes.is_empty() {
            return Ok(self.revision);
        }
        self.revision += 1;
        let keys = batch.writes.iter().map(|(key, _)| key.clone()).collect();
        for (key, value) in batch.writes {
            match value {
                Some(value) => self.entries.insert(key, Versioned { value, version: self.revision }),
                None => self.entries.remove(&key),
            };
        }
        self.recent.remember(Touched { revision: self.revision, keys });
        Ok(self.revision)
    }

    fn list(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Page {
        let from = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let range = self.entries.range::<[u8], _>((from, Bound::Unbounded));
        let mut found = range.map(|(key, _)| key).take_while(|key| key.starts_with(prefix));
        let keys = found.by_ref().take(limit).cloned().collect();
        Page { keys, more: found.next().is_some(), revision: self.revision }
    }
}

struct Copy {
    entries: Entries,
    revision: Revision,
}

impl Snapshot for Copy {
    fn revision(&self) -> Revision {
        self.revision
    }

    fn entries<'a>(
        &'a self,
        after: Option<&'a [u8]>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<(Bytes, Versioned)>, ReadError>> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let range = self.entries.range::<[u8], _>((from, Bound::Unbounded));
        let page = range.take(limit).map(|(key, found)| (key.clone(), found.clone())).collect();
        Box::pin(std::future::ready(Ok(page)))
    }
}

fn unreadable(e: ReadError) -> CommitError {
    CommitError::Unavailable(format!("the source cannot be read: {e}"))
}
