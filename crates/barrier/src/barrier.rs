//! The encrypted view of a store.

use crate::cache::{Cache, Lookup};
use crate::open::{Finish, Open, State};
use crate::{Cached, CommitError, GetError, Seal, ShamirSeal, entry, stored};
use bytes::Bytes;
use jiff::Timestamp;
use std::sync::Arc;
use strongroom_crypto::Random;
use strongroom_storage::{self as storage, Batch, Page, RangeRead, Revision, Store};
use tokio::sync::Mutex;

/// The encrypted view of a store. Keys stay readable, values are sealed and bound to their key.
pub struct Barrier {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) options: Options,
    pub(crate) state: Arc<State>,
    /// Held by whoever changes the barrier's own records or opens and closes it.
    pub(crate) changes: Mutex<()>,
}

/// How a barrier is set up.
pub struct Options {
    /// About how many bytes of decrypted entries are kept in memory.
    pub cache_bytes: usize,
    /// How many encryptions are reserved in the store at a time.
    pub reserve: u64,
    /// What keeps the root key.
    pub seal: Arc<dyn Seal>,
    /// Tells when a key was installed.
    pub now: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

/// An atomic commit in the clear. The same meaning as `strongroom_storage::Batch`.
#[derive(Debug, Clone, Default)]
pub struct PlainBatch {
    /// Keys that were read with the version seen; 0 for an absence.
    pub reads: Vec<(Bytes, Revision)>,
    /// Ranges that were listed.
    pub ranges: Vec<RangeRead>,
    /// Values to write; none to delete.
    pub writes: Vec<(Bytes, Option<Bytes>)>,
}

impl Options {
    /// The usual ones: up to 160 MiB of cache, blocks of 2^20 encryptions, Shamir's seal.
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self { cache_bytes: 160 << 20, reserve: 1 << 20, seal: Arc::new(ShamirSeal), now: Arc::new(now) }
    }
}

impl Barrier {
    /// A sealed barrier over a store.
    pub fn new(store: Arc<dyn Store>, random: Arc<dyn Random>, options: Options) -> Self {
        let state = Arc::new(State::new(Cache::new(options.cache_bytes)));
        Self { store, random, options, state, changes: Mutex::new(()) }
    }

    /// One entry; none if there is no such key.
    pub async fn get(&self, key: &[u8]) -> Result<Option<Cached>, GetError> {
        if stored::is_reserved(key) {
            return Err(GetError::Reserved);
        }
        // The ticket comes before the look at the keyring: if the barrier is sealed in between, the
        // cache was emptied after the ticket and refuses what is read here.
        let known = self.state.cache.lookup(key);
        if self.state.open.load().is_none() {
            return Err(GetError::Sealed);
        }
        match known {
            Lookup::Known(value) => Ok(value),
            Lookup::Unknown(ticket) => {
                let value = self.read(key).await?;
                self.state.cache.bring(ticket, key, value.clone());
                Ok(value)
            }
        }
    }

    /// Keys below `prefix` after `after`, as in `Store::list`.
    pub async fn list(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Page, GetError> {
        if stored::is_reserved(prefix) || stored::RESERVED.starts_with(prefix) {
            return Err(GetError::Reserved);
        }
        if self.state.open.load().is_none() {
            return Err(GetError::Sealed);
        }
        self.store.list(prefix, after, limit).await.map_err(GetError::Store)
    }

    /// Encrypts and commits, all or nothing; resolves when it is durable. What was written is in the
    /// cache by then. Once started it runs to its end, even if nobody waits for it any more.
    pub async fn commit(&self, batch: PlainBatch) -> Result<Revision, CommitError> {
        if batch.writes.iter().any(|(key, _)| stored::is_reserved(key)) {
            return Err(CommitError::Reserved);
        }
        let generation = self.state.cache.generation();
        let open = self.state.open.load_full().ok_or(CommitError::Sealed)?;
        let encryptions = batch.writes.iter().filter(|(_, value)| value.is_some()).count();
        let ring = self.reserve(&open, encryptions as u64).await?;
        let mut writes = Vec::with_capacity(batch.writes.len());
        for (key, plain) in &batch.writes {
            let sealed = plain.as_ref().map(|plain| {
                let term = &ring.active;
                entry::seal(&term.cipher, term.id, key, plain, &*self.random).map(Bytes::from)
            });
            writes.push((key.clone(), sealed.transpose().map_err(too_large)?));
        }
        let reads: Vec<Bytes> = batch.reads.iter().map(|(key, _)| key.clone()).collect();
        let sealed = Batch { reads: batch.reads, ranges: batch.ranges, writes };
        let (store, state, plain, epoch) = (self.store.clone(), self.state.clone(), batch.writes, open.epoch);
        Finish::new(async move {
            match store.commit(epoch, sealed).await {
                Ok(version) => {
                    for (key, value) in plain {
                        // Takes the buffer over where nobody else holds it, so that it is wiped later.
                        let value = value.map(|v| Cached::new(version, Vec::from(v)));
                        state.cache.committed(generation, &key, version, value);
                    }
                    Ok(version)
                }
                Err(e) => {
                    state.failed(epoch, &e, &reads, &plain);
                    Err(e.into())
                }
            }
        })
        .await
    }

    /// Whether the keyring is away.
    pub fn is_sealed(&self) -> bool {
        self.state.open.load().is_none()
    }

    async fn read(&self, key: &[u8]) -> Result<Option<Cached>, GetError> {
        let Some(found) = self.store.get(key).await.map_err(GetError::Store)? else { return Ok(None) };
        // Only now: a key of a newer term may have sealed what was just read.
        let open = self.state.open.load_full().ok_or(GetError::Sealed)?;
        let ring = open.ring.load();
        let mut plain = entry::open(|term| ring.cipher(term), key, &found.value)
            .map_err(|e| GetError::Damaged(format!("{}: {e}", String::from_utf8_lossy(key))))?;
        Ok(Some(Cached::new(found.version, std::mem::take(&mut *plain))))
    }

    /// Writes records of the barrier itself, if they still are as they were read.
    pub(crate) async fn commit_own(&self, open: &Open, batch: Batch) -> Result<Revision, CommitError> {
        let result = self.store.commit(open.epoch, batch).await;
        if let Err(e) = &result {
            self.state.failed(open.epoch, e, &[], &[]);
        }
        Ok(result?)
    }

    /// One of the barrier's own records as it is stored.
    pub(crate) async fn own(&self, key: &[u8]) -> Result<Option<storage::Versioned>, storage::ReadError> {
        self.store.get(key).await
    }
}

pub(crate) fn too_large(e: strongroom_crypto::aead::SealError) -> CommitError {
    CommitError::Store(storage::CommitError::TooLarge(e.to_string()))
}
