//! Copying a whole store into an empty one, for `operator migrate`.

use bytes::{BufMut, Bytes, BytesMut};
use std::collections::VecDeque;
use std::fmt;
use strongroom_storage::{Batch, CommitError, Epoch, ReadError, Revision, Snapshot, Store, Versioned};

/// Stands in a destination until its copy is complete and verified.
const MARKER: &[u8] = b"\0migration";

const MARKER_FORMAT: u8 = 1;

/// What the marker takes of a commit, besides the key that it names.
const MARKER_BYTES: usize = MARKER.len() + 1 + 8 + 1;

const PAGE: usize = 256;

/// What was copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migrated {
    /// Entries in the destination.
    pub entries: u64,
    /// Whether an earlier attempt was continued.
    pub resumed: bool,
}

/// Why a copy failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MigrateError {
    /// The destination has entries that are not from an unfinished copy.
    NotEmpty,
    /// The destination has an unfinished copy of the source as it was at another revision.
    OtherCopy,
    /// The source itself is an unfinished copy.
    SourceUnfinished,
    /// The source cannot be read.
    Source(ReadError),
    /// The destination cannot be read.
    Destination(ReadError),
    /// The destination cannot be written.
    Write(CommitError),
    /// An entry of that many bytes is more than the destination takes.
    TooLarge(usize),
    /// The copy is not the same as the source.
    Differs,
}

/// Whether the store is a copy that `migrate` did not complete: no server may start on it.
pub async fn is_unfinished(store: &dyn Store) -> Result<bool, ReadError> {
    Ok(store.get(MARKER).await?.is_some())
}

/// Copies all entries of `from`, which nobody must write meanwhile, into `to`, and compares the two.
/// A copy that was interrupted is continued by calling this again.
pub async fn migrate(from: &dyn Store, to: &dyn Store) -> Result<Migrated, MigrateError> {
    if is_unfinished(from).await.map_err(MigrateError::Source)? {
        return Err(MigrateError::SourceUnfinished);
    }
    let source = from.snapshot().await.map_err(MigrateError::Source)?;
    let start = Progress::find(to, source.revision()).await?;
    let resumed = start.is_some();
    let epoch = to.lead().await.map_err(MigrateError::Write)?.epoch;
    let progress = start.unwrap_or(Progress { revision: source.revision(), last: None });
    Copying { to, epoch, source: &*source, progress }.run().await?;
    let entries = compare(&*source, to).await?;
    commit(to, epoch, vec![(MARKER.into(), None)]).await?;
    Ok(Migrated { entries, resumed })
}

/// How far a copy has come; kept under the marker, in the same commit as what it tells of.
struct Progress {
    revision: Revision,
    last: Option<Bytes>,
}

impl Progress {
    /// That of an earlier attempt; none if the destination is empty.
    async fn find(to: &dyn Store, revision: Revision) -> Result<Option<Self>, MigrateError> {
        let Some(marker) = to.get(MARKER).await.map_err(MigrateError::Destination)? else {
            let first = to.list(b"", None, 1).await.map_err(MigrateError::Destination)?;
            return if first.keys.is_empty() { Ok(None) } else { Err(MigrateError::NotEmpty) };
        };
        match Self::decode(&marker.value) {
            Some(progress) if progress.revision == revision => Ok(Some(progress)),
            _ => Err(MigrateError::OtherCopy),
        }
    }

    fn encode(&self) -> Bytes {
        let mut encoded = BytesMut::new();
        encoded.put_u8(MARKER_FORMAT);
        encoded.put_u64_le(self.revision);
        if let Some(last) = &self.last {
            encoded.put_u8(1);
            encoded.put_slice(last);
        }
        encoded.freeze()
    }

    fn decode(encoded: &[u8]) -> Option<Self> {
        let (format, rest) = encoded.split_first()?;
        let (revision, rest) = rest.split_first_chunk::<8>()?;
        let last = rest.split_first().map(|(_, last)| Bytes::copy_from_slice(last));
        (*format == MARKER_FORMAT).then(|| Self { revision: Revision::from_le_bytes(*revision), last })
    }
}

struct Copying<'a> {
    to: &'a dyn Store,
    epoch: Epoch,
    source: &'a dyn Snapshot,
    progress: Progress,
}

impl Copying<'_> {
    async fn run(mut self) -> Result<(), MigrateError> {
        // The marker comes before the first entry, so that no half of a copy ever looks complete.
        self.commit(Vec::new()).await?;
        loop {
            let after = self.progress.last.clone();
            let page = self.source.entries(after.as_deref(), PAGE).await.map_err(MigrateError::Source)?;
            if page.is_empty() {
                return Ok(());
            }
            self.write(page.into()).await?;
        }
    }

    /// Writes a page in as many commits as the destination's limits ask for.
    async fn write(&mut self, mut page: VecDeque<(Bytes, Versioned)>) -> Result<(), MigrateError> {
        let limits = self.to.limits();
        while !page.is_empty() {
            let (mut writes, mut room) = (Vec::new(), limits.bytes.saturating_sub(MARKER_BYTES));
            while let Some((key, found)) = page.front()
                && writes.len() + 1 < limits.entries
            {
                // The last key of the commit stands in the marker too.
                let bytes = 2 * key.len() + found.value.len();
                if bytes > room {
                    break;
                }
                room -= bytes;
                writes.extend(page.pop_front().map(|(key, found)| (key, Some(found.value))));
            }
            let Some((last, _)) = writes.last() else {
                let bytes = page.front().map_or(0, |(key, found)| key.len() + found.value.len());
                return Err(MigrateError::TooLarge(bytes));
            };
            self.progress.last = Some(last.clone());
            self.commit(writes).await?;
        }
        Ok(())
    }

    async fn commit(&self, mut writes: Vec<(Bytes, Option<Bytes>)>) -> Result<(), MigrateError> {
        writes.push((MARKER.into(), Some(self.progress.encode())));
        commit(self.to, self.epoch, writes).await
    }
}

async fn commit(
    to: &dyn Store,
    epoch: Epoch,
    writes: Vec<(Bytes, Option<Bytes>)>,
) -> Result<(), MigrateError> {
    let batch = Batch { writes, ..Batch::default() };
    to.commit(epoch, batch).await.map(drop).map_err(MigrateError::Write)
}

/// Walks through both from end to end; answers how many entries they have.
async fn compare(source: &dyn Snapshot, to: &dyn Store) -> Result<u64, MigrateError> {
    let copy = to.snapshot().await.map_err(MigrateError::Destination)?;
    let (mut left, mut right) = (Walk::new(source), Walk::new(&*copy));
    let mut entries = 0;
    loop {
        let wanted = left.next().await.map_err(MigrateError::Source)?;
        let found = right.next().await.map_err(MigrateError::Destination)?;
        match (wanted, found) {
            (None, None) => return Ok(entries),
            (Some(wanted), Some(found)) if wanted.0 == found.0 && wanted.1.value == found.1.value => {}
            _ => return Err(MigrateError::Differs),
        }
        entries += 1;
    }
}

/// The entries of a snapshot one by one, without the marker.
struct Walk<'a> {
    snapshot: &'a dyn Snapshot,
    page: VecDeque<(Bytes, Versioned)>,
    last: Option<Bytes>,
}

impl<'a> Walk<'a> {
    fn new(snapshot: &'a dyn Snapshot) -> Self {
        Self { snapshot, page: VecDeque::new(), last: None }
    }

    async fn next(&mut self) -> Result<Option<(Bytes, Versioned)>, ReadError> {
        loop {
            if self.page.is_empty() {
                self.page = self.snapshot.entries(self.last.as_deref(), PAGE).await?.into();
            }
            let Some((key, found)) = self.page.pop_front() else {
                return Ok(None);
            };
            self.last = Some(key.clone());
            if key != MARKER {
                return Ok(Some((key, found)));
            }
        }
    }
}

impl fmt::Display for MigrateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotEmpty => f.write_str("the destination is not empty: give one that is"),
            Self::OtherCopy => f.write_str(
                "the destination holds an unfinished copy of another state of the source: empty it first",
            ),
            Self::SourceUnfinished => f.write_str(
                "the source is itself an unfinished copy: complete that one, or copy its original",
            ),
            Self::Source(e) => write!(f, "the source: {e}"),
            Self::Destination(e) => write!(f, "the destination: {e}"),
            Self::Write(e) => write!(f, "the destination: {e}"),
            Self::TooLarge(bytes) => {
                write!(f, "an entry of {bytes} bytes is more than the destination takes")
            }
            Self::Differs => {
                f.write_str("the copy differs from the source: was one of them in use meanwhile?")
            }
        }
    }
}

impl std::error::Error for MigrateError {}
