//! All namespaces with their mounts, as one snapshot for routing.

use crate::mount::MountTable;
use crate::namespace::NamespaceId;
use std::collections::HashMap;
use std::sync::Arc;

/// All namespaces with their mounts.
#[derive(Default, Clone)]
pub struct Realm {
    root: Arc<MountTable>,
    by_path: HashMap<Arc<str>, Arc<MountTable>>,
    by_id: HashMap<NamespaceId, Arc<MountTable>>,
    /// Paths of those that are locked themselves.
    locked: Vec<Arc<str>>,
}

impl Realm {
    /// The root namespace and those below it.
    pub fn new(root: Arc<MountTable>, others: impl IntoIterator<Item = Arc<MountTable>>) -> Self {
        let mut realm = Self { root, ..Self::default() };
        others.into_iter().for_each(|table| realm.put(table));
        realm
    }

    /// The root namespace.
    pub fn root(&self) -> &Arc<MountTable> {
        &self.root
    }

    /// Puts a namespace in, or in the place of what it was before.
    pub fn put(&mut self, table: Arc<MountTable>) {
        if table.namespace.id.is_root() {
            self.root = table;
            return;
        }
        self.remove(&table.namespace.path);
        let path: Arc<str> = table.namespace.path.as_str().into();
        if table.namespace.lock.is_some() {
            self.locked.push(path.clone());
        }
        self.by_id.insert(table.namespace.id.clone(), table.clone());
        self.by_path.insert(path, table);
    }

    /// Takes a namespace out.
    pub fn remove(&mut self, path: &str) {
        if let Some(gone) = self.by_path.remove(path) {
            self.by_id.remove(&gone.namespace.id);
            self.locked.retain(|p| p.as_ref() != path);
        }
    }

    /// The namespace at a path from root, ending in `/`; empty for root.
    pub fn at(&self, path: &str) -> Option<&Arc<MountTable>> {
        if path.is_empty() { Some(&self.root) } else { self.by_path.get(path) }
    }

    /// The namespace with this id.
    pub fn by_id(&self, id: &str) -> Option<&Arc<MountTable>> {
        if id == crate::keys::ROOT_NAMESPACE { Some(&self.root) } else { self.by_id.get(id) }
    }

    /// All namespaces but root.
    pub fn others(&self) -> impl Iterator<Item = &Arc<MountTable>> {
        self.by_path.values()
    }

    /// The namespaces directly below one, by name.
    pub fn children(&self, path: &str) -> Vec<&Arc<MountTable>> {
        let mut found: Vec<_> = self.others().filter(|t| t.namespace.parent() == path).collect();
        found.sort_unstable_by(|a, b| a.namespace.path.cmp(&b.namespace.path));
        found
    }

    /// The namespace that a request means by its header and the beginning of its path, and how many
    /// bytes of the path that beginning has; none if the header names none that is there.
    pub fn find(&self, header: &str, path: &str) -> Option<(&Arc<MountTable>, usize)> {
        let header = plain(header);
        if header.is_empty() {
            return Some(self.descend(&self.root, path, 0));
        }
        let mut whole = String::with_capacity(header.len() + 1 + path.len());
        whole.push_str(header);
        whole.push('/');
        let start = self.by_path.get(whole.as_str())?;
        let skip = whole.len();
        whole.push_str(path);
        Some(self.descend(start, &whole, skip))
    }

    /// Goes down from a namespace as far as the segments of the path after `skip` name one.
    fn descend<'a>(
        &'a self,
        start: &'a Arc<MountTable>,
        whole: &str,
        skip: usize,
    ) -> (&'a Arc<MountTable>, usize) {
        let (mut found, mut end) = (start, skip);
        if self.by_path.is_empty() {
            return (found, 0);
        }
        while let Some(at) = whole.get(end..).and_then(|rest| rest.find('/')) {
            let next = end + at + 1;
            match whole.get(..next).and_then(|path| self.by_path.get(path)) {
                Some(below) => (found, end) = (below, next),
                None => break,
            }
        }
        (found, end - skip)
    }

    /// How many bytes of a namespace's path belong to the namespace of a token, which must contain it;
    /// none if the token means nothing there.
    pub fn reach(&self, token: &str, path: &str) -> Option<usize> {
        let own = &self.by_id(token)?.namespace.path;
        path.starts_with(own.as_str()).then_some(own.len())
    }

    /// The nearest locked namespace that is this one or contains it.
    pub fn locked(&self, path: &str) -> Option<&str> {
        let around = self.locked.iter().filter(|locked| path.starts_with(locked.as_ref()));
        around.max_by_key(|locked| locked.len()).map(AsRef::as_ref)
    }
}

/// A namespace as a header names it, without slashes around it; `root` is the empty one.
fn plain(header: &str) -> &str {
    let header = header.trim_matches([' ', '\t']);
    let header = header.strip_prefix('/').unwrap_or(header);
    let header = header.strip_suffix('/').unwrap_or(header);
    if header == crate::keys::ROOT_NAMESPACE { "" } else { header }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::namespace::Namespace;

    fn realm(paths: &[(&str, bool)]) -> Realm {
        let table = |(path, locked): &(&str, bool)| {
            let lock = locked.then(String::new);
            let id = NamespaceId::new(&path.replace('/', "-"));
            let namespace = Namespace { id, path: (*path).to_owned(), lock, ..Namespace::default() };
            Arc::new(MountTable::new(namespace, []))
        };
        Realm::new(Arc::default(), paths.iter().map(table))
    }

    #[test]
    fn header_and_path_name_a_namespace_together() {
        let realm = realm(&[("a/", false), ("a/b/", false), ("c/", false)]);
        let find = |header: &str, path: &str| {
            let (table, skip) = realm.find(header, path)?;
            Some((table.namespace.path.clone(), path.get(skip..).unwrap().to_owned()))
        };
        let is = |path: &str, rest: &str| Some((path.to_owned(), rest.to_owned()));
        assert_eq!(find("", "kv/x"), is("", "kv/x"));
        assert_eq!(find("root", "kv/x"), is("", "kv/x"));
        assert_eq!(find("", "a/kv/x"), is("a/", "kv/x"));
        assert_eq!(find("", "a/b/kv/x"), is("a/b/", "kv/x"));
        assert_eq!(find("", "a/b"), is("a/", "b"));
        assert_eq!(find("/a/", "b/kv/x"), is("a/b/", "kv/x"));
        assert_eq!(find("a", "c/kv"), is("a/", "c/kv"));
        assert_eq!(find("a/b", "kv/"), is("a/b/", "kv/"));
        for unknown in ["b", "a/c", "A", "a//b", "root/a", "a/b/b", "../a", "a/..", "ROOT"] {
            assert_eq!(find(unknown, "kv/x"), None, "{unknown}");
        }
    }

    #[test]
    fn tokens_reach_down_and_no_other_way() {
        let realm = realm(&[("a/", false), ("a/b/", false), ("ab/", false)]);
        assert_eq!(realm.reach("root", "a/b/"), Some(0));
        assert_eq!(realm.reach("a-", "a/b/"), Some(2));
        assert_eq!(realm.reach("a-", "a/"), Some(2));
        for beyond in ["", "ab/"] {
            assert_eq!(realm.reach("a-", beyond), None, "{beyond}");
        }
        assert_eq!(realm.reach("gone", ""), None);
    }

    #[test]
    fn locks_hold_below_and_can_be_taken_off() {
        let mut realm = realm(&[("a/", true), ("a/b/", false), ("ab/", false)]);
        assert_eq!(realm.locked("a/b/"), Some("a/"));
        assert_eq!((realm.locked("ab/"), realm.locked("")), (None, None));
        let open = Namespace { id: NamespaceId::new("a-"), path: "a/".into(), ..Namespace::default() };
        realm.put(Arc::new(MountTable::new(open, [])));
        assert_eq!(realm.locked("a/b/"), None);
        realm.remove("a/");
        assert!(realm.at("a/").is_none() && realm.by_id("a-").is_none() && realm.by_id("ab-").is_some());
    }
}
