//! LIST over keys that are paths: names and folders one level down.

use bytes::Bytes;
use strongroom_core::{Fault, Txn};

/// Keys looked at in one step.
const PAGE: usize = 1000;
/// Ends the path in a key where more belongs to the same name. No path contains it.
pub(crate) const END: u8 = 0;
/// Comes after every byte that occurs in UTF-8.
const LAST: u8 = 0xff;

/// The names directly below `prefix`, folders with a trailing slash, sorted. A key ends its name at
/// [`END`] or at its own end. What lies inside a folder is skipped, not read.
pub(crate) async fn list(txn: &mut Txn, prefix: &[u8]) -> Result<Vec<String>, Fault> {
    let mut names: Vec<String> = Vec::new();
    let mut after: Option<Vec<u8>> = None;
    loop {
        let page = txn.list(prefix, after.as_deref(), PAGE).await?;
        for key in &page {
            let name = String::from_utf8_lossy(child(key, prefix)).into_owned();
            if !name.is_empty() && names.last() != Some(&name) {
                names.push(name);
            }
        }
        match page.last() {
            Some(last) if page.len() == PAGE => after = Some(beyond(last, prefix)),
            _ => return Ok(names),
        }
    }
}

/// What stands directly below `prefix` on the way to `key`.
fn child<'k>(key: &'k Bytes, prefix: &[u8]) -> &'k [u8] {
    let rest = key.strip_prefix(prefix).unwrap_or_default();
    match rest.iter().position(|b| matches!(*b, b'/' | END)) {
        Some(at) if rest.get(at) == Some(&b'/') => rest.get(..=at).unwrap_or_default(),
        Some(at) => rest.get(..at).unwrap_or_default(),
        None => rest,
    }
}

/// A key after everything that belongs to the same child as `key`, and before the next child.
fn beyond(key: &Bytes, prefix: &[u8]) -> Vec<u8> {
    let name = child(key, prefix);
    let mut end = [prefix, name].concat();
    if !name.ends_with(b"/") {
        end.push(END);
    }
    end.push(LAST);
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_child_and_what_follows_it() {
        let key = |text: &str| Bytes::copy_from_slice(text.as_bytes());
        assert_eq!(child(&key("s/a\0"), b"s/"), b"a");
        assert_eq!(child(&key("s/a\x000001"), b"s/"), b"a");
        assert_eq!(child(&key("s/a/b\0"), b"s/"), b"a/");
        assert_eq!(child(&key("s/a/b/c\0"), b"s/a/"), b"b/");
        assert_eq!(child(&key("t/x"), b"t/"), b"x");
        assert!(beyond(&key("s/a\0"), b"s/").as_slice() > b"s/a\x009999".as_slice());
        assert!(beyond(&key("s/a\0"), b"s/").as_slice() < b"s/a /x\0".as_slice());
        assert!(beyond(&key("s/a/b\0"), b"s/").as_slice() > "s/a/\u{10ffff}".as_bytes());
        assert!(beyond(&key("s/a/b\0"), b"s/").as_slice() < b"s/a0\0".as_slice());
    }
}
