//! What a request waits on: one small shared state per entry, however many devices there are.
//!
//! Handing entries to a writer thread one by one, and waking their requests one by one, makes the
//! processor change threads twice per entry when they share a core. So a request that finds the writer
//! asleep lets the other requests that are ready queue theirs before it wakes the writer; and of a batch
//! that is written only one request is woken from the writer's thread, which then wakes the others.

use crate::AuditFailed;
use crate::queue::Queue;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

const WRITTEN: usize = 1 << (usize::BITS - 1);

/// The fate of one entry: written by some device, or given up by all.
pub(crate) struct Ticket {
    /// Devices that may still write it; the top bit once one did.
    state: AtomicUsize,
    waiter: Mutex<Waiter>,
}

/// The request that waits for an entry.
#[derive(Default)]
struct Waiter {
    waker: Option<Waker>,
    /// Requests that it wakes when it is woken.
    others: Vec<Waker>,
    /// It waits no more, and will not wake anybody.
    gone: bool,
}

/// Tickets whose fate was decided together, with those who wait for them.
#[derive(Default)]
pub(crate) struct Settled(Vec<(Arc<Ticket>, Waker)>);

impl Ticket {
    /// A ticket for an entry that goes to so many devices.
    pub(crate) fn new(devices: usize) -> Arc<Self> {
        Arc::new(Self { state: AtomicUsize::new(devices), waiter: Mutex::default() })
    }

    /// A device has written the entry.
    pub(crate) fn written(self: &Arc<Self>, settled: &mut Settled) {
        if self.state.fetch_or(WRITTEN, Ordering::AcqRel) & WRITTEN == 0 {
            self.settle(settled);
        }
    }

    /// A device has given the entry up.
    pub(crate) fn failed(self: &Arc<Self>, settled: &mut Settled) {
        if self.state.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.settle(settled);
        }
    }

    fn settle(self: &Arc<Self>, settled: &mut Settled) {
        if let Some(waker) = self.waiter().waker.take() {
            settled.0.push((Arc::clone(self), waker));
        }
    }

    fn poll(&self, cx: &Context<'_>) -> Poll<Result<(), AuditFailed>> {
        let mut waiter = self.waiter();
        let others = std::mem::take(&mut waiter.others);
        let outcome = self.outcome();
        if outcome.is_none() {
            waiter.waker = Some(cx.waker().clone());
        }
        drop(waiter);
        others.into_iter().for_each(Waker::wake);
        // Whoever settles looks for a waiter after that: it is found there, or the outcome here.
        outcome.or_else(|| self.outcome()).map_or(Poll::Pending, Poll::Ready)
    }

    /// Nobody waits any more.
    fn leave(&self) {
        let mut waiter = self.waiter();
        waiter.gone = true;
        waiter.waker = None;
        let others = std::mem::take(&mut waiter.others);
        drop(waiter);
        others.into_iter().for_each(Waker::wake);
    }

    fn outcome(&self) -> Option<Result<(), AuditFailed>> {
        match self.state.load(Ordering::Acquire) {
            0 => Some(Err(AuditFailed)),
            state if state & WRITTEN != 0 => Some(Ok(())),
            _ => None,
        }
    }

    fn waiter(&self) -> MutexGuard<'_, Waiter> {
        self.waiter.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Settled {
    /// Wakes one of those who wait, and through it the others.
    pub(crate) fn wake(mut self) {
        let Some((ticket, waker)) = self.0.pop() else { return };
        let others: Vec<Waker> = self.0.into_iter().map(|(_, waker)| waker).collect();
        let mut waiter = ticket.waiter();
        if waiter.gone {
            drop(waiter);
            others.into_iter().for_each(Waker::wake);
        } else {
            waiter.others.extend(others);
            drop(waiter);
        }
        waker.wake();
    }
}

/// An entry on its way; resolves when at least one device has written it, or all have failed.
#[must_use = "a request may go on only when its entry was written"]
pub struct Pending {
    ticket: Option<Arc<Ticket>>,
    /// Writers that sleep and have to be woken for it.
    pub(crate) asleep: Vec<Arc<Queue>>,
}

impl Pending {
    /// Nothing to wait for: no device is enabled.
    pub(crate) const fn idle() -> Self {
        Self { ticket: None, asleep: Vec::new() }
    }

    /// Waits for the ticket.
    pub(crate) const fn on(ticket: Arc<Ticket>) -> Self {
        Self { ticket: Some(ticket), asleep: Vec::new() }
    }

    /// Waits until written.
    pub async fn written(mut self) -> Result<(), AuditFailed> {
        let Some(ticket) = self.ticket.clone() else { return Ok(()) };
        if !self.asleep.is_empty() {
            tokio::task::yield_now().await;
            self.wake_writers();
        }
        poll_fn(|cx| ticket.poll(cx)).await
    }

    /// Carries out what may go on meanwhile. As soon as that has to wait for anything, the writers are
    /// woken: entries of other requests count on it.
    pub async fn meanwhile<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        poll_fn(|cx| {
            let polled = work.as_mut().poll(cx);
            if polled.is_pending() {
                self.wake_writers();
            }
            polled
        })
        .await
    }

    fn wake_writers(&mut self) {
        self.asleep.drain(..).for_each(|queue| queue.wake());
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.wake_writers();
        if let Some(ticket) = &self.ticket {
            ticket.leave();
        }
    }
}

#[cfg(test)]
mod tests;
