//! What passes between the requests, the writer thread and the watch thread of one device.

use crate::sink::{Lines, Progress};
use crate::status::Health;
use crate::ticket::{Settled, Ticket};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use strongroom_wire::Clock;
use tokio::sync::oneshot;
use zeroize::Zeroize;

/// Answer to a request to reopen.
pub(crate) type Reopened = oneshot::Sender<Result<(), String>>;

/// The queue of one device.
pub(crate) struct Queue {
    state: Mutex<State>,
    work: Condvar,
    watch: Condvar,
    rules: Rules,
    clock: Arc<dyn Clock>,
    name: String,
}

/// What a queue holds to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    /// A writer that is busy for longer counts as failed.
    pub(crate) deadline: Duration,
    /// Bytes that may wait.
    pub(crate) bytes: usize,
    /// Whether lines hold secrets and are wiped once written.
    pub(crate) wipe: bool,
}

/// What became of a line that was brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// The device has ended: the entry must go elsewhere.
    Ended,
    /// It waits, or was given up; the writer knows.
    Queued,
    /// It waits, and the writer sleeps: whoever brought it has to call `wake`.
    Asleep,
}

/// Lines and who waits for them.
#[derive(Default)]
pub(crate) struct Batch {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    tickets: Tickets,
}

/// What the writer thread has to do next.
pub(crate) enum Work {
    /// Write the batch.
    Write,
    /// Reopen the target and answer.
    Reopen(Vec<Reopened>),
    /// Nothing will come any more.
    End,
}

/// One per line; none where nobody waits any more.
type Tickets = Vec<Option<Arc<Ticket>>>;

struct State {
    waiting: Batch,
    in_flight: Tickets,
    busy_since: Option<Instant>,
    hung: bool,
    writer_parked: bool,
    watch_parked: bool,
    closed: bool,
    ended: bool,
    reopen: Vec<Reopened>,
    on_end: Vec<oneshot::Sender<()>>,
    health: Health,
}

/// Buffers that grew beyond this in a burst are given back.
const KEEP: usize = 1 << 20;

impl Queue {
    /// An empty queue.
    pub(crate) fn new(name: &str, rules: Rules, clock: Arc<dyn Clock>) -> Self {
        let state = State {
            waiting: Batch::default(),
            in_flight: Vec::new(),
            busy_since: None,
            hung: false,
            writer_parked: false,
            watch_parked: false,
            closed: false,
            ended: false,
            reopen: Vec::new(),
            on_end: Vec::new(),
            health: Health::working(clock.now()),
        };
        let name = name.to_owned();
        Self { state: Mutex::new(state), work: Condvar::new(), watch: Condvar::new(), rules, clock, name }
    }

    /// Queues a line.
    pub(crate) fn push(&self, line: &[u8], ticket: &Arc<Ticket>) -> Pushed {
        let mut state = self.lock();
        if state.ended {
            return Pushed::Ended;
        }
        let held = state.waiting.bytes.len();
        if held > 0 && held + line.len() > self.rules.bytes {
            state.health.dropped += 1;
            self.failed(&mut state, "its queue is full");
            drop(state);
            give_up(std::iter::once(ticket));
            return Pushed::Queued;
        }
        state.waiting.bytes.extend_from_slice(line);
        let end = state.waiting.bytes.len();
        state.waiting.ends.push(end);
        // A hung device still gets the line, for a trail without gaps, but nobody waits for it.
        let hung = state.hung;
        state.waiting.tickets.push((!hung).then(|| Arc::clone(ticket)));
        let asleep = std::mem::take(&mut state.writer_parked);
        drop(state);
        if hung {
            give_up(std::iter::once(ticket));
        }
        if asleep { Pushed::Asleep } else { Pushed::Queued }
    }

    /// Wakes the writer for what was pushed.
    pub(crate) fn wake(&self) {
        self.work.notify_one();
    }

    /// Waits for work; the batch must be empty and comes back filled when there is to write.
    pub(crate) fn next(&self, batch: &mut Batch) -> Work {
        let mut state = self.lock();
        loop {
            if !state.reopen.is_empty() {
                let answers = std::mem::take(&mut state.reopen);
                self.begin(&mut state);
                return Work::Reopen(answers);
            }
            if !state.waiting.ends.is_empty() {
                std::mem::swap(&mut state.waiting, batch);
                std::mem::swap(&mut state.in_flight, &mut batch.tickets);
                self.begin(&mut state);
                return Work::Write;
            }
            if state.closed {
                state.ended = true;
                let on_end = std::mem::take(&mut state.on_end);
                drop(state);
                self.watch.notify_one();
                answer_all(on_end);
                return Work::End;
            }
            state.writer_parked = true;
            state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.writer_parked = false;
        }
    }

    /// Takes in what became of a batch, and empties it.
    pub(crate) fn written(&self, batch: &mut Batch, progress: &Progress) {
        let mut state = self.lock();
        std::mem::swap(&mut state.in_flight, &mut batch.tickets);
        state.busy_since = None;
        state.hung = false;
        let all = batch.ends.len();
        state.health.count(progress.lines, all, batch.lines().whole_bytes(progress.lines));
        match &progress.error {
            Some(error) => self.failed(&mut state, &error.to_string()),
            None => self.works(&mut state),
        }
        drop(state);
        let mut settled = Settled::default();
        for (at, ticket) in batch.tickets.drain(..).enumerate() {
            match ticket {
                Some(ticket) if at < progress.lines => ticket.written(&mut settled),
                Some(ticket) => ticket.failed(&mut settled),
                None => {}
            }
        }
        settled.wake();
        batch.clear(self.rules.wipe);
    }

    /// Takes in that reopening is over.
    pub(crate) fn reopened(&self, answers: Vec<Reopened>, outcome: Result<(), String>) {
        let mut state = self.lock();
        state.busy_since = None;
        state.hung = false;
        drop(state);
        if let Err(error) = &outcome {
            tracing::error!(device = %self.name, %error, "audit device could not be reopened");
        }
        // Whoever asked may have given up waiting.
        answers.into_iter().for_each(|answer| drop(answer.send(outcome.clone())));
    }

    /// Fails those who wait for a writer that hangs; returns when the device has ended.
    pub(crate) fn watch(&self) {
        let mut state = self.lock();
        while !state.ended {
            state = match state.busy_since.map(|since| self.rules.deadline.saturating_sub(since.elapsed())) {
                Some(left) if state.hung || !left.is_zero() => {
                    let pause =
                        if state.hung { self.rules.deadline } else { left.max(self.rules.deadline / 8) };
                    self.watch.wait_timeout(state, pause).unwrap_or_else(PoisonError::into_inner).0
                }
                Some(_) => self.hangs(state),
                None => {
                    state.watch_parked = true;
                    self.watch.wait(state).unwrap_or_else(PoisonError::into_inner)
                }
            };
        }
    }

    /// Asks the writer to reopen its target.
    pub(crate) fn reopen(&self, answer: Reopened) {
        let mut state = self.lock();
        if state.ended {
            return;
        }
        // A device that hangs does not collect those who gave up waiting.
        state.reopen.retain(|waiting| !waiting.is_closed());
        state.reopen.push(answer);
        state.writer_parked = false;
        drop(state);
        self.work.notify_one();
    }

    /// Lets the writer end once all that waits is written; the receiver hears of it.
    pub(crate) fn close(&self) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        let mut state = self.lock();
        state.closed = true;
        if state.ended {
            answer_all(vec![sender]);
        } else {
            state.on_end.push(sender);
        }
        drop(state);
        self.work.notify_one();
        receiver
    }

    /// How the device fares, and how many bytes wait.
    pub(crate) fn health(&self) -> (Health, usize) {
        let state = self.lock();
        (state.health.clone(), state.waiting.bytes.len())
    }

    /// Notes a failure outside of writing.
    pub(crate) fn note_failure(&self, error: &str) {
        self.failed(&mut self.lock(), error);
    }

    fn begin(&self, state: &mut State) {
        state.busy_since = Some(Instant::now());
        if std::mem::take(&mut state.watch_parked) {
            self.watch.notify_one();
        }
    }

    fn hangs<'s>(&'s self, mut state: MutexGuard<'s, State>) -> MutexGuard<'s, State> {
        state.hung = true;
        self.failed(&mut state, "it hangs: a write takes longer than its deadline");
        let mut lost: Vec<_> = state.in_flight.iter_mut().filter_map(Option::take).collect();
        lost.extend(state.waiting.tickets.iter_mut().filter_map(Option::take));
        drop(state);
        give_up(lost.iter());
        self.lock()
    }

    fn failed(&self, state: &mut State, error: &str) {
        if state.health.fail(error, || self.clock.now()) {
            tracing::error!(device = %self.name, %error, "audit device failed");
        }
    }

    fn works(&self, state: &mut State) {
        if state.health.recover(|| self.clock.now()) {
            tracing::warn!(device = %self.name, "audit device works again");
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Batch {
    /// The lines to write.
    pub(crate) fn lines(&self) -> Lines<'_> {
        Lines { bytes: &self.bytes, ends: &self.ends }
    }

    fn clear(&mut self, wipe: bool) {
        if wipe {
            self.bytes.zeroize();
        }
        self.bytes.clear();
        self.ends.clear();
        self.bytes.shrink_to(KEEP);
        self.ends.shrink_to(KEEP / 64);
        self.tickets.shrink_to(KEEP / 64);
    }
}

fn give_up<'t>(tickets: impl Iterator<Item = &'t Arc<Ticket>>) {
    let mut settled = Settled::default();
    tickets.for_each(|ticket| ticket.failed(&mut settled));
    settled.wake();
}

/// Whoever asked may have given up waiting, which is fine.
fn answer_all(waiting: Vec<oneshot::Sender<()>>) {
    for sender in waiting {
        let _ = sender.send(());
    }
}
