//! Questions on behalf of callers for whom nothing speaks yet. Anyone can send a login what looks like a
//! token, and each costs another server a question: those that bear a mark (the id of the key that signed)
//! that the other server has never vouched for are asked about a few at a time.

use super::Outgoing;
use jiff::Timestamp;
use std::collections::{HashMap, VecDeque};
use std::sync::PoisonError;

/// Questions in a row about what is not familiar.
const BURST: i64 = 40;
/// Milliseconds after which one more is allowed.
const PAUSE: i64 = 50;
/// Marks that are remembered of one source; clusters have one or two at a time.
const MAX_MARKS: usize = 16;
/// Sources that are remembered.
const MAX_SOURCES: usize = 256;

/// What is known of a source of answers.
#[derive(Debug, Default)]
pub(super) struct Source {
    familiar: VecDeque<String>,
    /// When all that was allowed will be allowed again.
    full_at: Timestamp,
}

impl Outgoing {
    /// Whether `source` may be asked now about something that bears this mark. Counts as a question unless
    /// the mark is one that `source` has vouched for.
    pub fn may_ask(&self, source: &str, mark: &str, now: Timestamp) -> bool {
        let mut strangers = self.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        make_room(&mut strangers, source);
        let known = strangers.entry(source.to_owned()).or_default();
        if known.familiar.iter().any(|familiar| familiar == mark) {
            return true;
        }
        let next = known.full_at.max(now).as_millisecond().saturating_add(PAUSE);
        if next.saturating_sub(now.as_millisecond()) > BURST.saturating_mul(PAUSE) {
            return false;
        }
        known.full_at = Timestamp::from_millisecond(next).unwrap_or(now);
        true
    }

    /// `source` has vouched for something that bears this mark.
    pub fn vouched(&self, source: &str, mark: &str) {
        let mut strangers = self.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(known) = strangers.get_mut(source) else { return };
        if !known.familiar.iter().any(|familiar| familiar == mark) {
            known.familiar.truncate(MAX_MARKS - 1);
            known.familiar.push_front(mark.to_owned());
        }
    }
}

/// The source that was asked about strangers longest ago makes place for a new one.
fn make_room(strangers: &mut HashMap<String, Source>, source: &str) {
    if strangers.len() >= MAX_SOURCES && !strangers.contains_key(source) {
        let oldest = strangers.iter().min_by_key(|(_, known)| known.full_at).map(|(key, _)| key.clone());
        oldest.map(|oldest| strangers.remove(&oldest));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_wait_and_the_familiar_do_not() {
        let outgoing = Outgoing::new(None);
        let start: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        let at = |millis: i64| Timestamp::from_millisecond(start.as_millisecond() + millis).unwrap();
        assert!(outgoing.may_ask("a", "known", start));
        outgoing.vouched("a", "known");
        let asked = (0..100).filter(|nth| outgoing.may_ask("a", &nth.to_string(), start)).count();
        assert_eq!(asked, 39);
        assert!(outgoing.may_ask("a", "known", start), "who is familiar never waits");
        assert!(outgoing.may_ask("b", "x", start), "another source has its own count");
        assert!(!outgoing.may_ask("a", "x", at(49)));
        assert!(outgoing.may_ask("a", "x", at(50)) && !outgoing.may_ask("a", "x", at(50)));
        let later = (0..100).filter(|_| outgoing.may_ask("a", "x", at(3_600_000))).count();
        assert_eq!(later, 40, "what was not used does not add up without end");
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let outgoing = Outgoing::new(None);
        for nth in 0..MAX_SOURCES * 2 {
            assert!(outgoing.may_ask(&format!("s{nth}"), "m", Timestamp::UNIX_EPOCH));
        }
        assert!(outgoing.may_ask("s", "m", Timestamp::UNIX_EPOCH));
        for nth in 0..MAX_MARKS * 2 {
            outgoing.vouched("s", &nth.to_string());
        }
        let strangers = outgoing.strangers.lock().unwrap();
        assert_eq!(strangers.len(), MAX_SOURCES);
        assert_eq!(strangers["s"].familiar.len(), MAX_MARKS);
        assert_eq!(strangers["s"].familiar[0], (MAX_MARKS * 2 - 1).to_string());
    }
}
