//! Decrypted entries in memory, bounded by bytes, in shards so that readers seldom meet.
//!
//! Absences are kept too: they spare the store the question, and a deletion must outlive its entry
//! here so that a commit that finishes late does not bring an older value back. Two rules keep the
//! cache in step with the store. What a reader brings is taken only if nothing was committed to its
//! shard since it began. What a commit brings is taken only if it is newer than what is there and than
//! what was thrown out, whose version nobody remembers any more.

use crate::Cached;
use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use strongroom_storage::Revision;

const SHARDS: u64 = 64;
/// Counted for every entry on top of its bytes: table slots, reference counts, the decoded record's head.
const FIXED_COST: usize = 256;

/// A bounded map from keys to decrypted entries or their absence.
pub(crate) struct Cache {
    hasher: RandomState,
    shards: Vec<Mutex<Shard>>,
    shard_bytes: usize,
    generation: AtomicU64,
}

/// What is known of a key.
pub(crate) enum Lookup {
    /// The entry, or that there is none.
    Known(Option<Cached>),
    /// Nothing; the ticket is needed to bring what the store says.
    Unknown(Ticket),
}

/// The state of a key's shard before the store was read.
#[derive(Clone, Copy)]
pub(crate) struct Ticket {
    hash: u64,
    sequence: u64,
}

/// The cache as it was when a commit began; sealing in between makes it void.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Generation(u64);

impl Cache {
    /// An empty cache of at most about `bytes`.
    pub(crate) fn new(bytes: usize) -> Self {
        Self {
            hasher: RandomState::new(),
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            shard_bytes: bytes / SHARDS as usize,
            generation: AtomicU64::new(0),
        }
    }

    /// What is known of a key.
    pub(crate) fn lookup(&self, key: &[u8]) -> Lookup {
        let hash = self.hasher.hash_one(key);
        let Some(mut shard) = self.shard(hash) else {
            return Lookup::Unknown(Ticket { hash, sequence: 0 });
        };
        match shard.find(hash, key) {
            Some(slot) => {
                slot.used = true;
                Lookup::Known(slot.value.clone())
            }
            None => Lookup::Unknown(Ticket { hash, sequence: shard.sequence }),
        }
    }

    /// Takes what a reader found, unless a commit touched the shard since the ticket was given.
    pub(crate) fn bring(&self, ticket: Ticket, key: &[u8], value: Option<Cached>) {
        if let Some(mut shard) = self.shard(ticket.hash)
            && shard.sequence == ticket.sequence
        {
            let version = value.as_ref().map_or(0, |v| v.version);
            // A faster reader may have seen a commit that has not arrived here yet.
            if shard.find(ticket.hash, key).is_some_and(|slot| slot.version >= version) {
                return;
            }
            shard.put(self.shard_bytes, Slot::new(ticket.hash, key, version, value));
        }
    }

    /// To be taken before the keyring is looked at.
    pub(crate) fn generation(&self) -> Generation {
        Generation(self.generation.load(Ordering::SeqCst))
    }

    /// Takes what was committed at `version`; none for a deletion.
    pub(crate) fn committed(
        &self,
        generation: Generation,
        key: &[u8],
        version: Revision,
        value: Option<Cached>,
    ) {
        let hash = self.hasher.hash_one(key);
        let Some(mut shard) = self.shard(hash) else { return };
        shard.sequence += 1;
        let newer = match shard.find(hash, key) {
            Some(slot) => slot.version < version,
            None => shard.forgotten < version,
        };
        if newer && self.generation() == generation {
            shard.put(self.shard_bytes, Slot::new(hash, key, version, value));
        }
    }

    /// Forgets a key, and what readers are about to bring for it.
    pub(crate) fn forget(&self, key: &[u8]) {
        let hash = self.hasher.hash_one(key);
        if let Some(mut shard) = self.shard(hash) {
            shard.sequence += 1;
            if shard.find(hash, key).is_some() {
                shard.remove(hash);
            }
        }
    }

    /// Forgets everything, and what readers and commits are about to bring.
    pub(crate) fn clear(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
        for shard in &self.shards {
            let mut shard = lock(shard);
            shard.sequence += 1;
            shard.forgotten = shard.slots.iter().map(|s| s.version).fold(shard.forgotten, Revision::max);
            shard.index = HashMap::default();
            shard.slots = Vec::new();
            shard.bytes = 0;
            shard.hand = 0;
        }
    }

    /// There always is one: the number is taken modulo their count.
    fn shard(&self, hash: u64) -> Option<MutexGuard<'_, Shard>> {
        // The low bits choose the place in the shard's table.
        self.shards.get((hash >> 56 & (SHARDS - 1)) as usize).map(lock)
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Default)]
struct Shard {
    /// Positions in `slots` by hash. Of two keys with one hash, the later takes the place.
    index: HashMap<u64, usize, BuildHasherDefault<Identity>>,
    slots: Vec<Slot>,
    bytes: usize,
    /// Where the search for something to throw out goes on.
    hand: usize,
    /// Counts commits that touched this shard.
    sequence: u64,
    /// The newest version of anything thrown out.
    forgotten: Revision,
}

struct Slot {
    hash: u64,
    key: Box<[u8]>,
    version: Revision,
    value: Option<Cached>,
    cost: usize,
    used: bool,
}

impl Slot {
    fn new(hash: u64, key: &[u8], version: Revision, value: Option<Cached>) -> Self {
        // The record it is decoded to is taken to be as large again.
        let cost = FIXED_COST + key.len() + 2 * value.as_ref().map_or(0, |v| v.plain().len());
        Self { hash, key: key.into(), version, value, cost, used: false }
    }
}

impl Shard {
    fn find(&mut self, hash: u64, key: &[u8]) -> Option<&mut Slot> {
        let at = *self.index.get(&hash)?;
        self.slots.get_mut(at).filter(|slot| *slot.key == *key)
    }

    fn put(&mut self, limit: usize, slot: Slot) {
        let (hash, used) = (slot.hash, self.find(slot.hash, &slot.key).is_some_and(|old| old.used));
        self.remove(hash);
        if slot.cost > limit {
            self.forgotten = self.forgotten.max(slot.version);
            return;
        }
        while self.bytes + slot.cost > limit && !self.slots.is_empty() {
            self.throw_out();
        }
        self.bytes += slot.cost;
        self.index.insert(hash, self.slots.len());
        self.slots.push(Slot { used, ..slot });
    }

    /// The clock algorithm: what was used since the hand last passed stays for another round.
    fn throw_out(&mut self) {
        loop {
            if self.hand >= self.slots.len() {
                self.hand = 0;
            }
            match self.slots.get_mut(self.hand) {
                Some(slot) if slot.used => slot.used = false,
                Some(slot) => {
                    let hash = slot.hash;
                    return self.remove(hash);
                }
                None => return,
            }
            self.hand += 1;
        }
    }

    fn remove(&mut self, hash: u64) {
        let Some(at) = self.index.remove(&hash) else { return };
        if at >= self.slots.len() {
            return;
        }
        let gone = self.slots.swap_remove(at);
        self.bytes = self.bytes.saturating_sub(gone.cost);
        self.forgotten = self.forgotten.max(gone.version);
        if let Some(moved) = self.slots.get(at) {
            self.index.insert(moved.hash, at);
        }
    }
}

/// The keys of the index are hashes already.
#[derive(Default)]
struct Identity(u64);

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

#[cfg(test)]
mod tests;
