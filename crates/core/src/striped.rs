//! Counters that every request moves, one set for each of a few threads: a counter that all of them move
//! goes from one processor's cache to the next each time.

use std::sync::atomic::{AtomicUsize, Ordering};

const STRIPES: usize = 16;

/// A value for each of a few threads.
#[derive(Default)]
pub(crate) struct Striped<T>([Stripe<T>; STRIPES]);

/// Alone in what processors exchange: a pair of cache lines.
#[derive(Default)]
#[repr(align(128))]
struct Stripe<T>(T);

static NEXT: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static MINE: usize = NEXT.fetch_add(1, Ordering::Relaxed) % STRIPES;
}

impl<T> Striped<T> {
    /// The value of this thread, which others may share.
    pub(crate) fn mine(&self) -> &T {
        // There is one for each number below their count; a thread that ends takes the first.
        let [first, ..] = &self.0;
        let mine = MINE.try_with(|mine| *mine).unwrap_or_default();
        &self.0.get(mine).unwrap_or(first).0
    }

    /// The values of all threads.
    pub(crate) fn all(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|stripe| &stripe.0)
    }
}
