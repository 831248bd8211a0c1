//! The operations of Vault's logical API.

use serde::{Deserialize, Serialize};

/// What a request wants to do with a path. POST and PUT arrive as `Update`; the pipeline turns them
/// into `Create` where the route has an existence check and nothing is there yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Operation {
    /// GET
    Read,
    /// POST or PUT on something that does not exist.
    Create,
    /// POST or PUT.
    Update,
    /// DELETE
    Delete,
    /// LIST, or GET with `?list=true`
    List,
    /// PATCH
    Patch,
    /// `?help=1`
    Help,
}

impl Operation {
    /// Every operation, for tables and documents.
    pub const ALL: [Self; 7] =
        [Self::Read, Self::Create, Self::Update, Self::Delete, Self::List, Self::Patch, Self::Help];

    /// The name in audit entries and policies.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::List => "list",
            Self::Patch => "patch",
            Self::Help => "help",
        }
    }

    /// Whether the operation carries a body that is decoded into fields.
    pub fn writes(self) -> bool {
        matches!(self, Self::Create | Self::Update | Self::Patch)
    }
}
