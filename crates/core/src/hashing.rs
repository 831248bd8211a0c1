//! A bounded place for slow password hashing, away from the threads that answer requests.

use crate::Fault;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use tokio::sync::Semaphore;

/// Runs slow hashes, a few at a time; refuses with 429 when too many wait.
pub struct HashingPool {
    running: Arc<Semaphore>,
    waiting: AtomicUsize,
    done: AtomicU64,
}

/// How many may wait: at some 60 ms a hash the last one in the queue waits a few seconds.
const MAX_WAITING: usize = 128;

impl Default for HashingPool {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            running: Arc::new(Semaphore::new(cores)),
            waiting: AtomicUsize::new(0),
            done: AtomicU64::new(0),
        }
    }
}

impl HashingPool {
    /// Runs `work` on a thread of its own and gives its result.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Fault> {
        let _place = Place::take(&self.waiting)
            .ok_or_else(|| Fault::TooMany("too many logins at once; try again in a moment".to_owned()))?;
        let permit = self.running.clone().acquire_owned().await;
        let permit = permit.map_err(|_| Fault::Internal("the hashing pool is closed".to_owned()))?;
        let done = tokio::task::spawn_blocking(move || {
            let result = work();
            drop(permit);
            result
        });
        let done = done.await.map_err(|e| Fault::Internal(format!("hashing a password failed: {e}")))?;
        self.done.fetch_add(1, Ordering::Relaxed);
        Ok(done)
    }

    /// How many hashes were made or checked.
    pub fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }
}

/// A place in the queue, given back on drop.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize) -> Option<Self> {
        let place = Self(waiting);
        // On `None` the drop of `place` takes the count back.
        (waiting.fetch_add(1, Ordering::AcqRel) < MAX_WAITING).then_some(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn refuses_when_full_and_recovers() {
        let pool = Arc::new(HashingPool::default());
        assert_eq!(pool.run(|| 7).await.unwrap(), 7);
        let places: Vec<_> = (0..MAX_WAITING).map(|_| Place::take(&pool.waiting).unwrap()).collect();
        assert!(matches!(pool.run(|| 7).await, Err(Fault::TooMany(_))));
        drop(places);
        assert_eq!(pool.run(|| 8).await.unwrap(), 8);
    }
}
