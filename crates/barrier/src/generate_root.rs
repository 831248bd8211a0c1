//! A new root token by agreement of those who hold shares.

use crate::shares::Shares;
use crate::status::RootError;
use crate::{Barrier, GetError, ShareError};
use strongroom_crypto::{Secret, ct_eq, random};

/// How far the generation of a root token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GenerateRootStatus {
    /// Whether one was started.
    pub started: bool,
    /// Names it; empty without one.
    pub nonce: String,
    /// How many shares were given so far.
    pub progress: usize,
    /// How many are needed.
    pub required: u8,
    /// Length of the one-time password that will cover the token; 0 without one.
    pub otp_length: usize,
}

/// What a share did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GenerateRootStep {
    /// More shares are needed.
    Progress(GenerateRootStatus),
    /// The shares opened the root key: the caller now makes the token and covers it.
    Complete {
        /// The operation that has ended.
        nonce: String,
        /// How many shares it took.
        required: u8,
        /// What `generate_root_start` was given.
        otp: Secret<String>,
    },
}

/// Why a step of the generation was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GenerateRootError {
    /// Another one is under way.
    AlreadyStarted,
    /// None is under way.
    NotStarted,
    /// The nonce is not the one of the operation under way.
    WrongNonce,
    /// The share, or the set of them, is refused.
    Share(ShareError),
    /// The barrier is sealed, or what is stored cannot be read.
    Get(GetError),
}

/// A generation under way.
pub(crate) struct Generation {
    nonce: String,
    otp: Secret<String>,
    shares: Shares,
}

impl Barrier {
    /// How far it is.
    pub async fn generate_root_status(&self) -> Result<GenerateRootStatus, GenerateRootError> {
        let required = self.open_config().await?.threshold();
        Ok(status(required, self.state.flows().generate_root.as_ref()))
    }

    /// Starts one. The one-time password is the caller's and is handed back at the end.
    pub async fn generate_root_start(
        &self,
        otp: Secret<String>,
    ) -> Result<GenerateRootStatus, GenerateRootError> {
        let required = self.open_config().await?.threshold();
        let mut flows = self.state.flows();
        if flows.generate_root.is_some() {
            return Err(GenerateRootError::AlreadyStarted);
        }
        let nonce = random::uuid(&*self.random);
        let started = flows.generate_root.insert(Generation { nonce, otp, shares: Shares::default() });
        Ok(status(required, Some(started)))
    }

    /// Takes a share; enough of them are held against the root key.
    pub async fn generate_root_provide(
        &self,
        nonce: &str,
        share: Secret<Vec<u8>>,
    ) -> Result<GenerateRootStep, GenerateRootError> {
        let config = self.open_config().await?;
        let shares = {
            let mut flows = self.state.flows();
            let generation = under_way(flows.generate_root.as_mut(), nonce)?;
            generation.shares.add(config, share).map_err(GenerateRootError::Share)?;
            match generation.shares.take_if_enough(config) {
                Some(shares) => shares,
                None => return Ok(GenerateRootStep::Progress(status(config.threshold(), Some(generation)))),
            }
        };
        self.authorise(&shares).await?;
        let mut flows = self.state.flows();
        // It may have been cancelled meanwhile.
        under_way(flows.generate_root.as_mut(), nonce)?;
        let done = flows.generate_root.take().ok_or(GenerateRootError::NotStarted)?;
        Ok(GenerateRootStep::Complete { nonce: done.nonce, required: config.threshold(), otp: done.otp })
    }

    /// Ends the operation under way, if there is one. Without a nonce the caller must have authorised
    /// it: whoever merely reaches the server may not disturb the others' work.
    pub fn generate_root_cancel(&self, nonce: Option<&str>) -> Result<(), GenerateRootError> {
        let mut flows = self.state.flows();
        if let (Some(nonce), Some(_)) = (nonce, &flows.generate_root) {
            under_way(flows.generate_root.as_mut(), nonce)?;
        }
        flows.generate_root = None;
        Ok(())
    }
}

fn under_way<'f>(
    generation: Option<&'f mut Generation>,
    nonce: &str,
) -> Result<&'f mut Generation, GenerateRootError> {
    let generation = generation.ok_or(GenerateRootError::NotStarted)?;
    if ct_eq(generation.nonce.as_bytes(), nonce.as_bytes()) {
        Ok(generation)
    } else {
        Err(GenerateRootError::WrongNonce)
    }
}

fn status(required: u8, generation: Option<&Generation>) -> GenerateRootStatus {
    GenerateRootStatus {
        started: generation.is_some(),
        nonce: generation.map_or_else(String::new, |g| g.nonce.clone()),
        progress: generation.map_or(0, |g| g.shares.count()),
        required,
        otp_length: generation.map_or(0, |g| g.otp.expose().len()),
    }
}

impl From<RootError> for GenerateRootError {
    fn from(e: RootError) -> Self {
        match e {
            RootError::NotInitialized => Self::Get(GetError::Sealed),
            RootError::Share(e) => Self::Share(e),
            RootError::Get(e) => Self::Get(e),
        }
    }
}

impl std::fmt::Display for GenerateRootError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::AlreadyStarted => f.write_str("root generation already in progress"),
            Self::NotStarted => f.write_str("no root generation in progress"),
            Self::WrongNonce => f.write_str("incorrect nonce supplied; it names another root generation"),
            Self::Share(e) => e.fmt(f),
            Self::Get(e) => e.fmt(f),
        }
    }
}

impl std::error::Error for GenerateRootError {}
