//! The request headers that the audit trail shows, as `sys/config/auditing/request-headers` sets them.

use crate::{Core, Fault, Record, keys};
use arc_swap::ArcSwap;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The record: lower-case header names, and whether each is hashed.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct HeaderRules {
    /// By lower-case name; `true` to hash.
    pub headers: BTreeMap<String, bool>,
}

impl Record for HeaderRules {}

impl HeaderRules {
    /// Where the record is kept.
    pub fn key() -> Vec<u8> {
        keys::core(keys::CONFIG, "audited-headers")
    }
}

/// The rules in force.
#[derive(Default)]
pub(crate) struct AuditedHeaders(ArcSwap<HeaderRules>);

impl AuditedHeaders {
    pub(crate) fn rules(&self) -> arc_swap::Guard<Arc<HeaderRules>> {
        self.0.load()
    }

    pub(crate) fn forget(&self) {
        self.0.store(Arc::default());
    }
}

impl Core {
    /// Puts the stored rules in force.
    pub(crate) async fn load_audited_headers(&self) -> Result<(), Fault> {
        let rules = self.txn().get::<HeaderRules>(&HeaderRules::key()).await?;
        self.headers.0.store(rules.unwrap_or_default());
        Ok(())
    }
}
