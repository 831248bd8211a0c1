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

/// A pipe that reports room takes this much at once.
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
        bytes.get(..PIPE_ATOM).unwrap_or(bytes)
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
