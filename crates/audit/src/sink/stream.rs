//! Lines into a stream of bytes, such that no line is ever merged with another.

use super::push::{Target, push};
use super::{Lines, Progress, Sink};
use std::io;
use std::time::{Duration, Instant};

/// What can be opened as a stream.
pub(super) trait Medium: Send {
    /// Opens it. The bytes are what must be written first, to end a line that another run left torn.
    fn open(&self) -> io::Result<(Target, Vec<u8>)>;
}

/// Writes lines to a medium and opens it anew when it is lost.
pub(super) struct StreamSink<M> {
    medium: M,
    target: Option<Target>,
    /// The rest of a line whose start was written: it goes out before anything else.
    torn: Vec<u8>,
    /// No attempt to open before: an attempt that took long is not repeated for as long again.
    closed_until: Option<Instant>,
}

impl<M: Medium> StreamSink<M> {
    /// A sink that is not open yet.
    pub(super) const fn new(medium: M) -> Self {
        Self { medium, target: None, torn: Vec::new(), closed_until: None }
    }

    fn attempt(&mut self, lines: Lines<'_>, patience: Duration) -> Progress {
        if self.target.is_none()
            && let Err(error) = self.open()
        {
            return Progress::failed(error);
        }
        let Some(target) = &self.target else { return Progress::failed(io::ErrorKind::NotConnected.into()) };
        let (repaired, error) = push(target, &self.torn, patience);
        self.torn.drain(..repaired);
        if let Some(error) = error {
            return Progress::failed(error);
        }
        let (written, error) = push(target, lines.bytes, patience);
        let (whole, start) = lines.whole_within(written);
        if written > start {
            let end = lines.ends.get(whole).copied().unwrap_or(written);
            self.torn.extend_from_slice(lines.bytes.get(written..end).unwrap_or_default());
        }
        Progress { lines: whole, error }
    }

    /// Takes a new target. What is torn stays so only where the same file goes on.
    fn adopt(&mut self, target: Target, first: Vec<u8>, previous: Option<(u64, u64)>) {
        let same = target.identity.is_some() && target.identity == previous;
        if !same || self.torn.is_empty() {
            self.torn = first;
        }
        self.target = Some(target);
    }
}

impl<M: Medium> Sink for StreamSink<M> {
    fn open(&mut self) -> io::Result<()> {
        let start = Instant::now();
        if self.closed_until.is_some_and(|until| start < until) {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "it could not be opened a moment ago"));
        }
        let opened = self.medium.open();
        self.closed_until = opened.is_err().then(|| start + 2 * start.elapsed());
        let (target, first) = opened?;
        self.adopt(target, first, None);
        Ok(())
    }

    fn write(&mut self, lines: Lines<'_>, patience: Duration) -> Progress {
        let was_open = self.target.is_some();
        let mut progress = self.attempt(lines, patience);
        let Some(error) = &progress.error else { return progress };
        if keeps_target(error) {
            return progress;
        }
        // The target is lost (a peer restarted, a reader left): one fresh start, then it has failed.
        let previous = self.target.take().and_then(|target| target.identity);
        if !was_open {
            return progress;
        }
        let Ok((target, first)) = self.medium.open() else { return progress };
        let torn_stays = !self.torn.is_empty() && target.identity.is_some() && target.identity == previous;
        self.adopt(target, first, previous);
        if torn_stays {
            return progress;
        }
        let (done, start) = (progress.lines, lines.whole_bytes(progress.lines));
        let ends: Vec<usize> = lines.ends.iter().skip(done).map(|end| end - start).collect();
        let bytes = lines.bytes.get(start..).unwrap_or_default();
        progress = self.attempt(Lines { bytes, ends: &ends }, patience);
        if progress.error.as_ref().is_some_and(|error| !keeps_target(error)) {
            self.target = None;
        }
        Progress { lines: progress.lines + done, error: progress.error }
    }

    fn reopen(&mut self) -> io::Result<()> {
        let (target, first) = self.medium.open()?;
        let mut previous = None;
        if let Some(old) = self.target.take() {
            previous = old.identity;
            // The old file gets the end of its line if it takes it.
            let (repaired, _) = push(&old, &self.torn, Duration::ZERO);
            self.torn.drain(..repaired);
        }
        self.adopt(target, first, previous);
        Ok(())
    }
}

/// Whether the target may work again as it is: no room now, or nobody reads now.
fn keeps_target(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::TimedOut
            | io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge
            | io::ErrorKind::WriteZero
    )
}
