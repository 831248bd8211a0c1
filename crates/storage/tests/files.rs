//! What lies on disk: permissions, locks, paths, formats, leftovers.

// Helpers of tests assert too; clippy only excuses the tests themselves.
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use bytes::Bytes;
use redb::{Database, TableDefinition};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use strongroom_storage::{Batch, CommitError, MemoryStore, OpenError, Options, ReadError, RedbStore, Store};
use strongroom_testkit::FaultyDisk;

fn open(path: &Path) -> Result<RedbStore, OpenError> {
    RedbStore::open(path, Options::default())
}

async fn put(store: &RedbStore, epoch: u64, key: &str, value: &str) -> Result<u64, CommitError> {
    let writes = vec![(Bytes::from(key.to_owned()), Some(Bytes::from(value.to_owned())))];
    store.commit(epoch, Batch { writes, ..Batch::default() }).await
}

async fn get(store: &RedbStore, key: &str) -> Option<Bytes> {
    store.get(key.as_bytes()).await.expect("a read").map(|found| found.value)
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).expect("there").permissions().mode() & 0o7777
}

#[tokio::test]
async fn a_folder_is_made_for_its_owner_only() {
    let parent = tempfile::tempdir().expect("a folder");
    let folder = parent.path().join("deep/data");
    let store = open(&folder).expect("opens");
    let epoch = store.lead().await.expect("leads").epoch;
    store.replace(epoch, MemoryStore::new().snapshot().await.expect("a snapshot")).await.expect("replaces");
    assert_eq!(mode(&folder), 0o700);
    assert_eq!(mode(&parent.path().join("deep")), 0o700);
    let names: Vec<_> =
        std::fs::read_dir(&folder).expect("lists").map(|entry| entry.expect("one").path()).collect();
    assert_eq!(names.len(), 2, "the database and its lock: {names:?}");
    assert!(names.iter().all(|name| mode(name) == 0o600), "{names:?}");
}

#[tokio::test]
async fn a_file_is_taken_as_it_is_named_and_kept_private() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("mine.redb");
    let store = open(&file).expect("opens");
    let epoch = store.lead().await.expect("leads").epoch;
    put(&store, epoch, "a", "1").await.expect("commits");
    drop(store);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).expect("changes");
    let renamed = folder.path().join("mine");
    std::fs::rename(&file, &renamed).expect("renames");
    let store = open(&renamed).expect("an existing file needs no extension");
    assert_eq!(get(&store, "a").await, Some("1".into()));
    assert_eq!(mode(&renamed), 0o600, "tightened");
}

#[tokio::test]
async fn revision_and_epoch_outlive_the_process() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).expect("opens");
    let first = store.lead().await.expect("leads").epoch;
    let revision = put(&store, first, "a", "1").await.expect("commits");
    store.close().await;
    let closed = put(&store, first, "a", "2").await;
    assert!(matches!(closed, Err(CommitError::Unavailable(_))), "{closed:?}");
    assert!(matches!(store.get(b"a").await, Err(ReadError::Unavailable(_))));
    assert!(matches!(store.snapshot().await, Err(ReadError::Unavailable(_))));
    store.close().await;
    let store = open(folder.path()).expect("opens again while the closed store still lives");
    let second = store.lead().await.expect("leads").epoch;
    assert_eq!(second, first + 1);
    assert_eq!(put(&store, first, "a", "2").await, Err(CommitError::Fenced));
    assert_eq!(put(&store, second, "a", "2").await, Ok(revision + 1));
}

#[tokio::test]
async fn what_was_listed_before_a_restart_is_a_conflict() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).expect("opens");
    let epoch = store.lead().await.expect("leads").epoch;
    let before = put(&store, epoch, "a", "1").await.expect("commits");
    let now = put(&store, epoch, "b", "1").await.expect("commits");
    drop(store);
    let store = open(folder.path()).expect("opens");
    let seen = |revision| Batch {
        ranges: vec![strongroom_storage::RangeRead { start: "x".into(), end: None, revision }],
        writes: vec![("w".into(), Some("v".into()))],
        ..Batch::default()
    };
    assert_eq!(store.commit(epoch, seen(before)).await, Err(CommitError::Conflict), "nobody remembers");
    assert!(store.commit(epoch, seen(now)).await.is_ok());
}

#[tokio::test]
async fn a_second_opening_is_refused_and_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).expect("opens");
    for path in [folder.path().to_path_buf(), folder.path().join("strongroom.redb")] {
        let Err(OpenError::InUse(why)) = open(&path) else { panic!("opened twice") };
        assert!(why.contains("strongroom.redb") && why.contains("another process"), "{why}");
    }
    drop(store);
    open(folder.path()).expect("free again");
}

#[tokio::test]
async fn what_is_not_ours_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = folder.path().join("notes.redb");
    std::fs::write(&text, "not a database, but dear to someone").expect("writes");
    let refused = open(&text).err();
    assert!(matches!(refused, Some(OpenError::Unavailable(_) | OpenError::Corrupt(_))), "{refused:?}");
    assert_eq!(std::fs::read(&text).expect("reads"), b"not a database, but dear to someone");
    let other = folder.path().join("other.redb");
    let database = Database::create(&other).expect("creates");
    let txn = database.begin_write().expect("begins");
    txn.open_table(TableDefinition::<u64, u64>::new("theirs")).expect("opens");
    txn.commit().expect("commits");
    drop(database);
    let Some(OpenError::Corrupt(why)) = open(&other).err() else { panic!("opened another's database") };
    assert!(why.contains("not one of Strongroom's"), "{why}");
}

#[tokio::test]
async fn a_newer_format_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("s.redb");
    drop(open(&file).expect("opens"));
    let database = Database::open(&file).expect("opens");
    let txn = database.begin_write().expect("begins");
    let meta = TableDefinition::<&str, u64>::new("meta");
    txn.open_table(meta).expect("opens").insert("format", 2).expect("writes");
    txn.commit().expect("commits");
    drop(database);
    let Some(OpenError::Newer(why)) = open(&file).err() else { panic!("guessed at a newer format") };
    assert!(why.contains("format 2"), "{why}");
}

#[tokio::test]
async fn what_an_interrupted_replacement_left_is_cleared_away() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path()).expect("opens");
    let epoch = store.lead().await.expect("leads").epoch;
    put(&store, epoch, "a", "1").await.expect("commits");
    drop(store);
    let leftover = folder.path().join("strongroom.redb.new");
    std::fs::write(&leftover, "half of a database").expect("writes");
    let store = open(folder.path()).expect("opens");
    assert_eq!(get(&store, "a").await, Some("1".into()));
    assert!(!leftover.exists());
}

/// Writers that wait for each other share a sync; that is what makes durable writes fast.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_commits_share_transactions() {
    let disk = FaultyDisk::new();
    let store = Arc::new(RedbStore::open_on(disk.clone(), Options::default()).expect("opens"));
    let epoch = store.lead().await.expect("leads").epoch;
    let before = disk.syncs();
    let tasks: Vec<_> = (0..64)
        .map(|task| {
            let store = store.clone();
            tokio::spawn(async move {
                for turn in 0..20 {
                    put(&store, epoch, &format!("{task}/{turn}"), "v").await.expect("commits");
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("no panic");
    }
    let syncs = disk.syncs() - before;
    assert!(syncs < 2 * 1280 / 8, "{syncs} syncs for 1280 commits by 64 writers");
    assert_eq!(store.list(b"", None, 10).await.expect("lists").revision, 1280);
}
