//! Shares that operators hand in one after the other.

use crate::SealConfig;
use strongroom_crypto::{Random, Secret, aead, ct_eq, shamir};
use zeroize::Zeroizing;

/// Why a share, or a set of them, is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShareError {
    /// No share of this seal has this length.
    Length {
        /// Bytes of a share.
        expected: usize,
        /// Bytes of what was given.
        given: usize,
    },
    /// Enough shares were given, but they do not belong together or not to this seal. All of them have
    /// to be given again.
    Wrong,
}

/// The shares given so far.
#[derive(Default)]
pub(crate) struct Shares(Vec<Secret<Vec<u8>>>);

impl Shares {
    /// Adds a share; one that was given before does not count again.
    pub(crate) fn add(&mut self, config: SealConfig, share: Secret<Vec<u8>>) -> Result<(), ShareError> {
        let (expected, given) = (share_len(config), share.expose().len());
        if expected != given {
            return Err(ShareError::Length { expected, given });
        }
        // All are compared, so the time does not tell which one was there.
        let known = self.0.iter().fold(false, |known, s| known | ct_eq(s.expose(), share.expose()));
        if !known {
            self.0.push(share);
        }
        Ok(())
    }

    /// How many different ones there are.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// Hands out the shares and starts anew, once there are enough.
    pub(crate) fn take_if_enough(&mut self, config: SealConfig) -> Option<Self> {
        (self.count() >= usize::from(config.threshold())).then(|| std::mem::take(self))
    }

    /// The key that they make.
    pub(crate) fn combine(&self, config: SealConfig) -> Result<Secret<Vec<u8>>, ShareError> {
        if config.threshold() == 1 {
            return self.0.first().cloned().ok_or(ShareError::Wrong);
        }
        let shares: Vec<&[u8]> = self.0.iter().map(|s| s.expose().as_slice()).collect();
        shamir::combine(&shares).map_err(|_| ShareError::Wrong)
    }
}

/// A new key for the seal, and its shares. A single share is the key itself.
pub(crate) fn generate(config: SealConfig, random: &dyn Random) -> Result<NewKey, shamir::SplitError> {
    let mut key = Zeroizing::new(vec![0; aead::KEY_LEN]);
    random.fill(&mut key);
    let shares = if config.threshold() == 1 {
        vec![Secret::new(key.to_vec())]
    } else {
        shamir::split(&key, config.shares().into(), config.threshold().into(), random)?
    };
    Ok(NewKey { key: Secret::new(std::mem::take(&mut *key)), shares })
}

/// A key and its shares.
pub(crate) struct NewKey {
    pub(crate) key: Secret<Vec<u8>>,
    pub(crate) shares: Vec<Secret<Vec<u8>>>,
}

fn share_len(config: SealConfig) -> usize {
    if config.threshold() == 1 { aead::KEY_LEN } else { aead::KEY_LEN + shamir::SHARE_OVERHEAD }
}

impl std::fmt::Display for ShareError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Length { expected, given } => {
                write!(f, "key has {given} bytes, a key share of this seal has {expected}")
            }
            Self::Wrong => {
                f.write_str("the key shares do not open the seal; all of them have to be entered again")
            }
        }
    }
}

impl std::error::Error for ShareError {}
