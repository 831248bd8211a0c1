//! The embedded default: a redb database that one process owns.

mod database;
mod files;
mod layout;
mod medium;
mod pace;
mod restore;
mod view;
mod writer;

pub use medium::Medium;

use crate::feed::Feed;
use crate::heartbeat::Heartbeats;
use crate::limits::{LIMITS, measure};
use crate::store::{
    Batch, BoxFuture, ChangeFeed, CommitError, Epoch, Leadership, Limits, Page, ReadError, Revision,
    Snapshot, Store, Versioned,
};
use arc_swap::ArcSwapOption;
use database::Work;
use files::DatabaseFile;
use restore::Replacement;
use std::fmt;
use std::path::Path;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc, oneshot};
use view::{View, ViewSnapshot, off_thread};
use writer::{CLOSED, Job, Request, Writer, open_or_create};

/// Places in the queue. A commit takes one, and one more for each `PLACE_BYTES`; when all are taken,
/// further commits wait for theirs.
const PLACES: usize = 2048;
const PLACE_BYTES: usize = 64 << 10;

/// A longer list is read where it holds up no other task.
const SHORT_LIST: usize = 256;

/// How the database is opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// Bytes of memory that may hold pages. What does not fit is read from the operating system's
    /// cache at a few microseconds a page, so this need not be large.
    pub cache_bytes: usize,
    /// Verify the whole file when opening it, unless it has more bytes than this: redb checks its
    /// pages at no other time, and a damaged inner page can hide entries. Reads 1.5 GB/s from a warm cache.
    pub check_up_to: u64,
    /// How long the outcome of a commit that reported an error is looked into before it is given up
    /// as unknown. Only a disk that cannot even be read again makes use of it.
    pub patience: Duration,
}

/// Why a store could not be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpenError {
    /// Another process has it.
    InUse(String),
    /// A newer version wrote it.
    Newer(String),
    /// It is damaged, or not one of ours.
    Corrupt(String),
    /// The disk refuses.
    Unavailable(String),
}

/// A redb database with group commit.
///
/// All writes go through one thread that puts whatever waits into one transaction with one fsync;
/// an answer leaves after it. Reads of single entries and short lists are done right where they are
/// asked for: they take 1 to 3 microseconds from redb's cache and a few more from the operating
/// system's, handing them to a blocking thread costs ten times that (see the `store_bench` example),
/// and what is read often is cached above, by the barrier. Long lists and snapshots do go to
/// blocking threads.
pub struct RedbStore {
    queue: Sender<Request>,
    places: Arc<Semaphore>,
    view: Arc<ArcSwapOption<View>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl RedbStore {
    /// Opens the database at `path`, made when missing: a file (one that exists, or a name that ends
    /// in `.redb`), or a folder. Blocks until it is open.
    pub fn open(path: &Path, options: Options) -> Result<Self, OpenError> {
        Self::open_on(DatabaseFile::take(path)?, options)
    }

    /// Opens the database that `medium` keeps. Blocks until it is open.
    pub fn open_on(medium: impl Medium, options: Options) -> Result<Self, OpenError> {
        let open = open_or_create(&medium, &options)?;
        let (queue, requests) = channel();
        let view = Arc::new(ArcSwapOption::empty());
        let writer = Writer::new(Box::new(medium), options, requests, view.clone(), open)?;
        let thread = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || writer.run())
            .map_err(|e| OpenError::Unavailable(format!("cannot start the writer thread: {e}")))?;
        let places = Arc::new(Semaphore::new(PLACES));
        Ok(Self { queue, places, view, thread: Mutex::new(Some(thread)) })
    }

    /// Finishes what is queued, closes the database cleanly and lets go of its files. Whatever is
    /// asked of the store afterwards is answered with an error.
    pub async fn close(&self) {
        let (reply, closed) = oneshot::channel();
        // Either fails only if the thread has ended already.
        let _ = self.queue.send(Request::Close { reply });
        let _ = closed.await;
        if let Some(thread) = self.take_thread() {
            // It has answered, all that is left to it is to return.
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }

    async fn read<T>(&self, read: impl Fn(&View) -> Result<T, ReadError>) -> Result<T, ReadError> {
        let failed = match &*self.view.load() {
            Some(view) => match read(view) {
                Err(ReadError::Unavailable(_)) => Some(view.generation),
                answer => return answer,
            },
            None => None,
        };
        read(&*self.healed(failed).await?)
    }

    /// A view to read from after a read of the generation `failed`.
    async fn healed(&self, failed: Option<u64>) -> Result<Arc<View>, ReadError> {
        let closed = || ReadError::Unavailable(CLOSED.into());
        let (reply, healed) = oneshot::channel();
        self.queue.send(Request::Heal { failed, reply }).map_err(|_| closed())?;
        healed.await.map_err(|_| closed())??;
        self.view.load_full().ok_or_else(closed)
    }

    async fn current(&self) -> Result<Arc<View>, ReadError> {
        match self.view.load_full() {
            Some(view) => Ok(view),
            None => self.healed(None).await,
        }
    }

    async fn work(&self, work: Work, bytes: usize) -> Result<u64, CommitError> {
        let closed = || CommitError::Unavailable(CLOSED.into());
        let places = u32::try_from(1 + bytes / PLACE_BYTES).unwrap_or(u32::MAX);
        let place = self.places.clone().acquire_many_owned(places).await.map_err(|_| closed())?;
        let (reply, answer) = oneshot::channel();
        let job = Job { work, bytes, reply, _place: Some(place) };
        self.queue.send(Request::Work(job)).map_err(|_| closed())?;
        answer.await.unwrap_or_else(|_| Err(stopped()))
    }

    async fn feed(&self, epoch: Epoch, source: Box<dyn Snapshot>) -> Result<Revision, CommitError> {
        let floor = source.revision();
        let mut feed = Feed::new(source)
            .map_err(|e| CommitError::Unavailable(format!("the source cannot be read: {e}")))?;
        let (page, pages) = mpsc::channel(2);
        let (reply, answer) = oneshot::channel();
        let replacement = Replacement { epoch, floor, pages, reply };
        self.queue
            .send(Request::Replace(replacement))
            .map_err(|_| CommitError::Unavailable(CLOSED.into()))?;
        loop {
            let next = feed.next().await;
            let last = next.as_ref().map_or(true, Vec::is_empty);
            // The writer stops listening when it has failed; its answer says why.
            if page.send(next).await.is_err() || last {
                break;
            }
        }
        answer.await.unwrap_or_else(|_| Err(stopped()))
    }

    fn take_thread(&self) -> Option<JoinHandle<()>> {
        self.thread.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Drop for RedbStore {
    /// Waits until the database is closed, so that it can be opened again at once. `close` does the
    /// same without blocking; after it nothing is left to wait for.
    fn drop(&mut self) {
        let (reply, _) = oneshot::channel();
        let _ = self.queue.send(Request::Close { reply });
        if let Some(thread) = self.take_thread() {
            let _ = thread.join();
        }
    }
}

impl Store for RedbStore {
    fn kind(&self) -> &'static str {
        "file"
    }

    fn get<'a>(&'a self, key: &'a [u8]) -> BoxFuture<'a, Result<Option<Versioned>, ReadError>> {
        Box::pin(self.read(move |view| view.get(key)))
    }

    fn list<'a>(
        &'a self,
        prefix: &'a [u8],
        after: Option<&'a [u8]>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, ReadError>> {
        if limit <= SHORT_LIST {
            return Box::pin(self.read(move |view| view.list(prefix, after, limit)));
        }
        Box::pin(async move {
            let view = self.current().await?;
            let (seen, generation) = (view.clone(), view.generation);
            let (from, past) = (prefix.to_vec(), after.map(<[u8]>::to_vec));
            match off_thread(move || seen.list(&from, past.as_deref(), limit)).await {
                Err(ReadError::Unavailable(_)) => {
                    let view = self.healed(Some(generation)).await?;
                    let (from, past) = (prefix.to_vec(), after.map(<[u8]>::to_vec));
                    off_thread(move || view.list(&from, past.as_deref(), limit)).await
                }
                answer => answer,
            }
        })
    }

    fn commit(&self, epoch: Epoch, batch: Batch) -> BoxFuture<'_, Result<Revision, CommitError>> {
        Box::pin(async move {
            let bytes = measure(&batch)?;
            self.work(Work::Commit { epoch, batch }, bytes).await
        })
    }

    fn replace(
        &self,
        epoch: Epoch,
        source: Box<dyn Snapshot>,
    ) -> BoxFuture<'_, Result<Revision, CommitError>> {
        Box::pin(self.feed(epoch, source))
    }

    fn snapshot(&self) -> BoxFuture<'_, Result<Box<dyn Snapshot>, ReadError>> {
        Box::pin(async move { Ok(Box::new(ViewSnapshot(self.current().await?)) as Box<dyn Snapshot>) })
    }

    fn changes(&self, _since: Revision) -> Box<dyn ChangeFeed> {
        Box::new(Heartbeats)
    }

    fn lead(&self) -> BoxFuture<'_, Result<Leadership, CommitError>> {
        Box::pin(async move { Ok(Leadership { epoch: self.work(Work::Lead, 0).await? }) })
    }

    fn limits(&self) -> Limits {
        LIMITS
    }
}

impl Default for Options {
    fn default() -> Self {
        Self { cache_bytes: 64 << 20, check_up_to: 256 << 20, patience: Duration::from_secs(2) }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse(why) => f.write_str(why),
            Self::Newer(why) | Self::Corrupt(why) | Self::Unavailable(why) => {
                write!(f, "the storage cannot be opened: {why}")
            }
        }
    }
}

impl std::error::Error for OpenError {}

impl From<ReadError> for OpenError {
    fn from(e: ReadError) -> Self {
        match e {
            ReadError::Unavailable(why) => Self::Unavailable(why),
            ReadError::Corrupt(what) => Self::Corrupt(what),
        }
    }
}

fn stopped() -> CommitError {
    CommitError::Unknown("the writer thread has stopped".into())
}

/// Sorts redb's errors: damage stays, anything else may pass.
fn trouble(e: impl Into<redb::Error>) -> ReadError {
    match e.into() {
        redb::Error::Corrupted(what) => ReadError::Corrupt(what),
        e => ReadError::Unavailable(e.to_string()),
    }
}
