//! The requests under way with a token that is good for a number of them. The token ends with the last of
//! its uses to finish, which need not be the last to begin: what an earlier one borrows hangs on the token.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The requests under way, by accessor.
#[derive(Clone, Default)]
pub(crate) struct Uses(Arc<Mutex<HashMap<String, UnderWay>>>);

#[derive(Default)]
struct UnderWay {
    requests: usize,
    /// Whether the token has no use left.
    is_spent: bool,
}

/// One request under way. One that is dropped, as its client has left, ends nothing: the token's record says
/// that it is spent, and its time ends it.
pub(crate) struct Use {
    uses: Uses,
    accessor: String,
}

impl Uses {
    /// A request begins. Call it before the use is counted.
    pub(crate) fn begin(&self, accessor: &str) -> Use {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(accessor.to_owned()).or_default().requests += 1;
        Use { uses: self.clone(), accessor: accessor.to_owned() }
    }
}

impl Use {
    /// The request is finished, `is_last` if it took the token's last use. Tells whether the token is to be ended
    /// now, by the caller: it is spent, and no other request is under way with it.
    pub(crate) fn finish(self, is_last: bool) -> bool {
        let mut all = self.uses.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(now) = all.get_mut(&self.accessor) else { return is_last };
        now.is_spent |= is_last;
        now.is_spent && now.requests == 1
    }
}

impl Drop for Use {
    fn drop(&mut self) {
        let mut all = self.uses.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(now) = all.get_mut(&self.accessor) {
            now.requests = now.requests.saturating_sub(1);
            if now.requests == 0 {
                all.remove(&self.accessor);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_to_finish_ends_the_token_whoever_took_the_last_use() {
        let uses = Uses::default();
        let (first, second, last) = (uses.begin("a"), uses.begin("a"), uses.begin("a"));
        let refused = uses.begin("a");
        assert!(!first.finish(false) && !last.finish(true) && !second.finish(false));
        assert!(refused.finish(false), "one that came too late may be the last to finish");
        assert!(uses.0.lock().unwrap().is_empty());
    }

    #[test]
    fn a_token_with_uses_left_is_not_ended() {
        let uses = Uses::default();
        assert!(!uses.begin("a").finish(false));
        drop(uses.begin("a"));
        assert!(uses.begin("a").finish(true) && uses.0.lock().unwrap().is_empty());
    }
}
