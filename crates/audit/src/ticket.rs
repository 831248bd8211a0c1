//! What a request waits on: one small shared counter per entry, however many devices there are.

use crate::AuditFailed;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Notify;

const WRITTEN: usize = 1 << (usize::BITS - 1);

/// The fate of one entry: written by some device, or given up by all.
pub(crate) struct Ticket {
    /// Devices that may still write it; the top bit once one did.
    state: AtomicUsize,
    settled: Notify,
}

impl Ticket {
    /// A ticket for an entry that goes to so many devices.
    pub(crate) fn new(devices: usize) -> Arc<Self> {
        Arc::new(Self { state: AtomicUsize::new(devices), settled: Notify::new() })
    }

    /// A device has written the entry.
    pub(crate) fn written(&self) {
        if self.state.fetch_or(WRITTEN, Ordering::AcqRel) & WRITTEN == 0 {
            self.settled.notify_one();
        }
    }

    /// A device has given the entry up.
    pub(crate) fn failed(&self) {
        if self.state.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.settled.notify_one();
        }
    }

    fn outcome(&self) -> Option<Result<(), AuditFailed>> {
        match self.state.load(Ordering::Acquire) {
            0 => Some(Err(AuditFailed)),
            state if state & WRITTEN != 0 => Some(Ok(())),
            _ => None,
        }
    }
}

/// An entry on its way; resolves when at least one device has written it, or all have failed.
#[must_use = "a request may go on only when its entry was written"]
pub struct Pending {
    ticket: Option<Arc<Ticket>>,
}

impl Pending {
    /// Nothing to wait for: no device is enabled.
    pub(crate) const fn idle() -> Self {
        Self { ticket: None }
    }

    /// Waits for the ticket.
    pub(crate) const fn on(ticket: Arc<Ticket>) -> Self {
        Self { ticket: Some(ticket) }
    }

    /// Waits until written.
    pub async fn written(self) -> Result<(), AuditFailed> {
        let Some(ticket) = self.ticket else { return Ok(()) };
        loop {
            if let Some(outcome) = ticket.outcome() {
                return outcome;
            }
            ticket.settled.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn first_success_or_last_failure_decides() {
        let ticket = Ticket::new(2);
        ticket.failed();
        assert_eq!(ticket.outcome(), None);
        ticket.written();
        assert_eq!(Pending::on(ticket).written().await, Ok(()));

        let ticket = Ticket::new(2);
        ticket.written();
        ticket.failed();
        assert_eq!(Pending::on(ticket).written().await, Ok(()));

        let ticket = Ticket::new(2);
        let waiting = tokio::spawn(Pending::on(Arc::clone(&ticket)).written());
        tokio::task::yield_now().await;
        ticket.failed();
        ticket.failed();
        assert_eq!(waiting.await.unwrap(), Err(AuditFailed));
        assert_eq!(Pending::idle().written().await, Ok(()));
    }
}
