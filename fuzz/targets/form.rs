//! Queries and forms. How they are read is private to the listener's crate, so its source is included
//! as it is.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/http/src/query.rs"]
mod query;

fuzz_target!(|text: &str| {
    let map = query::fields(text);
    assert!(map.len() <= text.split('&').count());
    for name in map.keys() {
        assert!(!name.is_empty());
        let first = query::first(&map, name);
        let _ = query::truth(first);
        assert!(first.len() <= text.len());
    }
});
