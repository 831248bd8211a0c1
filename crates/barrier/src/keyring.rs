//! The keys that entries are sealed under, by term.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use strongroom_crypto::{Random, Secret, aead, hex};
use zeroize::{Zeroize, Zeroizing};

use crate::rotate::RotateConfig;

/// All keys: the newest seals, the older ones still open what they sealed.
#[derive(Clone)]
pub(crate) struct Keyring {
    pub(crate) active: Arc<Term>,
    older: Vec<Arc<Term>>,
    pub(crate) rotation: RotateConfig,
    /// Fields of newer programs, kept as they are.
    rest: serde_json::Map<String, serde_json::Value>,
}

/// One key.
pub(crate) struct Term {
    pub(crate) id: u32,
    pub(crate) installed: Timestamp,
    pub(crate) cipher: aead::Key,
    pub(crate) budget: Budget,
    key: Secret<[u8; aead::KEY_LEN]>,
}

/// Encryptions that were reserved in the store before they are used. After a crash all of them count
/// as used, so the true number is never above the stored one.
#[derive(Default)]
pub(crate) struct Budget {
    reserved: AtomicU64,
    left: AtomicU64,
}

impl Keyring {
    /// A keyring with its first key.
    pub(crate) fn generate(now: Timestamp, random: &dyn Random) -> Self {
        Self {
            active: Arc::new(Term::generate(1, now, random)),
            older: Vec::new(),
            rotation: RotateConfig::default(),
            rest: serde_json::Map::new(),
        }
    }

    /// The same with a new key in front; none after four thousand million rotations.
    pub(crate) fn rotated(&self, now: Timestamp, random: &dyn Random) -> Option<Self> {
        let id = self.active.id.checked_add(1)?;
        let mut older = self.older.clone();
        older.push(self.active.clone());
        Some(Self {
            active: Arc::new(Term::generate(id, now, random)),
            older,
            rotation: self.rotation,
            rest: self.rest.clone(),
        })
    }

    /// The same under other rules of rotation.
    pub(crate) fn with_rotation(&self, rotation: RotateConfig) -> Self {
        Self { rotation, ..self.clone() }
    }

    /// The key of a term.
    pub(crate) fn cipher(&self, term: u32) -> Option<&aead::Key> {
        if self.active.id == term {
            return Some(&self.active.cipher);
        }
        let at = self.older.binary_search_by_key(&term, |t| t.id).ok()?;
        self.older.get(at).map(|t| &t.cipher)
    }

    /// What is stored, with the encryptions reserved so far and `more` for the newest key.
    pub(crate) fn encode(&self, more: u64) -> Result<Zeroizing<Vec<u8>>, serde_json::Error> {
        let terms = self.older.iter().map(|t| (t, 0)).chain([(&self.active, more)]);
        let stored = StoredRing {
            terms: terms.map(|(term, more)| StoredTerm::of(term, more)).collect(),
            rotation: self.rotation,
            rest: self.rest.clone(),
        };
        // Large enough from the start: a buffer that grows leaves unwiped copies behind.
        let mut out = Zeroizing::new(Vec::with_capacity(4096 + stored.terms.len() * 512));
        serde_json::to_writer(&mut *out, &stored)?;
        Ok(out)
    }

    /// The keyring of a stored one; it was authenticated already, so an error means a newer format.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, String> {
        let stored: StoredRing = serde_json::from_slice(bytes).map_err(|e| {
            // The message of the parser could quote a key.
            format!("the keyring cannot be read (line {}, column {})", e.line(), e.column())
        })?;
        let mut terms = stored.terms.iter().map(StoredTerm::open).collect::<Option<Vec<_>>>();
        let (Some(active), Some(older)) = (terms.as_mut().and_then(Vec::pop), terms) else {
            return Err("the keyring has no usable key".to_owned());
        };
        if !older.iter().map(|t| t.id).chain([active.id]).is_sorted_by(|a, b| a < b) {
            return Err("the keyring's terms are out of order".to_owned());
        }
        Ok(Self { active, older, rotation: stored.rotation, rest: stored.rest })
    }
}

impl Term {
    fn generate(id: u32, installed: Timestamp, random: &dyn Random) -> Self {
        let mut key = Zeroizing::new([0; aead::KEY_LEN]);
        random.fill(key.as_mut_slice());
        Self::new(id, installed, &key, 0)
    }

    fn new(id: u32, installed: Timestamp, key: &[u8; aead::KEY_LEN], used: u64) -> Self {
        let budget = Budget { reserved: AtomicU64::new(used), left: AtomicU64::new(0) };
        Self { id, installed, cipher: aead::Key::new(key), budget, key: Secret::new(*key) }
    }
}

impl Budget {
    /// Takes `count` encryptions, if that many are reserved.
    pub(crate) fn take(&self, count: u64) -> bool {
        let taken =
            self.left.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(count));
        taken.is_ok()
    }

    /// Hands out encryptions that were reserved in the store.
    pub(crate) fn grant(&self, count: u64) {
        self.reserved.fetch_add(count, Ordering::AcqRel);
        self.left.fetch_add(count, Ordering::AcqRel);
    }

    /// Gives back what was not taken; nothing can be taken any more.
    pub(crate) fn close(&self) {
        let left = self.left.swap(0, Ordering::AcqRel);
        self.reserved.fetch_sub(left, Ordering::AcqRel);
    }

    /// Encryptions the store knows of.
    pub(crate) fn reserved(&self) -> u64 {
        self.reserved.load(Ordering::Acquire)
    }

    /// Encryptions taken.
    pub(crate) fn used(&self) -> u64 {
        self.reserved().saturating_sub(self.left.load(Ordering::Acquire))
    }
}

#[derive(Serialize, Deserialize)]
struct StoredRing {
    terms: Vec<StoredTerm>,
    rotation: RotateConfig,
    #[serde(flatten)]
    rest: serde_json::Map<String, serde_json::Value>,
}

#[derive(Serialize, Deserialize)]
struct StoredTerm {
    term: u32,
    key: String,
    install_time: Timestamp,
    encryptions: u64,
}

impl StoredTerm {
    fn of(term: &Term, more: u64) -> Self {
        Self {
            term: term.id,
            key: hex::encode(term.key.expose()),
            install_time: term.installed,
            encryptions: term.budget.reserved().saturating_add(more),
        }
    }

    fn open(&self) -> Option<Arc<Term>> {
        let key = Zeroizing::new(hex::decode(&self.key).ok()?);
        let key = key.as_slice().try_into().ok()?;
        Some(Arc::new(Term::new(self.term, self.install_time, key, self.encryptions)))
    }
}

impl Drop for StoredTerm {
    fn drop(&mut self) {
        self.key.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use strongroom_crypto::SystemRandom;

    #[test]
    fn keeps_keys_counts_and_unknown_fields() {
        let first = Keyring::generate(Timestamp::UNIX_EPOCH, &SystemRandom);
        first.active.budget.grant(10);
        assert!(first.active.budget.take(3));
        let ring = first.rotated(Timestamp::UNIX_EPOCH, &SystemRandom).unwrap();
        let mut json: serde_json::Value = serde_json::from_slice(&ring.encode(100).unwrap()).unwrap();
        json["future"] = serde_json::json!({"n": 12345678901234567890_u64, "list": [1.5, "x"]});
        let read = Keyring::decode(json.to_string().as_bytes()).unwrap();
        let again: serde_json::Value = serde_json::from_slice(&read.encode(0).unwrap()).unwrap();
        assert_eq!(again, json);
        assert_eq!(read.active.budget.used(), 100);
        let sealed = first.active.cipher.seal(&SystemRandom, b"", b"old").unwrap();
        assert!(read.cipher(1).unwrap().open(b"", &sealed).is_ok());
        assert!(read.cipher(2).is_some() && read.cipher(0).is_none() && read.cipher(3).is_none());
    }

    #[test]
    fn errors_do_not_quote_keys() {
        let bad = br#"{"terms":[{"term":"cafe","key":"cafe"}],"rotation":{}}"#;
        assert!(!Keyring::decode(bad).err().unwrap().contains("cafe"));
        assert!(Keyring::decode(br#"{"terms":[],"rotation":{}}"#).is_err());
    }

    #[test]
    fn hands_out_no_more_than_was_reserved() {
        let budget = Budget::default();
        assert!(!budget.take(1));
        budget.grant(5);
        assert!(budget.take(3));
        assert!(!budget.take(3));
        assert_eq!((budget.used(), budget.reserved()), (3, 5));
        budget.close();
        assert!(!budget.take(1));
        assert_eq!((budget.used(), budget.reserved()), (3, 3));
    }
}
