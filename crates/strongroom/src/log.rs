//! The log: lines of text or JSON on standard error or in a file, never in the way of a request.
//!
//! A line is formatted where it arises and handed to a thread that writes. When that thread cannot
//! keep up, because whoever reads the pipe has stopped reading, lines are dropped and counted.

mod file;
mod levels;
mod line;
mod subscriber;
mod writer;

pub(crate) use file::Rotation;
pub(crate) use levels::Levels;
pub(crate) use line::Format;
pub(crate) use writer::Destination;

use std::sync::Arc;

use strongroom_wire::Clock;
use subscriber::LineSubscriber;
use writer::Writer;

/// The running log.
#[derive(Clone)]
pub(crate) struct Log {
    writer: Arc<Writer>,
}

impl Log {
    /// Starts the log for the whole process. Lines wait until `release`, so that they do not mix with
    /// what is printed before.
    pub(crate) fn start(
        destination: Destination,
        format: Format,
        levels: Arc<Levels>,
        clock: Arc<dyn Clock>,
    ) -> std::io::Result<Self> {
        let writer = Arc::new(Writer::start(destination, clock.clone())?);
        let subscriber = LineSubscriber::new(writer.clone(), format, levels, clock);
        tracing::subscriber::set_global_default(subscriber).map_err(std::io::Error::other)?;
        Ok(Self { writer })
    }

    /// Lets waiting lines out.
    pub(crate) fn release(&self) {
        self.writer.release();
    }

    /// Opens the file again, after it was moved away.
    pub(crate) fn reopen(&self) {
        self.writer.reopen();
    }

    /// Waits, not for long, until what was logged is written.
    pub(crate) fn flush(&self) {
        self.writer.flush();
    }
}
