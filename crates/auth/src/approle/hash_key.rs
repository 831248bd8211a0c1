//! The key that a mount hashes role ids and secret ids with, kept behind the barrier.

use serde::{Deserialize, Serialize};
use std::sync::Arc;
use strongroom_core::{Core, Fault, Mount, Record, Txn};
use strongroom_crypto::hmac::HmacKey;
use strongroom_crypto::{hex, random};
use zeroize::Zeroize;

/// The key.
#[derive(Serialize, Deserialize)]
pub(super) struct HashKey {
    key: String,
}

impl Record for HashKey {}

impl Drop for HashKey {
    fn drop(&mut self) {
        self.key.zeroize();
    }
}

impl HashKey {
    /// The mount's key; none before the first role is made.
    pub(super) async fn find(txn: &mut Txn, mount: &Mount) -> Result<Option<Arc<Self>>, Fault> {
        txn.get(&mount.key(NAME)).await
    }

    /// The mount's key, drawn if there is none yet.
    pub(super) async fn ensure(core: &Core, txn: &mut Txn, mount: &Mount) -> Result<Arc<Self>, Fault> {
        if let Some(found) = Self::find(txn, mount).await? {
            return Ok(found);
        }
        // 43 characters of base62 carry 256 bits.
        let fresh = Self { key: random::base62(core.random.as_ref(), 43) };
        txn.put(&mount.key(NAME), &fresh)?;
        Ok(Arc::new(fresh))
    }

    /// What stands for a role id.
    pub(super) fn of_role_id(&self, role_id: &str) -> String {
        self.hash(&[b"role id\0", role_id.as_bytes()])
    }

    /// What stands for a secret id of the role with this own id.
    pub(super) fn of_secret_id(&self, role: &str, secret_id: &str) -> String {
        self.hash(&[b"secret id\0", role.as_bytes(), b"\0", secret_id.as_bytes()])
    }

    fn hash(&self, parts: &[&[u8]]) -> String {
        hex::encode(&HmacKey::sha256(self.key.as_bytes()).sign_parts(parts))
    }
}

const NAME: &str = "hash-key";
