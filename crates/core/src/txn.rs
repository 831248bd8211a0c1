//! The transaction a handler works in: it records what was read, absences and listed ranges too, and
//! buffers writes. One commit at the end checks all of it; a conflict runs the handler again.

use crate::lease_quota::{LeaseChanges, Permit};
use crate::namespace::{Namespace, NamespaceId};
use crate::{Fault, keys};
use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use strongroom_barrier::{Barrier, PlainBatch};
use strongroom_storage::{RangeRead, Revision};

/// Something kept in the store: JSON behind one byte of schema version.
pub trait Record: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The newest version this program writes and understands.
    const VERSION: u8 = 1;

    /// Reads it. A record may keep parts of `json` as they are.
    fn from_json(json: &Bytes) -> serde_json::Result<Self> {
        serde_json::from_slice(json)
    }
}

/// A transaction. Reads see the writes made before in it.
pub struct Txn {
    barrier: Arc<Barrier>,
    namespace: NamespaceId,
    /// The record without which nothing may be written: that of the namespace.
    guard: Option<Bytes>,
    reads: Vec<(Bytes, Revision)>,
    ranges: Vec<RangeRead>,
    writes: BTreeMap<Bytes, Option<Bytes>>,
    kept: Option<BTreeMap<Bytes, Option<Bytes>>>,
    /// Rights to the leases that are to be made.
    permits: Vec<Permit>,
}

/// What a transaction was to write at some point of it.
pub struct Saved(BTreeMap<Bytes, Option<Bytes>>);

impl Txn {
    /// An empty transaction in the root namespace.
    pub fn new(barrier: Arc<Barrier>) -> Self {
        Self::within(barrier, NamespaceId::ROOT)
    }

    /// An empty transaction in a namespace, be it one that is being removed.
    pub fn within(barrier: Arc<Barrier>, namespace: NamespaceId) -> Self {
        let (reads, ranges, writes) = (Vec::new(), Vec::new(), BTreeMap::new());
        Self { barrier, namespace, guard: None, reads, ranges, writes, kept: None, permits: Vec::new() }
    }

    /// Lets the commit fail if the record under this key, that of the namespace, is gone by then: what
    /// is written after that would stay for ever.
    #[must_use]
    pub(crate) fn guarded(mut self, key: Vec<u8>) -> Self {
        self.guard = Some(key.into());
        self
    }

    /// The namespace that the transaction works in.
    pub fn namespace(&self) -> &NamespaceId {
        &self.namespace
    }

    /// A core record's key in that namespace.
    pub fn key(&self, kind: &str, name: &str) -> Vec<u8> {
        keys::within(self.namespace.as_str(), kind, name)
    }

    /// A record, decoded once per stored version and shared with other readers.
    pub async fn get<T: Record>(&mut self, key: &[u8]) -> Result<Option<Arc<T>>, Fault> {
        if let Some(written) = self.writes.get(key) {
            return written.as_ref().map(|b| decode(b).map(Arc::new)).transpose();
        }
        match self.barrier.get(key).await? {
            Some(cached) => {
                self.reads.push((Bytes::copy_from_slice(key), cached.version));
                cached.decode(decode::<T>).map(Some)
            }
            None => {
                self.reads.push((Bytes::copy_from_slice(key), 0));
                Ok(None)
            }
        }
    }

    /// Whether there is a record.
    pub async fn exists(&mut self, key: &[u8]) -> Result<bool, Fault> {
        if let Some(written) = self.writes.get(key) {
            return Ok(written.is_some());
        }
        let version = self.barrier.get(key).await?.map_or(0, |c| c.version);
        self.reads.push((Bytes::copy_from_slice(key), version));
        Ok(version != 0)
    }

    /// Writes a record.
    pub fn put<T: Record>(&mut self, key: &[u8], value: &T) -> Result<(), Fault> {
        let mut bytes = vec![T::VERSION];
        serde_json::to_writer(&mut bytes, value)
            .map_err(|e| Fault::Internal(format!("cannot encode a record: {e}")))?;
        self.writes.insert(Bytes::copy_from_slice(key), Some(bytes.into()));
        Ok(())
    }

    /// Deletes a record, whether or not there is one.
    pub fn delete(&mut self, key: &[u8]) {
        self.writes.insert(Bytes::copy_from_slice(key), None);
    }

    /// Up to `limit` keys below `prefix` after `after`, in byte order, own writes included.
    pub async fn list(
        &mut self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Bytes>, Fault> {
        // What this transaction deletes takes places in the store's page that others have to fill.
        let page = self.barrier.list(prefix, after, limit + self.deleted_below(prefix, after)).await?;
        let last = if page.more { page.keys.last().cloned() } else { None };
        let start = after.map_or_else(|| Bytes::copy_from_slice(prefix), Bytes::copy_from_slice);
        let end = last.as_ref().map_or_else(|| after_prefix(prefix), |last| Some(just_after(last)));
        self.ranges.push(RangeRead { start, end, revision: page.revision });
        let mut keys: BTreeSet<Bytes> = page.keys.into_iter().collect();
        for (key, value) in self.writes.range(Bytes::copy_from_slice(prefix)..) {
            if !key.starts_with(prefix) || last.as_ref().is_some_and(|l| key > l) {
                break;
            }
            if after.is_some_and(|a| key.as_ref() <= a) {
                continue;
            }
            if value.is_some() {
                keys.insert(key.clone())
            } else {
                keys.remove(key)
            };
        }
        Ok(keys.into_iter().take(limit).collect())
    }

    fn deleted_below(&self, prefix: &[u8], after: Option<&[u8]>) -> usize {
        let written = self.writes.range(Bytes::copy_from_slice(after.unwrap_or(prefix))..);
        written.take_while(|(key, _)| key.starts_with(prefix)).filter(|(_, value)| value.is_none()).count()
    }

    /// All keys below `prefix`, without it. Meant for small collections (roles, mounts, devices).
    pub async fn names(&mut self, prefix: &[u8]) -> Result<Vec<String>, Fault> {
        const PAGE: usize = 1000;
        let (mut names, mut after) = (Vec::new(), None::<Bytes>);
        loop {
            let page = self.list(prefix, after.as_deref(), PAGE).await?;
            names.extend(
                page.iter()
                    .filter_map(|k| k.strip_prefix(prefix))
                    .map(|n| String::from_utf8_lossy(n).into_owned()),
            );
            match page.last() {
                Some(last) if page.len() == PAGE => after = Some(last.clone()),
                _ => return Ok(names),
            }
        }
    }

    /// What is to be written so far, to come back to.
    pub fn save(&self) -> Saved {
        Saved(self.writes.clone())
    }

    /// Forgets what was written since. What was read stays on record.
    pub fn roll_back(&mut self, saved: Saved) {
        self.writes = saved.0;
    }

    /// Whether anything would be written.
    pub fn is_read_only(&self) -> bool {
        self.writes.is_empty()
    }

    /// Whether a background job would be left behind.
    pub(crate) fn leaves_jobs(&self) -> bool {
        let job = |key: &Bytes| keys::core_name(key).is_some_and(|n| n.starts_with(keys::JOB.as_bytes()));
        self.writes.iter().any(|(key, value)| value.is_some() && job(key))
    }

    /// What was written so far is committed even when the handler fails from here on: consumption
    /// (uses of a secret id, one-time codes) counts whatever comes of the request.
    pub fn keep(&mut self) {
        self.kept = Some(self.writes.clone());
    }

    /// The transaction of a handler that failed: what was kept, if anything.
    pub(crate) fn into_kept(mut self) -> Option<Self> {
        self.writes = self.kept.take()?;
        Some(self)
    }

    /// The one commit; says what it was to write, and how that went. Nothing to write commits nothing.
    pub(crate) async fn commit(mut self) -> (Written, Result<(), Fault>) {
        if self.writes.is_empty() {
            return (Written::default(), Ok(()));
        }
        let written = Written {
            ends_tokens: self.ends_tokens(),
            keys: self.writes.keys().cloned().collect(),
            _permits: std::mem::take(&mut self.permits),
        };
        if let Some(guard) = self.guard.take() {
            // One of the same path may have been made since: it is another.
            match self.get::<Namespace>(&guard).await {
                Ok(Some(record)) if record.id == self.namespace => {}
                Ok(_) => return (Written::default(), Err(Fault::NoNamespace)),
                Err(fault) => return (Written::default(), Err(fault)),
            }
        }
        // Each read costs the store a look; one that was seen in two versions stays, and conflicts.
        self.reads.sort_unstable();
        self.reads.dedup();
        let writes = self.writes.into_iter().collect();
        let batch = PlainBatch { reads: self.reads, ranges: self.ranges, writes };
        let outcome = self.barrier.commit(batch).await;
        (written, outcome.map(|_| ()).map_err(Fault::from))
    }

    /// Whether a token that was there before is changed or ended; one that is made touches no other.
    fn ends_tokens(&self) -> bool {
        let is_token = |key: &Bytes| is_of_kind(key, keys::TOKEN);
        self.writes.iter().any(|(key, value)| is_token(key) && (value.is_none() || self.was_there(key)))
    }

    /// Keeps the right to a lease until what comes of the transaction is known.
    pub(crate) fn hold(&mut self, permit: Permit) {
        self.permits.push(permit);
    }

    /// The leases that the commit would make and end. Nobody ends one that is not there, and whoever
    /// changes one has read it.
    pub(crate) fn lease_changes(&self) -> LeaseChanges {
        let mut changes = LeaseChanges::default();
        for (key, value) in self.writes.iter().filter(|(key, _)| is_of_kind(key, keys::LEASE)) {
            match value {
                Some(_) if self.was_there(key) => {}
                Some(_) => changes.made.push(key.clone()),
                None => changes.ended.push(key.clone()),
            }
        }
        changes
    }

    /// Whether a key was read and found.
    fn was_there(&self, key: &Bytes) -> bool {
        self.reads.iter().any(|(read, version)| read == key && *version > 0)
    }
}

/// What a commit wrote.
#[derive(Default)]
pub(crate) struct Written {
    /// The keys.
    pub(crate) keys: Vec<Bytes>,
    /// Whether a token that was there before was changed or ended.
    pub(crate) ends_tokens: bool,
    /// Held until the leases they were for are counted.
    _permits: Vec<Permit>,
}

fn is_of_kind(key: &[u8], kind: &str) -> bool {
    keys::core_name(key).is_some_and(|name| name.starts_with(kind.as_bytes()))
}

/// The first key that does not start with `prefix` and comes after those that do.
fn after_prefix(prefix: &[u8]) -> Option<Bytes> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return Some(end.into());
        }
    }
    None
}

fn just_after(key: &[u8]) -> Bytes {
    let mut next = key.to_vec();
    next.push(0);
    next.into()
}

fn decode<T: Record>(bytes: &Bytes) -> Result<T, Fault> {
    match bytes.first() {
        Some(version) if *version <= T::VERSION && *version > 0 => {
            T::from_json(&bytes.slice(1..)).map_err(|e| {
                Fault::Internal(format!("a record of {} cannot be read: {e}", std::any::type_name::<T>()))
            })
        }
        Some(version) => Err(Fault::Internal(format!(
            "a record of {} has format {version}, newer than this program's {}: upgrade strongroom",
            std::any::type_name::<T>(),
            T::VERSION
        ))),
        None => Err(Fault::Internal(format!("a record of {} is empty", std::any::type_name::<T>()))),
    }
}
