//! The one thread that writes: it drains its queue into one transaction and one sync, and it is the
//! one that reopens the database after an error.

use super::database::{Done, OpenDatabase, Work};
use super::layout::State;
use super::medium::Medium;
use super::pace::Pace;
use super::view::View;
use super::{OpenError, Options, restore};
use crate::recent::Recent;
use crate::store::{CommitError, ReadError};
use arc_swap::ArcSwapOption;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

/// How many works one transaction takes, and how many bytes of them.
const GROUP_WORKS: usize = 1024;
const GROUP_BYTES: usize = 32 << 20;

/// How long a failing disk is left alone between two attempts.
const RETRY_AFTER: Duration = Duration::from_millis(100);

/// Where an answer goes; whoever waited for it may be gone.
pub(super) type Reply<T, E> = oneshot::Sender<Result<T, E>>;

/// A work that waits for its turn.
pub(super) struct Job {
    pub(super) work: Work,
    pub(super) bytes: usize,
    pub(super) reply: Reply<u64, CommitError>,
    /// Its place in the queue, free again when the job is done.
    pub(super) _place: Option<OwnedSemaphorePermit>,
}

/// What the thread is asked for.
pub(super) enum Request {
    /// A work; shares its transaction with others.
    Work(Job),
    /// Replace the whole content.
    Replace(restore::Replacement),
    /// A read failed on this generation (none: there was nothing to read from): reopen.
    Heal { failed: Option<u64>, reply: Reply<(), ReadError> },
    /// Finish.
    Close { reply: Reply<(), ReadError> },
}

/// The state of the thread.
pub(super) struct Writer {
    pub(super) medium: Box<dyn Medium>,
    pub(super) options: Options,
    queue: Receiver<Request>,
    view: Arc<ArcSwapOption<View>>,
    pub(super) open: Option<OpenDatabase>,
    generation: u64,
    /// What `recent` follows on; differs from a reopened database's state if a commit was unknown.
    pub(super) known: State,
    recent: Recent,
    pace: Pace,
    failed: Option<(Instant, String)>,
}

/// Why a whole transaction failed.
pub(super) enum Lost {
    /// Nothing of it was written.
    Unwritten(String),
    /// It may or may not have been.
    Unknown(String),
}

impl Writer {
    pub(super) fn new(
        medium: Box<dyn Medium>,
        options: Options,
        queue: Receiver<Request>,
        view: Arc<ArcSwapOption<View>>,
        open: OpenDatabase,
    ) -> Result<Self, ReadError> {
        let known = open.state;
        let mut writer = Self {
            medium,
            options,
            queue,
            view,
            open: None,
            generation: 0,
            known,
            recent: Recent::after(known.revision),
            pace: Pace::default(),
            failed: None,
        };
        writer.adopt(open);
        writer.publish()?;
        Ok(writer)
    }

    /// Serves until it is told to close or nobody is left to ask.
    pub(super) fn run(mut self) {
        let mut aside = None;
        while let Some(request) = aside.take().or_else(|| self.queue.recv().ok()) {
            match request {
                Request::Work(job) => {
                    let (group, next) = self.gather(job);
                    aside = next;
                    self.serve(group);
                }
                Request::Replace(replacement) => restore::serve(&mut self, replacement),
                Request::Heal { failed, reply } => drop(reply.send(self.heal(failed))),
                Request::Close { reply } => {
                    self.close();
                    let _ = reply.send(Ok(()));
                    return;
                }
            }
        }
        self.close();
    }

    /// All that waits already, and, since those who were just answered are about to ask again, what
    /// comes within a fraction of a transaction's time.
    fn gather(&self, first: Job) -> (Vec<Job>, Option<Request>) {
        let deadline = Instant::now() + self.pace.patience();
        let (mut bytes, mut group) = (first.bytes, vec![first]);
        while group.len() < GROUP_WORKS && bytes < GROUP_BYTES {
            let wait = if group.len() < self.pace.expected() {
                deadline.saturating_duration_since(Instant::now())
            } else {
                Duration::ZERO
            };
            match self.queue.recv_timeout(wait) {
                Ok(Request::Work(job)) => {
                    bytes += job.bytes;
                    group.push(job);
                }
                Ok(other) => return (group, Some(other)),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
        }
        (group, None)
    }

    fn serve(&mut self, group: Vec<Job>) {
        let begun = Instant::now();
        let lost = match self.transact(&group) {
            Ok(done) => {
                self.pace.learn(group.len(), begun.elapsed());
                for (job, answer) in group.into_iter().zip(done.answers) {
                    let _ = job.reply.send(answer);
                }
                return;
            }
            Err(Lost::Unwritten(why)) => CommitError::Unavailable(why),
            Err(Lost::Unknown(why)) => CommitError::Unknown(why),
        };
        for job in group {
            let _ = job.reply.send(Err(lost.clone()));
        }
    }

    /// One transaction; its keys are remembered and its view is published when this succeeds.
    fn transact(&mut self, group: &[Job]) -> Result<Done, Lost> {
        self.ready()?;
        let Some(open) = self.open.as_mut() else {
            return Err(Lost::Unwritten("the database is not open".into()));
        };
        let works = group.iter().map(|job| &job.work);
        let attempt = catch_unwind(AssertUnwindSafe(|| open.transact(works, &self.recent)));
        let mut done = match attempt {
            Ok(Ok(done)) => done,
            Ok(Err(failure)) => match failure.unclear {
                None => return Err(self.give_up(failure.why)),
                Some(unclear) => {
                    let happened = self.find_out(unclear.done.state, unclear.surely_not, &failure.why)?;
                    if !happened {
                        return Err(Lost::Unwritten(failure.why));
                    }
                    unclear.done
                }
            },
            Err(_) => return Err(self.panicked()),
        };
        if done.state != self.known {
            for touched in done.touched.drain(..) {
                self.recent.remember(touched);
            }
            self.known = done.state;
            self.publish_or_heal();
        }
        Ok(done)
    }

    /// Opens the database again if it is not open, after a decent interval.
    pub(super) fn ready(&mut self) -> Result<(), Lost> {
        if let Some((when, _)) = &self.failed {
            std::thread::sleep(RETRY_AFTER.saturating_sub(when.elapsed()));
        }
        if self.open.is_some() {
            return Ok(());
        }
        self.reopen().map_err(Lost::Unwritten)?;
        self.publish_or_heal();
        Ok(())
    }

    /// After an error before the commit: nothing was written, but redb refuses to go on.
    fn give_up(&mut self, why: String) -> Lost {
        if self.reopen().is_ok() {
            self.publish_or_heal();
        }
        self.failed = Some((Instant::now(), why.clone()));
        Lost::Unwritten(why)
    }

    /// redb panics when it meets pages that were damaged outside it; how far it came is not known.
    fn panicked(&mut self) -> Lost {
        let before = self.known;
        let why = "the database file cannot be understood".to_owned();
        self.failed = Some((Instant::now(), why.clone()));
        let same = self.reopen().is_ok() && self.open.as_ref().is_some_and(|open| open.state == before);
        if self.open.is_some() {
            self.publish_or_heal();
        }
        if same { Lost::Unwritten(why) } else { Lost::Unknown(why) }
    }

    /// Whether a commit that reported an error has happened: what a freshly opened database says, read
    /// from the disk and not from a cache that may hold what never arrived there.
    pub(super) fn find_out(&mut self, planned: State, surely_not: bool, why: &str) -> Result<bool, Lost> {
        let deadline = Instant::now() + self.options.patience;
        loop {
            let reopened = self.reopen();
            self.failed = Some((Instant::now(), why.to_owned()));
            let there = self.open.as_ref().map(|open| (open.state == planned, open.settle()));
            match there {
                Some((true, Ok(()))) => return Ok(true),
                Some((false, _)) => {
                    self.publish_or_heal();
                    return Ok(false);
                }
                Some((true, Err(_))) => self.abandon(),
                None if surely_not => return Ok(false),
                None => drop(reopened),
            }
            if Instant::now() >= deadline {
                return Err(Lost::Unknown(why.to_owned()));
            }
            std::thread::sleep(RETRY_AFTER);
        }
    }

    fn heal(&mut self, failed: Option<u64>) -> Result<(), ReadError> {
        if self.open.is_some() && self.view.load().is_some() && failed != Some(self.generation) {
            return Ok(());
        }
        if let Some((when, why)) = &self.failed
            && self.open.is_none()
            && when.elapsed() < RETRY_AFTER
        {
            return Err(ReadError::Unavailable(why.clone()));
        }
        self.reopen().map_err(ReadError::Unavailable)?;
        self.publish()
    }

    fn reopen(&mut self) -> Result<(), String> {
        self.abandon();
        let opened = self.medium.forget_cached().map_err(|e| e.to_string()).and_then(|()| {
            let attempt = catch_unwind(AssertUnwindSafe(|| OpenDatabase::open(&*self.medium, &self.options)));
            match attempt {
                Ok(Ok(Some(open))) => Ok(open),
                Ok(Ok(None)) => Err("the database has vanished".into()),
                Ok(Err(e)) => Err(e.to_string()),
                Err(_) => Err("the database file cannot be understood".into()),
            }
        });
        match opened {
            Ok(open) => {
                self.adopt(open);
                Ok(())
            }
            Err(why) => {
                self.failed = Some((Instant::now(), why.clone()));
                Err(why)
            }
        }
    }

    /// Takes note that the content was replaced.
    pub(super) fn replaced(&mut self, state: State) {
        self.known = state;
        self.recent = Recent::after(state.revision);
        self.publish_or_heal();
    }

    /// Lets go of the open database; its destructor may meet the damage that we flee from.
    pub(super) fn abandon(&mut self) {
        let open = self.open.take();
        let _ = catch_unwind(AssertUnwindSafe(move || drop(open)));
    }

    /// Goes on with another opening of the database.
    pub(super) fn adopt(&mut self, open: OpenDatabase) {
        self.open = Some(open);
        self.generation += 1;
        self.failed = None;
    }

    /// Shows readers the present state; they ask for healing if that fails.
    pub(super) fn publish_or_heal(&mut self) {
        if self.publish().is_err() {
            self.view.store(None);
            self.abandon();
        }
    }

    fn publish(&mut self) -> Result<(), ReadError> {
        let Some(open) = &self.open else {
            return Err(ReadError::Unavailable("the database is not open".into()));
        };
        let view = open.view(self.generation)?;
        if open.state != self.known {
            // An unknown commit turns out to have happened: which keys it touched is lost.
            self.known = open.state;
            self.recent = Recent::after(open.state.revision);
        }
        self.view.store(Some(Arc::new(view)));
        Ok(())
    }

    fn close(&mut self) {
        self.view.store(None);
        self.abandon();
        while let Ok(request) = self.queue.try_recv() {
            refuse(request);
        }
    }
}

/// What a store says that was closed.
pub(super) const CLOSED: &str = "it is closed";

fn refuse(request: Request) {
    let unwritten = Err(CommitError::Unavailable(CLOSED.into()));
    match request {
        Request::Work(job) => drop(job.reply.send(unwritten)),
        Request::Replace(replacement) => drop(replacement.reply.send(unwritten)),
        Request::Heal { reply, .. } => drop(reply.send(Err(ReadError::Unavailable(CLOSED.into())))),
        Request::Close { reply } => drop(reply.send(Ok(()))),
    }
}

/// Opens the medium's database, or makes the first one; whole or not at all.
pub(super) fn open_or_create(medium: &dyn Medium, options: &Options) -> Result<OpenDatabase, OpenError> {
    let attempt = catch_unwind(AssertUnwindSafe(|| {
        if let Some(open) = OpenDatabase::open_checked(medium, options)? {
            medium.discard();
            return Ok(open);
        }
        let staged = medium.stage().map_err(unavailable)?;
        let open = OpenDatabase::create(staged, State::default(), options)?;
        medium.promote().map_err(unavailable)?;
        Ok(open)
    }));
    attempt.unwrap_or_else(|_| Err(OpenError::Corrupt("the database file cannot be understood".into())))
}

fn unavailable(e: std::io::Error) -> OpenError {
    OpenError::Unavailable(e.to_string())
}
