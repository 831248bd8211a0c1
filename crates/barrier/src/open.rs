//! What is in memory while the barrier is open, and how it goes away.

use crate::cache::Cache;
use crate::generate_root::Generation;
use crate::keyring::Keyring;
use crate::rekey::Rekey;
use crate::unseal::Attempt;
use arc_swap::{ArcSwap, ArcSwapOption};
use bytes::Bytes;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use strongroom_crypto::{Secret, aead, ct_eq};
use strongroom_storage::{CommitError, Epoch};

/// The open barrier.
pub(crate) struct Open {
    pub(crate) epoch: Epoch,
    pub(crate) ring: ArcSwap<Keyring>,
    pub(crate) cipher: aead::Key,
    root: Secret<[u8; aead::KEY_LEN]>,
}

impl Open {
    pub(crate) fn new(epoch: Epoch, root: Secret<[u8; aead::KEY_LEN]>, ring: Keyring) -> Self {
        let cipher = aead::Key::new(root.expose());
        Self { epoch, ring: ArcSwap::from_pointee(ring), cipher, root }
    }

    pub(crate) fn root(&self) -> &[u8] {
        self.root.expose()
    }

    pub(crate) fn is_root(&self, key: &[u8]) -> bool {
        ct_eq(self.root.expose(), key)
    }
}

/// What commits that nobody waits for any more still need.
pub(crate) struct State {
    pub(crate) cache: Cache,
    pub(crate) open: ArcSwapOption<Open>,
    flows: Mutex<Flows>,
}

/// What operators have begun.
#[derive(Default)]
pub(crate) struct Flows {
    pub(crate) unseal: Option<Attempt>,
    pub(crate) rekey: Option<Rekey>,
    pub(crate) generate_root: Option<Generation>,
}

impl State {
    pub(crate) fn new(cache: Cache) -> Self {
        Self { cache, open: ArcSwapOption::empty(), flows: Mutex::default() }
    }

    /// Held for moments, never across an await.
    pub(crate) fn flows(&self) -> MutexGuard<'_, Flows> {
        self.flows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets go of the keyring, of all plaintext, and of what operators have begun.
    pub(crate) fn close(&self) -> Option<Arc<Open>> {
        let open = self.open.swap(None);
        self.cache.clear();
        *self.flows() = Flows::default();
        open
    }

    /// Acts on a commit that did not succeed.
    pub(crate) fn failed(
        &self,
        epoch: Epoch,
        error: &CommitError,
        reads: &[Bytes],
        writes: &[(Bytes, Option<Bytes>)],
    ) {
        match error {
            // Something here is older than the store.
            CommitError::Conflict => reads.iter().for_each(|key| self.cache.forget(key)),
            CommitError::Unknown(_) => writes.iter().for_each(|(key, _)| self.cache.forget(key)),
            // Another node leads. If this one was unsealed anew meanwhile, that was an earlier lead.
            CommitError::Fenced if self.open.load().as_ref().is_some_and(|open| open.epoch == epoch) => {
                self.close();
            }
            CommitError::Fenced | CommitError::TooLarge(_) | CommitError::Unavailable(_) => {}
        }
    }
}

/// A future that goes on in a task of its own when it is dropped before its end.
pub(crate) struct Finish<T: Send + 'static>(Option<Pin<Box<dyn Future<Output = T> + Send>>>);

impl<T: Send + 'static> Finish<T> {
    pub(crate) fn new(work: impl Future<Output = T> + Send + 'static) -> Self {
        Self(Some(Box::pin(work)))
    }
}

impl<T: Send + 'static> Future for Finish<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let Some(work) = self.0.as_mut() else { return Poll::Pending };
        let polled = work.as_mut().poll(context);
        if polled.is_ready() {
            self.0 = None;
        }
        polled
    }
}

impl<T: Send + 'static> Drop for Finish<T> {
    fn drop(&mut self) {
        if let Some(work) = self.0.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            drop(runtime.spawn(work));
        }
    }
}
