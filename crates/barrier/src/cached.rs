//! A decrypted entry.

use bytes::Bytes;
use std::any::Any;
use std::sync::{Arc, OnceLock};
use strongroom_crypto::Secret;
use strongroom_storage::Revision;

/// A decrypted entry, shared by all who read it, with the record it was decoded to.
#[derive(Clone)]
pub struct Cached {
    /// The revision that wrote it.
    pub version: Revision,
    shared: Arc<Shared>,
}

struct Shared {
    plain: Bytes,
    decoded: OnceLock<Arc<dyn Any + Send + Sync>>,
}

impl Cached {
    /// The record, decoded once per stored version and then shared. It may keep slices of the bytes: those
    /// are wiped when neither the entry nor any of them is left.
    pub fn decode<T: Any + Send + Sync, E>(
        &self,
        decode: impl FnOnce(&Bytes) -> Result<T, E>,
    ) -> Result<Arc<T>, E> {
        if let Some(found) = self.shared.decoded.get().and_then(|d| d.clone().downcast::<T>().ok()) {
            return Ok(found);
        }
        let made = Arc::new(decode(self.plain())?);
        // A second reader may have been faster, or the entry was read as another type: either is fine.
        let _ = self.shared.decoded.set(made.clone());
        Ok(made)
    }

    /// The bytes as they were committed.
    pub fn plain(&self) -> &Bytes {
        &self.shared.plain
    }

    pub(crate) fn new(version: Revision, plain: Vec<u8>) -> Self {
        let plain = Bytes::from_owner(Wiped(Secret::new(plain)));
        Self { version, shared: Arc::new(Shared { plain, decoded: OnceLock::new() }) }
    }
}

/// Bytes that are wiped with the last reference to them.
struct Wiped(Secret<Vec<u8>>);

impl AsRef<[u8]> for Wiped {
    fn as_ref(&self) -> &[u8] {
        self.0.expose()
    }
}
