//! Both stores answer the same to any sequence of operations.

// Helpers of tests assert too; clippy only excuses the tests themselves.
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use bytes::Bytes;
use proptest::prelude::*;
use strongroom_storage::{
    Batch, Epoch, MemoryStore, Options, RangeRead, RedbStore, Revision, Snapshot, Store,
};
use strongroom_testkit::FaultyDisk;

/// What is done to both stores. Revisions are counted back from the present one.
#[derive(Debug, Clone)]
enum Step {
    Commit {
        stale: u64,
        reads: Vec<(Bytes, Seen)>,
        ranges: Vec<(Bytes, Option<Bytes>, u64)>,
        writes: Vec<Write>,
    },
    Get(Bytes),
    List(Bytes, Option<Bytes>, usize),
    Lead,
    Snapshot,
    Replace,
    Check(usize),
}

type Write = (Bytes, Option<Bytes>);

#[derive(Debug, Clone)]
enum Seen {
    Current,
    Absent,
    Older,
}

fn key() -> impl Strategy<Value = Bytes> {
    let parts = prop::sample::select(vec!["", "a", "b", "/", "\u{0}", "\u{7f}"]);
    prop::collection::vec(parts, 0..4).prop_map(|parts| Bytes::from(parts.concat()))
}

fn value() -> impl Strategy<Value = Bytes> {
    (any::<u8>(), prop_oneof![0..20_usize, Just(5000)]).prop_map(|(byte, length)| vec![byte; length].into())
}

fn step() -> impl Strategy<Value = Step> {
    let seen = prop::sample::select(vec![Seen::Current, Seen::Current, Seen::Absent, Seen::Older]);
    let reads = prop::collection::vec((key(), seen), 0..3);
    let ranges = prop::collection::vec((key(), prop::option::of(key()), 0..4_u64), 0..2);
    let writes = prop::collection::vec((key(), prop::option::weighted(0.7, value())), 0..5);
    let commit =
        (prop::bool::weighted(0.1), reads, ranges, writes).prop_map(|(stale, reads, ranges, writes)| {
            Step::Commit { stale: stale.into(), reads, ranges, writes }
        });
    prop_oneof![
        10 => commit,
        3 => key().prop_map(Step::Get),
        3 => (key(), prop::option::of(key()), 0..6_usize).prop_map(|(p, a, l)| Step::List(p, a, l)),
        1 => Just(Step::Lead),
        1 => Just(Step::Snapshot),
        1 => Just(Step::Replace),
        1 => (1..9_usize).prop_map(Step::Check),
    ]
}

/// A store, and what the test holds of it.
struct Side {
    store: Box<dyn Store>,
    epoch: Epoch,
    revision: Revision,
    kept: Option<Box<dyn Snapshot>>,
}

impl Side {
    fn new(store: impl Store) -> Self {
        Self { store: Box::new(store), epoch: 0, revision: 0, kept: None }
    }

    /// Does the step and tells what came of it.
    async fn step(&mut self, step: &Step) -> String {
        match step {
            Step::Get(key) => format!("{:?}", self.store.get(key).await),
            Step::List(prefix, after, limit) => {
                format!("{:?}", self.store.list(prefix, after.as_deref(), *limit).await)
            }
            Step::Lead => {
                let led = self.store.lead().await;
                self.epoch = led.as_ref().expect("leads").epoch;
                format!("{led:?}")
            }
            Step::Snapshot => {
                let snapshot = self.store.snapshot().await.expect("a snapshot");
                let revision = snapshot.revision();
                self.kept = Some(snapshot);
                format!("{revision}")
            }
            Step::Replace => match self.kept.take() {
                Some(snapshot) => format!("{:?}", self.store.replace(self.epoch, snapshot).await),
                None => String::new(),
            },
            Step::Check(limit) => match &self.kept {
                Some(snapshot) => dump(&**snapshot, *limit).await,
                None => dump(&*self.store.snapshot().await.expect("a snapshot"), *limit).await,
            },
            Step::Commit { stale, reads, ranges, writes } => {
                let batch = self.batch(reads, ranges, writes).await;
                let answer = self.store.commit(self.epoch.saturating_sub(*stale), batch).await;
                self.revision = answer.as_ref().map_or(self.revision, |revision| *revision);
                format!("{answer:?}")
            }
        }
    }

    async fn batch(
        &self,
        reads: &[(Bytes, Seen)],
        ranges: &[(Bytes, Option<Bytes>, u64)],
        writes: &[Write],
    ) -> Batch {
        let mut batch = Batch { writes: writes.to_vec(), ..Batch::default() };
        for (key, seen) in reads {
            let current = self.store.get(key).await.expect("a read").map_or(0, |found| found.version);
            let version = match seen {
                Seen::Current => current,
                Seen::Absent => 0,
                Seen::Older => current.saturating_sub(1),
            };
            batch.reads.push((key.clone(), version));
        }
        for (start, end, back) in ranges {
            let revision = self.revision.saturating_sub(*back);
            batch.ranges.push(RangeRead { start: start.clone(), end: end.clone(), revision });
        }
        batch
    }
}

async fn dump(snapshot: &dyn Snapshot, limit: usize) -> String {
    let (mut all, mut after): (String, Option<Bytes>) = (format!("{}", snapshot.revision()), None);
    loop {
        let page = snapshot.entries(after.as_deref(), limit).await.expect("a page");
        let Some((last, _)) = page.last() else { return all };
        after = Some(last.clone());
        all.push_str(&format!("{page:?}"));
    }
}

#[test]
fn memory_and_redb_cannot_be_told_apart() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().expect("a runtime");
    proptest!(ProptestConfig::with_cases(120), |(steps in prop::collection::vec(step(), 1..60))| {
        runtime.block_on(async {
            let redb = RedbStore::open_on(FaultyDisk::new(), Options::default()).expect("opens");
            let mut sides = [Side::new(MemoryStore::new()), Side::new(redb)];
            for step in std::iter::once(&Step::Lead).chain(&steps) {
                let memory = sides[0].step(step).await;
                assert_eq!(memory, sides[1].step(step).await, "{step:?}");
            }
            let check = Step::Check(3);
            assert_eq!(sides[0].step(&check).await, sides[1].step(&check).await);
        });
    });
}
