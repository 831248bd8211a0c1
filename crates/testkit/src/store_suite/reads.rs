//! Getting, listing, snapshots, the feed.

use super::{Led, bytes, everything};
use bytes::Bytes;
use std::time::Duration;
use strongroom_storage::{Batch, Store};

pub(super) async fn starts_empty(store: &dyn Store) {
    assert_eq!(store.get(b"anything").await, Ok(None));
    let page = store.list(b"", None, 10).await.unwrap();
    assert_eq!((page.keys.len(), page.more, page.revision), (0, false, 0));
    assert!(everything(&*store.snapshot().await.unwrap()).await.is_empty());
}

pub(super) async fn shows_what_was_committed(led: &Led) {
    let first = led.put("a", "one").await;
    assert!(first > 0);
    assert_eq!(led.get("a").await, Some(("one".into(), first)));
    let second = led.put("a", "two").await;
    assert!(second > first, "revisions rise");
    assert_eq!(led.get("a").await, Some(("two".into(), second)));
    led.put("b", "").await;
    assert_eq!(led.get("a").await, Some(("two".into(), second)), "a version is the entry's own");
    assert_eq!(led.get("b").await.unwrap().0, "", "an empty value is a value");
    led.delete("a").await;
    assert_eq!(led.get("a").await, None);
    let binary: Vec<u8> = (0..=255).collect();
    let key = Bytes::from(binary.clone());
    let batch = Batch { writes: vec![(key.clone(), Some(binary.clone().into()))], ..Batch::default() };
    let revision = led.commit(batch).await.unwrap();
    let found = led.store.get(&key).await.unwrap().unwrap();
    assert_eq!((found.value.as_ref(), found.version), (binary.as_slice(), revision));
    assert_eq!(led.store.get(&key[..255]).await, Ok(None), "a prefix of a key is another key");
}

pub(super) async fn lists_in_byte_order_page_by_page(led: &Led) {
    let keys: [&[u8]; 8] = [b"a", b"a/", b"a/\x00", b"a/b", b"a/b/c", b"a/\xff", b"a/\xff\xff", b"b"];
    let writes = keys.iter().rev().map(|key| (Bytes::from_static(key), Some(bytes("v")))).collect();
    let revision = led.commit(Batch { writes, ..Batch::default() }).await.unwrap();
    for limit in 1..=8 {
        let (mut all, mut after): (Vec<Bytes>, Option<Bytes>) = (Vec::new(), None);
        loop {
            let page = led.store.list(b"a/", after.as_deref(), limit).await.unwrap();
            assert!(page.keys.len() <= limit);
            assert_eq!(page.revision, revision);
            all.extend(page.keys);
            after = all.last().cloned();
            assert_eq!(page.more, all.len() < 6, "limit {limit}, seen {}", all.len());
            if !page.more {
                break;
            }
        }
        assert_eq!(all, keys[1..7]);
    }
    let list = async |prefix: &[u8], after: Option<&[u8]>, limit| {
        let page = led.store.list(prefix, after, limit).await.unwrap();
        (page.keys.len(), page.more)
    };
    assert_eq!(list(b"", None, 100).await, (8, false));
    assert_eq!(list(b"a/", Some(b"a"), 100).await, (6, false), "after a key before the prefix");
    assert_eq!(list(b"a/", Some(b"a/a"), 100).await, (4, false), "after a key that is not there");
    assert_eq!(list(b"a/", Some(b"b"), 100).await, (0, false), "after a key beyond the prefix");
    assert_eq!(list(b"a/\xff", None, 100).await, (2, false));
    assert_eq!(list(b"a/", None, 0).await, (0, true));
    assert_eq!(list(b"c", None, 0).await, (0, false));
}

pub(super) async fn lists_many(led: &Led) {
    let key = |number: usize| bytes(&format!("many/{number:05}"));
    let writes = (0..700).map(|number| (key(number), Some(bytes("v")))).collect();
    led.commit(Batch { writes, ..Batch::default() }).await.unwrap();
    let page = led.store.list(b"many/", None, 1000).await.unwrap();
    assert_eq!((page.keys.len(), page.more), (700, false));
    assert_eq!(page.keys[699], key(699));
    let page = led.store.list(b"many/", Some(&key(99)), 600).await.unwrap();
    assert_eq!((page.keys.len(), page.more), (600, false));
    let page = led.store.list(b"many/", Some(&key(98)), 600).await.unwrap();
    assert_eq!((page.keys.len(), page.more), (600, true));
}

pub(super) async fn snapshots_stand_still(led: &Led) {
    let first = led.put("a", "1").await;
    let second = led.put("b", "2").await;
    let snapshot = led.store.snapshot().await.unwrap();
    let before = everything(&*snapshot).await;
    assert_eq!(snapshot.revision(), second);
    let (keys, versions): (Vec<_>, Vec<_>) =
        before.iter().map(|(key, found)| (key.clone(), found.version)).unzip();
    assert_eq!((keys, versions), (vec![bytes("a"), bytes("b")], vec![first, second]));
    led.put("a", "changed").await;
    led.delete("b").await;
    for number in 0..20 {
        led.put(&format!("c{number}"), "new").await;
    }
    assert_eq!(everything(&*snapshot).await, before);
    assert_eq!(snapshot.revision(), second);
    let page = snapshot.entries(Some(b"a"), 10).await.unwrap();
    assert_eq!(page.len(), 1, "only what follows");
    assert!(snapshot.entries(Some(b"b"), 10).await.unwrap().is_empty());
}

pub(super) async fn feed_is_alive(store: &dyn Store) {
    let mut feed = store.changes(0);
    for _ in 0..2 {
        let heard = tokio::time::timeout(Duration::from_secs(1), feed.next()).await;
        assert!(heard.is_ok_and(|change| change.is_ok()), "a feed says something within a second");
    }
}
