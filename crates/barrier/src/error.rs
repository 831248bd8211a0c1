//! Why entries could not be read or committed.

use strongroom_storage as storage;

/// Why an entry could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GetError {
    /// The keyring is not there.
    Sealed,
    /// The key or prefix belongs to the barrier itself.
    Reserved,
    /// The store cannot be read.
    Store(storage::ReadError),
    /// The entry does not open: damaged, moved from another key, or of a term that is not there.
    Damaged(String),
}

/// Why a commit failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommitError {
    /// The keyring is not there.
    Sealed,
    /// A key to write belongs to the barrier itself.
    Reserved,
    /// Something that was read has changed since.
    Conflict,
    /// The store refused it.
    Store(storage::CommitError),
}

impl std::fmt::Display for GetError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sealed => f.write_str("the barrier is sealed"),
            Self::Reserved => f.write_str(RESERVED),
            Self::Store(e) => e.fmt(f),
            Self::Damaged(what) => write!(f, "an entry cannot be opened: {what}"),
        }
    }
}

impl std::error::Error for GetError {}

impl std::fmt::Display for CommitError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sealed => f.write_str("the barrier is sealed"),
            Self::Reserved => f.write_str(RESERVED),
            Self::Conflict => f.write_str("an entry was changed by another commit"),
            Self::Store(e) => e.fmt(f),
        }
    }
}

impl std::error::Error for CommitError {}

impl From<storage::CommitError> for CommitError {
    fn from(e: storage::CommitError) -> Self {
        match e {
            storage::CommitError::Conflict => Self::Conflict,
            other => Self::Store(other),
        }
    }
}

const RESERVED: &str = "keys below barrier/ belong to the barrier itself";
