//! Secret ids as they are kept: two entries each, below their role's own id.

use super::hash_key::HashKey;
use super::role::Role;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use strongroom_core::{Fault, Map, Mount, Record, Txn};
use strongroom_wire::time;

/// The record of a secret id.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct SecretId {
    /// Names it without giving it away.
    pub(super) accessor: String,
    /// Logins it is still good for; 0 for no limit.
    #[serde(default)]
    pub(super) num_uses: u64,
    /// Seconds, as asked for; 0 for no end.
    #[serde(default)]
    pub(super) ttl: u64,
    /// When it was made.
    pub(super) created: Timestamp,
    /// When it ends.
    #[serde(default)]
    pub(super) expires: Option<Timestamp>,
    /// When a use was counted last.
    pub(super) updated: Timestamp,
    /// Handed to tokens.
    #[serde(default)]
    pub(super) metadata: BTreeMap<String, String>,
    /// Where logins may come from, within what the role says.
    #[serde(default)]
    pub(super) cidrs: Vec<String>,
    /// Where tokens may be used from, in place of what the role says.
    #[serde(default)]
    pub(super) token_cidrs: Vec<String>,
}

impl Record for SecretId {}

/// Where the secret id of an accessor is kept.
#[derive(Serialize, Deserialize)]
struct Accessor {
    hash: String,
}

impl Record for Accessor {}

/// A role that was deleted with more secret ids than one commit removes.
#[derive(Serialize, Deserialize)]
struct Gone {}

impl Record for Gone {}

impl SecretId {
    /// Whether its time is over.
    pub(super) fn is_expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|e| e <= now)
    }

    /// Its properties as they are looked up.
    pub(super) fn show(&self) -> Map {
        let expires = self.expires.map_or_else(|| NEVER.to_owned(), time::rfc3339);
        let mut data = Map::new();
        data.insert("secret_id_accessor".to_owned(), self.accessor.clone().into());
        data.insert("secret_id_num_uses".to_owned(), self.num_uses.into());
        data.insert("secret_id_ttl".to_owned(), self.ttl.into());
        data.insert("creation_time".to_owned(), time::rfc3339(self.created).into());
        data.insert("expiration_time".to_owned(), expires.into());
        data.insert("last_updated_time".to_owned(), time::rfc3339(self.updated).into());
        data.insert("metadata".to_owned(), serde_json::json!(self.metadata));
        data.insert("cidr_list".to_owned(), self.cidrs.clone().into());
        data.insert("token_bound_cidrs".to_owned(), self.token_cidrs.clone().into());
        data
    }
}

/// A secret id with the hash it is kept under.
pub(super) struct Found {
    pub(super) hash: String,
    pub(super) record: Arc<SecretId>,
}

/// A role's secret id that has not expired.
pub(super) async fn find(
    txn: &mut Txn,
    mount: &Mount,
    role: &Role,
    secret_id: &str,
    now: Timestamp,
) -> Result<Option<Found>, Fault> {
    let Some(hashes) = HashKey::find(txn, mount).await? else { return Ok(None) };
    find_hash(txn, mount, role, hashes.of_secret_id(&role.id, secret_id), now).await
}

/// The same by accessor.
pub(super) async fn find_accessor(
    txn: &mut Txn,
    mount: &Mount,
    role: &Role,
    accessor: &str,
    now: Timestamp,
) -> Result<Option<Found>, Fault> {
    let Some(entry) = txn.get::<Accessor>(&accessor_key(mount, &role.id, accessor)).await? else {
        return Ok(None);
    };
    find_hash(txn, mount, role, entry.hash.clone(), now).await
}

async fn find_hash(
    txn: &mut Txn,
    mount: &Mount,
    role: &Role,
    hash: String,
    now: Timestamp,
) -> Result<Option<Found>, Fault> {
    let record = txn.get::<SecretId>(&hash_key(mount, &role.id, &hash)).await?;
    Ok(record.filter(|r| !r.is_expired(now)).map(|record| Found { hash, record }))
}

/// Keeps a new secret id. One that has expired under the same hash makes room.
pub(super) async fn insert(
    txn: &mut Txn,
    mount: &Mount,
    role: &Role,
    hash: &str,
    new: &SecretId,
) -> Result<(), Fault> {
    let key = hash_key(mount, &role.id, hash);
    if let Some(old) = txn.get::<SecretId>(&key).await? {
        if !old.is_expired(new.created) {
            return Err(Fault::invalid("this secret id is already in use by the role"));
        }
        txn.delete(&accessor_key(mount, &role.id, &old.accessor));
    }
    txn.put(&key, new)?;
    txn.put(&accessor_key(mount, &role.id, &new.accessor), &Accessor { hash: hash.to_owned() })
}

/// Counts one login; the last one removes the secret id.
pub(super) fn use_up(
    txn: &mut Txn,
    mount: &Mount,
    role: &Role,
    found: &Found,
    now: Timestamp,
) -> Result<(), Fault> {
    match found.record.num_uses {
        0 => Ok(()),
        1 => {
            remove(txn, mount, &role.id, &found.hash, &found.record);
            Ok(())
        }
        left => {
            let record = SecretId { num_uses: left - 1, updated: now, ..SecretId::clone(&found.record) };
            txn.put(&hash_key(mount, &role.id, &found.hash), &record)
        }
    }
}

/// Removes a secret id. `role` is the role's own id.
pub(super) fn remove(txn: &mut Txn, mount: &Mount, role: &str, hash: &str, record: &SecretId) {
    txn.delete(&hash_key(mount, role, hash));
    txn.delete(&accessor_key(mount, role, &record.accessor));
}

/// The accessors of a role's secret ids, expired ones too until they are tidied away.
pub(super) async fn accessors(txn: &mut Txn, mount: &Mount, role: &Role) -> Result<Vec<String>, Fault> {
    txn.names(&accessor_key(mount, &role.id, "")).await
}

/// Entries of a deleted role that one commit removes.
const MANY: usize = 256;

/// Removes all secret ids of a role that is going, or leaves a note for the tidying if they are many.
pub(super) async fn remove_all(txn: &mut Txn, mount: &Mount, role: &str) -> Result<(), Fault> {
    if remove_some(txn, mount, role).await? {
        return Ok(());
    }
    txn.put(&gone_key(mount, role), &Gone {})
}

/// Removes up to [`MANY`] entries below a deleted role's own id; true when none is left.
pub(super) async fn remove_some(txn: &mut Txn, mount: &Mount, role: &str) -> Result<bool, Fault> {
    let keys = txn.list(&mount.key(&format!("id/{role}/")), None, MANY).await?;
    keys.iter().for_each(|key| txn.delete(key));
    Ok(keys.len() < MANY)
}

/// Where a secret id is kept.
pub(super) fn hash_key(mount: &Mount, role: &str, hash: &str) -> Vec<u8> {
    mount.key(&format!("id/{role}/s/{hash}"))
}

/// The note that a deleted role has secret ids left.
pub(super) fn gone_key(mount: &Mount, role: &str) -> Vec<u8> {
    mount.key(&format!("gone/{role}"))
}

fn accessor_key(mount: &Mount, role: &str, accessor: &str) -> Vec<u8> {
    mount.key(&format!("id/{role}/a/{accessor}"))
}

/// Shown for what does not end.
const NEVER: &str = "0001-01-01T00:00:00Z";
