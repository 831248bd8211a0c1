//! Finished hashes of values that repeat: tokens and accessors. Bounded, and without plaintext: an
//! entry is found by a keyed fingerprint of the value.

use std::hash::Hasher as _;
use std::sync::{Mutex, PoisonError};
use strongroom_crypto::Random;

/// A SHA-256 in hexadecimal digits, or something no longer.
pub(crate) type Hex = [u8; 64];

const SHARDS: usize = 64;
const SETS_PER_SHARD: usize = 16;
const WAYS: usize = 4;

/// A set-associative cache; a shard that another thread holds counts as a miss, so nobody waits.
pub(crate) struct Cache {
    key: [u8; 32],
    shards: Vec<Mutex<Vec<Set>>>,
}

impl Cache {
    /// An empty cache whose fingerprints nobody can foresee.
    pub(crate) fn new(random: &dyn Random) -> Self {
        let mut key = [0; 32];
        random.fill(&mut key);
        Self { key, shards: (0..SHARDS).map(|_| Mutex::new(Vec::new())).collect() }
    }

    /// The hash of the value, from the cache or from `compute`.
    pub(crate) fn get(&self, value: &[u8], compute: impl FnOnce() -> Hex) -> Hex {
        let print = self.fingerprint(value);
        let shard = usize::try_from(print.0).unwrap_or_default() % SHARDS;
        let at = usize::try_from(print.0 / 64).unwrap_or_default() % SETS_PER_SHARD;
        let Some(shard) = self.shards.get(shard) else { return compute() };
        let mut sets = match shard.try_lock() {
            Ok(sets) => sets,
            Err(std::sync::TryLockError::Poisoned(poisoned)) => PoisonError::into_inner(poisoned),
            Err(std::sync::TryLockError::WouldBlock) => return compute(),
        };
        if sets.is_empty() {
            sets.resize_with(SETS_PER_SHARD, Set::default);
        }
        match sets.get_mut(at) {
            Some(set) => set.get(print, compute),
            None => compute(),
        }
    }

    /// Two keyed hashes of 64 bits: two values that meet would have to meet in both.
    fn fingerprint(&self, value: &[u8]) -> (u64, u64) {
        let (left, right) = self.key.split_at(16);
        let half = |key: &[u8]| {
            let mut hasher = std::hash::DefaultHasher::new();
            hasher.write(key);
            hasher.write(value);
            hasher.finish()
        };
        (half(left), half(right))
    }
}

#[derive(Default)]
struct Set {
    ways: Vec<((u64, u64), Hex)>,
    oldest: usize,
}

impl Set {
    fn get(&mut self, print: (u64, u64), compute: impl FnOnce() -> Hex) -> Hex {
        if let Some((_, hex)) = self.ways.iter().find(|(known, _)| *known == print) {
            return *hex;
        }
        let hex = compute();
        if self.ways.len() < WAYS {
            self.ways.push((print, hex));
        } else if let Some(way) = self.ways.get_mut(self.oldest) {
            *way = (print, hex);
            self.oldest = (self.oldest + 1) % WAYS;
        }
        hex
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use strongroom_crypto::SystemRandom;

    #[test]
    fn computes_once_and_stays_bounded() {
        let cache = Cache::new(&SystemRandom);
        assert_eq!(cache.get(b"token", || [1; 64]), [1; 64]);
        assert_eq!(cache.get(b"token", || [2; 64]), [1; 64]);
        for n in 0..100_000_u32 {
            cache.get(&n.to_be_bytes(), || [3; 64]);
        }
        let held: usize = cache
            .shards
            .iter()
            .map(|s| s.lock().unwrap().iter().map(|set| set.ways.len()).sum::<usize>())
            .sum();
        assert_eq!(held, SHARDS * SETS_PER_SHARD * WAYS);
    }
}
