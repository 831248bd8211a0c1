//! Unsealing with shares, and sealing.

use crate::keyring::Keyring;
use crate::open::Open;
use crate::shares::Shares;
use crate::status::RootError;
use crate::stored::{self, SealRecord};
use crate::{Barrier, CommitError, GetError, SealStatus, ShareError, entry};
use std::sync::Arc;
use strongroom_crypto::{Secret, aead, random};

/// Why unsealing failed or a share was refused. What was given before counts on only after `Length`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UnsealError {
    /// There is nothing to unseal.
    NotInitialized,
    /// The share, or the set of them, is refused.
    Share(ShareError),
    /// What is stored cannot be read.
    Get(GetError),
    /// The store cannot be written: its lead cannot be taken, or after a restore the key not be changed.
    Lead(CommitError),
}

/// An attempt to unseal.
pub(crate) struct Attempt {
    pub(crate) nonce: String,
    pub(crate) shares: Shares,
}

impl Barrier {
    /// Takes a share; with enough of them the barrier opens. When it is open already, only tells so.
    pub async fn unseal(&self, share: Secret<Vec<u8>>) -> Result<SealStatus, UnsealError> {
        if self.is_sealed() {
            let record = self.seal_record().await.map_err(UnsealError::Get)?;
            let record = record.ok_or(UnsealError::NotInitialized)?;
            if let Some(shares) = self.add_share(&record, share)? {
                self.open_with(&record, &shares).await?;
            }
        }
        self.seal_status().await.map_err(UnsealError::Get)
    }

    /// Forgets the shares given so far.
    pub async fn reset_unseal(&self) -> Result<SealStatus, GetError> {
        self.state.flows().unseal = None;
        self.seal_status().await
    }

    /// Lets go of all keys and plaintext at once, then notes how often the key was used. Whether the
    /// note arrives does not matter: without it, all reserved encryptions count as used.
    pub async fn seal(&self) {
        let open = self.state.close();
        let _changes = self.changes.lock().await;
        // An unsealing that was under way may have ended meanwhile.
        let open = self.state.close().or(open);
        if let Some(open) = open {
            let ring = open.ring.load_full();
            ring.active.budget.close();
            let _ = self.store_ring(&open, &ring, 0).await;
        }
    }

    fn add_share(&self, record: &SealRecord, share: Secret<Vec<u8>>) -> Result<Option<Shares>, UnsealError> {
        let mut flows = self.state.flows();
        let attempt = flows
            .unseal
            .get_or_insert_with(|| Attempt { nonce: random::uuid(&*self.random), shares: Shares::default() });
        let added = attempt.shares.add(record.config, share).map_err(UnsealError::Share);
        let enough = attempt.shares.take_if_enough(record.config);
        if enough.is_some() || attempt.shares.count() == 0 {
            flows.unseal = None;
        }
        added.map(|()| enough)
    }

    async fn open_with(&self, record: &SealRecord, shares: &Shares) -> Result<(), UnsealError> {
        let _changes = self.changes.lock().await;
        if !self.is_sealed() {
            return Ok(());
        }
        let root = self.open_root(record, shares).await?;
        let epoch = self.store.lead().await.map_err(|e| UnsealError::Lead(e.into()))?.epoch;
        // Only now: the leader before may have changed it to its last moment.
        let ring = self.read_ring(&root).await.map_err(UnsealError::Get)?;
        let open = Arc::new(Open::new(epoch, root, ring));
        let restored = self.own(stored::RESTORED).await;
        if restored.map_err(|e| UnsealError::Get(GetError::Store(e)))?.is_some() {
            self.install_key(&open, (self.options.now)(), 0).await.map_err(UnsealError::Lead)?;
        }
        self.state.open.store(Some(open));
        Ok(())
    }

    async fn read_ring(&self, root: &Secret<[u8; aead::KEY_LEN]>) -> Result<Keyring, GetError> {
        let found = self.own(stored::KEYRING).await.map_err(GetError::Store)?;
        let found = found.ok_or_else(|| GetError::Damaged("the keyring is not there".to_owned()))?;
        let cipher = aead::Key::new(root.expose());
        let key_of = |term| (term == stored::NO_TERM).then_some(&cipher);
        let plain = entry::open(key_of, stored::KEYRING, &found.value)
            .map_err(|e| GetError::Damaged(format!("the keyring: {e}")))?;
        Keyring::decode(&plain).map_err(GetError::Damaged)
    }
}

impl From<RootError> for UnsealError {
    fn from(e: RootError) -> Self {
        match e {
            RootError::NotInitialized => Self::NotInitialized,
            RootError::Share(e) => Self::Share(e),
            RootError::Get(e) => Self::Get(e),
        }
    }
}

impl std::fmt::Display for UnsealError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotInitialized => f.write_str("Vault is not initialized"),
            Self::Share(e) => e.fmt(f),
            Self::Get(e) => e.fmt(f),
            Self::Lead(e) => write!(f, "the store cannot be written: {e}"),
        }
    }
}

impl std::error::Error for UnsealError {}
