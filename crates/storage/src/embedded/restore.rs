//! Replacing the whole content: a new database is built beside the old one and then takes its place,
//! so that a crash at any point leaves the one or the other, whole.

use super::database::OpenDatabase;
use super::layout::State;
use super::writer::{Lost, Reply, Writer};
use crate::store::{CommitError, Epoch, ReadError, Revision, Versioned};
use bytes::Bytes;
use tokio::sync::mpsc;

/// Entries on their way to the writer; an empty page is the end.
pub(super) type Page = Result<Vec<(Bytes, Versioned)>, ReadError>;

/// What the content is to be replaced by.
pub(super) struct Replacement {
    pub(super) epoch: Epoch,
    /// The source's revision; the new one is above it.
    pub(super) floor: Revision,
    pub(super) pages: mpsc::Receiver<Page>,
    pub(super) reply: Reply<u64, CommitError>,
}

/// Replaces the content. Commits wait meanwhile; reads go on.
pub(super) fn serve(writer: &mut Writer, replacement: Replacement) {
    let Replacement { epoch, floor, mut pages, reply } = replacement;
    let answer = replace(writer, epoch, floor, &mut pages);
    // A feeder that still sends must not wait for a receiver that has lost interest.
    drop(pages);
    let _ = reply.send(answer);
}

fn replace(
    writer: &mut Writer,
    epoch: Epoch,
    floor: Revision,
    pages: &mut mpsc::Receiver<Page>,
) -> Result<Revision, CommitError> {
    writer.ready().map_err(CommitError::from)?;
    if epoch == 0 || epoch != writer.known.epoch {
        return Err(CommitError::Fenced);
    }
    let state = State { revision: writer.known.revision.max(floor) + 1, epoch };
    let built = build(writer, state, pages).inspect_err(|_| writer.medium.discard())?;
    if let Err(e) = writer.medium.promote() {
        drop(built);
        if !writer.find_out(state, false, &e.to_string())? {
            writer.medium.discard();
            return Err(CommitError::Unavailable(e.to_string()));
        }
    } else {
        writer.abandon();
        writer.adopt(built);
    }
    writer.replaced(state);
    Ok(state.revision)
}

fn build(
    writer: &Writer,
    state: State,
    pages: &mut mpsc::Receiver<Page>,
) -> Result<OpenDatabase, CommitError> {
    let staged = writer.medium.stage().map_err(|e| CommitError::Unavailable(e.to_string()))?;
    let mut built = OpenDatabase::create(staged, state, &writer.options).map_err(unavailable)?;
    loop {
        let page =
            pages.blocking_recv().unwrap_or_else(|| Err(ReadError::Unavailable("it broke off".into())));
        let page = page.map_err(|e| CommitError::Unavailable(format!("the source cannot be read: {e}")))?;
        if page.is_empty() {
            return Ok(built);
        }
        built.fill(&page).map_err(unavailable)?;
    }
}

impl From<Lost> for CommitError {
    fn from(lost: Lost) -> Self {
        match lost {
            Lost::Unwritten(why) => Self::Unavailable(why),
            Lost::Unknown(why) => Self::Unknown(why),
        }
    }
}

fn unavailable(e: ReadError) -> CommitError {
    match e {
        ReadError::Unavailable(why) | ReadError::Corrupt(why) => CommitError::Unavailable(why),
    }
}
