//! Conflicts, limits, leaders, contention.

use super::{Led, bytes, range, write};
use bytes::Bytes;
use std::sync::Arc;
use strongroom_storage::{Batch, CommitError, RangeRead, Revision, Store};

const CONFLICT: Result<Revision, CommitError> = Err(CommitError::Conflict);

pub(super) async fn refuses_stale_reads(led: &Led) {
    let reading =
        |key: &str, seen: Revision| Batch { reads: vec![(bytes(key), seen)], ..write("w", Some("v")) };
    assert!(led.commit(reading("a", 0)).await.is_ok(), "an absence that holds");
    let first = led.put("a", "1").await;
    assert_eq!(led.commit(reading("a", 0)).await, CONFLICT, "it has come into being");
    assert!(led.commit(reading("a", first)).await.is_ok());
    let second = led.put("a", "1").await;
    assert_eq!(led.commit(reading("a", first)).await, CONFLICT, "overwritten by the same value");
    assert_eq!(led.commit(reading("a", second + 1)).await, CONFLICT, "a version from the future");
    led.delete("a").await;
    assert_eq!(led.commit(reading("a", second)).await, CONFLICT, "deleted");
    assert!(led.commit(reading("a", 0)).await.is_ok());
    let third = led.put("a", "again").await;
    let own = Batch { reads: vec![(bytes("a"), third)], ..write("a", Some("mine")) };
    assert!(led.commit(own.clone()).await.is_ok(), "what is written may have been read");
    assert_eq!(led.commit(own).await, CONFLICT, "not twice");
    let mixed = Batch { reads: vec![(bytes("absent"), 0), (bytes("a"), third)], ..write("w", Some("v")) };
    assert_eq!(led.commit(mixed).await, CONFLICT, "one stale read is enough");
}

pub(super) async fn refuses_changed_ranges(led: &Led) {
    let listing = |seen: RangeRead| Batch { ranges: vec![seen], ..write("elsewhere", Some("v")) };
    let start = led.put("d/b", "1").await;
    let seen = |revision| listing(range("d/", Some("d0"), revision));
    assert!(led.commit(seen(start)).await.is_ok());
    led.put("c", "before").await;
    led.put("d0", "just beyond").await;
    assert!(led.commit(seen(start)).await.is_ok(), "changes outside do not matter");
    assert_eq!(led.commit(listing(range("d/", None, start))).await, CONFLICT, "without end, they do");
    let inserted = led.put("d/", "at the very start").await;
    assert_eq!(led.commit(seen(start)).await, CONFLICT, "inserted");
    assert!(led.commit(seen(inserted)).await.is_ok());
    let changed = led.put("d/b", "2").await;
    assert_eq!(led.commit(seen(inserted)).await, CONFLICT, "overwritten");
    let deleted = led.delete("d/b").await;
    assert_eq!(led.commit(seen(changed)).await, CONFLICT, "deleted");
    assert!(led.commit(seen(deleted)).await.is_ok());
    let own = Batch { ranges: vec![range("d/", Some("d0"), deleted)], ..write("d/new", Some("v")) };
    assert!(led.commit(own.clone()).await.is_ok());
    assert_eq!(led.commit(own).await, CONFLICT, "its own insertion changed the range");
}

pub(super) async fn writes_nothing_of_a_refused_batch(led: &Led) {
    let before = led.put("kept", "1").await;
    let writes = vec![(bytes("kept"), None), (bytes("new"), Some(bytes("v")))];
    let refused = Batch { reads: vec![(bytes("kept"), before + 7)], writes, ..Batch::default() };
    assert_eq!(led.commit(refused).await, CONFLICT);
    assert_eq!(led.get("kept").await, Some(("1".into(), before)));
    assert_eq!(led.get("new").await, None);
    assert!(led.put("next", "v").await > before);
}

pub(super) async fn checks_batches_without_writes(led: &Led) {
    let revision = led.put("a", "1").await;
    let reading = |seen| Batch { reads: vec![(bytes("a"), seen)], ..Batch::default() };
    assert_eq!(led.commit(reading(revision)).await, Ok(revision));
    assert_eq!(led.commit(Batch::default()).await, Ok(revision), "nothing happened since");
    assert_eq!(led.commit(reading(0)).await, CONFLICT);
    assert_eq!(led.store.commit(led.epoch + 1, Batch::default()).await, Err(CommitError::Fenced));
}

pub(super) async fn keeps_to_its_limits(led: &Led) {
    let limits = led.store.limits();
    assert!(limits.entries >= 32 && limits.bytes >= 256 << 10, "one operation must fit: {limits:?}");
    let entries = |count: usize| {
        let writes = (0..count).map(|number| (bytes(&format!("n/{number}")), Some(bytes("v")))).collect();
        Batch { writes, ..Batch::default() }
    };
    let refused = |answer: Result<Revision, CommitError>| matches!(answer, Err(CommitError::TooLarge(_)));
    assert!(refused(led.commit(entries(limits.entries + 1)).await));
    assert!(led.store.list(b"n/", None, 1).await.unwrap().keys.is_empty(), "nothing of it was written");
    assert!(led.commit(entries(limits.entries)).await.is_ok());
    let value = |length: usize| Batch {
        writes: vec![(bytes("big"), Some(Bytes::from(vec![b'x'; length])))],
        ..Batch::default()
    };
    assert!(refused(led.commit(value(limits.bytes)).await), "keys count too");
    assert!(led.commit(value(limits.bytes - 3)).await.is_ok());
    let found = led.store.get(b"big").await.unwrap().unwrap();
    assert_eq!(found.value.len(), limits.bytes - 3);
}

pub(super) async fn obeys_the_latest_leader(store: Arc<dyn Store>) {
    assert_eq!(store.commit(0, write("a", Some("1"))).await, Err(CommitError::Fenced), "nobody leads");
    assert_eq!(store.commit(1, write("a", Some("1"))).await, Err(CommitError::Fenced), "not yet");
    let old = Led::take(store.clone()).await;
    old.put("a", "1").await;
    let new = Led::take(store.clone()).await;
    assert!(new.epoch > old.epoch);
    assert_eq!(old.commit(write("a", Some("2"))).await, Err(CommitError::Fenced));
    assert_eq!(old.commit(Batch::default()).await, Err(CommitError::Fenced));
    assert_eq!(old.get("a").await.unwrap().0, "1");
    new.put("a", "3").await;
    assert_eq!(old.get("a").await.unwrap().0, "3", "anybody may read");
}

/// Increments that conflict must all count, and both entries of a commit must move together.
pub(super) async fn counts_right_under_contention(led: Led) {
    let tasks: Vec<_> = (0..8).map(|_| tokio::spawn(increment(led.clone(), 25))).collect();
    for task in tasks {
        task.await.unwrap();
    }
    let (left, revision) = led.get("left").await.unwrap();
    assert_eq!((left.as_str(), led.get("right").await), ("200", Some((left.clone(), revision))));
}

async fn increment(led: Led, times: usize) {
    for _ in 0..times {
        loop {
            let seen = led.get("left").await;
            let (count, version) = seen.map_or((0, 0), |(text, version)| (text.parse().unwrap(), version));
            let next = Some(bytes(&u64::to_string(&(count + 1))));
            let writes = vec![(bytes("left"), next.clone()), (bytes("right"), next)];
            let batch = Batch { reads: vec![(bytes("left"), version)], writes, ..Batch::default() };
            match led.commit(batch).await {
                Ok(revision) => {
                    let now = led.get("left").await.unwrap().1;
                    assert!(now >= revision, "an answered commit can be read");
                    break;
                }
                Err(CommitError::Conflict) => tokio::task::yield_now().await,
                Err(e) => panic!("{e}"),
            }
        }
    }
}

/// Each task adds a member only if the list is not full: a check that only ranges can guard.
pub(super) async fn keeps_ranges_right_under_contention(led: Led) {
    let tasks: Vec<_> = (0..8).map(|member| tokio::spawn(join(led.clone(), member))).collect();
    for task in tasks {
        task.await.unwrap();
    }
    let members = led.store.list(b"member/", None, 100).await.unwrap().keys;
    assert_eq!(members.len(), 5, "{members:?}");
}

async fn join(led: Led, member: usize) {
    loop {
        let page = led.store.list(b"member/", None, 100).await.unwrap();
        if page.keys.len() >= 5 {
            return;
        }
        let ranges = vec![range("member/", Some("member0"), page.revision)];
        match led.commit(Batch { ranges, ..write(&format!("member/{member}"), Some("v")) }).await {
            Ok(_) => return,
            Err(CommitError::Conflict) => tokio::task::yield_now().await,
            Err(e) => panic!("{e}"),
        }
    }
}

pub(super) async fn survives_callers_that_leave(led: Led) {
    for number in 0..50 {
        let led = led.clone();
        let key = format!("left/{number}");
        let task = tokio::spawn(async move { led.put(&key, "v").await });
        tokio::task::yield_now().await;
        task.abort();
    }
    let revision = led.put("last", "v").await;
    assert_eq!(led.get("last").await, Some(("v".into(), revision)));
}
