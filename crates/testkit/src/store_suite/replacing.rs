//! Replacing the whole content by a snapshot's.

use super::{Led, bytes, everything, range, write};
use bytes::Bytes;
use std::sync::Arc;
use strongroom_storage::{
    Batch, BoxFuture, CommitError, MemoryStore, ReadError, Revision, Snapshot, Store, Versioned,
};

pub(super) async fn replaces_everything(led: &Led) {
    led.put("kept", "1").await;
    led.put("changed", "1").await;
    let snapshot = led.store.snapshot().await.unwrap();
    let wanted: Vec<_> =
        everything(&*snapshot).await.into_iter().map(|(key, found)| (key, found.value)).collect();
    let changed = led.put("changed", "2").await;
    let last = led.put("added", "1").await;
    let revision = led.store.replace(led.epoch, snapshot).await.unwrap();
    assert!(revision > last);
    let now = led.store.snapshot().await.unwrap();
    assert_eq!(now.revision(), revision);
    let entries = everything(&*now).await;
    assert!(entries.iter().all(|(_, found)| found.version == revision), "versions are new");
    let found: Vec<_> = entries.into_iter().map(|(key, found)| (key, found.value)).collect();
    assert_eq!(found, wanted);
    let stale = [
        Batch { reads: vec![(bytes("changed"), changed)], ..write("w", Some("v")) },
        Batch { reads: vec![(bytes("added"), last)], ..write("w", Some("v")) },
        Batch { reads: vec![(bytes("kept"), 1)], ..write("w", Some("v")) },
        Batch { ranges: vec![range("", None, last)], ..write("w", Some("v")) },
        Batch { ranges: vec![range("zzz", None, last)], ..write("w", Some("v")) },
    ];
    for batch in stale {
        assert_eq!(led.commit(batch.clone()).await, Err(CommitError::Conflict), "{batch:?}");
    }
    let fresh = Batch {
        reads: vec![(bytes("kept"), revision), (bytes("added"), 0)],
        ranges: vec![range("", None, revision)],
        ..write("w", Some("v"))
    };
    assert_eq!(led.commit(fresh).await, Ok(revision + 1), "the epoch has stayed");
}

pub(super) async fn outranks_the_source(led: &Led) {
    let source = Led::take(Arc::new(MemoryStore::new())).await;
    for number in 0..40 {
        source.put("a", &number.to_string()).await;
    }
    led.put("b", "1").await;
    let revision = led.store.replace(led.epoch, source.store.snapshot().await.unwrap()).await.unwrap();
    assert!(revision > 40);
    assert_eq!(led.get("a").await, Some(("39".into(), revision)));
    assert_eq!(led.get("b").await, None);
    let empty = MemoryStore::new().snapshot().await.unwrap();
    assert!(led.store.replace(led.epoch, empty).await.unwrap() > revision, "never back");
    assert_eq!(led.get("a").await, None);
}

pub(super) async fn keeps_the_old_when_the_source_breaks(led: &Led) {
    let revision = led.put("kept", "1").await;
    let pages: [Result<&[&str], ReadError>; 4] = [
        Err(ReadError::Unavailable("gone".into())),
        Err(ReadError::Corrupt("torn".into())),
        Ok(&["a", "b"]),
        Ok(&["c", "a"]),
    ];
    for page in pages {
        // The first page is good, the second fails, repeats the first or runs backwards.
        let answer = led.store.replace(led.epoch, Box::new(Breaking(page.clone()))).await;
        assert!(matches!(answer, Err(CommitError::Unavailable(_))), "{page:?}: {answer:?}");
        assert_eq!(led.get("kept").await, Some(("1".into(), revision)));
        assert_eq!(led.get("a").await, None);
    }
    let now = led.store.snapshot().await.unwrap().revision();
    assert_eq!(now, revision);
    led.put("still", "works").await;
}

pub(super) async fn obeys_the_latest_leader(led: &Led) {
    let revision = led.put("kept", "1").await;
    for epoch in [0, led.epoch + 1] {
        let empty = MemoryStore::new().snapshot().await.unwrap();
        assert_eq!(led.store.replace(epoch, empty).await, Err(CommitError::Fenced));
    }
    assert_eq!(led.get("kept").await, Some(("1".into(), revision)));
}

pub(super) async fn copies_large_content(led: &Led) {
    let source = Led::take(Arc::new(MemoryStore::new())).await;
    let value = Bytes::from(vec![7; 3000]);
    for part in 0..3 {
        let key = |number: usize| bytes(&format!("{part}/{number}"));
        let writes = (0..1000).map(|number| (key(number), Some(value.clone()))).collect();
        source.commit(Batch { writes, ..Batch::default() }).await.unwrap();
    }
    led.store.replace(led.epoch, source.store.snapshot().await.unwrap()).await.unwrap();
    let copied = everything(&*led.store.snapshot().await.unwrap()).await;
    assert_eq!(copied.len(), 3000);
    assert!(copied.iter().all(|(_, found)| found.value == value));
}

/// One good page, then this one.
struct Breaking(Result<&'static [&'static str], ReadError>);

impl Snapshot for Breaking {
    fn revision(&self) -> Revision {
        9
    }

    fn entries<'a>(
        &'a self,
        after: Option<&'a [u8]>,
        _limit: usize,
    ) -> BoxFuture<'a, Result<Vec<(Bytes, Versioned)>, ReadError>> {
        let page = if after.is_none() { Ok(["a", "b"].as_slice()) } else { self.0.clone() };
        let entry = |key: &&str| (bytes(key), Versioned { value: bytes("v"), version: 1 });
        Box::pin(std::future::ready(page.map(|keys| keys.iter().map(entry).collect())))
    }
}
