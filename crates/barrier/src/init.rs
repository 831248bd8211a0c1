//! The first initialisation.

use crate::keyring::Keyring;
use crate::open::Open;
use crate::stored::{self, SealRecord};
use crate::{Barrier, CommitError, SealConfig, entry, shares};
use bytes::Bytes;
use std::sync::Arc;
use strongroom_crypto::{Secret, aead};
use strongroom_storage::{self as storage, Batch};
use zeroize::Zeroizing;

/// Why a barrier was not initialised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InitError {
    /// There is a root key already.
    AlreadyInitialized,
    /// The store cannot be read.
    Read(storage::ReadError),
    /// The store refused it.
    Commit(CommitError),
    /// The seal cannot be used.
    Seal(String),
}

impl Barrier {
    /// Makes the keys and stores them, and leaves the barrier open, so that the first token can be made;
    /// the caller then seals it. Returns the shares.
    pub async fn init(&self, config: SealConfig) -> Result<Vec<Secret<Vec<u8>>>, InitError> {
        let _changes = self.changes.lock().await;
        if self.own(stored::SEAL_CONFIG).await.map_err(InitError::Read)?.is_some() {
            return Err(InitError::AlreadyInitialized);
        }
        let epoch = self.store.lead().await.map_err(|e| InitError::Commit(e.into()))?.epoch;
        let mut root = Zeroizing::new([0; aead::KEY_LEN]);
        self.random.fill(root.as_mut_slice());
        let ring = Keyring::generate((self.options.now)(), &*self.random);
        let open = Open::new(epoch, Secret::new(*root), ring);
        let made = shares::generate(config, &*self.random).map_err(|e| InitError::Seal(e.to_string()))?;
        let batch = self.first_records(&open, config, made.key.expose()).await?;
        match self.store.commit(epoch, batch).await {
            Ok(_) => {
                self.state.open.store(Some(Arc::new(open)));
                Ok(made.shares)
            }
            // Another node was faster.
            Err(storage::CommitError::Conflict) => Err(InitError::AlreadyInitialized),
            Err(e) => Err(InitError::Commit(e.into())),
        }
    }

    async fn first_records(&self, open: &Open, config: SealConfig, key: &[u8]) -> Result<Batch, InitError> {
        let seal = &self.options.seal;
        let record = SealRecord::new(seal.kind(), config);
        let root = seal.close(key, open.root(), &record.context(), &*self.random).await;
        let root = root.map_err(|e| InitError::Seal(e.to_string()))?;
        let plain = open.ring.load().encode(0).map_err(|e| InitError::Seal(e.to_string()))?;
        let ring = entry::seal(&open.cipher, stored::NO_TERM, stored::KEYRING, &plain, &*self.random)
            .map_err(|e| InitError::Seal(e.to_string()))?;
        let records = [
            (stored::SEAL_CONFIG, record.bytes().to_vec()),
            (stored::ROOT_KEY, root),
            (stored::KEYRING, ring),
        ];
        Ok(Batch {
            // All three must be absent: nothing here may ever replace a key that sealed something.
            reads: records.iter().map(|(key, _)| (Bytes::from_static(key), 0)).collect(),
            ranges: Vec::new(),
            writes: records.into_iter().map(|(key, v)| (Bytes::from_static(key), Some(v.into()))).collect(),
        })
    }
}

impl std::fmt::Display for InitError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::AlreadyInitialized => f.write_str("Vault is already initialized"),
            Self::Read(e) => e.fmt(f),
            Self::Commit(e) => e.fmt(f),
            Self::Seal(why) => write!(f, "the keys cannot be made: {why}"),
        }
    }
}

impl std::error::Error for InitError {}
