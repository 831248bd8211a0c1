//! Reading a snapshot file: it is spooled and verified as a whole before anything is replaced by it.

use super::entries::{Entries, damaged};
use super::{DIGEST, FORMAT, HEADER, MAGIC};
use bytes::{Bytes, BytesMut};
use std::fmt;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use strongroom_crypto::digest::Sha256;
use strongroom_storage::{BoxFuture, ReadError, Revision, Snapshot, Versioned};
use tempfile::SpooledTempFile;

/// A snapshot of this size is kept in memory, a larger one in a file without a name.
const IN_MEMORY: usize = 4 << 20;

/// Bytes are handed to the spool in pieces of about this size.
const PIECE: usize = 256 << 10;

/// How many bytes of entries a page holds before it is cut short.
const PAGE_BYTES: usize = 4 << 20;

/// No store reaches this; one that started there could not count on.
const LARGEST_REVISION: Revision = 1 << 62;

/// Why a snapshot file is refused. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RestoreError {
    /// The file does not begin like a snapshot.
    NotASnapshot,
    /// A newer version wrote it, in this format.
    Newer(u32),
    /// It is cut short or altered.
    Damaged(String),
    /// There is no room to keep it while it is verified.
    Spool(String),
}

/// A snapshot file that is coming in.
pub struct Incoming {
    spool: Option<SpooledTempFile>,
    /// What is not spooled yet; the end of it may be the digest, which is not part of what it covers.
    pending: BytesMut,
    digest: Sha256,
    revision: Option<Revision>,
}

/// A snapshot file that was verified; a store can be replaced by it.
pub struct Restored {
    revision: Revision,
    entries: Arc<Mutex<Entries<SpooledTempFile>>>,
    count: u64,
}

impl Incoming {
    /// Nothing has come yet. A large file is kept in `folder`, unreadable to others, until it is
    /// dropped.
    pub fn new(folder: &Path) -> Self {
        let spool = Some(tempfile::spooled_tempfile_in(IN_MEMORY, folder));
        Self { spool, pending: BytesMut::new(), digest: Sha256::new(), revision: None }
    }

    /// The next bytes of the file. What is no snapshot is refused as soon as that shows.
    pub async fn push(&mut self, chunk: &[u8]) -> Result<(), RestoreError> {
        self.pending.extend_from_slice(chunk);
        if self.revision.is_none() && self.pending.len() >= HEADER {
            self.revision = Some(revision(&self.pending)?);
        }
        if self.pending.len() >= PIECE + DIGEST { self.spool().await } else { Ok(()) }
    }

    /// The file has ended: verifies it.
    pub async fn finish(mut self) -> Result<Restored, RestoreError> {
        let Some(revision) = self.revision else {
            let known = self.pending.len().min(MAGIC.len());
            let begins = self.pending.get(..known) == MAGIC.get(..known) && known > 0;
            return Err(if begins { cut_short() } else { RestoreError::NotASnapshot });
        };
        if self.pending.len() >= DIGEST {
            self.spool().await?;
        }
        if *self.pending != self.digest.finish() {
            return Err(RestoreError::Damaged("its checksum is wrong: it was cut short or altered".into()));
        }
        let spool = self.spool.take().ok_or_else(broken_spool)?;
        let (entries, count) = off_thread(move || verify(spool)).await.map_err(|e| match e.kind() {
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => RestoreError::Damaged(e.to_string()),
            _ => RestoreError::Spool(e.to_string()),
        })?;
        Ok(Restored { revision, entries: Arc::new(Mutex::new(entries)), count })
    }

    /// Spools all but what may be the digest.
    async fn spool(&mut self) -> Result<(), RestoreError> {
        let piece = self.pending.split_to(self.pending.len() - DIGEST).freeze();
        self.digest.update(&piece);
        let mut spool = self.spool.take().ok_or_else(broken_spool)?;
        let written = off_thread(move || spool.write_all(&piece).map(|()| spool)).await;
        self.spool = Some(written.map_err(|e| RestoreError::Spool(e.to_string()))?);
        Ok(())
    }
}

impl Restored {
    /// How many entries it has.
    pub fn count(&self) -> u64 {
        self.count
    }
}

impl Snapshot for Restored {
    fn revision(&self) -> Revision {
        self.revision
    }

    fn entries<'a>(
        &'a self,
        after: Option<&'a [u8]>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<(Bytes, Versioned)>, ReadError>> {
        let (entries, after, version) = (self.entries.clone(), after.map(<[u8]>::to_vec), self.revision);
        Box::pin(async move {
            let page = off_thread(move || {
                // A panic cannot leave it worse than misplaced, and every page seeks first.
                let mut entries = entries.lock().unwrap_or_else(PoisonError::into_inner);
                entries.seek(after.as_deref())?;
                page(&mut entries, limit, version)
            });
            page.await.map_err(|e| ReadError::Unavailable(format!("the spooled snapshot: {e}")))
        })
    }
}

fn page(
    entries: &mut Entries<SpooledTempFile>,
    limit: usize,
    version: Revision,
) -> io::Result<Vec<(Bytes, Versioned)>> {
    let (mut page, mut bytes) = (Vec::new(), 0);
    while page.len() < limit
        && bytes < PAGE_BYTES
        && let Some((key, value)) = entries.next()?
    {
        bytes += key.len() + value.len();
        page.push((key.into(), Versioned { value: value.into(), version }));
    }
    Ok(page)
}

/// Reads the file from end to end; its digest is right, but whoever made it may have erred.
fn verify(spool: SpooledTempFile) -> io::Result<(Entries<SpooledTempFile>, u64)> {
    let mut entries = Entries::new(spool)?;
    let mut count = 0;
    while entries.next()?.is_some() {
        count += 1;
    }
    if entries.count()? != count {
        return Err(damaged("its number of entries is wrong"));
    }
    if entries.rest()? != 0 {
        return Err(damaged("bytes follow its end"));
    }
    entries.rewind()?;
    Ok((entries, count))
}

fn revision(start: &[u8]) -> Result<Revision, RestoreError> {
    let (magic, rest) = start.split_first_chunk::<8>().ok_or_else(cut_short)?;
    let (format, rest) = rest.split_first_chunk::<4>().ok_or_else(cut_short)?;
    let (revision, _) = rest.split_first_chunk::<8>().ok_or_else(cut_short)?;
    if *magic != MAGIC {
        return Err(RestoreError::NotASnapshot);
    }
    match u32::from_le_bytes(*format) {
        FORMAT => {}
        0 => return Err(RestoreError::Damaged("its format is 0".into())),
        newer => return Err(RestoreError::Newer(newer)),
    }
    match Revision::from_le_bytes(*revision) {
        revision if revision <= LARGEST_REVISION => Ok(revision),
        revision => Err(RestoreError::Damaged(format!("its revision {revision} is beyond any real one"))),
    }
}

fn cut_short() -> RestoreError {
    RestoreError::Damaged("it was cut short".into())
}

fn broken_spool() -> RestoreError {
    RestoreError::Spool("an earlier piece of the snapshot could not be kept".into())
}

async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|e| Err(io::Error::other(e)))
}

impl fmt::Display for RestoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotASnapshot => f.write_str("this is not a Strongroom snapshot"),
            Self::Newer(format) => write!(
                f,
                "the snapshot has format {format}, this version reads format {FORMAT}: restore it with the \
                 version that made it, or a later one"
            ),
            Self::Damaged(what) => write!(f, "the snapshot is damaged: {what}"),
            Self::Spool(why) => write!(f, "the snapshot cannot be kept while it is verified: {why}"),
        }
    }
}

impl std::error::Error for RestoreError {}
