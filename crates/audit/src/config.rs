//! What an operator configures, checked before a device exists.

mod options;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;
use strongroom_crypto::Secret;

pub(crate) use options::settings;

/// One device as it is kept in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceConfig {
    /// `file`, `socket` or `stdout`.
    #[serde(rename = "type")]
    pub kind: String,
    /// For people.
    #[serde(default)]
    pub description: String,
    /// As the operator gave them.
    #[serde(default)]
    pub options: BTreeMap<String, String>,
    /// Whether other clusters do without it.
    #[serde(default)]
    pub local: bool,
    /// Key of the device's hashes; `enable` makes one when it is empty.
    #[serde(default = "no_salt", serialize_with = "write_salt", deserialize_with = "read_salt")]
    pub salt: Secret<String>,
}

impl DeviceConfig {
    /// A configuration without a salt: enabling it makes one.
    pub fn new(kind: &str, description: &str, options: BTreeMap<String, String>, local: bool) -> Self {
        Self { kind: kind.to_owned(), description: description.to_owned(), options, local, salt: no_salt() }
    }
}

/// Why a configuration was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigError {
    /// No such type of device.
    UnknownType(String),
    /// A type that exists in Vault and not here.
    NoSyslog,
    /// An option that cannot be used as given.
    Option {
        /// Its name.
        name: &'static str,
        /// What is wrong and what would be right.
        problem: String,
    },
}

impl std::fmt::Display for ConfigError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::UnknownType(kind) => {
                write!(f, "unknown backend type: {kind:?}; audit device types are file, socket and stdout")
            }
            Self::NoSyslog => f.write_str(
                "audit devices of type syslog are not supported: use file, socket or stdout and a log collector",
            ),
            Self::Option { name, problem } => write!(f, "option {name}: {problem}"),
        }
    }
}

impl std::error::Error for ConfigError {}

/// A configuration understood.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) sink: SinkSpec,
    pub(crate) log_raw: bool,
    pub(crate) hmac_accessor: bool,
    pub(crate) elide_list_responses: bool,
    pub(crate) prefix: String,
    pub(crate) skip_test: bool,
    /// Options that nobody reads, for a warning.
    pub(crate) unknown: Vec<String>,
}

impl SinkSpec {
    /// How long a write, or a connection being made, may take.
    pub(crate) fn patience(&self) -> Option<Duration> {
        match self {
            Self::Socket { write_timeout, .. } => Some(*write_timeout),
            _ => None,
        }
    }
}

/// Where lines go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SinkSpec {
    /// A file; without a mode its permissions are left alone.
    File { path: PathBuf, mode: Option<u32> },
    /// Standard output.
    Stdout,
    /// Nowhere.
    Discard,
    /// A socket.
    Socket { kind: SocketKind, address: String, write_timeout: Duration },
}

/// Kinds of socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SocketKind {
    Tcp,
    Udp,
    Unix,
}

fn no_salt() -> Secret<String> {
    Secret::new(String::new())
}

fn write_salt<S: Serializer>(salt: &Secret<String>, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(salt.expose())
}

fn read_salt<'de, D: Deserializer<'de>>(from: D) -> Result<Secret<String>, D::Error> {
    String::deserialize(from).map(Secret::new)
}
