//! Which web pages may call the API, as `sys/config/cors` sets it.

use crate::{Core, Fault, Record, keys};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Headers that every page of an allowed origin may send.
pub const STANDARD_HEADERS: [&str; 10] = [
    "Content-Type",
    "X-Requested-With",
    "X-Vault-MFA",
    "X-Vault-No-Request-Forwarding",
    "X-Vault-Wrap-Format",
    "X-Vault-Wrap-TTL",
    "X-Vault-Policy-Override",
    "Authorization",
    "X-Vault-Token",
    "X-Vault-Namespace",
];

/// The record.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CorsConfig {
    /// Whether any page may.
    pub enabled: bool,
    /// Origins; `*` for all.
    pub allowed_origins: Vec<String>,
    /// Headers beyond the standard ones.
    pub allowed_headers: Vec<String>,
}

impl Record for CorsConfig {}

impl CorsConfig {
    /// Where the record is kept.
    pub fn key() -> Vec<u8> {
        keys::core(keys::CONFIG, "cors")
    }
}

impl Core {
    /// The rules in force; off while sealed.
    pub fn cors(&self) -> arc_swap::Guard<Arc<CorsConfig>> {
        self.cors.load()
    }

    pub(crate) async fn load_cors(&self) -> Result<(), Fault> {
        let rules = self.txn().get::<CorsConfig>(&CorsConfig::key()).await?;
        self.cors.store(rules.unwrap_or_default());
        Ok(())
    }
}
