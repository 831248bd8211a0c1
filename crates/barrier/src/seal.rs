//! The seal: what keeps the root key when the server is off.

use crate::{entry, stored};
use strongroom_crypto::{Random, aead};
use strongroom_storage::BoxFuture;
use zeroize::Zeroizing;

/// Keeps the root key.
///
/// Operators always hold shares. Of a seal such as Shamir's they make the key that opens it; a seal
/// that opens by itself gives them shares of a recovery key, which authorises rekeying and root tokens.
pub trait Seal: Send + Sync + 'static {
    /// `shamir`; shown in the seal status and kept in the seal configuration.
    fn kind(&self) -> &'static str;

    /// Whether the shares make a recovery key and the seal opens without them.
    fn recovery(&self) -> bool;

    /// Seals the root key and binds it to `context`. `key` is what the shares make.
    fn close<'a>(
        &'a self,
        key: &'a [u8],
        root: &'a [u8],
        context: &'a [u8],
        random: &'a dyn Random,
    ) -> BoxFuture<'a, Result<Vec<u8>, SealFailure>>;

    /// Opens what `close` returned.
    fn open<'a>(
        &'a self,
        key: &'a [u8],
        sealed: &'a [u8],
        context: &'a [u8],
    ) -> BoxFuture<'a, Result<Zeroizing<Vec<u8>>, SealFailure>>;
}

/// Why a seal did not close or open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SealFailure {
    /// The key is not the one.
    WrongKey,
    /// What is stored cannot be a sealed root key.
    Damaged(String),
    /// The seal cannot be reached or used.
    Unavailable(String),
}

/// The seal that is opened by operators: the root key is encrypted under the key they share.
#[derive(Debug, Clone, Copy, Default)]
pub struct ShamirSeal;

impl Seal for ShamirSeal {
    fn kind(&self) -> &'static str {
        "shamir"
    }

    fn recovery(&self) -> bool {
        false
    }

    fn close<'a>(
        &'a self,
        key: &'a [u8],
        root: &'a [u8],
        context: &'a [u8],
        random: &'a dyn Random,
    ) -> BoxFuture<'a, Result<Vec<u8>, SealFailure>> {
        Box::pin(async move {
            let cipher = cipher(key)?;
            entry::seal(&cipher, stored::NO_TERM, context, root, random)
                .map_err(|e| SealFailure::Unavailable(e.to_string()))
        })
    }

    fn open<'a>(
        &'a self,
        key: &'a [u8],
        sealed: &'a [u8],
        context: &'a [u8],
    ) -> BoxFuture<'a, Result<Zeroizing<Vec<u8>>, SealFailure>> {
        Box::pin(async move {
            let cipher = cipher(key)?;
            let opened = entry::open(|term| (term == stored::NO_TERM).then_some(&cipher), context, sealed);
            opened.map_err(|e| match e {
                entry::OpenError::Refused => SealFailure::WrongKey,
                other => SealFailure::Damaged(format!("the root key: {other}")),
            })
        })
    }
}

fn cipher(key: &[u8]) -> Result<aead::Key, SealFailure> {
    key.try_into().map(aead::Key::new).map_err(|_| SealFailure::WrongKey)
}

/// How many shares there are, and how many are needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealConfig {
    shares: u8,
    threshold: u8,
}

/// Why there cannot be such shares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidSealConfig {
    /// Fewer than one share.
    NoShares,
    /// More than 255 shares.
    ManyShares,
    /// A threshold below one.
    NoThreshold,
    /// A threshold of one with several shares: each would be the whole key.
    ThresholdOfOne,
    /// A threshold above the number of shares.
    ThresholdAboveShares,
}

impl SealConfig {
    /// Checks the numbers.
    pub fn new(shares: i64, threshold: i64) -> Result<Self, InvalidSealConfig> {
        if shares < 1 {
            return Err(InvalidSealConfig::NoShares);
        }
        if threshold < 1 {
            return Err(InvalidSealConfig::NoThreshold);
        }
        let shares_byte = u8::try_from(shares).map_err(|_| InvalidSealConfig::ManyShares)?;
        if threshold > shares {
            return Err(InvalidSealConfig::ThresholdAboveShares);
        }
        let threshold = u8::try_from(threshold).map_err(|_| InvalidSealConfig::ThresholdAboveShares)?;
        if threshold == 1 && shares > 1 {
            return Err(InvalidSealConfig::ThresholdOfOne);
        }
        Ok(Self { shares: shares_byte, threshold })
    }

    /// How many shares there are.
    pub fn shares(&self) -> u8 {
        self.shares
    }

    /// How many of them are needed.
    pub fn threshold(&self) -> u8 {
        self.threshold
    }
}

impl std::fmt::Display for InvalidSealConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("invalid seal configuration: ")?;
        f.write_str(match self {
            Self::NoShares => "shares must be at least one",
            Self::ManyShares => "shares must be less than 256",
            Self::NoThreshold => "threshold must be at least one",
            Self::ThresholdOfOne => "threshold must be greater than one for multiple shares",
            Self::ThresholdAboveShares => "threshold cannot be larger than shares",
        })
    }
}

impl std::error::Error for InvalidSealConfig {}

impl std::fmt::Display for SealFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::WrongKey => f.write_str("the key does not open the seal"),
            Self::Damaged(what) => f.write_str(what),
            Self::Unavailable(why) => write!(f, "the seal cannot be used: {why}"),
        }
    }
}

impl std::error::Error for SealFailure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_impossible_numbers() {
        use InvalidSealConfig::*;
        let cases = [
            (0, 1, NoShares),
            (-1, -1, NoShares),
            (1, 0, NoThreshold),
            (256, 3, ManyShares),
            (256, 300, ManyShares),
            (5, 1, ThresholdOfOne),
            (3, 4, ThresholdAboveShares),
            (255, 256, ThresholdAboveShares),
        ];
        for (shares, threshold, expected) in cases {
            assert_eq!(SealConfig::new(shares, threshold), Err(expected), "{shares} {threshold}");
        }
        for (shares, threshold) in [(1, 1), (2, 2), (255, 2), (255, 255)] {
            let config = SealConfig::new(shares, threshold).unwrap();
            assert_eq!((i64::from(config.shares()), i64::from(config.threshold())), (shares, threshold));
        }
    }
}
