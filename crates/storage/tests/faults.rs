//! Full disks, failing syncs, failing reads and writes, damaged files: errors, nothing acknowledged
//! is lost, and the store heals without being opened anew.

// Helpers of tests assert too; clippy only excuses the tests themselves.
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use bytes::Bytes;
use std::sync::Arc;
use std::time::{Duration, Instant};
use strongroom_storage::{
    Batch, CommitError, MemoryStore, OpenError, Options, ReadError, RedbStore, Revision, Store,
};
use strongroom_testkit::FaultyDisk;
use strongroom_testkit::disk::{Coin, FailedSync};

struct Fixture {
    disk: FaultyDisk,
    store: RedbStore,
    epoch: u64,
}

fn options() -> Options {
    Options { cache_bytes: 256 << 10, ..Options::default() }
}

async fn fixture() -> Fixture {
    let disk = FaultyDisk::new();
    let store = RedbStore::open_on(disk.clone(), options()).expect("opens");
    let epoch = store.lead().await.expect("leads").epoch;
    Fixture { disk, store, epoch }
}

impl Fixture {
    async fn put(&self, key: &str, value: &[u8]) -> Result<Revision, CommitError> {
        let writes = vec![(Bytes::from(key.to_owned()), Some(Bytes::copy_from_slice(value)))];
        self.store.commit(self.epoch, Batch { writes, ..Batch::default() }).await
    }

    async fn value(&self, key: &str) -> Option<Bytes> {
        self.store.get(key.as_bytes()).await.expect("a read").map(|found| found.value)
    }

    /// What another process would find if this one were killed and the power failed now.
    async fn durable(&self) -> Self {
        let disk = self.disk.restart(|_| false);
        let store = RedbStore::open_on(disk.clone(), options()).expect("opens after power loss");
        Self { disk, store, epoch: self.epoch }
    }
}

fn unavailable(answer: &Result<Revision, CommitError>) -> bool {
    matches!(answer, Err(CommitError::Unavailable(_)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk() {
    let fixture = fixture().await;
    let mut acknowledged = 0;
    for round in 0..3 {
        fixture.disk.fill_up();
        let refused = loop {
            match fixture.put(&format!("k{acknowledged}"), &[1; 3000]).await {
                Ok(_) => acknowledged += 1,
                Err(e) => break e,
            }
            assert!(acknowledged < 10_000, "a full disk takes no more");
        };
        let CommitError::Unavailable(why) = &refused else { panic!("round {round}: {refused:?}") };
        assert!(why.contains("No space left"), "{why}");
        for _ in 0..3 {
            let answer = fixture.put(&format!("k{acknowledged}"), &[1; 3000]).await;
            assert!(unavailable(&answer), "{answer:?}");
        }
        for number in 0..acknowledged {
            assert!(fixture.value(&format!("k{number}")).await.is_some(), "reads go on; {number} is there");
        }
        assert_eq!(fixture.value(&format!("k{acknowledged}")).await, None, "what was refused is not there");
        fixture.disk.make_room();
        assert!(fixture.put(&format!("k{acknowledged}"), &[2; 3000]).await.is_ok(), "it heals");
        acknowledged += 1;
    }
    let durable = fixture.durable().await;
    for number in 0..acknowledged {
        assert!(durable.value(&format!("k{number}")).await.is_some(), "{number} survives");
    }
}

/// After each failed sync the answer must be true, whatever became of the writes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failing_syncs() {
    let kinds = [FailedSync::Kept, FailedSync::Lost].into_iter().chain((1..=12).map(FailedSync::Scattered));
    for kind in kinds {
        let fixture = fixture().await;
        fixture.put("before", b"1").await.expect("commits");
        for round in 0..3 {
            fixture.disk.fail_syncs(Some(kind));
            let key = format!("during{round}");
            let answer = fixture.put(&key, &[3; 700]).await;
            assert!(unavailable(&answer), "{kind:?}: {answer:?}");
            fixture.disk.fail_syncs(None);
            assert_eq!(fixture.value(&key).await, None, "{kind:?}: refused, so not there");
            assert_eq!(fixture.value("before").await, Some("1".into()), "{kind:?}");
            let after = format!("after{round}");
            fixture.put(&after, b"2").await.unwrap_or_else(|e| panic!("{kind:?} does not heal: {e}"));
            let durable = fixture.durable().await;
            assert_eq!(durable.value("before").await, Some("1".into()), "{kind:?}");
            assert_eq!(durable.value(&after).await, Some("2".into()), "{kind:?}: acknowledged, yet lost");
            assert_eq!(durable.value(&key).await, None, "{kind:?}");
        }
        assert_eq!(fixture.disk.lies(), 0, "{kind:?}: trusts what never reached the disk");
    }
}

/// Syncs fail for a moment, at every moment of a commit. An acknowledged commit must be durable, a
/// refused one must not be there, and there are no other answers: the disk heals soon enough.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sync_that_fails_once() {
    let kinds = [FailedSync::Kept, FailedSync::Lost].into_iter().chain((1..=8).map(FailedSync::Scattered));
    for kind in kinds {
        for which in 0..2 {
            let fixture = fixture().await;
            fixture.put("before", &[1; 500]).await.expect("commits");
            fixture.disk.fail_sync_after(which, kind);
            let answer = fixture.put("during", &[2; 500]).await;
            let what = format!("{kind:?} at sync {which}");
            let (here, durable) = (fixture.value("during").await, fixture.durable().await);
            let kept = durable.value("during").await;
            match answer {
                Ok(_) => assert!(here.is_some() && kept.is_some(), "{what}: acknowledged, yet lost"),
                Err(CommitError::Unavailable(_)) => {
                    assert!(here.is_none() && kept.is_none(), "{what}: refused, yet there");
                }
                Err(e) => panic!("{what}: {e:?}"),
            }
            assert_eq!(durable.value("before").await, Some(vec![1; 500].into()), "{what}");
            fixture.put("after", b"3").await.unwrap_or_else(|e| panic!("{what} does not heal: {e}"));
            assert_eq!(fixture.disk.lies(), 0, "{what}: trusts what never reached the disk");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failing_writes_and_reads() {
    let fixture = fixture().await;
    for number in 0..200 {
        fixture.put(&format!("k{number}"), &[5; 4000]).await.expect("commits");
    }
    fixture.disk.fail_writes(true);
    let answer = fixture.put("refused", b"x").await;
    assert!(unavailable(&answer), "{answer:?}");
    fixture.disk.fail_writes(false);
    fixture.put("healed", b"x").await.expect("heals");
    fixture.disk.fail_reads(true);
    let mut failed = 0;
    for number in 0..200 {
        match fixture.store.get(format!("k{number}").as_bytes()).await {
            Ok(found) => assert_eq!(found.map(|found| found.value), Some(vec![5; 4000].into())),
            Err(ReadError::Unavailable(_)) => failed += 1,
            Err(e) => panic!("{e:?}"),
        }
    }
    assert!(failed > 0, "the cache is smaller than the data");
    fixture.disk.fail_reads(false);
    tokio::time::sleep(Duration::from_millis(150)).await;
    for number in 0..200 {
        assert!(fixture.value(&format!("k{number}")).await.is_some(), "reads heal too");
    }
    fixture.put("at last", b"x").await.expect("commits");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_writers_on_a_flickering_disk() {
    let fixture = Arc::new(fixture().await);
    let until = Instant::now() + Duration::from_secs(2);
    let tasks: Vec<_> = (0..8).map(|task| tokio::spawn(count_up(fixture.clone(), task, until))).collect();
    let mut seed = 1;
    while Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(20)).await;
        match seed % 3 {
            0 => fixture.disk.fill_up(),
            1 => fixture.disk.fail_syncs(Some(FailedSync::Scattered(seed))),
            _ => fixture.disk.fail_sync_after(seed as usize % 4, FailedSync::Scattered(seed)),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
        fixture.disk.make_room();
        fixture.disk.fail_syncs(None);
        seed += 1;
    }
    let mut total = 0;
    for (number, task) in tasks.into_iter().enumerate() {
        let (acknowledged, refused) = task.await.expect("no panic");
        let durable = fixture.durable().await.value(&format!("t{number}")).await.expect("there");
        let found: u32 = std::str::from_utf8(&durable).expect("text").parse().expect("a number");
        assert!(found == acknowledged, "{found} there, {acknowledged} acknowledged, {refused} refused");
        total += acknowledged;
    }
    assert!(total > 20, "only {total} commits came through");
}

/// Writes 1, 2, 3...; answers the last number that was acknowledged and how often it was refused.
async fn count_up(fixture: Arc<Fixture>, task: usize, until: Instant) -> (u32, u32) {
    let (mut acknowledged, mut refused) = (0, 0);
    while Instant::now() < until || acknowledged == 0 {
        match fixture.put(&format!("t{task}"), (acknowledged + 1).to_string().as_bytes()).await {
            Ok(_) => acknowledged += 1,
            Err(CommitError::Unavailable(_)) => refused += 1,
            Err(e) => panic!("{e:?}"),
        }
    }
    (acknowledged, refused)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_stays_broken_gives_errors_in_time() {
    let fixture = fixture().await;
    fixture.put("before", b"1").await.expect("commits");
    fixture.disk.fail_syncs(Some(FailedSync::Kept));
    let begun = Instant::now();
    for _ in 0..3 {
        assert!(fixture.put("during", b"2").await.is_err());
    }
    assert!(begun.elapsed() < Duration::from_secs(10));
    fixture.disk.fail_syncs(None);
    fixture.put("after", b"3").await.expect("heals");
    assert_eq!(fixture.value("before").await, Some("1".into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replacement_that_fails_leaves_the_old() {
    let fixture = fixture().await;
    fixture.put("old", b"1").await.expect("commits");
    let replace = async || {
        let other = MemoryStore::new();
        let epoch = other.lead().await.expect("leads").epoch;
        let writes = vec![("new".into(), Some(vec![0; 100_000].into()))];
        other.commit(epoch, Batch { writes, ..Batch::default() }).await.expect("commits");
        fixture.store.replace(fixture.epoch, other.snapshot().await.expect("a snapshot")).await
    };
    fixture.disk.fill_up();
    let answer = replace().await;
    assert!(unavailable(&answer), "{answer:?}");
    fixture.disk.make_room();
    fixture.disk.fail_syncs(Some(FailedSync::Lost));
    let answer = replace().await;
    assert!(unavailable(&answer), "{answer:?}");
    fixture.disk.fail_syncs(None);
    assert_eq!(fixture.value("old").await, Some("1".into()));
    assert_eq!(fixture.durable().await.value("old").await, Some("1".into()));
    assert_eq!(fixture.value("new").await, None);
    let heal = fixture.disk.clone();
    fixture.disk.fail_folder_syncs(true);
    let healing = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(250)).await;
        heal.fail_folder_syncs(false);
    });
    replace().await.expect("the rename is durable once the folder syncs");
    healing.await.expect("no panic");
    assert_eq!(fixture.durable().await.value("old").await, None);
    assert!(fixture.durable().await.value("new").await.is_some());
    fixture.put("after", b"2").await.expect("commits");
}

/// A flipped bit anywhere in the file: an entry is right, or there is an error; never something else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flipped_bits() {
    let fixture = fixture().await;
    for number in 0..60 {
        fixture
            .put(&format!("key/{number:03}"), format!("value {number:03}").repeat(9).as_bytes())
            .await
            .expect("ok");
    }
    fixture.store.close().await;
    let image = fixture.disk.image();
    let used: Vec<usize> = (0..image.len()).filter(|at| image[*at] != 0).collect();
    let (mut coin, mut noticed) = (Coin(99), 0);
    for _ in 0..400 {
        coin.toss();
        let at = used[coin.0 as usize % used.len()];
        let mut damaged = image.clone();
        damaged[at] ^= 1 << (coin.0 >> 40 & 7);
        let store = match RedbStore::open_on(FaultyDisk::holding(damaged), options()) {
            Ok(store) => store,
            Err(OpenError::Corrupt(_) | OpenError::Newer(_) | OpenError::Unavailable(_)) => {
                noticed += 1;
                continue;
            }
            Err(e) => panic!("{e:?}"),
        };
        for number in 0..60 {
            match store.get(format!("key/{number:03}").as_bytes()).await {
                Ok(Some(found)) => assert_eq!(found.value, format!("value {number:03}").repeat(9)),
                Ok(None) => panic!("byte {at}: key {number} has vanished without a word"),
                Err(_) => noticed += 1,
            }
        }
    }
    assert!(noticed > 20, "{noticed}");
}
