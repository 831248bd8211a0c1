//! Namespaces: servers within the server, each with mounts, policies, tokens and identity of its own.
//!
//! Every identifier that leaves a namespace other than root ends in `.` and the namespace's id, so that
//! it says itself where it belongs: accessors, tokens, lease ids, ids of entities, aliases and groups.
//! What stands under an identifier is looked for in that namespace and nowhere else.

use crate::{Record, keys};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// The id of a namespace. That of root costs nothing to copy.
#[derive(Clone, Default)]
pub struct NamespaceId(Option<Arc<str>>);

impl NamespaceId {
    /// The namespace that holds all others.
    pub const ROOT: Self = Self(None);

    /// The id as it is written; empty stands for root.
    pub fn new(id: &str) -> Self {
        if matches!(id, "" | keys::ROOT_NAMESPACE) { Self::ROOT } else { Self(Some(id.into())) }
    }

    /// The namespace that an accessor, a lease id or the like belongs to.
    pub fn of(identifier: &str) -> Self {
        Self::new(named_by(identifier))
    }

    /// As it is written; `root` for root.
    pub fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or(keys::ROOT_NAMESPACE)
    }

    /// Whether it is root.
    pub fn is_root(&self) -> bool {
        self.0.is_none()
    }

    /// Whether an accessor, a lease id or the like belongs to this namespace.
    pub fn owns(&self, identifier: &str) -> bool {
        self.as_str() == named_by(identifier)
    }

    /// A fresh identifier, with what says that it belongs here.
    #[must_use]
    pub fn mark(&self, mut identifier: String) -> String {
        if let Some(id) = &self.0 {
            identifier.push('.');
            identifier.push_str(id);
        }
        identifier
    }
}

/// The id of the namespace that an identifier names: what follows the last dot of its last segment.
pub(crate) fn named_by(identifier: &str) -> &str {
    let last = identifier.rsplit('/').next().unwrap_or(identifier);
    last.rsplit_once('.').map_or(keys::ROOT_NAMESPACE, |(_, id)| id)
}

impl PartialEq for NamespaceId {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for NamespaceId {}

impl Hash for NamespaceId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl std::borrow::Borrow<str> for NamespaceId {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl std::fmt::Debug for NamespaceId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::fmt::Display for NamespaceId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for NamespaceId {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for NamespaceId {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from).map(|id| Self::new(&id))
    }
}

/// The record of a namespace. It stands under its path: there is one at most, and a new one of the same
/// path has another id.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Namespace {
    /// Begins its keys; never used again.
    pub id: NamespaceId,
    /// Shown as `uuid`.
    pub uuid: String,
    /// From root, ending in `/`; empty for root.
    pub path: String,
    /// Given by operators.
    #[serde(default)]
    pub custom_metadata: BTreeMap<String, String>,
    /// While it is locked, the keyed hash of what unlocks it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<String>,
}

impl Record for Namespace {}

impl Namespace {
    /// The last segment of the path, with its slash.
    pub fn name(&self) -> &str {
        self.path.get(self.parent().len()..).unwrap_or("")
    }

    /// The path of the namespace that it lies in.
    pub fn parent(&self) -> &str {
        let inner = self.path.strip_suffix('/').unwrap_or(&self.path);
        inner.rfind('/').and_then(|at| inner.get(..=at)).unwrap_or("")
    }

    /// Where its record is kept.
    pub fn record_key(&self) -> Vec<u8> {
        Self::key(&self.path)
    }

    /// Where the record of the namespace with this path is kept.
    pub fn key(path: &str) -> Vec<u8> {
        keys::core(keys::NAMESPACE, path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_say_where_they_belong() {
        let team = NamespaceId::new("aB3dE6");
        for plain in ["abc", "auth/token/create/abc", "kv/a.b/abc"] {
            assert!(NamespaceId::ROOT.owns(plain) && !team.owns(plain), "{plain}");
            let marked = team.mark(plain.to_owned());
            assert!(team.owns(&marked) && !NamespaceId::ROOT.owns(&marked), "{marked}");
            assert_eq!(NamespaceId::of(&marked), team);
        }
        assert_eq!(NamespaceId::ROOT.mark("abc".into()), "abc");
        assert!(!team.owns("x.aB3dE") && !team.owns("x.ab3dE6") && !team.owns("aB3dE6"));
    }

    #[test]
    fn paths_have_parents() {
        let at = |path: &str| Namespace { path: path.into(), ..Namespace::default() };
        assert_eq!((at("a/b/").parent(), at("a/b/").name().to_owned()), ("a/", "b/".to_owned()));
        assert_eq!((at("a/").parent(), at("a/").name().to_owned()), ("", "a/".to_owned()));
        assert_eq!((at("").parent(), at("").name().to_owned()), ("", String::new()));
    }

    #[test]
    fn root_reads_like_any_other() {
        let read = |json: &str| serde_json::from_str::<NamespaceId>(json).unwrap();
        assert!(read("\"root\"").is_root() && read("\"\"").is_root() && !read("\"x\"").is_root());
        assert_eq!(serde_json::to_string(&NamespaceId::ROOT).unwrap(), "\"root\"");
    }
}
