//! What a token was found to be worth, remembered until something is committed that could change it.
//! Without this every request derives the accessor, reads the token and its ancestors, and works out
//! its rights anew.

use crate::identity::standing::Rights;
use crate::last_use::hour;
use crate::token::TokenEntry;
use jiff::Timestamp;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use strongroom_crypto::digest;

/// Tokens seen lately.
#[derive(Default)]
pub(crate) struct Presences {
    /// Rises with every commit that may end a token or change what it may do.
    generation: AtomicU64,
    shards: [Mutex<Shard>; SHARDS],
}

/// A token that was good, and until when without a commit.
#[derive(Clone)]
pub(crate) struct Presence {
    pub(crate) entry: Arc<TokenEntry>,
    pub(crate) rights: Rights,
    /// When the token or the first of its ancestors ends.
    pub(crate) until: Option<Timestamp>,
}

/// Under the digest of the token: the token itself is not kept.
type Shard = HashMap<[u8; 32], Seen, BuildHasherDefault<FirstBytes>>;

/// What is remembered of one.
struct Seen {
    generation: u64,
    /// The hour that a use was noted in last.
    hour: i64,
    presence: Presence,
}

const SHARDS: usize = 16;
/// Tokens remembered in a shard; beyond that it starts anew.
const SHARD_TOKENS: usize = 1024;

impl Presences {
    /// What is remembered of a token, if it still holds, and whether the use is to be noted: as the first of
    /// its hour, and always where it depends on the address whether it is one.
    pub(crate) fn get(&self, token: &str, now: Timestamp) -> Option<(Presence, bool)> {
        let digest = digest::sha256(token.as_bytes());
        let generation = self.generation();
        let mut shard = self.shard(&digest)?.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = shard.get_mut(&digest)?;
        if seen.generation != generation || seen.presence.until.is_some_and(|until| until <= now) {
            return None;
        }
        let hour = hour(now);
        let is_first = seen.hour != hour;
        if seen.presence.entry.bound_cidrs.is_empty() {
            seen.hour = hour;
        }
        Some((seen.presence.clone(), is_first))
    }

    /// Remembers a token. `generation` is from before anything was read for it.
    pub(crate) fn put(&self, token: &str, generation: u64, presence: Presence) {
        let digest = digest::sha256(token.as_bytes());
        let Some(shard) = self.shard(&digest) else { return };
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        if shard.len() >= SHARD_TOKENS {
            shard.clear();
        }
        shard.insert(digest, Seen { generation, hour: i64::MIN, presence });
    }

    /// The present generation.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Makes all that is remembered worthless.
    pub(crate) fn outdate(&self) {
        self.generation.fetch_add(1, Ordering::AcqRel);
    }

    /// Forgets all, as sealing does.
    pub(crate) fn clear(&self) {
        self.outdate();
        for shard in &self.shards {
            shard.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
    }

    fn shard(&self, digest: &[u8; 32]) -> Option<&Mutex<Shard>> {
        self.shards.get(usize::from(*digest.last()?) % SHARDS)
    }
}

/// Digests are spread evenly already: their first bytes will do.
#[derive(Default)]
struct FirstBytes(u64);

impl Hasher for FirstBytes {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk::<8>() {
            self.0 = u64::from_ne_bytes(*first);
        }
    }

    // The length of the array, which is always the same.
    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use strongroom_policy::Acl;

    fn presence(until: Option<i64>) -> Presence {
        Presence {
            entry: Arc::default(),
            rights: Rights::of(Arc::new(Acl::root())),
            until: until.map(|s| Timestamp::from_second(s).unwrap()),
        }
    }

    #[test]
    fn holds_until_its_end_or_a_commit() {
        let all = Presences::default();
        let at = |s| Timestamp::from_second(s).unwrap();
        all.put("a", all.generation(), presence(Some(10)));
        all.put("b", all.generation(), presence(None));
        assert!(
            all.get("a", at(9)).is_some() && all.get("a", at(10)).is_none() && all.get("b", at(99)).is_some()
        );
        assert!(all.get("c", at(0)).is_none());
        let before = all.generation();
        all.outdate();
        assert!(all.get("b", at(0)).is_none());
        // What was read before a commit is worthless after it, even when it is put in later.
        all.put("b", before, presence(None));
        assert!(all.get("b", at(0)).is_none());
    }

    #[test]
    fn stays_bounded() {
        let all = Presences::default();
        for n in 0..40_000 {
            all.put(&n.to_string(), all.generation(), presence(None));
        }
        let kept: usize = all.shards.iter().map(|s| s.lock().unwrap().len()).sum();
        assert!(kept <= SHARDS * SHARD_TOKENS);
    }
}
