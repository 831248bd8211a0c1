//! Both stores pass the suite that every store must pass.

// Helpers of tests assert too; clippy only excuses the tests themselves.
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::sync::Arc;
use strongroom_storage::{MemoryStore, Options, RedbStore, Store};
use strongroom_testkit::{FaultStore, FaultyDisk, store_suite};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory() {
    store_suite::passes(async || Arc::new(MemoryStore::new()) as Arc<dyn Store>).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redb_on_a_simulated_disk() {
    let make = async || RedbStore::open_on(FaultyDisk::new(), Options::default()).expect("opens");
    store_suite::passes(async || Arc::new(make().await) as Arc<dyn Store>).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redb_on_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let numbers = std::sync::atomic::AtomicUsize::new(0);
    store_suite::passes(async || {
        let number = numbers.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = folder.path().join(number.to_string());
        Arc::new(RedbStore::open(&path, Options::default()).expect("opens")) as Arc<dyn Store>
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fault_store_without_orders() {
    store_suite::passes(async || Arc::new(FaultStore::new(Arc::new(MemoryStore::new()))) as Arc<dyn Store>)
        .await;
}
