//! What every store must do. A backend's test calls `passes` with a way to make an empty store.

// A suite judges by asserting; it runs in tests only.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod commits;
mod reads;
mod replacing;

use bytes::Bytes;
use std::sync::Arc;
use strongroom_storage::{Batch, CommitError, Epoch, RangeRead, Revision, Snapshot, Store, Versioned};

/// Runs every check, each on a store of its own. Panics at the first that fails.
pub async fn passes(make: impl AsyncFn() -> Arc<dyn Store>) {
    reads::starts_empty(&*make().await).await;
    reads::shows_what_was_committed(&Led::take(make().await).await).await;
    reads::lists_in_byte_order_page_by_page(&Led::take(make().await).await).await;
    reads::lists_many(&Led::take(make().await).await).await;
    reads::snapshots_stand_still(&Led::take(make().await).await).await;
    reads::feed_is_alive(&*make().await).await;
    commits::refuses_stale_reads(&Led::take(make().await).await).await;
    commits::refuses_changed_ranges(&Led::take(make().await).await).await;
    commits::writes_nothing_of_a_refused_batch(&Led::take(make().await).await).await;
    commits::checks_batches_without_writes(&Led::take(make().await).await).await;
    commits::keeps_to_its_limits(&Led::take(make().await).await).await;
    commits::obeys_the_latest_leader(make().await).await;
    commits::counts_right_under_contention(Led::take(make().await).await).await;
    commits::keeps_ranges_right_under_contention(Led::take(make().await).await).await;
    commits::survives_callers_that_leave(Led::take(make().await).await).await;
    replacing::replaces_everything(&Led::take(make().await).await).await;
    replacing::outranks_the_source(&Led::take(make().await).await).await;
    replacing::keeps_the_old_when_the_source_breaks(&Led::take(make().await).await).await;
    replacing::obeys_the_latest_leader(&Led::take(make().await).await).await;
    replacing::copies_large_content(&Led::take(make().await).await).await;
}

/// A store with the right to commit.
#[derive(Clone)]
struct Led {
    store: Arc<dyn Store>,
    epoch: Epoch,
}

impl Led {
    async fn take(store: Arc<dyn Store>) -> Self {
        let epoch = store.lead().await.unwrap().epoch;
        Self { store, epoch }
    }

    async fn commit(&self, batch: Batch) -> Result<Revision, CommitError> {
        self.store.commit(self.epoch, batch).await
    }

    async fn put(&self, key: &str, value: &str) -> Revision {
        self.commit(write(key, Some(value))).await.unwrap()
    }

    async fn delete(&self, key: &str) -> Revision {
        self.commit(write(key, None)).await.unwrap()
    }

    async fn get(&self, key: &str) -> Option<(String, Revision)> {
        let found = self.store.get(key.as_bytes()).await.unwrap()?;
        Some((String::from_utf8(found.value.to_vec()).unwrap(), found.version))
    }
}

fn write(key: &str, value: Option<&str>) -> Batch {
    Batch { writes: vec![(bytes(key), value.map(bytes))], ..Batch::default() }
}

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

fn range(start: &str, end: Option<&str>, revision: Revision) -> RangeRead {
    RangeRead { start: bytes(start), end: end.map(bytes), revision }
}

async fn everything(snapshot: &dyn Snapshot) -> Vec<(Bytes, Versioned)> {
    let mut all: Vec<(Bytes, Versioned)> = Vec::new();
    loop {
        let after = all.last().map(|(key, _)| key.clone());
        let page = snapshot.entries(after.as_deref(), 7).await.unwrap();
        assert!(page.len() <= 7, "a page keeps to its limit");
        if page.is_empty() {
            assert!(all.is_sorted_by(|(a, _), (b, _)| a < b), "entries come in byte order");
            return all;
        }
        all.extend(page);
    }
}
