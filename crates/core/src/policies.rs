//! Policies as the pipeline uses them: records compiled once, and merged once per set of names.

use crate::namespace::NamespaceId;
use crate::{Core, Fault, Record, Txn, keys};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError};
use strongroom_policy::builtin::{DEFAULT, DEFAULT_NAME, RESPONSE_WRAPPING, RESPONSE_WRAPPING_NAME};
use strongroom_policy::{Acl, Policy};

/// The record of a policy.
#[derive(Debug, Serialize, Deserialize)]
pub struct PolicyRecord {
    /// Lower case.
    pub name: String,
    /// As written.
    pub text: String,
    /// Rises with every write, from 1.
    #[serde(default)]
    pub version: u64,
    /// When it was written; none for those that a server begins with.
    #[serde(default)]
    pub modified: Option<Timestamp>,
    #[serde(skip)]
    compiled: OnceLock<Arc<Policy>>,
}

impl Record for PolicyRecord {}

impl PolicyRecord {
    /// A record of a text that parses.
    pub fn new(name: &str, text: &str) -> Result<Self, Fault> {
        let (name, text) = (name.to_owned(), text.to_owned());
        let record = Self { name, text, version: 1, modified: None, compiled: OnceLock::new() };
        record.compiled()?;
        Ok(record)
    }

    /// The same, as a later version.
    #[must_use]
    pub fn revised(self, version: u64, modified: Timestamp) -> Self {
        Self { version, modified: Some(modified), ..self }
    }

    /// The policy, parsed once per stored version since records are shared.
    pub fn compiled(&self) -> Result<Arc<Policy>, Fault> {
        if let Some(policy) = self.compiled.get() {
            return Ok(policy.clone());
        }
        let policy = strongroom_policy::parse(&self.name, &self.text)
            .map_err(|e| Fault::invalid(format!("failed to parse policy: {e}")))?;
        Ok(self.compiled.get_or_init(|| Arc::new(policy)).clone())
    }
}

/// The policies that a namespace other than root has from the beginning, shared by all of them until one
/// writes its own.
static FIRST: LazyLock<[Option<Arc<PolicyRecord>>; 2]> = LazyLock::new(|| {
    [(DEFAULT_NAME, DEFAULT), (RESPONSE_WRAPPING_NAME, RESPONSE_WRAPPING)]
        .map(|(name, text)| PolicyRecord::new(name, text).ok().map(Arc::new))
});

/// What a token may do that has no policy but that `default`: most namespaces have some, and none needs its
/// own.
static FIRST_ALONE: LazyLock<Option<Arc<Acl>>> = LazyLock::new(|| {
    let [first, _] = &*FIRST;
    let policy = first.as_ref()?.compiled().ok()?;
    Some(Arc::new(Acl::new([policy.as_ref()])))
});

/// The policy of this name, lower case, in the transaction's namespace.
pub async fn find(txn: &mut Txn, name: &str) -> Result<Option<Arc<PolicyRecord>>, Fault> {
    match txn.get::<PolicyRecord>(&txn.key(keys::POLICY, name)).await? {
        None if !txn.namespace().is_root() => {
            Ok(FIRST.iter().flatten().find(|first| first.name == name).cloned())
        }
        found => Ok(found),
    }
}

/// Merged policies by namespace and names. Cleared whenever a policy changes.
#[derive(Default)]
pub struct AclCache {
    merged: Mutex<MergedSets>,
}

#[derive(Default)]
struct MergedSets {
    count: usize,
    by_namespace: HashMap<NamespaceId, HashMap<Vec<String>, Arc<Acl>>>,
}

/// Sets of policy names kept; beyond that the cache starts anew.
const MERGED_SETS: usize = 4096;

impl AclCache {
    /// Forgets everything.
    pub fn clear(&self) {
        *self.merged.lock().unwrap_or_else(PoisonError::into_inner) = MergedSets::default();
    }

    fn get(&self, namespace: &NamespaceId, names: &[String]) -> Option<Arc<Acl>> {
        let merged = self.merged.lock().unwrap_or_else(PoisonError::into_inner);
        merged.by_namespace.get(namespace)?.get(names).cloned()
    }

    /// Keeps a merged set if it is current still. That is asked under the lock: whoever changes a policy
    /// raises the generation before clearing, so what passes here is cleared there.
    fn put(
        &self,
        namespace: &NamespaceId,
        names: &[String],
        acl: Arc<Acl>,
        is_current: impl FnOnce() -> bool,
    ) {
        let mut merged = self.merged.lock().unwrap_or_else(PoisonError::into_inner);
        if !is_current() {
            return;
        }
        if merged.count >= MERGED_SETS {
            *merged = MergedSets::default();
        }
        merged.count += 1;
        merged.by_namespace.entry(namespace.clone()).or_default().insert(names.to_vec(), acl);
    }
}

impl Core {
    /// The merged policies of these names in a namespace. Names without a policy grant nothing.
    pub async fn acl(&self, namespace: &NamespaceId, names: &[String]) -> Result<Arc<Acl>, Fault> {
        if let Some(acl) = self.acls.get(namespace, names) {
            return Ok(acl);
        }
        let generation = self.policy_generation();
        let acl = self.merge(namespace, names).await?;
        // A policy that changed while it was read must not be kept.
        self.acls.put(namespace, names, acl.clone(), || generation == self.policy_generation());
        Ok(acl)
    }

    async fn merge(&self, namespace: &NamespaceId, names: &[String]) -> Result<Arc<Acl>, Fault> {
        // Only the root namespace has the policy that allows everything.
        if namespace.is_root() && names.iter().any(|n| n == "root") {
            return Ok(Arc::new(Acl::root()));
        }
        let mut txn = self.txn_within(namespace.clone());
        let mut policies = Vec::with_capacity(names.len());
        for name in names {
            let Some(record) = find(&mut txn, name).await? else { continue };
            let [first, _] = &*FIRST;
            if names.len() == 1
                && first.as_ref().is_some_and(|first| Arc::ptr_eq(first, &record))
                && let Some(acl) = &*FIRST_ALONE
            {
                return Ok(acl.clone());
            }
            policies.push(record.compiled()?);
        }
        Ok(Arc::new(Acl::new(policies.iter().map(AsRef::as_ref))))
    }
}
