//! Reads a whole snapshot, page by page, for a store that replaces its content by it.

use crate::limits::LONGEST_KEY;
use crate::store::{ReadError, Snapshot, Versioned};
use bytes::Bytes;

const PAGE: usize = 512;

/// The largest revision that a source may claim; one more would leave no room to count on.
const LARGEST_REVISION: u64 = 1 << 62;

/// A snapshot that is read from its beginning to its end.
pub(crate) struct Feed {
    source: Box<dyn Snapshot>,
    after: Option<Bytes>,
}

impl Feed {
    pub(crate) fn new(source: Box<dyn Snapshot>) -> Result<Self, ReadError> {
        if source.revision() > LARGEST_REVISION {
            return Err(ReadError::Corrupt(format!(
                "its revision {} is beyond any real one",
                source.revision()
            )));
        }
        Ok(Self { source, after: None })
    }

    /// The next entries; none at the end.
    pub(crate) async fn next(&mut self) -> Result<Vec<(Bytes, Versioned)>, ReadError> {
        let page = self.source.entries(self.after.as_deref(), PAGE).await?;
        for (key, _) in &page {
            // A source that repeats itself would never end.
            if self.after.as_ref().is_some_and(|after| key <= after) {
                return Err(ReadError::Corrupt("its keys are not in rising order".into()));
            }
            if key.len() > LONGEST_KEY {
                return Err(ReadError::Corrupt(format!("a key has {} bytes", key.len())));
            }
            self.after = Some(key.clone());
        }
        Ok(page)
    }
}
