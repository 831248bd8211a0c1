//! The power fails at every single write, sync and rename; whatever the disk kept of the writes that
//! were not synced, every acknowledged commit is there afterwards and none is half there.

// Helpers of tests assert too; clippy only excuses the tests themselves.
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use strongroom_storage::{Batch, MemoryStore, Options, RedbStore, Revision, Snapshot, Store};
use strongroom_testkit::FaultyDisk;
use strongroom_testkit::disk::Coin;

type Content = BTreeMap<Bytes, Bytes>;

/// How a run went until the power failed.
struct Run {
    /// What the last acknowledged operation left.
    acknowledged: (Content, Revision),
    /// What the one that was under way would have left.
    under_way: Option<Content>,
}

/// Steps of a run: batches, and one replacement of everything.
enum Step {
    Commit(Vec<(&'static str, Option<Bytes>)>),
    Replace(Content),
}

fn options() -> Options {
    Options { cache_bytes: 1 << 20, patience: Duration::ZERO, ..Options::default() }
}

/// Small and large entries, overwritten and deleted, so that pages split, merge and are used again.
fn steps() -> Vec<Step> {
    let value = |length: usize, mark: u8| Some(Bytes::from(vec![mark; length]));
    vec![
        Step::Commit(vec![("a/1", value(10, 1)), ("a/2", value(400, 2))]),
        Step::Commit(vec![("a/1", value(600, 3)), ("b/1", value(5000, 4)), ("b/2", value(1, 5))]),
        Step::Commit(vec![("a/2", None), ("b/1", value(300, 6)), ("c", value(9000, 7))]),
        Step::Replace(BTreeMap::from([("a/1".into(), "restored".into()), ("z".into(), vec![8; 700].into())])),
        Step::Commit(vec![("z", None), ("a/3", value(2000, 9))]),
        Step::Commit(vec![("a/1", value(20, 10)), ("a/3", None), ("d", value(100, 11))]),
    ]
}

async fn run(disk: &FaultyDisk) -> Run {
    let mut run = Run { acknowledged: (Content::new(), 0), under_way: None };
    let Ok(store) = RedbStore::open_on(disk.clone(), options()) else { return run };
    let Ok(leadership) = store.lead().await else { return run };
    for step in steps() {
        let mut next = run.acknowledged.0.clone();
        let answer = match step {
            Step::Commit(writes) => {
                for (key, value) in &writes {
                    match value {
                        Some(value) => drop(next.insert((*key).into(), value.clone())),
                        None => drop(next.remove(key.as_bytes())),
                    }
                }
                let writes = writes.into_iter().map(|(key, value)| (key.into(), value)).collect();
                let batch = Batch { writes, ..Batch::default() };
                run.under_way = Some(next.clone());
                store.commit(leadership.epoch, batch).await
            }
            Step::Replace(content) => {
                let source = holding(&content).await;
                next = content;
                run.under_way = Some(next.clone());
                store.replace(leadership.epoch, source).await
            }
        };
        let Ok(revision) = answer else { return run };
        run.acknowledged = (next, revision);
        run.under_way = None;
    }
    store.close().await;
    run
}

async fn holding(content: &Content) -> Box<dyn Snapshot> {
    let store = MemoryStore::new();
    let epoch = store.lead().await.expect("leads").epoch;
    let writes = content.iter().map(|(key, value)| (key.clone(), Some(value.clone()))).collect();
    store.commit(epoch, Batch { writes, ..Batch::default() }).await.expect("commits");
    store.snapshot().await.expect("a snapshot")
}

async fn content(store: &RedbStore) -> (Content, Revision) {
    let snapshot = store.snapshot().await.expect("a snapshot");
    let (mut all, mut after): (Content, Option<Bytes>) = (Content::new(), None);
    loop {
        let page = snapshot.entries(after.as_deref(), 100).await.expect("a page");
        let Some((last, _)) = page.last() else { return (all, snapshot.revision()) };
        after = Some(last.clone());
        all.extend(page.into_iter().map(|(key, found)| (key, found.value)));
    }
}

/// Opens what is left, checks it, and goes on writing.
async fn check(disk: FaultyDisk, run: &Run, what: &str) {
    let store = RedbStore::open_on(disk, options()).unwrap_or_else(|e| panic!("{what}: {e}"));
    let (found, revision) = content(&store).await;
    let (acknowledged, at) = &run.acknowledged;
    assert!(revision >= *at, "{what}: revision {revision} after {at} was acknowledged");
    if found != *acknowledged {
        assert_eq!(Some(&found), run.under_way.as_ref(), "{what}: neither the old nor the new content");
        assert!(revision > *at, "{what}: other content under the same revision");
    }
    let epoch = store.lead().await.expect("leads").epoch;
    let writes = vec![("after".into(), Some("v".into()))];
    let next = store.commit(epoch, Batch { writes, ..Batch::default() }).await;
    assert_eq!(next, Ok(revision + 1), "{what}: goes on");
}

/// Which unsynced changes survive: all subsets of a few, else the telling ones and random ones.
fn survivors(unsynced: usize) -> Vec<Vec<bool>> {
    if unsynced <= 6 {
        return (0..1_u32 << unsynced)
            .map(|mask| (0..unsynced).map(|i| mask >> i & 1 == 1).collect())
            .collect();
    }
    let mut all = vec![vec![false; unsynced], vec![true; unsynced]];
    for seed in 1..=10 {
        let mut coin = Coin(seed * 0x9E37_79B9 + unsynced as u64);
        all.push((0..unsynced).map(|_| coin.toss()).collect());
    }
    // The last changes are the header's: alone, and all but them.
    for last in unsynced.saturating_sub(3)..unsynced {
        all.push((0..unsynced).map(|i| i == last).collect());
        all.push((0..unsynced).map(|i| i != last).collect());
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_every_operation() {
    let whole = FaultyDisk::new();
    let complete = run(&whole).await;
    assert!(
        complete.under_way.is_none() && complete.acknowledged.1 >= 6,
        "without faults all is acknowledged"
    );
    let operations = whole.operations();
    let (mut cuts, mut restarts) = (0, 0);
    for at in 1..=operations {
        let disk = FaultyDisk::new();
        disk.power_off_at(at);
        let run = run(&disk).await;
        cuts += usize::from(disk.is_off());
        for survives in survivors(disk.unsynced()) {
            let what = format!("power off at {at} of {operations}, survivors {survives:?}");
            check(disk.restart(|i| survives[i]), &run, &what).await;
            restarts += 1;
        }
    }
    println!("{operations} operations, {cuts} cuts, {restarts} restarts");
    assert!(cuts >= 60 && restarts >= 600, "{cuts} cuts and {restarts} restarts are too few to mean much");
}

/// The power fails again while the database recovers from the first time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn again_during_recovery() {
    let whole = FaultyDisk::new();
    run(&whole).await;
    let mut twice = 0;
    for at in (1..=whole.operations()).step_by(3) {
        let disk = FaultyDisk::new();
        disk.power_off_at(at);
        let run = run(&disk).await;
        for second in 1..=6 {
            let mut coin = Coin(at * 31 + second);
            let recovering = disk.restart(|_| coin.toss());
            recovering.power_off_at(second);
            drop(RedbStore::open_on(recovering.clone(), options()));
            twice += usize::from(recovering.is_off());
            let left = recovering.restart(|_| coin.toss());
            check(left, &run, &format!("power off at {at}, and at {second} of the recovery")).await;
        }
    }
    assert!(twice >= 60, "only {twice} recoveries were interrupted");
}

/// Many tasks commit pairs at once when the power fails.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_concurrent_commits() {
    for seed in 1..=40_u64 {
        let disk = FaultyDisk::new();
        let store = Arc::new(RedbStore::open_on(disk.clone(), options()).expect("opens"));
        let epoch = store.lead().await.expect("leads").epoch;
        disk.power_off_at(disk.operations() + 10 + seed * 7);
        let tasks: Vec<_> = (0..8_u32).map(|task| tokio::spawn(pairs(store.clone(), epoch, task))).collect();
        let mut acknowledged = Vec::new();
        for task in tasks {
            acknowledged.push(task.await.expect("no panic"));
        }
        drop(store);
        let mut coin = Coin(seed);
        let left = RedbStore::open_on(disk.restart(|_| coin.toss()), options()).expect("opens");
        let (found, _) = content(&left).await;
        for (task, count) in acknowledged.into_iter().enumerate() {
            let number = |side: &str| {
                let value = found.get(format!("{task}/{side}").as_bytes())?;
                std::str::from_utf8(value).ok()?.trim_end_matches('.').parse::<u32>().ok()
            };
            let (left, right) = (number("left").unwrap_or(0), number("right").unwrap_or(0));
            assert_eq!(left, right, "seed {seed}: half a commit");
            assert!(left == count || left == count + 1, "seed {seed}: {left} there, {count} acknowledged");
        }
    }
}

/// Commits pairs until it fails; answers how many were acknowledged.
async fn pairs(store: Arc<RedbStore>, epoch: u64, task: u32) -> u32 {
    for count in 1.. {
        let value = Bytes::from(format!("{count}{}", ".".repeat(400)));
        let key = |side: &str| Bytes::from(format!("{task}/{side}"));
        let writes = vec![(key("left"), Some(value.clone())), (key("right"), Some(value))];
        if store.commit(epoch, Batch { writes, ..Batch::default() }).await.is_err() {
            return count - 1;
        }
    }
    0
}
