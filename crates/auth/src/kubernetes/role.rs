//! Roles as they are kept.

use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;
use strongroom_core::token_params::TokenParams;
use strongroom_core::{Fault, Map, Mount, Record, Txn, Value};

/// The record of a role.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Role {
    pub(super) bound_service_account_names: Vec<String>,
    pub(super) bound_service_account_namespaces: Vec<String>,
    /// A label selector in JSON; empty for none.
    pub(super) bound_service_account_namespace_selector: String,
    /// Empty for the cluster's own.
    pub(super) audience: String,
    pub(super) alias_name_source: AliasNameSource,
    pub(super) token: TokenParams,
}

/// What names the caller to identity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum AliasNameSource {
    /// The uid: an account that is made anew is somebody else.
    #[default]
    #[serde(rename = "serviceaccount_uid")]
    Uid,
    /// Namespace and name.
    #[serde(rename = "serviceaccount_name")]
    Name,
}

impl Record for Role {}

/// Where the roles stand.
pub(super) const FOLDER: &str = "role/";

impl Role {
    /// The role of that name at a mount.
    pub(super) async fn find(txn: &mut Txn, mount: &Mount, name: &str) -> Result<Option<Arc<Self>>, Fault> {
        txn.get(&key(mount, name)).await
    }

    /// As clients see it.
    pub(super) fn show(&self) -> Map {
        let shown = json!({
            "alias_name_source": self.alias_name_source,
            "bound_service_account_names": self.bound_service_account_names,
            "bound_service_account_namespaces": self.bound_service_account_namespaces,
            "bound_service_account_namespace_selector": self.bound_service_account_namespace_selector,
        });
        let Value::Object(mut data) = shown else { return Map::new() };
        if !self.audience.is_empty() {
            data.insert("audience".to_owned(), Value::String(self.audience.clone()));
        }
        self.token.show(&mut data);
        data
    }
}

/// Where a role is kept.
pub(super) fn key(mount: &Mount, name: &str) -> Vec<u8> {
    mount.key(&format!("{FOLDER}{name}"))
}
