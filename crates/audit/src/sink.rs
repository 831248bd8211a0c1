//! Where lines go. A sink runs on the writer thread of its device and may block there.

mod datagram;
mod file;
mod push;
mod socket;
mod stream;
#[cfg(test)]
mod tests;

use crate::config::{SinkSpec, SocketKind};
use std::io;
use std::time::Duration;

/// Lines that go out with one system call where possible.
#[derive(Clone, Copy)]
pub(crate) struct Lines<'a> {
    /// All of them, each with its line end.
    pub(crate) bytes: &'a [u8],
    /// Where each one ends.
    pub(crate) ends: &'a [usize],
}

/// How far a sink came.
#[derive(Debug)]
pub(crate) struct Progress {
    /// Lines written whole, from the first on.
    pub(crate) lines: usize,
    /// Why not all.
    pub(crate) error: Option<io::Error>,
}

/// A place that takes lines.
pub(crate) trait Sink: Send {
    /// Opens what can be opened ahead of the first line.
    fn open(&mut self) -> io::Result<()>;

    /// Writes lines, waiting no longer than `patience` for a place that takes nothing.
    fn write(&mut self, lines: Lines<'_>, patience: Duration) -> Progress;

    /// Starts afresh, for instance after a file was renamed; on failure the old target stays.
    fn reopen(&mut self) -> io::Result<()>;
}

/// The sink that a configuration asks for.
pub(crate) fn build(spec: &SinkSpec) -> Box<dyn Sink> {
    match spec {
        SinkSpec::File { path, mode } => {
            Box::new(stream::StreamSink::new(file::FileMedium::new(path.clone(), *mode)))
        }
        SinkSpec::Stdout => Box::new(stream::StreamSink::new(file::StdoutMedium)),
        SinkSpec::Discard => Box::new(Discard),
        SinkSpec::Socket { kind: SocketKind::Udp, address, .. } => {
            Box::new(datagram::DatagramSink::new(address.clone()))
        }
        SinkSpec::Socket { kind, address, write_timeout } => Box::new(stream::StreamSink::new(
            socket::SocketMedium::new(*kind == SocketKind::Unix, address.clone(), *write_timeout),
        )),
    }
}

impl Progress {
    fn failed(error: io::Error) -> Self {
        Self { lines: 0, error: Some(error) }
    }
}

impl<'a> Lines<'a> {
    /// The lines within the first `written` bytes, and the start of the line after them.
    fn whole_within(&self, written: usize) -> (usize, usize) {
        let lines = self.ends.partition_point(|end| *end <= written);
        (lines, self.whole_bytes(lines))
    }

    /// Bytes of the first lines.
    pub(crate) fn whole_bytes(&self, lines: usize) -> usize {
        lines.checked_sub(1).and_then(|last| self.ends.get(last)).copied().unwrap_or(0)
    }

    /// Each line.
    fn each(&self) -> impl Iterator<Item = &'a [u8]> {
        let (bytes, mut start) = (self.bytes, 0);
        self.ends.iter().map(move |end| {
            let line = bytes.get(start..*end).unwrap_or_default();
            start = *end;
            line
        })
    }
}

struct Discard;

impl Sink for Discard {
    fn open(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn write(&mut self, lines: Lines<'_>, _patience: Duration) -> Progress {
        Progress { lines: lines.ends.len(), error: None }
    }

    fn reopen(&mut self) -> io::Result<()> {
        Ok(())
    }
}
