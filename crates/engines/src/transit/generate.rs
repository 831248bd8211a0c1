//! New versions of keys.

use super::key::{Bytes, Version};
use super::kind::Kind;
use jiff::Timestamp;
use std::sync::{Arc, OnceLock};
use strongroom_core::{Core, Fault};
use strongroom_crypto::{KeyError, Random, ecdsa, ed25519, ml_dsa, rsa};
use zeroize::Zeroizing;

/// How new versions of convergent keys make their nonces: with a key of their own, derived beside the
/// one that encrypts.
pub(super) const CONVERGENT_VERSION: u64 = 3;

/// Bytes of the key for keyed hashes that every version has.
const HMAC_LEN: usize = 32;

/// A new version. RSA keys take seconds and are made on a thread of their own.
pub(super) async fn version(
    core: &Arc<Core>,
    kind: Kind,
    key_size: u64,
    convergent: bool,
) -> Result<Version, Fault> {
    let random = core.random.as_ref();
    let (secret, public) = match kind.rsa_bits() {
        Some(bits) => core.hashing.run(move || rsa_pair(bits)).await?,
        None => pair(random, kind, key_size),
    }
    .map_err(|e| Fault::Internal(format!("a {} key could not be made: {e}", kind.name())))?;
    let hmac = if kind == Kind::Hmac { secret.clone() } else { bytes(random, HMAC_LEN) };
    let convergent_version = if convergent { CONVERGENT_VERSION } else { 0 };
    Ok(new(core.clock.now(), secret, public, hmac, convergent_version))
}

/// A version with a secret that was made elsewhere.
pub(super) fn imported(core: &Core, kind: Kind, secret: Bytes, public: Bytes) -> Version {
    let random = core.random.as_ref();
    let hmac = if kind == Kind::Hmac { secret.clone() } else { bytes(random, HMAC_LEN) };
    new(core.clock.now(), secret, public, hmac, 0)
}

fn new(created: Timestamp, secret: Bytes, public: Bytes, hmac: Bytes, convergent_version: u64) -> Version {
    Version { secret, public, hmac, created, convergent_version, ready: OnceLock::new() }
}

fn pair(random: &dyn Random, kind: Kind, key_size: u64) -> Result<(Bytes, Bytes), KeyError> {
    if let Some(cipher) = kind.cipher() {
        return Ok((bytes(random, cipher.key_len()), Bytes::default()));
    }
    if let Some(curve) = kind.curve() {
        let key = ecdsa::PrivateKey::generate(curve)?;
        return Ok((Bytes::new(&key.secret()?), Bytes::new(key.point())));
    }
    if let Some(set) = kind.ml_dsa() {
        let seed = ml_dsa::generate(random);
        let key = ml_dsa::PrivateKey::from_seed(set, seed.as_slice())?;
        return Ok((Bytes::new(seed.as_slice()), Bytes::new(key.public())));
    }
    if kind == Kind::Ed25519 {
        let seed = ed25519::generate(random);
        let key = ed25519::PrivateKey::from_seed(seed.as_slice())?;
        return Ok((Bytes::new(seed.as_slice()), Bytes::new(key.public())));
    }
    let len = usize::try_from(key_size).map_err(|_| KeyError::Malformed)?;
    Ok((bytes(random, len), Bytes::default()))
}

fn rsa_pair(bits: usize) -> Result<(Bytes, Bytes), KeyError> {
    let key = rsa::PrivateKey::generate(bits)?;
    Ok((Bytes::new(&key.numbers().pkcs1()), Bytes::new(key.public()?.spki())))
}

fn bytes(random: &dyn Random, len: usize) -> Bytes {
    let mut out = Zeroizing::new(vec![0; len]);
    random.fill(&mut out);
    Bytes::new(&out)
}
