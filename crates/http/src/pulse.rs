//! What a connection is doing and since when, for the timeouts.
//!
//! A timer for each request would be one of the dearest parts of a small request. Instead every
//! connection notes the tick, which comes once a second, at which its state changed, and one task
//! looks at them all.

use hyper::rt::{Read, ReadBufCursor, Write};
use std::io::{Error, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};
use std::task::{Context, Poll};

/// Counts seconds.
#[derive(Debug, Default)]
pub(crate) struct Ticks(AtomicU32);

/// What a connection is doing and since when.
#[derive(Debug)]
pub(crate) struct Pulse {
    ticks: Arc<Ticks>,
    phase: AtomicU8,
    since: AtomicU32,
    busy: AtomicU32,
    expired: AtomicBool,
    /// HTTP/2 exchanges frames between requests, so bytes there do not mean that a request begins.
    multiplexed: bool,
}

const IDLE: u8 = 0;
const HEADER: u8 = 1;
const BUSY: u8 = 2;

impl Ticks {
    pub(crate) fn advance(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn now(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Pulse {
    /// A new connection, from which a request is expected.
    pub(crate) fn new(ticks: Arc<Ticks>, multiplexed: bool) -> Self {
        Self {
            phase: AtomicU8::new(if multiplexed { IDLE } else { HEADER }),
            since: AtomicU32::new(ticks.now()),
            ticks,
            busy: AtomicU32::new(0),
            expired: AtomicBool::new(false),
            multiplexed,
        }
    }

    /// Whether the connection carries many requests at a time.
    pub(crate) fn is_multiplexed(&self) -> bool {
        self.multiplexed
    }

    /// A request has arrived; it is answered when the guard goes.
    pub(crate) fn enter(&self) -> Busy<'_> {
        self.busy.fetch_add(1, Ordering::Relaxed);
        self.phase.store(BUSY, Ordering::Relaxed);
        Busy(self)
    }

    /// Notes, if it is so, that the connection has idled for more than `idle` seconds or takes more
    /// than `header` seconds for the head of a request.
    pub(crate) fn check(&self, idle: u32, header: u32) -> bool {
        let limit = match self.phase.load(Ordering::Relaxed) {
            IDLE => idle,
            HEADER => header,
            _ => return false,
        };
        let late = self.ticks.now().wrapping_sub(self.since.load(Ordering::Relaxed)) > limit;
        if late {
            self.expired.store(true, Ordering::Release);
        }
        late
    }

    /// Whether `check` found it late.
    pub(crate) fn is_expired(&self) -> bool {
        self.expired.load(Ordering::Acquire)
    }

    fn received(&self) {
        if !self.multiplexed && self.phase.load(Ordering::Relaxed) == IDLE {
            self.since.store(self.ticks.now(), Ordering::Relaxed);
            self.phase.store(HEADER, Ordering::Relaxed);
        }
    }

    fn sent(&self) {
        if self.phase.load(Ordering::Relaxed) == IDLE {
            self.since.store(self.ticks.now(), Ordering::Relaxed);
        }
    }
}

/// A request that is being answered.
pub(crate) struct Busy<'a>(&'a Pulse);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        if self.0.busy.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.0.since.store(self.0.ticks.now(), Ordering::Relaxed);
            self.0.phase.store(IDLE, Ordering::Relaxed);
        }
    }
}

/// A connection whose traffic is noted.
pub(crate) struct Watched<T> {
    pub(crate) inner: T,
    pub(crate) pulse: Arc<Pulse>,
}

impl<T: Read + Unpin> Read for Watched<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<Result<(), Error>> {
        let this = self.get_mut();
        let read = Pin::new(&mut this.inner).poll_read(cx, buf);
        if read.is_ready() {
            this.pulse.received();
        }
        read
    }
}

impl<T: Write + Unpin> Write for Watched<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize, Error>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.inner).poll_write(cx, buf);
        if written.is_ready() {
            this.pulse.sent();
        }
        written
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<Result<usize, Error>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.inner).poll_write_vectored(cx, bufs);
        if written.is_ready() {
            this.pulse.sent();
        }
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.get_mut().inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_idle_from_slow() {
        let ticks = Arc::new(Ticks::default());
        let pulse = Pulse::new(ticks.clone(), false);
        let late = |n: u32| {
            (0..n).for_each(|_| ticks.advance());
            pulse.check(10, 2)
        };
        assert!(!late(2));
        let busy = pulse.enter();
        assert!(!late(100), "a request at work is not late");
        drop(busy);
        assert!(!late(10));
        pulse.sent();
        assert!(!late(10), "what is still being sent is not idle");
        pulse.received();
        assert!(!late(2));
        assert!(late(1), "a head must arrive in time");
        assert!(pulse.is_expired());
    }

    #[test]
    fn frames_between_requests_begin_none() {
        let ticks = Arc::new(Ticks::default());
        let pulse = Pulse::new(ticks.clone(), true);
        pulse.received();
        (0..5).for_each(|_| ticks.advance());
        assert!(!pulse.check(10, 2));
    }
}
