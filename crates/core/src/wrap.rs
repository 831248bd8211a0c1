//! Response wrapping: an answer is kept in the cubbyhole of a single-use token instead of being sent.

use crate::namespace::NamespaceId;
use crate::token::TokenEntry;
use crate::{Core, Fault, Grant, Record, Txn};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use strongroom_wire::envelope::WrapInfo;
use strongroom_wire::{Map, Value, time};

/// An entry of a cubbyhole.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CubbyEntry {
    /// What was written.
    pub data: Map,
}

impl Record for CubbyEntry {}

/// The policy of wrapping tokens.
pub const WRAPPING_POLICY: &str = "response-wrapping";
const SLOT: &str = "response";

impl Core {
    /// Keeps a rendered answer under a fresh wrapping token.
    pub(crate) async fn wrap(
        &self,
        txn: &mut Txn,
        path: &str,
        seconds: u64,
        rendered: String,
        wrapped_accessor: String,
    ) -> Result<WrapInfo, Fault> {
        let mounts = self.space(txn.namespace()).ok_or(Fault::NoNamespace)?;
        let token_mount = mounts.at("auth/token/").ok_or(Fault::Sealed)?;
        let grant = Grant {
            policies: vec![WRAPPING_POLICY.to_owned()],
            no_default_policy: true,
            ttl: seconds,
            explicit_max_ttl: seconds,
            num_uses: 1,
            ..Grant::default()
        };
        let made = self.make_token(txn, &token_mount.entry, path, grant).await?;
        let data = Map::from_iter([(SLOT.to_owned(), Value::String(rendered))]);
        txn.put(&self.wrapped_key(&made.entry.accessor)?, &CubbyEntry { data })?;
        Ok(WrapInfo {
            token: made.token.expose().clone(),
            accessor: made.entry.accessor,
            ttl: made.entry.creation_ttl,
            creation_time: time::rfc3339(made.entry.issued),
            creation_path: path.to_owned(),
            wrapped_accessor,
        })
    }

    /// The record of a wrapping token that was not used yet; none for anything else.
    pub async fn find_wrapping(&self, token: &str) -> Result<Option<Arc<TokenEntry>>, Fault> {
        let entry = self.find_token(token).await?;
        Ok(entry.filter(|e| e.policies == [WRAPPING_POLICY] && e.num_uses == 1))
    }

    /// Takes the answer out of a wrapping token, which ends with the commit.
    pub async fn unwrap(&self, txn: &mut Txn, entry: &TokenEntry) -> Result<String, Fault> {
        let key = self.wrapped_key(&entry.accessor)?;
        let kept = txn.get::<CubbyEntry>(&key).await?;
        let answer = kept.as_ref().and_then(|k| k.data.get(SLOT)).and_then(Value::as_str).map(str::to_owned);
        txn.delete(&key);
        self.revoke_token(txn, &entry.accessor).await?;
        answer.ok_or_else(|| Fault::invalid("wrapping token is not valid or does not exist"))
    }

    /// Moves an answer from one wrapping token to a fresh one that lives as long as the first was given.
    pub async fn rewrap(&self, txn: &mut Txn, entry: &TokenEntry) -> Result<WrapInfo, Fault> {
        let rendered = self.unwrap(txn, entry).await?;
        let inner = serde_json::from_str::<Value>(&rendered).ok();
        let accessor = inner.as_ref().and_then(|v| v.pointer("/auth/accessor")).and_then(Value::as_str);
        let accessor = accessor.unwrap_or_default().to_owned();
        self.wrap(txn, &entry.path, entry.creation_ttl, rendered, accessor).await
    }

    fn wrapped_key(&self, accessor: &str) -> Result<Vec<u8>, Fault> {
        let mounts = self.space(&NamespaceId::of(accessor)).ok_or(Fault::NoNamespace)?;
        let cubbyhole = mounts.at("cubbyhole/").ok_or(Fault::Sealed)?;
        Ok(cubbyhole.entry.key(&format!("{accessor}/{SLOT}")))
    }
}
