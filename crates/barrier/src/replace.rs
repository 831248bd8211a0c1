//! Snapshots of an open barrier's store, and replacing the whole store by one.

use crate::keyring::Keyring;
use crate::open::Open;
use crate::snapshot::{self, Restored};
use crate::{Barrier, CommitError, entry, stored};
use bytes::Bytes;
use std::fmt;
use std::sync::Arc;
use strongroom_crypto::{Secret, aead};
use strongroom_storage::{self as storage, BoxFuture, ReadError, Revision, Snapshot, Versioned};
use tokio::sync::mpsc;

/// What a replaced store needs to be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replaced {
    /// The root key in memory opens it: the barrier is open again.
    Open,
    /// It is of another root key: the barrier is closed, and its own shares unseal it.
    Sealed,
}

/// Why a store was not replaced. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplaceError {
    /// The barrier is sealed.
    Sealed,
    /// The snapshot is of another root key, and that was not asked for.
    OtherKeys,
    /// The snapshot has no keyring: it is of a store that was never initialised.
    NotInitialized,
    /// The snapshot cannot be read.
    Read(ReadError),
    /// The store refused it.
    Commit(CommitError),
}

impl Barrier {
    /// The kind of the store below: `inmem`, `file`.
    pub fn store_kind(&self) -> &'static str {
        self.store.kind()
    }

    /// The chunks of a snapshot file of the store as it is now.
    pub async fn snapshot(&self) -> Result<mpsc::Receiver<Result<Bytes, ReadError>>, ReadError> {
        Ok(snapshot::write(self.store.snapshot().await?))
    }

    /// Replaces all that is stored by a snapshot. With `any_keys` it may be one of another root key. While
    /// it is replaced the barrier is closed, so that nothing is sealed under keys that go away.
    pub async fn replace(&self, source: Restored, any_keys: bool) -> Result<Replaced, ReplaceError> {
        let _changes = self.changes.lock().await;
        let open = self.state.open.load_full().ok_or(ReplaceError::Sealed)?;
        let ring = ring_of(&source, &open.cipher).await?;
        if ring.is_none() && !any_keys {
            return Err(ReplaceError::OtherKeys);
        }
        let root: [u8; aead::KEY_LEN] = open.root().try_into().map_err(|_| ReplaceError::Sealed)?;
        let root = Secret::new(root);
        self.state.close();
        // A new epoch: what is on its way to the store was sealed under the keys of before.
        let lead = self.store.lead().await.map_err(|e| self.back(&open, e.into()))?;
        if let Err(e) = self.store.replace(lead.epoch, Box::new(Marked(source))).await {
            // Whoever does not know what is stored now stays closed.
            if !matches!(e, storage::CommitError::Unknown(_)) {
                let ring = open.ring.load();
                let ring = ring.with_rotation(ring.rotation);
                self.state.open.store(Some(Arc::new(Open::new(lead.epoch, root, ring))));
            }
            return Err(ReplaceError::Commit(e.into()));
        }
        self.state.cache.clear();
        let Some(ring) = ring else { return Ok(Replaced::Sealed) };
        self.state.open.store(Some(Arc::new(Open::new(lead.epoch, root, ring))));
        Ok(Replaced::Open)
    }

    fn back(&self, open: &Arc<Open>, error: CommitError) -> ReplaceError {
        self.state.open.store(Some(open.clone()));
        ReplaceError::Commit(error)
    }
}

/// A snapshot that says that it was restored, so that its key is changed whoever opens it, and when.
struct Marked(Restored);

impl Snapshot for Marked {
    fn revision(&self) -> Revision {
        self.0.revision()
    }

    fn entries<'a>(
        &'a self,
        after: Option<&'a [u8]>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<(Bytes, Versioned)>, ReadError>> {
        Box::pin(async move {
            let mut page = self.0.entries(after, limit).await?;
            let place = page.partition_point(|(key, _)| key.as_ref() < stored::RESTORED);
            let is_there = page.get(place).is_some_and(|(key, _)| key.as_ref() == stored::RESTORED);
            let is_passed = after.is_some_and(|after| after >= stored::RESTORED);
            // Beyond a page that is not the last one it comes with the next.
            if !is_there && !is_passed && (place < page.len() || page.is_empty()) {
                let mark = Versioned { value: Bytes::new(), version: self.0.revision() };
                page.insert(place, (Bytes::from_static(stored::RESTORED), mark));
                page.truncate(limit.max(1));
            }
            Ok(page)
        })
    }
}

/// The snapshot's keyring; none if the root key does not open it.
async fn ring_of(source: &Restored, cipher: &aead::Key) -> Result<Option<Keyring>, ReplaceError> {
    let before = stored::KEYRING.split_last().map_or(&[][..], |(_, rest)| rest);
    let next = source.entries(Some(before), 1).await.map_err(ReplaceError::Read)?;
    let sealed = next.into_iter().find(|(key, _)| key.as_ref() == stored::KEYRING);
    let (_, sealed) = sealed.ok_or(ReplaceError::NotInitialized)?;
    let key_of = |term| (term == stored::NO_TERM).then_some(cipher);
    let plain = entry::open(key_of, stored::KEYRING, &sealed.value);
    Ok(plain.ok().and_then(|plain| Keyring::decode(&plain).ok()))
}

impl fmt::Display for ReplaceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sealed => f.write_str("the barrier is sealed"),
            Self::OtherKeys => f.write_str(
                "the snapshot was made under another root key; to restore it all the same, force it, and \
                 unseal with the shares that belong to the snapshot",
            ),
            Self::NotInitialized => f.write_str("the snapshot is of a server that was never initialised"),
            Self::Read(e) => write!(f, "the snapshot cannot be read: {e}"),
            Self::Commit(e) => e.fmt(f),
        }
    }
}

impl std::error::Error for ReplaceError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::Incoming;
    use strongroom_storage::{Batch, MemoryStore, Store};

    #[tokio::test]
    async fn the_mark_comes_once_and_in_order_whatever_the_pages() {
        for keys in [
            vec!["barrier/keyring", "barrier/root-key", "root/a"],
            vec!["barrier/keyring"],
            vec!["barrier/keyring", "barrier/restored", "root/a"],
        ] {
            let store = MemoryStore::default();
            let epoch = store.lead().await.unwrap().epoch;
            let key = |k: &&str| (Bytes::copy_from_slice(k.as_bytes()), Some(Bytes::from_static(b"v")));
            let writes = keys.iter().map(key).collect();
            store.commit(epoch, Batch { writes, ..Batch::default() }).await.unwrap();
            let mut incoming = Incoming::new(&std::env::temp_dir());
            let mut chunks = snapshot::write(store.snapshot().await.unwrap());
            while let Some(chunk) = chunks.recv().await {
                incoming.push(&chunk.unwrap()).await.unwrap();
            }
            let marked = Marked(incoming.finish().await.unwrap());
            let mut wanted = [keys, vec!["barrier/restored"]].concat();
            wanted.sort_unstable();
            wanted.dedup();
            for limit in 1..5 {
                let (mut seen, mut after) = (Vec::new(), None::<Bytes>);
                loop {
                    let page = marked.entries(after.as_deref(), limit).await.unwrap();
                    assert!(page.len() <= limit);
                    let Some((last, _)) = page.last() else { break };
                    after = Some(last.clone());
                    seen.extend(page.iter().map(|(k, _)| String::from_utf8(k.to_vec()).unwrap()));
                }
                assert_eq!(seen, wanted, "{limit}");
            }
        }
    }
}
