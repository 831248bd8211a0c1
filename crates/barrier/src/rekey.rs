//! New shares by agreement of those who hold the old ones. Only the root key is sealed anew; no other
//! entry changes.

use crate::open::Open;
use crate::shares::{self, Shares};
use crate::status::RootError;
use crate::stored::{self, SealRecord};
use crate::{Barrier, CommitError, GetError, SealConfig, ShareError};
use bytes::Bytes;
use std::sync::Arc;
use strongroom_crypto::{Secret, ct_eq, random};
use strongroom_storage::Batch;

/// How far rekeying is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RekeyStatus {
    /// Whether it was started.
    pub started: bool,
    /// Names it; empty without one.
    pub nonce: String,
    /// How many of the new shares will be needed; 0 without one.
    pub threshold: u8,
    /// How many new shares there will be; 0 without one.
    pub shares: u8,
    /// How many of the old shares were given so far.
    pub progress: usize,
    /// How many of the old shares are needed.
    pub required: u8,
    /// Whether the new shares must be given back before they count.
    pub verification_required: bool,
    /// Names the verification; empty unless the new shares are out and wait for it.
    pub verification_nonce: String,
}

/// How far the verification of new shares is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RekeyVerifyStatus {
    /// Whether new shares wait for it.
    pub started: bool,
    /// Names it; empty without one.
    pub nonce: String,
    /// How many of the new shares are needed.
    pub threshold: u8,
    /// How many new shares there are.
    pub shares: u8,
    /// How many of them were given back so far.
    pub progress: usize,
}

/// What a share did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RekeyStep {
    /// More shares are needed.
    Progress(RekeyStatus),
    /// The old shares opened the root key: here are the new ones.
    Done {
        /// The operation.
        nonce: String,
        /// The new shares.
        shares: Vec<Secret<Vec<u8>>>,
        /// The nonce of the verification that they wait for; without one they count already.
        verification_nonce: Option<String>,
    },
}

/// What a new share given back did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RekeyVerifyStep {
    /// More shares are needed.
    Progress(RekeyVerifyStatus),
    /// The new shares count from now on.
    Done {
        /// The verification that has ended.
        nonce: String,
    },
}

/// Why a step of rekeying was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RekeyError {
    /// Another one is under way.
    AlreadyStarted,
    /// None is under way.
    NotStarted,
    /// The nonce is not the one of the operation under way.
    WrongNonce,
    /// The new shares are out already and wait for their verification.
    AwaitingVerification,
    /// There are no new shares to verify.
    NotVerifying,
    /// The share, or the set of them, is refused.
    Share(ShareError),
    /// The barrier is sealed, or what is stored cannot be read.
    Get(GetError),
    /// The newly sealed root key could not be stored; the old shares still count.
    Commit(CommitError),
    /// The seal cannot be used.
    Seal(String),
}

/// A rekeying under way.
pub(crate) struct Rekey {
    nonce: String,
    target: SealConfig,
    verify: bool,
    shares: Shares,
    pending: Option<Pending>,
}

/// A new key that waits for its shares to come back.
struct Pending {
    nonce: String,
    key: Secret<Vec<u8>>,
    shares: Shares,
}

impl Barrier {
    /// How far it is.
    pub async fn rekey_status(&self) -> Result<RekeyStatus, RekeyError> {
        let required = self.open_config().await?.threshold();
        Ok(status(required, self.state.flows().rekey.as_ref()))
    }

    /// Starts one. With `verify` the new shares count only after enough of them were given back.
    pub async fn rekey_start(&self, target: SealConfig, verify: bool) -> Result<RekeyStatus, RekeyError> {
        let required = self.open_config().await?.threshold();
        let mut flows = self.state.flows();
        if flows.rekey.is_some() {
            return Err(RekeyError::AlreadyStarted);
        }
        let nonce = random::uuid(&*self.random);
        let rekey = Rekey { nonce, target, verify, shares: Shares::default(), pending: None };
        Ok(status(required, Some(flows.rekey.insert(rekey))))
    }

    /// Takes an old share. Enough of them are held against the root key and make the new shares.
    pub async fn rekey_provide(&self, nonce: &str, share: Secret<Vec<u8>>) -> Result<RekeyStep, RekeyError> {
        let config = self.open_config().await?;
        let (shares, target, verify) = {
            let mut flows = self.state.flows();
            let rekey = under_way(flows.rekey.as_mut(), nonce)?;
            if rekey.pending.is_some() {
                return Err(RekeyError::AwaitingVerification);
            }
            rekey.shares.add(config, share).map_err(RekeyError::Share)?;
            match rekey.shares.take_if_enough(config) {
                Some(shares) => (shares, rekey.target, rekey.verify),
                None => return Ok(RekeyStep::Progress(status(config.threshold(), Some(rekey)))),
            }
        };
        self.authorise(&shares).await?;
        let made = shares::generate(target, &*self.random).map_err(|e| RekeyError::Seal(e.to_string()))?;
        let verification_nonce = if verify {
            Some(self.await_verification(nonce, made.key)?)
        } else {
            self.seal_anew(nonce, target, &made.key).await?;
            None
        };
        Ok(RekeyStep::Done { nonce: nonce.to_owned(), shares: made.shares, verification_nonce })
    }

    /// Ends the operation under way, if there is one; new shares that were not verified are void.
    /// Without a nonce the caller must have authorised it: whoever merely reaches the server may not
    /// disturb the others' work.
    pub fn rekey_cancel(&self, nonce: Option<&str>) -> Result<(), RekeyError> {
        let mut flows = self.state.flows();
        if let (Some(nonce), Some(_)) = (nonce, &flows.rekey) {
            under_way(flows.rekey.as_mut(), nonce)?;
        }
        flows.rekey = None;
        Ok(())
    }

    /// How far the verification is.
    pub async fn rekey_verify_status(&self) -> Result<RekeyVerifyStatus, RekeyError> {
        self.open_config().await?;
        let flows = self.state.flows();
        let rekey = flows.rekey.as_ref().ok_or(RekeyError::NotStarted)?;
        Ok(verify_status(rekey.target, rekey.pending.as_ref()))
    }

    /// Takes a new share back; with enough of them the new shares count and the old ones no more.
    pub async fn rekey_verify(
        &self,
        nonce: &str,
        share: Secret<Vec<u8>>,
    ) -> Result<RekeyVerifyStep, RekeyError> {
        self.open_config().await?;
        let (operation, target, key) = {
            let mut flows = self.state.flows();
            let rekey = flows.rekey.as_mut().ok_or(RekeyError::NotStarted)?;
            let pending = verifying(rekey.pending.as_mut(), nonce)?;
            pending.shares.add(rekey.target, share).map_err(RekeyError::Share)?;
            let Some(shares) = pending.shares.take_if_enough(rekey.target) else {
                return Ok(RekeyVerifyStep::Progress(verify_status(rekey.target, Some(pending))));
            };
            let key = shares.combine(rekey.target).map_err(RekeyError::Share)?;
            if key != pending.key {
                return Err(RekeyError::Share(ShareError::Wrong));
            }
            (rekey.nonce.clone(), rekey.target, key)
        };
        self.seal_anew(&operation, target, &key).await?;
        Ok(RekeyVerifyStep::Done { nonce: nonce.to_owned() })
    }

    /// Forgets the new shares that were given back, and names the verification anew. About the nonce, see
    /// `rekey_cancel`.
    pub fn rekey_verify_restart(&self, nonce: Option<&str>) -> Result<RekeyVerifyStatus, RekeyError> {
        let mut flows = self.state.flows();
        let rekey = flows.rekey.as_mut().ok_or(RekeyError::NotStarted)?;
        let pending = match nonce {
            Some(nonce) => verifying(rekey.pending.as_mut(), nonce)?,
            None => rekey.pending.as_mut().ok_or(RekeyError::NotVerifying)?,
        };
        pending.shares = Shares::default();
        pending.nonce = random::uuid(&*self.random);
        Ok(verify_status(rekey.target, Some(pending)))
    }

    fn await_verification(&self, nonce: &str, key: Secret<Vec<u8>>) -> Result<String, RekeyError> {
        let mut flows = self.state.flows();
        // It may have been cancelled meanwhile.
        let rekey = under_way(flows.rekey.as_mut(), nonce)?;
        let pending = Pending { nonce: random::uuid(&*self.random), key, shares: Shares::default() };
        Ok(rekey.pending.insert(pending).nonce.clone())
    }

    /// Seals the root key under the new key and ends the operation.
    async fn seal_anew(
        &self,
        nonce: &str,
        target: SealConfig,
        key: &Secret<Vec<u8>>,
    ) -> Result<(), RekeyError> {
        let _changes = self.changes.lock().await;
        let open = self.state.open.load_full().ok_or(RekeyError::Get(GetError::Sealed))?;
        // Cancelled meanwhile, or done by another caller.
        under_way(self.state.flows().rekey.as_mut(), nonce)?;
        let batch = self.sealed_anew(&open, target, key.expose()).await?;
        self.commit_own(&open, batch).await.map_err(RekeyError::Commit)?;
        self.state.flows().rekey = None;
        Ok(())
    }

    async fn sealed_anew(
        &self,
        open: &Arc<Open>,
        target: SealConfig,
        key: &[u8],
    ) -> Result<Batch, RekeyError> {
        let seal = &self.options.seal;
        let record = SealRecord::new(seal.kind(), target);
        let root = seal.close(key, open.root(), &record.context(), &*self.random).await;
        let root = root.map_err(|e| RekeyError::Seal(e.to_string()))?;
        let mut batch = Batch::default();
        for (at, value) in [(stored::SEAL_CONFIG, record.bytes().to_vec()), (stored::ROOT_KEY, root)] {
            let seen = self.own(at).await.map_err(|e| RekeyError::Get(GetError::Store(e)))?;
            batch.reads.push((Bytes::from_static(at), seen.map_or(0, |s| s.version)));
            batch.writes.push((Bytes::from_static(at), Some(value.into())));
        }
        Ok(batch)
    }
}

fn under_way<'f>(rekey: Option<&'f mut Rekey>, nonce: &str) -> Result<&'f mut Rekey, RekeyError> {
    let rekey = rekey.ok_or(RekeyError::NotStarted)?;
    if ct_eq(rekey.nonce.as_bytes(), nonce.as_bytes()) { Ok(rekey) } else { Err(RekeyError::WrongNonce) }
}

fn verifying<'f>(pending: Option<&'f mut Pending>, nonce: &str) -> Result<&'f mut Pending, RekeyError> {
    let pending = pending.ok_or(RekeyError::NotVerifying)?;
    if ct_eq(pending.nonce.as_bytes(), nonce.as_bytes()) { Ok(pending) } else { Err(RekeyError::WrongNonce) }
}

fn status(required: u8, rekey: Option<&Rekey>) -> RekeyStatus {
    RekeyStatus {
        started: rekey.is_some(),
        nonce: rekey.map_or_else(String::new, |r| r.nonce.clone()),
        threshold: rekey.map_or(0, |r| r.target.threshold()),
        shares: rekey.map_or(0, |r| r.target.shares()),
        progress: rekey.map_or(0, |r| r.shares.count()),
        required,
        verification_required: rekey.is_some_and(|r| r.verify),
        verification_nonce: rekey
            .and_then(|r| r.pending.as_ref())
            .map_or_else(String::new, |p| p.nonce.clone()),
    }
}

fn verify_status(target: SealConfig, pending: Option<&Pending>) -> RekeyVerifyStatus {
    RekeyVerifyStatus {
        started: pending.is_some(),
        nonce: pending.map_or_else(String::new, |p| p.nonce.clone()),
        threshold: target.threshold(),
        shares: target.shares(),
        progress: pending.map_or(0, |p| p.shares.count()),
    }
}

impl From<RootError> for RekeyError {
    fn from(e: RootError) -> Self {
        match e {
            RootError::NotInitialized => Self::Get(GetError::Sealed),
            RootError::Share(e) => Self::Share(e),
            RootError::Get(e) => Self::Get(e),
        }
    }
}

impl std::fmt::Display for RekeyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::AlreadyStarted => f.write_str("rekey already in progress"),
            Self::NotStarted => f.write_str("no rekey in progress"),
            Self::WrongNonce => f.write_str("incorrect nonce supplied; it names another rekey operation"),
            Self::AwaitingVerification => {
                f.write_str("the new key shares were handed out and wait for their verification")
            }
            Self::NotVerifying => f.write_str("no rekey verification in progress"),
            Self::Share(e) => e.fmt(f),
            Self::Get(e) => e.fmt(f),
            Self::Commit(e) => e.fmt(f),
            Self::Seal(why) => write!(f, "the seal cannot be used: {why}"),
        }
    }
}

impl std::error::Error for RekeyError {}
