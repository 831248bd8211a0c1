//! Roles as they are kept.

use crate::x509::{self, Certificate, Chain, client_chain};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::{Arc, OnceLock};
use strongroom_core::token_params::TokenParams;
use strongroom_core::{Fault, Map, Mount, Record, Txn, Value};

/// The record of a role.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Role {
    /// As given, in PEM.
    pub(super) certificate: String,
    /// Empty for the role's name.
    pub(super) display_name: String,
    pub(super) bound: Bindings,
    pub(super) allowed_metadata_extensions: Option<Vec<String>>,
    pub(super) ocsp: Ocsp,
    pub(super) token: TokenParams,
    /// What `certificate` holds, once it was read.
    #[serde(skip)]
    pub(super) trusted: OnceLock<Vec<Certificate>>,
}

/// What certificates must say; none where it was never written.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Bindings {
    pub(super) allowed_names: Option<Vec<String>>,
    pub(super) allowed_common_names: Option<Vec<String>>,
    pub(super) allowed_dns_sans: Option<Vec<String>>,
    pub(super) allowed_email_sans: Option<Vec<String>>,
    pub(super) allowed_uri_sans: Option<Vec<String>>,
    pub(super) allowed_organizational_units: Option<Vec<String>>,
    pub(super) required_extensions: Option<Vec<String>>,
}

/// How responders are asked.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Ocsp {
    pub(super) enabled: bool,
    /// As given, in PEM.
    pub(super) ca_certificates: String,
    pub(super) servers_override: Option<Vec<String>>,
    pub(super) fail_open: bool,
    pub(super) query_all_servers: bool,
    /// Seconds; 0 for what answers say themselves.
    pub(super) this_update_max_age: u64,
    pub(super) max_retries: Option<u8>,
}

impl Record for Role {}

/// Where the roles stand.
pub(super) const FOLDER: &str = "cert/";

impl Role {
    /// The role of that name at a mount.
    pub(super) async fn find(txn: &mut Txn, mount: &Mount, name: &str) -> Result<Option<Arc<Self>>, Fault> {
        txn.get(&key(mount, name)).await
    }

    /// The certificates of the role.
    pub(super) fn trusted(&self) -> &[Certificate] {
        self.trusted.get_or_init(|| x509::certificates(&self.certificate).unwrap_or_default())
    }

    /// The chain by which the role knows this very certificate, without asking who issued it.
    pub(super) fn pinned_chain(&self, own: &Certificate, now: i64) -> Option<Chain> {
        let trusted = self.trusted();
        let first = trusted.first()?;
        let is_it =
            if first.is_authority { trusted.iter().any(|c| c.der == own.der) } else { first.der == own.der };
        if !is_it || !own.is_valid_at(now) || !own.allows_usage(CLIENT_AUTH) {
            return None;
        }
        let mut chain = vec![own.clone()];
        if !own.is_issued_by(own) {
            chain.extend(trusted.iter().find(|c| own.is_issued_by(c)).cloned());
        }
        Some(Chain(chain))
    }

    /// The chain from a certificate to an authority of the role.
    pub(super) fn signed_chain(&self, own: &Certificate, shown: &[Vec<u8>], now: i64) -> Option<Chain> {
        let trusted = self.trusted();
        trusted.first().filter(|first| first.is_authority)?;
        client_chain(own, shown, trusted, now)
    }

    /// As clients see it.
    pub(super) fn show(&self, name: &str) -> Map {
        let display_name = if self.display_name.is_empty() { name } else { &self.display_name };
        let shown = json!({
            "allowed_common_names": self.bound.allowed_common_names,
            "allowed_dns_sans": self.bound.allowed_dns_sans,
            "allowed_email_sans": self.bound.allowed_email_sans,
            "allowed_metadata_extensions": self.allowed_metadata_extensions,
            "allowed_names": self.bound.allowed_names,
            "allowed_organizational_units": self.bound.allowed_organizational_units,
            "allowed_uri_sans": self.bound.allowed_uri_sans,
            "certificate": self.certificate,
            "display_name": display_name,
            "ocsp_ca_certificates": self.ocsp.ca_certificates,
            "ocsp_enabled": self.ocsp.enabled,
            "ocsp_fail_open": self.ocsp.fail_open,
            "ocsp_query_all_servers": self.ocsp.query_all_servers,
            "ocsp_servers_override": self.ocsp.servers_override,
            "required_extensions": self.bound.required_extensions,
        });
        let Value::Object(mut data) = shown else { return Map::new() };
        if self.ocsp.this_update_max_age > 0 {
            data.insert("ocsp_this_update_max_age".to_owned(), self.ocsp.this_update_max_age.into());
        }
        if let Some(retries) = self.ocsp.max_retries {
            data.insert("ocsp_max_retries".to_owned(), retries.into());
        }
        self.token.show(&mut data);
        data
    }
}

/// Where a role is kept.
pub(super) fn key(mount: &Mount, name: &str) -> Vec<u8> {
    mount.key(&format!("{FOLDER}{name}"))
}

/// id-kp-clientAuth.
pub(super) const CLIENT_AUTH: &str = "1.3.6.1.5.5.7.3.2";
