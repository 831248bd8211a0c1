//! What is to be done when.

use crate::patience::backoff;
use crate::source::{Login, Source};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// Something that is done again and again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Item {
    /// Renew a token.
    Token(Login),
    /// Renew the lease of a secret.
    Lease(Source),
    /// Look for changes.
    Poll,
}

/// The times of all items.
#[derive(Default)]
pub(super) struct Agenda(BTreeMap<Item, Entry>);

struct Entry {
    due: Instant,
    failures: u32,
}

impl Agenda {
    /// Puts an item on, or moves it.
    pub(super) fn put(&mut self, item: Item, wait: Duration) {
        self.0.insert(item, Entry { due: Instant::now() + wait, failures: 0 });
    }

    pub(super) fn has(&self, item: &Item) -> bool {
        self.0.contains_key(item)
    }

    pub(super) fn drop(&mut self, item: &Item) {
        self.0.remove(item);
    }

    /// What comes first.
    pub(super) fn next(&self) -> Option<(Item, Instant)> {
        let (item, entry) = self.0.iter().min_by_key(|(_, entry)| entry.due)?;
        Some((item.clone(), entry.due))
    }

    /// The item was done; it comes again after the wait, if at all.
    pub(super) fn done(&mut self, item: Item, again: Option<Duration>) {
        match again {
            Some(wait) => self.put(item, wait),
            None => self.drop(&item),
        }
    }

    /// The item failed; it comes again soon, and later each time. Returns the wait.
    pub(super) fn failed(&mut self, item: Item, asked: Option<Duration>) -> Duration {
        let failures = self.0.get(&item).map_or(0, |entry| entry.failures);
        let wait = backoff(failures).max(asked.unwrap_or_default());
        self.0.insert(item, Entry { due: Instant::now() + wait, failures: failures.saturating_add(1) });
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_comes_again_and_later_each_time() {
        let mut agenda = Agenda::default();
        agenda.put(Item::Poll, Duration::from_secs(60));
        let waits: Vec<_> = (0..8).map(|_| agenda.failed(Item::Poll, None)).collect();
        assert!(waits[0] < Duration::from_secs(1) && waits[7] >= Duration::from_secs(5), "{waits:?}");
        assert_eq!(agenda.failed(Item::Poll, Some(Duration::from_secs(30))), Duration::from_secs(30));
        agenda.done(Item::Poll, Some(Duration::ZERO));
        assert!(agenda.failed(Item::Poll, None) < Duration::from_secs(1));
        agenda.done(Item::Poll, None);
        assert!(agenda.next().is_none());
    }
}
