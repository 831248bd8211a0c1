//! Writing bytes to a descriptor without waiting forever where the system lets us choose.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

/// How writes to a descriptor behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nature {
    /// A regular file: written without waiting for readiness.
    Regular,
    /// Answers `EAGAIN` when it would block.
    NonBlocking,
    /// Shared with other processes, so its flags are not ours to change: asked for room first, and
    /// given no more than a pipe takes without blocking.
    Blocking,
}

/// An open target.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) fd: OwnedFd,
    pub(super) nature: Nature,
    /// Device and inode of a regular file.
    pub(super) identity: Option<(u64, u64)>,
}

/// A pipe that reports room takes this much at once, and keeps it together.
const PIPE_ATOM: usize = 4096;

/// Writes all bytes, or tells how many were written before what error.
pub(super) fn push(target: &Target, bytes: &[u8], patience: Duration) -> (usize, Option<io::Error>) {
    let start = Instant::now();
    let mut rest = bytes;
    while !rest.is_empty() {
        let outcome = step(target, rest, patience.saturating_sub(start.elapsed()));
        match outcome {
            Ok(n) => rest = rest.get(n..).unwrap_or_default(),
            Err(error) => return (bytes.len() - rest.len(), Some(error)),
        }
    }
    (bytes.len(), None)
}

/// One write; zero after an interruption or a wait.
fn step(target: &Target, bytes: &[u8], patience: Duration) -> io::Result<usize> {
    let chunk = if target.nature == Nature::Blocking {
        await_room(target, patience)?;
        atom(bytes)
    } else {
        bytes
    };
    match rustix::io::write(&target.fd, chunk) {
        Ok(0) => Err(io::ErrorKind::WriteZero.into()),
        Ok(n) => Ok(n),
        Err(Errno::INTR) => Ok(0),
        Err(Errno::AGAIN) => await_room(target, patience).map(|()| 0),
        Err(errno) => Err(errno.into()),
    }
}

/// What a pipe takes at once: whole lines where they fit, so that another writer's lines, such as
/// the server's log, fall between ours and not into them.
fn atom(bytes: &[u8]) -> &[u8] {
    let Some(chunk) = bytes.get(..PIPE_ATOM) else { return bytes };
    let lines = chunk.iter().rposition(|byte| *byte == b'\n').and_then(|last| chunk.get(..=last));
    lines.unwrap_or(chunk)
}

fn await_room(target: &Target, patience: Duration) -> io::Result<()> {
    let limit = Timespec::try_from(patience).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    let mut fds = [PollFd::new(&target.fd, PollFlags::OUT)];
    match poll(&mut fds, Some(&limit)) {
        Ok(0) => {
            Err(io::Error::new(io::ErrorKind::TimedOut, "it takes no data: nobody reads on the other side"))
        }
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_between_lines_where_it_can() {
        let lines = "x".repeat(999) + "\n";
        assert_eq!(atom(lines.repeat(5).as_bytes()).len(), 4_000);
        assert_eq!(atom(lines.repeat(3).as_bytes()).len(), 3_000);
        assert_eq!(atom("x".repeat(9_000).as_bytes()).len(), PIPE_ATOM);
    }
}
