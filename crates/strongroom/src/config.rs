//! Configuration files, in HCL or JSON as Vault writes them.

mod custom_headers;
mod keys;
mod listener;
mod load;
mod lockout;
mod sanitized;
mod storage;
#[cfg(test)]
mod tests;

pub(crate) use load::load;
pub(crate) use sanitized::sanitized;
pub(crate) use storage::{Storage, migration};

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use strongroom_core::mount::LockoutConfig;
use strongroom_http::Settings as Listener;

/// What the configuration files say together.
#[derive(Debug, Default)]
pub(crate) struct Config {
    /// Where entries are kept.
    pub(crate) storage: Option<Storage>,
    /// Where clients are served.
    pub(crate) listeners: Vec<Listener>,
    pub(crate) api_addr: Option<String>,
    pub(crate) cluster_addr: Option<String>,
    pub(crate) cluster_name: Option<String>,
    /// Seconds.
    pub(crate) default_lease_ttl: Option<u64>,
    /// Seconds.
    pub(crate) max_lease_ttl: Option<u64>,
    pub(crate) log_level: Option<String>,
    pub(crate) log_format: Option<String>,
    pub(crate) log_file: Option<PathBuf>,
    /// How the log file is rotated, as far as it is said.
    pub(crate) log_rotation: RotationKeys,
    pub(crate) log_requests_level: Option<String>,
    pub(crate) pid_file: Option<PathBuf>,
    pub(crate) ui: bool,
    /// User lockout by auth method, or `all`.
    pub(crate) lockout: BTreeMap<String, LockoutConfig>,
    /// Bytes of decrypted entries kept in memory.
    pub(crate) cache_bytes: Option<usize>,
    /// What was read but will not have the effect that its writer may expect.
    pub(crate) warnings: Vec<String>,
}

/// Keys about the rotation of the log file.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RotationKeys {
    pub(crate) bytes: Option<u64>,
    pub(crate) duration: Option<std::time::Duration>,
    /// Archives that are kept; below 0 none, 0 all.
    pub(crate) max_files: Option<i64>,
}

/// Checks the text of a configuration file: its warnings, or why it is refused.
pub fn check(text: &str) -> Result<Vec<String>, String> {
    let mut config = Config::default();
    match load::read(Path::new("configuration"), text, &mut config) {
        Ok(()) => Ok(config.warnings),
        Err(error) => Err(error.to_string()),
    }
}

/// Why a configuration was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConfigError {
    /// The file, and the line if it is known.
    pub(crate) place: String,
    /// What is wrong and what would be right.
    pub(crate) problem: String,
}

impl std::fmt::Display for ConfigError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.place, self.problem)
    }
}

impl std::error::Error for ConfigError {}
