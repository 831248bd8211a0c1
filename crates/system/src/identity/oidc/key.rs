//! Named keys: how they are kept, rotate and sign.

use super::named::{self, Named};
use super::pair::Pair;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use strongroom_core::jwk::Jwk;
use strongroom_core::{Core, Fault, Map, Mount, Record, Txn};

/// A named key.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Key {
    pub(super) algorithm: String,
    /// Seconds.
    pub(super) rotation_period: u64,
    /// Seconds.
    pub(super) verification_ttl: u64,
    pub(super) allowed_client_ids: Vec<String>,
    next_rotation: Timestamp,
    pairs: Option<Pairs>,
    retired: Vec<Retired>,
}

/// The pair that signs, and the one that will after the next rotation.
#[derive(Clone, Serialize, Deserialize)]
struct Pairs {
    current: Pair,
    next: Pair,
}

/// What is left of a pair that signs no more.
#[derive(Clone, Serialize, Deserialize)]
struct Retired {
    public: Jwk,
    until: Timestamp,
}

impl Record for Key {}

/// The key that is always there.
pub(super) const DEFAULT: &str = "default";
/// A day, as everywhere in `identity/oidc` where nothing else is said.
pub(super) const DAY: u64 = 24 * 3600;
/// What keys may be for.
pub(super) const ALGORITHMS: [&str; 7] = ["RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "EdDSA"];

impl Named for Key {
    const FOLDER: &'static str = "key/";
    const WHAT: &'static str = "key";
    const BUILT_IN: Option<&'static str> = Some(DEFAULT);

    fn built_in() -> Option<Self> {
        Some(Self { allowed_client_ids: vec!["*".to_owned()], ..Self::new() })
    }
}

impl Key {
    /// A key as it is where nothing is said, without pairs.
    pub(super) fn new() -> Self {
        Self { algorithm: "RS256".to_owned(), rotation_period: DAY, verification_ttl: DAY, ..Self::default() }
    }

    /// Whether tokens for this client may be signed.
    pub(super) fn allows(&self, client_id: &str) -> bool {
        self.allowed_client_ids.iter().any(|id| id == "*" || id == client_id)
    }

    /// Makes the pairs where there are none, or none of the key's algorithm; true if it has changed.
    pub(super) async fn equip(&mut self, core: &Core) -> Result<bool, Fault> {
        let now = core.clock.now();
        match &self.pairs {
            Some(pairs) if pairs.current.algorithm == self.algorithm => return Ok(false),
            Some(pairs) => {
                // Tokens of the other algorithm stay good for as long as they may.
                let old = pairs.current.public.clone();
                self.retire(old, now, self.verification_ttl);
            }
            None => {}
        }
        let current = Pair::generate(core, &self.algorithm).await?;
        let next = Pair::generate(core, &self.algorithm).await?;
        self.pairs = Some(Pairs { current, next });
        self.next_rotation = after(now, self.rotation_period);
        Ok(true)
    }

    /// A period that was made shorter counts from now at the latest.
    pub(super) fn hurry(&mut self, now: Timestamp) {
        self.next_rotation = self.next_rotation.min(after(now, self.rotation_period));
    }

    /// The next pair signs from now on; the current one stays published for `keep` seconds.
    pub(super) async fn rotate(&mut self, core: &Core, keep: u64) -> Result<(), Fault> {
        let now = core.clock.now();
        let Some(Pairs { current, next }) = self.pairs.take() else {
            return self.equip(core).await.map(|_| ());
        };
        self.retire(current.public, now, keep);
        let following = Pair::generate(core, &self.algorithm).await?;
        self.pairs = Some(Pairs { current: next, next: following });
        self.next_rotation = after(now, self.rotation_period);
        Ok(())
    }

    /// The public keys that others may verify with now.
    pub(super) fn published(&self, now: Timestamp) -> Vec<Jwk> {
        let pairs = self.pairs.iter().flat_map(|p| [p.current.public.clone(), p.next.public.clone()]);
        let retired = self.retired.iter().filter(|r| r.until > now).map(|r| r.public.clone());
        pairs.chain(retired).collect()
    }

    fn is_due(&self, now: Timestamp) -> bool {
        self.pairs.is_none() || self.next_rotation <= now
    }

    fn retire(&mut self, public: Jwk, now: Timestamp, keep: u64) {
        self.retired.retain(|r| r.until > now);
        self.retired.push(Retired { public, until: after(now, keep) });
    }
}

/// Makes the pairs of the key that a role or client refers to from now on.
pub(super) async fn equip(core: &Core, txn: &mut Txn, mount: &Mount, name: &str) -> Result<(), Fault> {
    let Some(key) = named::find::<Key>(txn, mount, name).await? else { return Ok(()) };
    let mut key = Key::clone(&key);
    if key.equip(core).await? { named::put(txn, mount, name, &key) } else { Ok(()) }
}

/// Signs a token; a key whose period is over rotates before.
pub(super) async fn sign(
    core: &Core,
    txn: &mut Txn,
    mount: &Mount,
    (name, key): (&str, Arc<Key>),
    claims: impl FnOnce(&str) -> Map,
) -> Result<String, Fault> {
    let key = if key.is_due(core.clock.now()) {
        let mut due = Key::clone(&key);
        let keep = due.verification_ttl;
        due.rotate(core, keep).await?;
        named::put(txn, mount, name, &due)?;
        Arc::new(due)
    } else {
        key
    };
    let pairs = key.pairs.as_ref().ok_or_else(|| Fault::Internal("a key without pairs".to_owned()))?;
    pairs.current.sign(core, &claims(&pairs.current.algorithm))
}

fn after(now: Timestamp, seconds: u64) -> Timestamp {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    now.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
}
