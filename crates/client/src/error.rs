//! What can go wrong with a request.

use crate::config::ConfigError;
use std::fmt;

/// Why a request has no good answer.
#[derive(Debug)]
pub enum Error {
    /// The client's own settings cannot work.
    Config(ConfigError),
    /// No connection to the server.
    Connect {
        /// The address tried.
        address: String,
        /// What the system said.
        reason: std::io::Error,
    },
    /// The TLS handshake failed.
    Tls {
        /// The address tried.
        address: String,
        /// What went wrong.
        reason: std::io::Error,
    },
    /// No answer in time.
    Timeout {
        /// The verb.
        method: &'static str,
        /// The URL.
        url: String,
    },
    /// The connection broke, or what came back is not HTTP.
    Transport {
        /// The verb.
        method: &'static str,
        /// The URL.
        url: String,
        /// What went wrong.
        reason: String,
    },
    /// The answer is not what the API promises.
    Answer {
        /// The URL.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The server answered with an error.
    Api(Box<ApiError>),
    /// Nothing was sent: the request was only to be shown, and this is it.
    Preview(String),
}

/// The server's error answer.
#[derive(Debug, Clone)]
pub struct ApiError {
    /// The verb.
    pub method: &'static str,
    /// The URL.
    pub url: String,
    /// The path within the API, without `v1/`.
    pub path: String,
    /// The namespace asked for, empty for root.
    pub namespace: String,
    /// The HTTP status.
    pub status: u16,
    /// The server's messages.
    pub errors: Vec<String>,
    /// What the server says beside; some refusals say no more than that.
    pub warnings: Vec<String>,
    /// The body, when it is none of the API.
    pub raw: Option<String>,
}

impl Error {
    /// The HTTP status of an error answer.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Api(e) => Some(e.status),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(e) => e.fmt(f),
            Self::Connect { address, reason } => write!(f, "cannot connect to {address}: {reason}"),
            Self::Tls { address, reason } => write!(f, "TLS with {address} failed: {reason}"),
            Self::Timeout { method, url } => write!(f, "{method} {url}: no answer in time"),
            Self::Transport { method, url, reason } => write!(f, "{method} {url}: {reason}"),
            Self::Answer { url, reason } => write!(f, "the answer from {url} cannot be used: {reason}"),
            Self::Api(e) => e.fmt(f),
            Self::Preview(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for Error {}

impl From<ConfigError> for Error {
    fn from(e: ConfigError) -> Self {
        Self::Config(e)
    }
}

/// Shown as users of Vault know it.
impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Error making API request.\n\n")?;
        if !self.namespace.is_empty() {
            writeln!(f, "Namespace: {}", self.namespace)?;
        }
        writeln!(f, "URL: {} {}", self.method, self.url)?;
        let kind = if self.raw.is_some() { "Raw Message" } else { "Errors" };
        write!(f, "Code: {}. {kind}:\n\n", self.status)?;
        if let Some(raw) = &self.raw {
            return f.write_str(raw.trim_end());
        }
        let lines: Vec<String> = self.errors.iter().chain(&self.warnings).map(|e| format!("* {e}")).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl ApiError {
    /// Takes over what the body of an error answer says.
    pub(crate) fn read(&mut self, body: &[u8]) {
        #[derive(serde::Deserialize)]
        struct Body {
            errors: Option<Vec<String>>,
            warnings: Option<Vec<String>>,
        }
        match serde_json::from_slice(body) {
            Ok(Body { errors: Some(errors), .. }) => self.errors = errors,
            Ok(Body { warnings: Some(warnings), .. }) if !warnings.is_empty() => self.warnings = warnings,
            _ => {
                let text: String = String::from_utf8_lossy(body).chars().take(RAW_LIMIT).collect();
                self.errors = vec![text.clone()];
                self.raw = Some(text);
            }
        }
    }
}

/// As much of a foreign body (a proxy's error page) as is worth showing.
const RAW_LIMIT: usize = 2_000;
