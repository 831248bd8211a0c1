use super::*;

fn entry(version: Revision, text: &str) -> Option<Cached> {
    Some(Cached::new(version, text.as_bytes().to_vec()))
}

fn ticket(cache: &Cache, key: &[u8]) -> Ticket {
    match cache.lookup(key) {
        Lookup::Unknown(ticket) => ticket,
        Lookup::Known(_) => panic!("the key is known"),
    }
}

/// The text of a known entry, `-` for a known absence, `?` for an unknown key.
fn seen(cache: &Cache, key: &[u8]) -> String {
    match cache.lookup(key) {
        Lookup::Known(Some(cached)) => String::from_utf8(cached.plain().to_vec()).unwrap(),
        Lookup::Known(None) => "-".to_owned(),
        Lookup::Unknown(_) => "?".to_owned(),
    }
}

#[test]
fn a_slow_reader_does_not_bring_back_what_was_replaced_or_deleted() {
    let cache = Cache::new(1 << 20);
    let generation = cache.generation();
    let slow = ticket(&cache, b"k");
    cache.committed(generation, b"k", 2, entry(2, "new"));
    cache.bring(slow, b"k", entry(1, "old"));
    assert_eq!(seen(&cache, b"k"), "new");

    cache.forget(b"k");
    let slow = ticket(&cache, b"k");
    cache.committed(generation, b"k", 3, None);
    cache.bring(slow, b"k", entry(2, "new"));
    assert_eq!(seen(&cache, b"k"), "-");
}

#[test]
fn the_slower_of_two_readers_does_not_win() {
    let cache = Cache::new(1 << 20);
    let (slow, fast) = (ticket(&cache, b"k"), ticket(&cache, b"k"));
    cache.bring(fast, b"k", entry(2, "new"));
    cache.bring(slow, b"k", entry(1, "old"));
    cache.bring(slow, b"k", None);
    assert_eq!(seen(&cache, b"k"), "new");
}

#[test]
fn commits_that_finish_in_the_wrong_order_leave_the_newest() {
    let cache = Cache::new(1 << 20);
    let generation = cache.generation();
    cache.committed(generation, b"k", 6, None);
    cache.committed(generation, b"k", 5, entry(5, "old"));
    assert_eq!(seen(&cache, b"k"), "-");
    // Even if nobody remembers the newer one any more.
    cache.forget(b"k");
    cache.committed(generation, b"k", 5, entry(5, "old"));
    assert_eq!(seen(&cache, b"k"), "?");
    cache.committed(generation, b"k", 7, entry(7, "newest"));
    assert_eq!(seen(&cache, b"k"), "newest");
}

#[test]
fn nothing_is_brought_in_after_it_was_emptied() {
    let cache = Cache::new(1 << 20);
    let generation = cache.generation();
    let slow = ticket(&cache, b"a");
    cache.clear();
    cache.bring(slow, b"a", entry(1, "plain"));
    cache.committed(generation, b"b", 2, entry(2, "plain"));
    assert_eq!((seen(&cache, b"a"), seen(&cache, b"b")), ("?".to_owned(), "?".to_owned()));
}

#[test]
fn a_forgotten_key_is_not_brought_by_a_reader_that_began_before() {
    let cache = Cache::new(1 << 20);
    let stale = ticket(&cache, b"k");
    cache.forget(b"k");
    cache.bring(stale, b"k", entry(1, "stale"));
    assert_eq!(seen(&cache, b"k"), "?");
}

#[test]
fn stays_within_its_bytes_and_keeps_what_is_used() {
    let bytes = 64 * 8 * 1024;
    let cache = Cache::new(bytes);
    let hot = b"hot".as_slice();
    let large = "x".repeat(100);
    cache.bring(ticket(&cache, hot), hot, entry(1, "hot"));
    for n in 0..10_000_u32 {
        assert_eq!(seen(&cache, hot), "hot");
        let key = n.to_be_bytes();
        cache.bring(ticket(&cache, &key), &key, entry(1, &large));
    }
    let mut total = 0;
    for shard in &cache.shards {
        let shard = lock(shard);
        assert_eq!(shard.index.len(), shard.slots.len());
        assert_eq!(shard.bytes, shard.slots.iter().map(|s| s.cost).sum::<usize>());
        for (hash, at) in &shard.index {
            assert_eq!(shard.slots[*at].hash, *hash);
        }
        assert!(shard.bytes <= cache.shard_bytes);
        total += shard.bytes;
    }
    assert!(total > bytes / 2, "{total} of {bytes}");
}

#[test]
fn what_does_not_fit_takes_the_old_value_out() {
    let cache = Cache::new(64 * 1024);
    let generation = cache.generation();
    cache.committed(generation, b"k", 1, entry(1, "small"));
    cache.committed(generation, b"k", 2, entry(2, &"x".repeat(2000)));
    assert_eq!(seen(&cache, b"k"), "?");
    cache.committed(generation, b"k", 1, entry(1, "small"));
    assert_eq!(seen(&cache, b"k"), "?");
}
