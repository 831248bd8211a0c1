/// Why a key cannot be read, made or used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyError {
    /// The text or bytes are not a key of the wanted kind.
    Malformed,
    /// A key of another kind, curve or size.
    OtherKind,
    /// The parts do not belong together, or are too weak.
    Refused,
    /// The message does not fit the key and padding.
    TooLong,
    /// The operation failed.
    Failed,
}

impl std::fmt::Display for KeyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Malformed => "not a key in the wanted format",
            Self::OtherKind => "a key of another kind",
            Self::Refused => "a key whose parts do not belong together",
            Self::TooLong => "the message is too long for this key",
            Self::Failed => "the operation failed",
        })
    }
}

impl std::error::Error for KeyError {}
