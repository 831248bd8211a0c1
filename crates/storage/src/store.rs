//! The contract of every store. Object-safe; futures are boxed.

use bytes::Bytes;

/// A boxed future, as trait objects need.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn std::future::Future<Output = T> + Send + 'a>>;

/// Numbers commits, rising; 0 means never. The version of an entry is the revision that wrote it.
pub type Revision = u64;

/// A fencing epoch; every commit carries one and a store refuses those of a deposed leader. Epochs
/// start at 1: nobody leads with 0.
pub type Epoch = u64;

/// An entry with the revision that wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned {
    /// The bytes as they were committed.
    pub value: Bytes,
    /// The revision that wrote them; never 0.
    pub version: Revision,
}

/// One page of keys, in byte order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Whole keys, the prefix included.
    pub keys: Vec<Bytes>,
    /// Whether more keys follow the last one.
    pub more: bool,
    /// The store's revision that the page shows.
    pub revision: Revision,
}

/// A range that was listed: `start <= key < end`, without end to the last key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RangeRead {
    /// First key of the range.
    pub start: Bytes,
    /// First key beyond the range.
    pub end: Option<Bytes>,
    /// The revision that was seen. Any key of the range written or deleted since is a conflict.
    pub revision: Revision,
}

/// An atomic commit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// Keys that were read with the version seen; 0 for an absence.
    pub reads: Vec<(Bytes, Revision)>,
    /// Ranges that were listed.
    pub ranges: Vec<RangeRead>,
    /// Values to write; none to delete. A key stands here once.
    pub writes: Vec<(Bytes, Option<Bytes>)>,
}

/// What a store can take in one commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Entries per commit.
    pub entries: usize,
    /// Bytes of keys and values per commit.
    pub bytes: usize,
}

/// The right to commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leadership {
    /// Goes into every commit.
    pub epoch: Epoch,
}

/// Commits made by others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// These keys were written or deleted at this revision.
    Keys {
        /// The commit's revision.
        revision: Revision,
        /// What it touched.
        keys: Vec<Bytes>,
    },
    /// Nothing happened; the feed is alive.
    Heartbeat,
    /// The feed no longer knows what came after the revision asked for: forget every cached entry.
    Compacted,
}

/// A running feed of changes.
pub trait ChangeFeed: Send {
    /// The next change; waits for it.
    fn next(&mut self) -> BoxFuture<'_, Result<Change, ReadError>>;
}

/// A reader at one revision, for backup and migration.
pub trait Snapshot: Send + Sync {
    /// The revision it shows.
    fn revision(&self) -> Revision;
    /// Up to `limit` entries after `after` (from the beginning without), in byte order. An answer may
    /// be shorter than `limit`, to bound its bytes; only an empty one means that none are left.
    fn entries<'a>(
        &'a self,
        after: Option<&'a [u8]>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<(Bytes, Versioned)>, ReadError>>;
}

/// Why a read failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadError {
    /// The store cannot be read now (an I/O error, a lost connection); it may heal.
    Unavailable(String),
    /// What was read is damaged.
    Corrupt(String),
}

/// Why a commit failed. In every case but `Unknown` nothing of it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommitError {
    /// Something that was read has changed since.
    Conflict,
    /// Another leader took over.
    Fenced,
    /// More than `limits()` allows.
    TooLarge(String),
    /// The store cannot write now (full disk, failing fsync); it may heal.
    Unavailable(String),
    /// The connection broke in mid-commit: it may or may not have happened.
    Unknown(String),
}

/// A place that keeps entries.
pub trait Store: Send + Sync + 'static {
    /// `inmem`, `file`: shown in the seal status.
    fn kind(&self) -> &'static str;

    /// One entry.
    fn get<'a>(&'a self, key: &'a [u8]) -> BoxFuture<'a, Result<Option<Versioned>, ReadError>>;

    /// Keys below `prefix` after `after` (a whole key), in byte order, at most `limit`.
    fn list<'a>(
        &'a self,
        prefix: &'a [u8],
        after: Option<&'a [u8]>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, ReadError>>;

    /// Commits all or nothing; resolves when it is durable. Fails with `Conflict` when a version in
    /// `reads` is not the current one or a range in `ranges` changed after its revision; a store
    /// remembers changes for a bounded time only, and a range seen before that is a conflict too.
    /// A batch without writes is only checked, and answers the current revision.
    fn commit(&self, epoch: Epoch, batch: Batch) -> BoxFuture<'_, Result<Revision, CommitError>>;

    /// Replaces the whole content by the snapshot's, all or nothing; resolves when it is durable. Every
    /// entry gets the new revision as its version, and that revision is above both this store's and
    /// the snapshot's, so whatever was read before is a conflict. The epoch stays.
    fn replace(
        &self,
        epoch: Epoch,
        source: Box<dyn Snapshot>,
    ) -> BoxFuture<'_, Result<Revision, CommitError>>;

    /// A reader at one revision.
    fn snapshot(&self) -> BoxFuture<'_, Result<Box<dyn Snapshot>, ReadError>>;

    /// Commits of other nodes after `since`. A store that one process owns answers heartbeats only.
    fn changes(&self, since: Revision) -> Box<dyn ChangeFeed>;

    /// Takes the lead; resolves when this node has it.
    fn lead(&self) -> BoxFuture<'_, Result<Leadership, CommitError>>;

    /// What one commit can take.
    fn limits(&self) -> Limits;
}

impl std::fmt::Display for ReadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unavailable(why) => write!(f, "the store cannot be read: {why}"),
            Self::Corrupt(what) => write!(f, "the store is damaged: {what}"),
        }
    }
}

impl std::error::Error for ReadError {}

impl std::fmt::Display for CommitError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Conflict => f.write_str("an entry was changed by another commit"),
            Self::Fenced => f.write_str("another node has taken the lead"),
            Self::TooLarge(why) => write!(f, "the commit is too large: {why}"),
            Self::Unavailable(why) => write!(f, "the store cannot be written: {why}"),
            Self::Unknown(why) => write!(f, "whether the commit happened is unknown: {why}"),
        }
    }
}

impl std::error::Error for CommitError {}
