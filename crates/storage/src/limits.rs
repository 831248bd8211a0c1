//! What one commit of the stores of this crate can take.

use crate::store::{Batch, CommitError, Limits};

/// Generous for one operation, small enough that a queue of such commits fits into memory.
pub(crate) const LIMITS: Limits = Limits { entries: 4096, bytes: 16 << 20 };

/// A key longer than this would make the inner pages of a B-tree useless.
pub(crate) const LONGEST_KEY: usize = 8 << 10;

/// Refuses what is larger than `LIMITS`; answers the bytes of the batch.
pub(crate) fn measure(batch: &Batch) -> Result<usize, CommitError> {
    let touched = batch.writes.len().max(batch.reads.len()).max(batch.ranges.len());
    if touched > LIMITS.entries {
        return Err(too_large(format!("it touches {touched} entries; at most {} fit", LIMITS.entries)));
    }
    let keys = batch.reads.iter().map(|(key, _)| key).chain(batch.writes.iter().map(|(key, _)| key));
    if let Some(longest) = keys.map(|key| key.len()).max().filter(|longest| *longest > LONGEST_KEY) {
        return Err(too_large(format!("a key has {longest} bytes; at most {LONGEST_KEY} fit")));
    }
    let bytes: usize = batch
        .writes
        .iter()
        .map(|(key, value)| key.len() + value.as_ref().map_or(0, |value| value.len()))
        .sum();
    if bytes > LIMITS.bytes {
        return Err(too_large(format!(
            "its keys and values have {bytes} bytes; at most {} fit",
            LIMITS.bytes
        )));
    }
    Ok(bytes)
}

fn too_large(why: String) -> CommitError {
    CommitError::TooLarge(why)
}
