//! One opening of the database: what is read and written through a single redb handle.

use super::layout::{ENTRIES, EPOCH_KEY, FORMAT, FORMAT_KEY, META, REVISION_KEY, State, decode, encode};
use super::medium::{Counted, Medium};
use super::view::View;
use super::{OpenError, Options, trouble};
use crate::recent::{Recent, Touched, touches};
use crate::store::{Batch, CommitError, Epoch, ReadError, Revision, Versioned};
use bytes::Bytes;
use redb::{
    Builder, Database, DatabaseError, ReadableDatabase, ReadableTable, StorageBackend, Table, TableError,
    WriteTransaction,
};

/// What the writer is asked to put into a transaction.
pub(super) enum Work {
    /// Commit a batch; answers its revision.
    Commit {
        /// The leadership it is made under.
        epoch: Epoch,
        /// What to check and to write.
        batch: Batch,
    },
    /// Take the lead; answers the new epoch.
    Lead,
}

/// What a transaction did, once it is durable.
pub(super) struct Done {
    /// One answer for each work.
    pub(super) answers: Vec<Result<u64, CommitError>>,
    /// Where the store stands afterwards.
    pub(super) state: State,
    /// The keys that each commit touched.
    pub(super) touched: Vec<Touched>,
}

/// Why a transaction did not report success.
pub(super) struct Failure {
    /// What redb said.
    pub(super) why: String,
    /// Present if the commit had begun: it may have happened.
    pub(super) unclear: Option<Unclear>,
}

/// A commit that reported an error.
pub(super) struct Unclear {
    /// What it did, if it happened.
    pub(super) done: Done,
    /// Nothing had reached the disk when it failed: redb makes a commit visible by swapping two
    /// header slots, and only after a first sync.
    pub(super) surely_not: bool,
}

/// An open database.
pub(super) struct OpenDatabase {
    db: Database,
    backend: Counted,
    pub(super) state: State,
    /// The last commit was a two-phase one, so that recovery never prefers a half-made successor.
    two_phase: bool,
    buffer: Vec<u8>,
}

impl OpenDatabase {
    /// Opens the database of the medium, verified as far as the options say; none when there is none.
    pub(super) fn open_checked(medium: &dyn Medium, options: &Options) -> Result<Option<Self>, OpenError> {
        match Self::open_with(medium, options, options.check_up_to) {
            // The check writes; a full disk must not keep the store from being read.
            Err(OpenError::Unavailable(_)) => Self::open(medium, options),
            opened => opened,
        }
    }

    /// Opens the database of the medium as it is; none when there is none.
    pub(super) fn open(medium: &dyn Medium, options: &Options) -> Result<Option<Self>, OpenError> {
        Self::open_with(medium, options, 0)
    }

    fn open_with(
        medium: &dyn Medium,
        options: &Options,
        check_up_to: u64,
    ) -> Result<Option<Self>, OpenError> {
        let Some(bytes) = medium.open()? else {
            return Ok(None);
        };
        let backend = Counted::new(bytes);
        let length = backend.len().map_err(|e| OpenError::Unavailable(e.to_string()))?;
        let db = builder(options)
            .set_check_integrity_on_open(length <= check_up_to)
            .create_with_backend(backend.clone())
            .map_err(not_opened)?;
        let state = read_state(&db)?;
        Ok(Some(Self { db, backend, state, two_phase: false, buffer: Vec::new() }))
    }

    /// Makes an empty database that stands at `state`.
    pub(super) fn create(
        bytes: Box<dyn StorageBackend>,
        state: State,
        options: &Options,
    ) -> Result<Self, ReadError> {
        let backend = Counted::new(bytes);
        let db = builder(options).create_with_backend(backend.clone()).map_err(trouble)?;
        let mut open = Self { db, backend, state, two_phase: false, buffer: Vec::new() };
        let txn = open.begin()?;
        txn.open_table(ENTRIES).map_err(trouble)?;
        txn.open_table(META).map_err(trouble)?.insert(FORMAT_KEY, FORMAT).map_err(trouble)?;
        write_state(&txn, state)?;
        txn.commit().map_err(trouble)?;
        open.two_phase = true;
        Ok(open)
    }

    /// Adds entries, all with the database's revision as their version; durable when it returns.
    pub(super) fn fill(&mut self, page: &[(Bytes, Versioned)]) -> Result<(), ReadError> {
        let txn = self.begin()?;
        let mut entries = txn.open_table(ENTRIES).map_err(trouble)?;
        for (key, found) in page {
            encode(&mut self.buffer, key, self.state.revision, &found.value);
            entries.insert(key.as_ref(), self.buffer.as_slice()).map_err(trouble)?;
        }
        drop(entries);
        txn.commit().map_err(trouble)
    }

    /// Checks and applies all works in one transaction.
    pub(super) fn transact<'a>(
        &mut self,
        works: impl Iterator<Item = &'a Work>,
        recent: &Recent,
    ) -> Result<Done, Failure> {
        let before = |e: ReadError| Failure { why: reason(e), unclear: None };
        let txn = self.begin().map_err(before)?;
        let done = self.prepare(&txn, works, recent).map_err(before)?;
        if done.state == self.state {
            // Nothing was written; should the abort fail, the next transaction finds out.
            let _ = txn.abort();
            return Ok(done);
        }
        let synced = self.backend.syncs();
        if let Err(e) = txn.commit() {
            let surely_not = self.two_phase && self.backend.syncs() == synced;
            return Err(Failure { why: e.to_string(), unclear: Some(Unclear { done, surely_not }) });
        }
        self.two_phase = true;
        self.state = done.state;
        Ok(done)
    }

    /// Makes sure that all that was read from the database so far is on disk.
    pub(super) fn settle(&self) -> std::io::Result<()> {
        self.backend.sync_data()
    }

    /// The entries as they are now.
    pub(super) fn view(&self, generation: u64) -> Result<View, ReadError> {
        View::take(&self.db, self.state.revision, generation)
    }

    fn begin(&self) -> Result<WriteTransaction, ReadError> {
        let mut txn = self.db.begin_write().map_err(trouble)?;
        // Opening after a crash then costs milliseconds, not a walk through the whole file.
        txn.set_quick_repair(true);
        Ok(txn)
    }

    fn prepare<'a>(
        &mut self,
        txn: &WriteTransaction,
        works: impl Iterator<Item = &'a Work>,
        recent: &Recent,
    ) -> Result<Done, ReadError> {
        let mut stage = Stage {
            entries: txn.open_table(ENTRIES).map_err(trouble)?,
            recent,
            state: self.state,
            touched: Vec::new(),
            buffer: &mut self.buffer,
        };
        let answers = works.map(|work| stage.apply(work)).collect::<Result<_, _>>()?;
        let Stage { state, touched, .. } = stage;
        if state != self.state {
            write_state(txn, state)?;
        }
        Ok(Done { answers, state, touched })
    }
}

/// A transaction in the making; later works see what earlier ones wrote.
struct Stage<'txn, 'a> {
    entries: Table<'txn, &'static [u8], &'static [u8]>,
    recent: &'a Recent,
    state: State,
    touched: Vec<Touched>,
    buffer: &'a mut Vec<u8>,
}

impl Stage<'_, '_> {
    /// The inner result is the work's answer; the outer one fails the whole transaction.
    fn apply(&mut self, work: &Work) -> Result<Result<u64, CommitError>, ReadError> {
        match work {
            Work::Lead => {
                self.state.epoch += 1;
                Ok(Ok(self.state.epoch))
            }
            Work::Commit { epoch, .. } if *epoch == 0 || *epoch != self.state.epoch => {
                Ok(Err(CommitError::Fenced))
            }
            Work::Commit { batch, .. } => {
                if let Some(objection) = self.objection(batch)? {
                    return Ok(Err(objection));
                }
                self.write(batch)?;
                Ok(Ok(self.state.revision))
            }
        }
    }

    fn objection(&self, batch: &Batch) -> Result<Option<CommitError>, ReadError> {
        for (key, seen) in &batch.reads {
            let current = match self.entries.get(key.as_ref()).map_err(trouble)? {
                Some(stored) => match decode(key, stored.value()) {
                    Ok((version, _)) => version,
                    Err(e) => return Ok(Some(CommitError::Unavailable(e.to_string()))),
                },
                None => 0,
            };
            if current != *seen {
                return Ok(Some(CommitError::Conflict));
            }
        }
        let changed =
            |range| self.recent.changed(range) || self.touched.iter().any(|touched| touches(touched, range));
        Ok(batch.ranges.iter().any(changed).then_some(CommitError::Conflict))
    }

    fn write(&mut self, batch: &Batch) -> Result<(), ReadError> {
        if batch.writes.is_empty() {
            return Ok(());
        }
        let revision: Revision = self.state.revision + 1;
        for (key, value) in &batch.writes {
            match value {
                Some(value) => {
                    encode(self.buffer, key, revision, value);
                    self.entries.insert(key.as_ref(), self.buffer.as_slice()).map_err(trouble)?;
                }
                None => drop(self.entries.remove(key.as_ref()).map_err(trouble)?),
            }
        }
        self.state.revision = revision;
        self.touched
            .push(Touched { revision, keys: batch.writes.iter().map(|(key, _)| key.clone()).collect() });
        Ok(())
    }
}

fn builder(options: &Options) -> Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(options.cache_bytes);
    builder
}

fn write_state(txn: &WriteTransaction, state: State) -> Result<(), ReadError> {
    let mut meta = txn.open_table(META).map_err(trouble)?;
    meta.insert(REVISION_KEY, state.revision).map_err(trouble)?;
    meta.insert(EPOCH_KEY, state.epoch).map_err(trouble)?;
    Ok(())
}

fn read_state(db: &Database) -> Result<State, OpenError> {
    let txn = db.begin_read().map_err(|e| OpenError::from(trouble(e)))?;
    let meta = match txn.open_table(META) {
        Ok(meta) => meta,
        Err(TableError::TableDoesNotExist(_)) => return Err(foreign()),
        Err(e) => return Err(trouble(e).into()),
    };
    let number = |key: &str| -> Result<u64, OpenError> {
        let found = meta.get(key).map_err(|e| OpenError::from(trouble(e)))?;
        found.map(|found| found.value()).ok_or_else(foreign)
    };
    let format = number(FORMAT_KEY)?;
    if format != FORMAT {
        return Err(OpenError::Newer(format!(
            "the storage has format {format}, this version reads format {FORMAT}: use the version that wrote it"
        )));
    }
    Ok(State { revision: number(REVISION_KEY)?, epoch: number(EPOCH_KEY)? })
}

fn foreign() -> OpenError {
    OpenError::Corrupt("the file is a redb database, but not one of Strongroom's".into())
}

fn not_opened(e: DatabaseError) -> OpenError {
    match e {
        DatabaseError::DatabaseAlreadyOpen => {
            OpenError::InUse("the database file is in use by another process; stop that one first".into())
        }
        DatabaseError::UpgradeRequired(format) => {
            OpenError::Newer(format!("the storage was written by another redb (file format {format})"))
        }
        e => trouble(e).into(),
    }
}

fn reason(e: ReadError) -> String {
    match e {
        ReadError::Unavailable(why) | ReadError::Corrupt(why) => why,
    }
}
