//! Policies as the pipeline uses them: records compiled once, and merged once per set of names.

use crate::{Core, Fault, Record, Txn, keys};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
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

/// Merged policies by their names. Cleared whenever a policy changes.
#[derive(Default)]
pub struct AclCache {
    merged: Mutex<HashMap<Vec<String>, Arc<Acl>>>,
}

/// Sets of policy names kept; beyond that the cache starts anew.
const MERGED_SETS: usize = 4096;

impl AclCache {
    /// Forgets everything.
    pub fn clear(&self) {
        self.merged.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn get(&self, names: &[String]) -> Option<Arc<Acl>> {
        self.merged.lock().unwrap_or_else(PoisonError::into_inner).get(names).cloned()
    }

    /// Keeps a merged set if it is current still. That is asked under the lock: whoever changes a policy
    /// raises the generation before clearing, so what passes here is cleared there.
    fn put(&self, names: &[String], acl: Arc<Acl>, is_current: impl FnOnce() -> bool) {
        let mut merged = self.merged.lock().unwrap_or_else(PoisonError::into_inner);
        if !is_current() {
            return;
        }
        if merged.len() >= MERGED_SETS {
            merged.clear();
        }
        merged.insert(names.to_vec(), acl);
    }
}

impl Core {
    /// The merged policies of a token. Names without a policy grant nothing.
    pub async fn acl(&self, names: &[String]) -> Result<Arc<Acl>, Fault> {
        if let Some(acl) = self.acls.get(names) {
            return Ok(acl);
        }
        let generation = self.policy_generation();
        let acl = Arc::new(self.merge(names).await?);
        // A policy that changed while it was read must not be kept.
        self.acls.put(names, acl.clone(), || generation == self.policy_generation());
        Ok(acl)
    }

    async fn merge(&self, names: &[String]) -> Result<Acl, Fault> {
        if names.iter().any(|n| n == "root") {
            return Ok(Acl::root());
        }
        let mut txn = Txn::new(self.barrier.clone());
        let mut policies = Vec::with_capacity(names.len());
        for name in names {
            if let Some(record) = txn.get::<PolicyRecord>(&keys::core(keys::POLICY, name)).await? {
                policies.push(record.compiled()?);
            }
        }
        Ok(Acl::new(policies.iter().map(AsRef::as_ref)))
    }
}
