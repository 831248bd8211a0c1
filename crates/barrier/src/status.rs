//! Whether the barrier is initialised and open.

use crate::seal::SealFailure;
use crate::shares::Shares;
use crate::stored::{self, SealRecord};
use crate::{Barrier, GetError, SealConfig, ShareError};
use strongroom_crypto::{Secret, aead};
use zeroize::Zeroizing;

/// The state of the seal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealStatus {
    /// The kind of seal: `shamir`.
    pub kind: String,
    /// Whether there is a root key.
    pub initialized: bool,
    /// Whether the keyring is away.
    pub sealed: bool,
    /// How many shares are needed; 0 before initialisation.
    pub threshold: u8,
    /// How many shares there are; 0 before initialisation.
    pub shares: u8,
    /// How many shares were given so far.
    pub progress: usize,
    /// Names the attempt to unseal; empty without one.
    pub nonce: String,
    /// Whether the kind of seal is being changed, which this program cannot do.
    pub migration: bool,
    /// Whether the shares are those of a recovery key.
    pub recovery_seal: bool,
}

/// Why shares could not be held against the seal.
pub(crate) enum RootError {
    NotInitialized,
    Share(ShareError),
    Get(GetError),
}

impl Barrier {
    /// Whether there is a root key. Reads the store only while sealed.
    pub async fn is_initialized(&self) -> Result<bool, GetError> {
        if !self.is_sealed() {
            return Ok(true);
        }
        Ok(self.own(stored::SEAL_CONFIG).await.map_err(GetError::Store)?.is_some())
    }

    /// The state of the seal.
    pub async fn seal_status(&self) -> Result<SealStatus, GetError> {
        let record = self.seal_record().await?;
        let (sealed, config) = (self.is_sealed(), record.as_ref().map(|r| r.config));
        let (progress, nonce) = match &self.state.flows().unseal {
            Some(attempt) if sealed => (attempt.shares.count(), attempt.nonce.clone()),
            _ => (0, String::new()),
        };
        Ok(SealStatus {
            kind: record.map_or_else(|| self.options.seal.kind().to_owned(), |r| r.kind),
            initialized: config.is_some(),
            sealed,
            threshold: config.map_or(0, |c| c.threshold()),
            shares: config.map_or(0, |c| c.shares()),
            progress,
            nonce,
            migration: false,
            recovery_seal: self.options.seal.recovery(),
        })
    }

    pub(crate) async fn seal_record(&self) -> Result<Option<SealRecord>, GetError> {
        let found = self.own(stored::SEAL_CONFIG).await.map_err(GetError::Store)?;
        found.map(|f| SealRecord::decode(&f.value).map_err(GetError::Damaged)).transpose()
    }

    /// The root key that these shares open.
    pub(crate) async fn open_root(
        &self,
        record: &SealRecord,
        shares: &Shares,
    ) -> Result<Secret<[u8; aead::KEY_LEN]>, RootError> {
        let key = shares.combine(record.config).map_err(RootError::Share)?;
        let sealed = self.own(stored::ROOT_KEY).await.map_err(|e| RootError::Get(GetError::Store(e)))?;
        let sealed = sealed.ok_or_else(|| damaged("the root key is not there"))?;
        let root = self.options.seal.open(key.expose(), &sealed.value, &record.context()).await;
        let root: Zeroizing<Vec<u8>> = root.map_err(|e| match e {
            SealFailure::WrongKey => RootError::Share(ShareError::Wrong),
            SealFailure::Damaged(what) => damaged(&what),
            SealFailure::Unavailable(why) => {
                RootError::Get(GetError::Store(strongroom_storage::ReadError::Unavailable(why)))
            }
        })?;
        let root = root.as_slice().try_into().map_err(|_| damaged("the root key has another length"))?;
        Ok(Secret::new(root))
    }

    /// Holds shares against the seal of the open barrier.
    pub(crate) async fn authorise(&self, shares: &Shares) -> Result<(), RootError> {
        let record = self.seal_record().await.map_err(RootError::Get)?.ok_or(RootError::NotInitialized)?;
        let root = self.open_root(&record, shares).await?;
        match self.state.open.load_full() {
            Some(open) if open.is_root(root.expose()) => Ok(()),
            Some(_) => Err(RootError::Share(ShareError::Wrong)),
            None => Err(RootError::Get(GetError::Sealed)),
        }
    }

    /// How many shares there are now, of an open barrier.
    pub(crate) async fn open_config(&self) -> Result<SealConfig, RootError> {
        if self.is_sealed() {
            return Err(RootError::Get(GetError::Sealed));
        }
        let record = self.seal_record().await.map_err(RootError::Get)?;
        record.map(|r| r.config).ok_or(RootError::NotInitialized)
    }
}

fn damaged(what: &str) -> RootError {
    RootError::Get(GetError::Damaged(what.to_owned()))
}
