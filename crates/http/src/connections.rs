//! The open connections: told to end when the server stops, ended when they are late.

use crate::pulse::{Pulse, Ticks};
use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;
use tokio::sync::Notify;

/// The open connections of all listeners.
#[derive(Default)]
pub(crate) struct Connections {
    pub(crate) ticks: Arc<Ticks>,
    stopping: AtomicBool,
    cut: AtomicBool,
    next: AtomicU64,
    members: Mutex<HashMap<u64, Member>>,
    gone: Notify,
}

struct Member {
    pulse: Arc<Pulse>,
    idle: u32,
    header: u32,
    waker: Waker,
}

/// How long a connection may take, in seconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    pub(crate) idle: u32,
    pub(crate) header: u32,
}

impl Connections {
    /// Carries a connection to its end: its own, or because the server stops or it was late.
    /// `finish` asks it to end after the request at hand.
    pub(crate) async fn drive<C: Future>(
        &self,
        mut connection: Pin<&mut C>,
        pulse: &Arc<Pulse>,
        patience: Patience,
        finish: impl Fn(Pin<&mut C>),
    ) {
        let mut place = None;
        let mut told = false;
        poll_fn(|cx| {
            // A task keeps its waker, so once is enough.
            place.get_or_insert_with(|| self.enter(pulse, patience, cx.waker()));
            if pulse.is_expired() || self.cut.load(Ordering::Acquire) {
                return Poll::Ready(());
            }
            if !told && self.stopping.load(Ordering::Acquire) {
                told = true;
                finish(connection.as_mut());
            }
            connection.as_mut().poll(cx).map(|_| ())
        })
        .await;
    }

    /// Asks all connections to end, and ends those that have not when `patience` is over. Returns how
    /// many those were.
    pub(crate) async fn stop(&self, patience: Duration) -> usize {
        self.stopping.store(true, Ordering::Release);
        self.wake_all();
        if tokio::time::timeout(patience, self.empty()).await.is_ok() {
            return 0;
        }
        let left = self.members().len();
        self.cut.store(true, Ordering::Release);
        self.wake_all();
        let _ = tokio::time::timeout(Duration::from_secs(1), self.empty()).await;
        left
    }

    /// Ends the connections that are late. Called once a second.
    pub(crate) fn tick(&self) {
        self.ticks.advance();
        for member in self.members().values() {
            if member.pulse.check(member.idle, member.header) {
                member.waker.wake_by_ref();
            }
        }
    }

    fn enter(&self, pulse: &Arc<Pulse>, patience: Patience, waker: &Waker) -> Place<'_> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let member = Member {
            pulse: pulse.clone(),
            idle: patience.idle,
            header: patience.header,
            waker: waker.clone(),
        };
        self.members().insert(id, member);
        Place { all: self, id }
    }

    async fn empty(&self) {
        loop {
            let gone = self.gone.notified();
            tokio::pin!(gone);
            gone.as_mut().enable();
            if self.members().is_empty() {
                return;
            }
            gone.await;
        }
    }

    fn wake_all(&self) {
        for member in self.members().values() {
            member.waker.wake_by_ref();
        }
    }

    fn members(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Member>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Place<'a> {
    all: &'a Connections,
    id: u64,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut members = self.all.members();
        members.remove(&self.id);
        if members.is_empty() {
            self.all.gone.notify_waiters();
        }
    }
}
