//! What is kept of entities, aliases and groups.

use crate::Record;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Somebody or something that logs in, be it by several auth mounts.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Entity {
    /// A UUID.
    pub id: String,
    /// Id of the namespace it belongs to.
    pub namespace: String,
    /// As written; unique without regard to case.
    pub name: String,
    /// None until it was given.
    pub metadata: Option<BTreeMap<String, String>>,
    /// Sorted, lower case.
    pub policies: Vec<String>,
    /// Its tokens and logins are refused.
    pub disabled: bool,
    /// At most one for each mount.
    pub aliases: Vec<Alias>,
    /// Ids of the entities that were merged into it.
    pub merged: Vec<String>,
    /// When it was made.
    pub created: Timestamp,
    /// When it was changed last.
    pub updated: Timestamp,
}

impl Record for Entity {}

impl Entity {
    /// The alias at a mount.
    pub fn alias_at(&self, mount: &str) -> Option<&Alias> {
        self.aliases.iter().find(|a| a.mount == mount)
    }

    /// The alias with this id.
    pub fn alias(&self, id: &str) -> Option<&Alias> {
        self.aliases.iter().find(|a| a.id == id)
    }
}

/// The name by which an auth mount knows an entity or an external group.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Alias {
    /// A UUID.
    pub id: String,
    /// Id of the mount.
    pub mount: String,
    /// Accessor of the mount.
    pub mount_accessor: String,
    /// As written; unique at the mount without regard to case.
    pub name: String,
    /// Id of the entity or group.
    pub owner: String,
    /// Given by the auth method.
    pub metadata: Option<BTreeMap<String, String>>,
    /// Given by operators.
    pub custom_metadata: Option<BTreeMap<String, String>>,
    /// Whether the mount is local.
    pub local: bool,
    /// Ids of the entities that it belonged to before they were merged.
    pub merged_from: Vec<String>,
    /// When it was made.
    pub created: Timestamp,
    /// When it was changed last.
    pub updated: Timestamp,
}

/// Whether members are put into a group by operators or by logins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GroupKind {
    /// By operators.
    #[default]
    Internal,
    /// By logins: the group stands for one of the auth method's, which its alias names.
    External,
}

impl GroupKind {
    /// As clients see it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Internal => "internal",
            Self::External => "external",
        }
    }
}

/// A group of entities and groups. The entities have entries of their own.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Group {
    /// A UUID.
    pub id: String,
    /// Id of the namespace it belongs to.
    pub namespace: String,
    /// As written; unique without regard to case.
    pub name: String,
    /// Internal or external.
    pub kind: GroupKind,
    /// None until it was given.
    pub metadata: Option<BTreeMap<String, String>>,
    /// Sorted, lower case.
    pub policies: Vec<String>,
    /// Ids of member groups; none until they were given.
    pub groups: Option<Vec<String>>,
    /// Whether it ever had entities.
    pub had_entities: bool,
    /// Of an external group.
    pub alias: Option<Alias>,
    /// Rises with every change, from 1.
    pub index: u64,
    /// When it was made.
    pub created: Timestamp,
    /// When it was changed last.
    pub updated: Timestamp,
}

impl Record for Group {}

/// An entry of an index.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Pointer {
    /// The id of the entity or group.
    pub id: String,
    /// The name as written, where names are indexed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
}

impl Record for Pointer {}

/// The groups that something is a direct member of.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Groups {
    /// Sorted.
    pub(super) ids: Vec<String>,
}

impl Record for Groups {}
