//! Why a request was not answered with success, with its HTTP status.

use crate::Response;
use strongroom_barrier::{CommitError, GetError};

/// What a handler or a pipeline step answers instead of a response.
#[derive(Debug)]
pub enum Fault {
    /// 400, with the messages a client sees. They never carry a secret.
    Invalid(Vec<String>),
    /// 400: a login with wrong credentials; counted by the user lockout.
    BadCredentials(String),
    /// 403. Says no more than `permission denied`; `sys/internal/explain` says why.
    Denied,
    /// 403, with a reason that the caller may know.
    Refused(String),
    /// The same, with a hint beside it.
    Advised(String, String),
    /// 404 with `errors: []`.
    NotFound,
    /// 404: no route at this path.
    NoRoute(String),
    /// 404: the request names a namespace that is not there.
    NoNamespace,
    /// 405: the path exists, the operation does not.
    Unsupported,
    /// 429.
    TooMany(String),
    /// 503.
    Sealed,
    /// Another status with its message.
    Status(u16, String),
    /// A status with an answer in it, such as 400 with the results of a batch.
    Answer(u16, Box<Response>),
    /// 500; the text goes to the log, the client sees it without detail of the store.
    Internal(String),
    /// The store refused the commit since something that was read has changed: the handler runs again.
    Conflict,
}

impl Fault {
    /// 400 with one message.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::Invalid(vec![message.into()])
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        match self {
            Self::Invalid(_) | Self::BadCredentials(_) => 400,
            Self::Denied | Self::Refused(_) | Self::Advised(..) => 403,
            Self::NotFound | Self::NoRoute(_) | Self::NoNamespace => 404,
            Self::Unsupported => 405,
            Self::TooMany(_) => 429,
            Self::Sealed => 503,
            Self::Status(status, _) | Self::Answer(status, _) => *status,
            Self::Internal(_) | Self::Conflict => 500,
        }
    }

    /// The messages of the error body.
    pub fn messages(&self) -> Vec<String> {
        match self {
            Self::Invalid(messages) => messages.clone(),
            Self::Denied => vec!["permission denied".to_owned()],
            Self::BadCredentials(m)
            | Self::Refused(m)
            | Self::TooMany(m)
            | Self::Internal(m)
            | Self::Status(_, m) => vec![m.clone()],
            Self::Advised(m, hint) => vec![m.clone(), hint.clone()],
            Self::NotFound | Self::Answer(..) => Vec::new(),
            Self::NoRoute(path) => vec![format!("no handler for route \"{path}\". route entry not found.")],
            Self::NoNamespace => vec!["namespace not found".to_owned()],
            Self::Unsupported => vec!["1 error occurred:\n\t* unsupported operation\n\n".to_owned()],
            Self::Sealed => vec!["Vault is sealed".to_owned()],
            Self::Conflict => vec!["the entry was changed by others again and again; try again".to_owned()],
        }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.status(), self.messages().join("; "))
    }
}

impl std::error::Error for Fault {}

impl From<strongroom_wire::field::FieldError> for Fault {
    fn from(e: strongroom_wire::field::FieldError) -> Self {
        Self::invalid(e.to_string())
    }
}

impl From<GetError> for Fault {
    fn from(e: GetError) -> Self {
        match e {
            GetError::Sealed => Self::Sealed,
            other => Self::Internal(other.to_string()),
        }
    }
}

impl From<CommitError> for Fault {
    fn from(e: CommitError) -> Self {
        match e {
            CommitError::Sealed => Self::Sealed,
            CommitError::Conflict => Self::Conflict,
            other => Self::Internal(other.to_string()),
        }
    }
}
