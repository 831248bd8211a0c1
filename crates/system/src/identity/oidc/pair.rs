//! A pair of keys: the private one signs, the public one is published.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::sync::{Arc, OnceLock};
use strongroom_core::jwk::Jwk;
use strongroom_core::{Core, Fault, Map, web_token};
use strongroom_crypto::jws::{Algorithm, SigningKey};
use strongroom_crypto::random;
use zeroize::Zeroizing;

/// A pair of keys.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Pair {
    pub(super) id: String,
    /// The name of the algorithm.
    pub(super) algorithm: String,
    secret: Bytes,
    pub(super) public: Jwk,
    /// Made ready at first use; the record is shared by all who read it.
    #[serde(skip)]
    ready: OnceLock<Arc<SigningKey>>,
}

impl Pair {
    /// A new pair.
    pub(super) async fn generate(core: &Core, name: &str) -> Result<Self, Fault> {
        let algorithm = algorithm(name)?;
        let random = core.random.clone();
        let secret = core.hashing.run(move || SigningKey::generate(algorithm, random.as_ref())).await?;
        let secret = secret.map_err(unusable)?;
        let key = SigningKey::read(algorithm, &secret).map_err(unusable)?;
        let id = random::uuid(core.random.as_ref());
        let public = Jwk::new(&key.public().map_err(unusable)?, &id, name);
        let (secret, ready) = (Bytes(secret), OnceLock::from(Arc::new(key)));
        Ok(Self { id, algorithm: name.to_owned(), secret, public, ready })
    }

    /// A signed token with these claims.
    pub(super) fn sign(&self, core: &Core, claims: &Map) -> Result<String, Fault> {
        let algorithm = algorithm(&self.algorithm)?;
        let key = match self.ready.get() {
            Some(key) => key.clone(),
            None => {
                let key = Arc::new(SigningKey::read(algorithm, &self.secret.0).map_err(unusable)?);
                self.ready.get_or_init(|| key).clone()
            }
        };
        web_token::sign(core.random.as_ref(), algorithm, &key, &self.id, claims)
    }
}

/// An algorithm by its name, which was checked when it was given.
pub(super) fn algorithm(name: &str) -> Result<Algorithm, Fault> {
    Algorithm::parse(name).ok_or_else(|| Fault::Internal("a key of an unknown algorithm".to_owned()))
}

fn unusable(why: strongroom_crypto::KeyError) -> Fault {
    Fault::Internal(format!("a key for tokens cannot be made or used: {why}"))
}

/// Bytes that are wiped when dropped; base64 in the record.
#[derive(Clone)]
struct Bytes(Zeroizing<Vec<u8>>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Zeroizing::new(STANDARD.encode(&*self.0)))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        let bytes = STANDARD.decode(text.as_bytes()).map_err(serde::de::Error::custom)?;
        Ok(Self(Zeroizing::new(bytes)))
    }
}
