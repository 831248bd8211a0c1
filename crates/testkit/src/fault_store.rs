//! A store that fails when a test says so, and remembers what was asked of it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use strongroom_storage::{
    Batch, BoxFuture, ChangeFeed, CommitError, Epoch, Leadership, Limits, Page, ReadError, Revision,
    Snapshot, Store, Versioned,
};
use tokio::sync::watch;

/// Wraps another store; without orders it only passes everything on.
pub struct FaultStore {
    inner: Arc<dyn Store>,
    orders: Mutex<Orders>,
    running: watch::Sender<bool>,
}

#[derive(Default)]
struct Orders {
    reads: Option<(usize, ReadError)>,
    commits: Option<(usize, CommitError)>,
    lost_answers: usize,
    read_count: usize,
    committed: Vec<Batch>,
}

impl FaultStore {
    /// A store that does what `inner` does.
    pub fn new(inner: Arc<dyn Store>) -> Self {
        Self { inner, orders: Mutex::default(), running: watch::Sender::new(true) }
    }

    /// The next `times` reads (gets, lists, snapshots) fail.
    pub fn fail_reads(&self, times: usize, error: ReadError) {
        self.orders().reads = Some((times, error));
    }

    /// The next `times` commits fail and write nothing.
    pub fn fail_commits(&self, times: usize, error: CommitError) {
        self.orders().commits = Some((times, error));
    }

    /// The next `times` commits happen, but answer that nobody knows.
    pub fn lose_answers(&self, times: usize) {
        self.orders().lost_answers = times;
    }

    /// Commits wait until `resume`.
    pub fn pause(&self) {
        self.running.send_replace(false);
    }

    /// Lets waiting commits go on.
    pub fn resume(&self) {
        self.running.send_replace(true);
    }

    /// How many reads were asked for.
    pub fn reads(&self) -> usize {
        self.orders().read_count
    }

    /// The batches that were committed, in order.
    pub fn committed(&self) -> Vec<Batch> {
        self.orders().committed.clone()
    }

    fn orders(&self) -> MutexGuard<'_, Orders> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn before_read(&self) -> Result<(), ReadError> {
        let mut orders = self.orders();
        orders.read_count += 1;
        due(&mut orders.reads).map_or(Ok(()), Err)
    }

    async fn before_write(&self) -> Result<(), CommitError> {
        // The sender lives in self, so the wait cannot fail.
        let _ = self.running.subscribe().wait_for(|running| *running).await;
        due(&mut self.orders().commits).map_or(Ok(()), Err)
    }

    fn answer(&self, revision: Revision) -> Result<Revision, CommitError> {
        let mut orders = self.orders();
        if orders.lost_answers == 0 {
            return Ok(revision);
        }
        orders.lost_answers -= 1;
        Err(CommitError::Unknown("the answer was lost on purpose".into()))
    }
}

impl Store for FaultStore {
    fn kind(&self) -> &'static str {
        self.inner.kind()
    }

    fn get<'a>(&'a self, key: &'a [u8]) -> BoxFuture<'a, Result<Option<Versioned>, ReadError>> {
        Box::pin(async move {
            self.before_read()?;
            self.inner.get(key).await
        })
    }

    fn list<'a>(
        &'a self,
        prefix: &'a [u8],
        after: Option<&'a [u8]>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, ReadError>> {
        Box::pin(async move {
            self.before_read()?;
            self.inner.list(prefix, after, limit).await
        })
    }

    fn commit(&self, epoch: Epoch, batch: Batch) -> BoxFuture<'_, Result<Revision, CommitError>> {
        Box::pin(async move {
            self.before_write().await?;
            let revision = self.inner.commit(epoch, batch.clone()).await?;
            self.orders().committed.push(batch);
            self.answer(revision)
        })
    }

    fn replace(
        &self,
        epoch: Epoch,
        source: Box<dyn Snapshot>,
    ) -> BoxFuture<'_, Result<Revision, CommitError>> {
        Box::pin(async move {
            self.before_write().await?;
            let revision = self.inner.replace(epoch, source).await?;
            self.answer(revision)
        })
    }

    fn snapshot(&self) -> BoxFuture<'_, Result<Box<dyn Snapshot>, ReadError>> {
        Box::pin(async move {
            self.before_read()?;
            self.inner.snapshot().await
        })
    }

    fn changes(&self, since: Revision) -> Box<dyn ChangeFeed> {
        self.inner.changes(since)
    }

    fn lead(&self) -> BoxFuture<'_, Result<Leadership, CommitError>> {
        self.inner.lead()
    }

    fn limits(&self) -> Limits {
        self.inner.limits()
    }
}

/// The error that is due now, if any.
fn due<E: Clone>(order: &mut Option<(usize, E)>) -> Option<E> {
    let (left, error) = order.as_mut().filter(|(left, _)| *left > 0)?;
    *left -= 1;
    Some(error.clone())
}
