use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use strongroom_storage::{Batch, BoxFuture, CommitError, MemoryStore, Revision, Store, Versioned};
use strongroom_testkit::FaultStore;

type Content = BTreeMap<Vec<u8>, Vec<u8>>;

async fn store_with(content: &Content) -> MemoryStore {
    let store = MemoryStore::new();
    let epoch = store.lead().await.unwrap().epoch;
    for (key, value) in content {
        let writes = vec![(key.clone().into(), Some(value.clone().into()))];
        store.commit(epoch, Batch { writes, ..Batch::default() }).await.unwrap();
    }
    store
}

async fn content(snapshot: &dyn Snapshot, page: usize) -> Content {
    let mut all = Content::new();
    loop {
        let after = all.last_key_value().map(|(key, _)| key.clone());
        let page = snapshot.entries(after.as_deref(), page).await.unwrap();
        if page.is_empty() {
            return all;
        }
        all.extend(page.into_iter().map(|(key, found)| (key.to_vec(), found.value.to_vec())));
    }
}

async fn file(store: &dyn Store) -> Vec<u8> {
    let mut chunks = write(store.snapshot().await.unwrap());
    let mut file = Vec::new();
    while let Some(chunk) = chunks.recv().await {
        file.extend_from_slice(&chunk.unwrap());
    }
    file
}

async fn read(file: &[u8], piece: usize) -> Result<Restored, RestoreError> {
    let mut incoming = Incoming::new(&std::env::temp_dir());
    for chunk in file.chunks(piece) {
        incoming.push(chunk).await?;
    }
    incoming.finish().await
}

fn few() -> Content {
    [("a", "1"), ("a/b", ""), ("b", "three")].map(|(k, v)| (k.into(), v.into())).into()
}

/// A file with these parts after the magic, and the right digest.
fn forged(parts: &[&[u8]]) -> Vec<u8> {
    let mut file = MAGIC.to_vec();
    parts.iter().for_each(|part| file.extend_from_slice(part));
    let digest = strongroom_crypto::digest::sha256(&file);
    file.extend_from_slice(&digest);
    file
}

#[test]
fn what_is_written_is_read() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let bytes = |length| prop::collection::vec(any::<u8>(), 0..length);
    let contents = prop::collection::btree_map(bytes(12), bytes(2000), 0..40);
    proptest!(ProptestConfig::with_cases(60), |(wanted in contents, piece in 1_usize..5000, page in 1_usize..50)| {
        runtime.block_on(async {
            let store = store_with(&wanted).await;
            let restored = read(&file(&store).await, piece).await.unwrap();
            assert_eq!(restored.revision(), wanted.len() as u64);
            assert_eq!(restored.count(), wanted.len() as u64);
            assert_eq!(content(&restored, page).await, wanted);
        });
    });
}

#[tokio::test]
async fn a_large_file_goes_through_the_spool_into_a_store() {
    let wanted: Content = (0..300_u32).map(|n| (n.to_be_bytes().to_vec(), vec![n as u8; 40_000])).collect();
    let file = file(&store_with(&wanted).await).await;
    assert!(file.len() > 11 << 20);
    let restored = read(&file, 100_000).await.unwrap();
    let store = MemoryStore::new();
    let epoch = store.lead().await.unwrap().epoch;
    assert_eq!(store.replace(epoch, Box::new(restored)).await, Ok(301));
    assert_eq!(content(&*store.snapshot().await.unwrap(), 256).await, wanted);
}

#[tokio::test]
async fn entries_can_be_asked_for_in_any_order() {
    let restored = read(&file(&store_with(&few()).await).await, 9).await.unwrap();
    let first = async |after: Option<&str>| {
        let page = restored.entries(after.map(str::as_bytes), 1).await.unwrap();
        page.first().map(|(key, _)| String::from_utf8(key.to_vec()).unwrap())
    };
    for (after, wanted) in [
        (None, Some("a")),
        (Some("a/b"), Some("b")),
        (Some("a"), Some("a/b")),
        (Some("a/c"), Some("b")),
        (Some("b"), None),
        (Some("z"), None),
        (Some(""), Some("a")),
        (None, Some("a")),
    ] {
        assert_eq!(first(after).await.as_deref(), wanted, "after {after:?}");
    }
}

#[tokio::test]
async fn every_altered_or_cut_file_is_refused() {
    let good = file(&store_with(&few()).await).await;
    for length in 0..good.len() {
        let refused = read(&good[..length], 16).await.err().unwrap();
        let wanted = if length == 0 { refused == RestoreError::NotASnapshot } else { damaged(&refused) };
        assert!(wanted, "{length} bytes: {refused}");
    }
    for bit in 0..good.len() * 8 {
        let mut altered = good.clone();
        altered[bit / 8] ^= 1 << (bit % 8);
        assert!(read(&altered, 16).await.is_err(), "bit {bit}");
    }
    let longer = [good.as_slice(), b"x"].concat();
    assert!(damaged(&read(&longer, 16).await.err().unwrap()));
}

fn damaged(refused: &RestoreError) -> bool {
    matches!(refused, RestoreError::Damaged(_))
}

#[tokio::test]
async fn other_files_and_formats_are_refused_by_name() {
    let refused = async |file: &[u8]| read(file, 7).await.err().unwrap();
    assert_eq!(refused(b"PK\x03\x04 some archive or other").await, RestoreError::NotASnapshot);
    assert_eq!(refused(b"{}").await, RestoreError::NotASnapshot);
    let (one, two, revision) = (1_u32.to_le_bytes(), 2_u32.to_le_bytes(), 5_u64.to_le_bytes());
    let newer = refused(&forged(&[&two, &revision, b"whatever"])).await;
    assert_eq!(newer, RestoreError::Newer(2));
    assert!(newer.to_string().contains("format 2"));
    let end = [END.to_le_bytes().as_slice(), &0_u64.to_le_bytes()].concat();
    assert!(read(&forged(&[&one, &revision, &end]), 7).await.is_ok(), "an empty snapshot");
    assert!(damaged(&refused(&forged(&[&one, &u64::MAX.to_le_bytes(), &end])).await), "its revision");
    assert!(damaged(&refused(&forged(&[&one, &revision, &end, b"x"])).await), "more after the end");
    assert!(damaged(&refused(&forged(&[&one, &revision])).await), "no end");
    let miscounted = [END.to_le_bytes().as_slice(), &1_u64.to_le_bytes()].concat();
    assert!(damaged(&refused(&forged(&[&one, &revision, &miscounted])).await), "the number");
    let entry = [one.as_slice(), &[0; 4], b"k"].concat();
    assert!(damaged(&refused(&forged(&[&one, &revision, &entry, &entry, &end])).await), "one key twice");
    let huge = [one.as_slice(), &(END - 1).to_le_bytes(), b"k"].concat();
    assert!(damaged(&refused(&forged(&[&one, &revision, &huge, &end])).await), "an impossible length");
}

#[tokio::test]
async fn a_source_that_breaks_makes_no_snapshot() {
    struct Breaking;
    impl Snapshot for Breaking {
        fn revision(&self) -> Revision {
            3
        }
        fn entries<'a>(
            &'a self,
            after: Option<&'a [u8]>,
            _limit: usize,
        ) -> BoxFuture<'a, Result<Vec<(Bytes, Versioned)>, ReadError>> {
            let entry = ("k".into(), Versioned { value: vec![1; 300_000].into(), version: 1 });
            let broken = Err(ReadError::Unavailable("gone".into()));
            Box::pin(std::future::ready(if after.is_none() { Ok(vec![entry]) } else { broken }))
        }
    }
    let mut chunks = write(Box::new(Breaking));
    let mut incoming = Incoming::new(&std::env::temp_dir());
    let mut failed = None;
    while let Some(chunk) = chunks.recv().await {
        match chunk {
            Ok(chunk) => incoming.push(&chunk).await.unwrap(),
            Err(e) => failed = Some(e),
        }
    }
    assert_eq!(failed, Some(ReadError::Unavailable("gone".into())));
    assert!(damaged(&incoming.finish().await.err().unwrap()));
}

#[tokio::test]
async fn migration_copies_everything_and_can_be_resumed() {
    let mut wanted: Content =
        (0..1000_u32).map(|n| (format!("k{n:04}").into_bytes(), vec![7; 100])).collect();
    wanted.insert(vec![], b"the empty key".to_vec());
    let from = store_with(&wanted).await;
    let to = Arc::new(MemoryStore::new());
    let failing = FaultStore::new(to.clone());
    let mut attempts = 0;
    let done = loop {
        // Each attempt gets one commit further, and the answer of that one is lost.
        failing.lose_answers(usize::from(attempts % 2 == 0));
        failing.fail_commits(usize::from(attempts % 2 == 1), CommitError::Unavailable("full".into()));
        match migrate(&from, &failing).await {
            Ok(done) => break done,
            Err(MigrateError::Write(_)) => assert!(attempts == 1 || is_unfinished(&*to).await.unwrap()),
            Err(e) => panic!("{e}"),
        }
        attempts += 1;
        if attempts == 8 {
            failing.lose_answers(0);
            failing.fail_commits(0, CommitError::Conflict);
            break migrate(&from, &failing).await.unwrap();
        }
    };
    assert_eq!(done, Migrated { entries: 1001, resumed: true });
    assert!(!is_unfinished(&*to).await.unwrap());
    assert_eq!(content(&*to.snapshot().await.unwrap(), 100).await, wanted);
    assert_eq!(migrate(&from, &*to).await, Err(MigrateError::NotEmpty), "not again");
}

#[tokio::test]
async fn migration_refuses_what_it_would_spoil() {
    let (from, fresh) = (store_with(&few()).await, MemoryStore::new());
    assert_eq!(migrate(&from, &fresh).await, Ok(Migrated { entries: 3, resumed: false }));
    assert_eq!(migrate(&from, &fresh).await, Err(MigrateError::NotEmpty));
    let interrupted = Arc::new(MemoryStore::new());
    let failing = FaultStore::new(interrupted.clone());
    failing.lose_answers(1);
    assert!(matches!(migrate(&from, &failing).await, Err(MigrateError::Write(CommitError::Unknown(_)))));
    assert_eq!(migrate(&*interrupted, &MemoryStore::new()).await, Err(MigrateError::SourceUnfinished));
    let epoch = from.lead().await.unwrap().epoch;
    let writes = vec![("more".into(), Some("x".into()))];
    from.commit(epoch, Batch { writes, ..Batch::default() }).await.unwrap();
    assert_eq!(migrate(&from, &*interrupted).await, Err(MigrateError::OtherCopy), "the source has changed");
}

#[tokio::test]
async fn migration_notices_a_difference() {
    let from = store_with(&few()).await;
    let to = Arc::new(MemoryStore::new());
    let failing = FaultStore::new(to.clone());
    failing.lose_answers(1);
    assert!(migrate(&from, &failing).await.is_err());
    // Someone writes into the unfinished copy, beyond what the copy will write itself.
    let epoch = to.lead().await.unwrap().epoch;
    let writes = vec![("zzz".into(), Some("x".into()))];
    to.commit(epoch, Batch { writes, ..Batch::default() }).await.unwrap();
    assert_eq!(migrate(&from, &*to).await, Err(MigrateError::Differs));
    assert!(is_unfinished(&*to).await.unwrap(), "and it stays marked");
}
