//! The stores there are.

use crate::config::Storage;
use std::path::Path;
use std::sync::Arc;
use strongroom_storage::{MemoryStore, OpenError, Options, RedbStore, Store};

/// An open store, to be closed at the end.
pub(crate) enum Opened {
    Memory(Arc<MemoryStore>),
    Redb(Arc<RedbStore>),
}

impl Opened {
    /// Opens a store. Blocks.
    pub(crate) fn open(storage: &Storage) -> Result<Self, String> {
        match storage {
            Storage::Memory => Ok(Self::Memory(Arc::new(MemoryStore::new()))),
            Storage::Redb { path, cache_bytes, .. } => {
                let mut options = Options::default();
                if let Some(bytes) = cache_bytes {
                    options.cache_bytes = *bytes;
                }
                let store = RedbStore::open(path, options).map_err(|e| explain(path, &e))?;
                Ok(Self::Redb(Arc::new(store)))
            }
        }
    }

    pub(crate) fn store(&self) -> Arc<dyn Store> {
        match self {
            Self::Memory(store) => store.clone(),
            Self::Redb(store) => store.clone(),
        }
    }

    /// Writes what is queued and lets go of the files.
    pub(crate) async fn close(&self) {
        if let Self::Redb(store) = self {
            store.close().await;
        }
    }
}

fn explain(path: &Path, error: &OpenError) -> String {
    let place = path.display();
    match error {
        OpenError::InUse(_) => format!("the storage at {place} is in use: another server runs on it"),
        OpenError::Newer(why) => format!("the storage at {place} was written by a newer version: {why}"),
        OpenError::Corrupt(why) => format!("the storage at {place} is damaged or not Strongroom's: {why}"),
        OpenError::Unavailable(why) => format!("the storage at {place} cannot be opened: {why}"),
    }
}
