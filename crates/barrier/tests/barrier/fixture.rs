//! A barrier over a store that the tests can bend.

use bytes::Bytes;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use strongroom_barrier::{Barrier, CommitError, GetError, Options, PlainBatch, Revision, SealConfig};
use strongroom_crypto::Secret;
use strongroom_storage::{self as storage, Batch, BoxFuture, Epoch, Leadership, MemoryStore, Store};
use strongroom_testkit::{FaultStore, SeededRandom, VirtualClock};
use strongroom_wire::Clock;

pub(crate) type Share = Secret<Vec<u8>>;

/// A store under a barrier under a clock.
pub(crate) struct World {
    pub(crate) bent: Arc<BentStore>,
    pub(crate) faults: Arc<FaultStore>,
    pub(crate) clock: Arc<VirtualClock>,
    pub(crate) barrier: Arc<Barrier>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut Options)) -> Self {
        let faults = Arc::new(FaultStore::new(Arc::new(MemoryStore::new())));
        let bent = Arc::new(BentStore::new(faults.clone()));
        Self::over(bent, faults, Arc::new(VirtualClock::new(Timestamp::UNIX_EPOCH)), change)
    }

    /// An initialised one with its shares.
    pub(crate) async fn initialised(shares: i64, threshold: i64) -> (Self, Vec<Share>) {
        let world = Self::new();
        let shares = world.barrier.init(SealConfig::new(shares, threshold).unwrap()).await.unwrap();
        (world, shares)
    }

    /// What a crash leaves: another barrier over the same store.
    pub(crate) fn restarted(&self, change: impl FnOnce(&mut Options)) -> Self {
        Self::over(self.bent.clone(), self.faults.clone(), self.clock.clone(), change)
    }

    fn over(
        bent: Arc<BentStore>,
        faults: Arc<FaultStore>,
        clock: Arc<VirtualClock>,
        change: impl FnOnce(&mut Options),
    ) -> Self {
        static SEED: AtomicU64 = AtomicU64::new(1);
        let time = clock.clone();
        let mut options = Options::new(move || time.now());
        change(&mut options);
        let random = Arc::new(SeededRandom::new(SEED.fetch_add(1, Ordering::Relaxed)));
        let barrier = Arc::new(Barrier::new(bent.clone(), random, options));
        Self { bent, faults, clock, barrier }
    }

    pub(crate) async fn unseal(&self, shares: &[Share]) {
        for share in shares {
            self.barrier.unseal(share.clone()).await.unwrap();
        }
        assert!(!self.barrier.is_sealed());
    }

    pub(crate) async fn put(&self, key: &str, value: &str) -> Result<Revision, CommitError> {
        self.barrier.commit(writes([(key, Some(value))])).await
    }

    pub(crate) async fn get(&self, key: &str) -> Result<Option<String>, GetError> {
        let found = self.barrier.get(key.as_bytes()).await?;
        Ok(found.map(|cached| String::from_utf8(cached.plain().to_vec()).unwrap()))
    }
}

pub(crate) fn writes<'a>(entries: impl IntoIterator<Item = (&'a str, Option<&'a str>)>) -> PlainBatch {
    let bytes = |text: &str| Bytes::copy_from_slice(text.as_bytes());
    let writes = entries.into_iter().map(|(key, value)| (bytes(key), value.map(bytes))).collect();
    PlainBatch { writes, ..PlainBatch::default() }
}

/// A store whose answers to `get` can be replaced, and that takes its time in an uneven way.
pub(crate) struct BentStore {
    inner: Arc<dyn Store>,
    lies: Mutex<BTreeMap<Vec<u8>, Bytes>>,
    epoch: AtomicU64,
    dawdling: AtomicU64,
}

impl BentStore {
    fn new(inner: Arc<dyn Store>) -> Self {
        Self { inner, lies: Mutex::default(), epoch: AtomicU64::new(0), dawdling: AtomicU64::new(0) }
    }

    /// From now on `get` answers this.
    pub(crate) fn lie(&self, key: &[u8], value: &[u8]) {
        self.lies.lock().unwrap().insert(key.to_vec(), Bytes::copy_from_slice(value));
    }

    pub(crate) fn be_honest(&self) {
        self.lies.lock().unwrap().clear();
    }

    /// Reads and commits let others go first, a changing number of times.
    pub(crate) fn dawdle(&self) {
        self.dawdling.store(1, Ordering::Relaxed);
    }

    /// Commits behind the barrier's back, under its own epoch.
    pub(crate) async fn commit_behind(&self, key: &str, value: Option<Bytes>) {
        let writes = vec![(Bytes::copy_from_slice(key.as_bytes()), value)];
        let batch = Batch { writes, ..Batch::default() };
        self.inner.commit(self.epoch.load(Ordering::SeqCst), batch).await.unwrap();
    }

    /// Every entry as it is stored.
    pub(crate) async fn entries(&self) -> Vec<(Bytes, Bytes)> {
        let snapshot = self.inner.snapshot().await.unwrap();
        let entries = snapshot.entries(None, 1000).await.unwrap();
        entries.into_iter().map(|(key, entry)| (key, entry.value)).collect()
    }

    async fn take_time(&self) {
        let state = self.dawdling.load(Ordering::Relaxed);
        if state > 0 {
            let state = self.dawdling.fetch_add(0x9e37_79b9, Ordering::Relaxed);
            for _ in 0..(state >> 7) % 4 {
                tokio::task::yield_now().await;
            }
        }
    }
}

impl Store for BentStore {
    fn kind(&self) -> &'static str {
        self.inner.kind()
    }

    fn get<'a>(
        &'a self,
        key: &'a [u8],
    ) -> BoxFuture<'a, Result<Option<storage::Versioned>, storage::ReadError>> {
        Box::pin(async move {
            self.take_time().await;
            let mut found = self.inner.get(key).await?;
            self.take_time().await;
            if let (Some(lie), Some(found)) = (self.lies.lock().unwrap().get(key), &mut found) {
                found.value = lie.clone();
            }
            Ok(found)
        })
    }

    fn list<'a>(
        &'a self,
        prefix: &'a [u8],
        after: Option<&'a [u8]>,
        limit: usize,
    ) -> BoxFuture<'a, Result<storage::Page, storage::ReadError>> {
        self.inner.list(prefix, after, limit)
    }

    fn commit(&self, epoch: Epoch, batch: Batch) -> BoxFuture<'_, Result<Revision, storage::CommitError>> {
        Box::pin(async move {
            self.take_time().await;
            let result = self.inner.commit(epoch, batch).await;
            self.take_time().await;
            result
        })
    }

    fn replace(
        &self,
        epoch: Epoch,
        source: Box<dyn storage::Snapshot>,
    ) -> BoxFuture<'_, Result<Revision, storage::CommitError>> {
        self.inner.replace(epoch, source)
    }

    fn snapshot(&self) -> BoxFuture<'_, Result<Box<dyn storage::Snapshot>, storage::ReadError>> {
        self.inner.snapshot()
    }

    fn changes(&self, since: Revision) -> Box<dyn storage::ChangeFeed> {
        self.inner.changes(since)
    }

    fn lead(&self) -> BoxFuture<'_, Result<Leadership, storage::CommitError>> {
        Box::pin(async move {
            let leadership = self.inner.lead().await?;
            self.epoch.store(leadership.epoch, Ordering::SeqCst);
            Ok(leadership)
        })
    }

    fn limits(&self) -> storage::Limits {
        self.inner.limits()
    }
}
