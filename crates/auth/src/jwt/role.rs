//! Roles as they are kept.

use super::dates::Leeways;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use strongroom_core::token_params::TokenParams;
use strongroom_core::{Fault, Map, Mount, Record, Txn, Value};

/// The record of a role.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Role {
    pub(super) role_type: RoleType,
    pub(super) user_claim: String,
    pub(super) user_claim_json_pointer: bool,
    /// None when never written, as with the other lists.
    pub(super) bound_audiences: Option<Vec<String>>,
    pub(super) bound_subject: String,
    pub(super) bound_claims: Option<Map>,
    pub(super) bound_claims_type: Matching,
    pub(super) claim_mappings: Option<BTreeMap<String, String>>,
    pub(super) groups_claim: String,
    pub(super) expiration_leeway: i64,
    pub(super) not_before_leeway: i64,
    pub(super) clock_skew_leeway: i64,
    pub(super) allowed_redirect_uris: Option<Vec<String>>,
    pub(super) oidc_scopes: Option<Vec<String>>,
    pub(super) max_age: u64,
    pub(super) verbose_oidc_logging: bool,
    pub(super) token: TokenParams,
}

/// How its callers log in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum RoleType {
    /// With a signed token.
    Jwt,
    /// Through a browser.
    #[default]
    Oidc,
}

/// How bound claims are compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Matching {
    /// The values are the same.
    #[default]
    String,
    /// `*` stands for any text.
    Glob,
}

impl Record for Role {}

/// Where the roles stand.
pub(super) const FOLDER: &str = "role/";

impl Role {
    /// The role of that name at a mount.
    pub(super) async fn find(txn: &mut Txn, mount: &Mount, name: &str) -> Result<Option<Arc<Self>>, Fault> {
        txn.get(&key(mount, name)).await
    }

    /// How far the times of tokens may be off.
    pub(super) fn leeways(&self) -> Leeways {
        Leeways {
            expiration: self.expiration_leeway,
            not_before: self.not_before_leeway,
            clock_skew: self.clock_skew_leeway,
        }
    }

    /// As clients see it.
    pub(super) fn show(&self) -> Map {
        let shown = json!({
            "role_type": self.role_type,
            "user_claim": self.user_claim,
            "user_claim_json_pointer": self.user_claim_json_pointer,
            "bound_audiences": self.bound_audiences,
            "bound_subject": self.bound_subject,
            "bound_claims": self.bound_claims,
            "bound_claims_type": self.bound_claims_type,
            "claim_mappings": self.claim_mappings,
            "groups_claim": self.groups_claim,
            "expiration_leeway": self.expiration_leeway,
            "not_before_leeway": self.not_before_leeway,
            "clock_skew_leeway": self.clock_skew_leeway,
            "allowed_redirect_uris": self.allowed_redirect_uris,
            "oidc_scopes": self.oidc_scopes,
            "max_age": self.max_age,
            "verbose_oidc_logging": self.verbose_oidc_logging,
        });
        let Value::Object(mut data) = shown else { return Map::new() };
        self.token.show(&mut data);
        data
    }
}

/// Where a role is kept.
pub(super) fn key(mount: &Mount, name: &str) -> Vec<u8> {
    mount.key(&format!("{FOLDER}{name}"))
}
