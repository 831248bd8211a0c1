//! Roles as they are kept.

use super::hash_key::HashKey;
use super::secret_id;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use strongroom_core::token_params::TokenParams;
use strongroom_core::{Core, Fault, Map, Mount, Record, Txn};
use strongroom_crypto::random;

/// The record of a role.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Role {
    /// Its own id, which its secret ids stand below.
    pub(super) id: String,
    /// What names it at login.
    pub(super) role_id: String,
    /// Whether logins need a secret id.
    pub(super) bind_secret_id: bool,
    /// Where logins may come from; none when never written.
    #[serde(default)]
    pub(super) secret_id_bound_cidrs: Option<Vec<String>>,
    /// Logins a secret id is good for; 0 for no limit.
    #[serde(default)]
    pub(super) secret_id_num_uses: u64,
    /// Seconds a secret id lives; 0 for no end.
    #[serde(default)]
    pub(super) secret_id_ttl: u64,
    /// Kept and shown.
    #[serde(default)]
    pub(super) local_secret_ids: bool,
    /// What tokens are like.
    #[serde(default)]
    pub(super) token: TokenParams,
}

impl Record for Role {}

/// A role's name, kept by its role id.
#[derive(Serialize, Deserialize)]
struct RoleName {
    name: String,
}

impl Record for RoleName {}

impl Role {
    /// A role with its own ids and everything else as by default.
    pub(super) fn fresh(core: &Core) -> Self {
        Self {
            id: random::base62(core.random.as_ref(), 20),
            role_id: random::uuid(core.random.as_ref()),
            bind_secret_id: true,
            secret_id_bound_cidrs: None,
            secret_id_num_uses: 0,
            secret_id_ttl: 0,
            local_secret_ids: false,
            token: TokenParams::default(),
        }
    }

    /// The role of that name at a mount.
    pub(super) async fn find(txn: &mut Txn, mount: &Mount, name: &str) -> Result<Option<Arc<Self>>, Fault> {
        txn.get(&key(mount, name)).await
    }

    /// The same, to be changed; 404 with a text if there is none.
    pub(super) async fn existing(txn: &mut Txn, mount: &Mount, name: &str) -> Result<Self, Fault> {
        let role = Self::find(txn, mount, name).await?.ok_or_else(|| missing(name, 404))?;
        Ok(Self::clone(&role))
    }

    /// The role that a role id names, with its name.
    pub(super) async fn by_role_id(
        txn: &mut Txn,
        mount: &Mount,
        hashes: &HashKey,
        role_id: &str,
    ) -> Result<Option<(String, Arc<Self>)>, Fault> {
        let index = txn.get::<RoleName>(&index_key(mount, hashes, role_id)).await?;
        let Some(index) = index else { return Ok(None) };
        Ok(Self::find(txn, mount, &index.name).await?.map(|role| (index.name.clone(), role)))
    }

    /// Keeps it under a name, if it is sound and its role id names no other role. `before` is the
    /// role id that named it so far.
    pub(super) async fn keep(
        &self,
        core: &Core,
        txn: &mut Txn,
        mount: &Mount,
        name: &str,
        before: Option<&str>,
    ) -> Result<(), Fault> {
        self.check()?;
        if before != Some(self.role_id.as_str()) {
            let hashes = HashKey::ensure(core, txn, mount).await?;
            let index = index_key(mount, &hashes, &self.role_id);
            if txn.exists(&index).await? {
                return Err(Fault::invalid("'role_id' is already in use by another role"));
            }
            txn.put(&index, &RoleName { name: name.to_owned() })?;
            if let Some(before) = before {
                txn.delete(&index_key(mount, &hashes, before));
            }
        }
        txn.put(&key(mount, name), self)
    }

    /// Removes it with its secret ids; what is too much for one commit is left to the tidying, and
    /// can be reached by nobody.
    pub(super) async fn remove(&self, txn: &mut Txn, mount: &Mount, name: &str) -> Result<(), Fault> {
        if let Some(hashes) = HashKey::find(txn, mount).await? {
            txn.delete(&index_key(mount, &hashes, &self.role_id));
        }
        txn.delete(&key(mount, name));
        secret_id::remove_all(txn, mount, &self.id).await
    }

    /// The role as it is read.
    pub(super) fn show(&self) -> Map {
        let mut data = Map::new();
        self.token.show(&mut data);
        data.insert("bind_secret_id".to_owned(), self.bind_secret_id.into());
        data.insert("local_secret_ids".to_owned(), self.local_secret_ids.into());
        data.insert("secret_id_bound_cidrs".to_owned(), self.secret_id_bound_cidrs.clone().into());
        data.insert("secret_id_num_uses".to_owned(), self.secret_id_num_uses.into());
        data.insert("secret_id_ttl".to_owned(), self.secret_id_ttl.into());
        data
    }

    /// The blocks that logins may come from; empty for everywhere.
    pub(super) fn login_cidrs(&self) -> &[String] {
        self.secret_id_bound_cidrs.as_deref().unwrap_or_default()
    }

    /// A role that asks for no secret id must ask for something else.
    fn check(&self) -> Result<(), Fault> {
        let free = !self.bind_secret_id
            && self.login_cidrs().is_empty()
            && self.token.bound_cidrs.as_deref().unwrap_or_default().is_empty();
        if free {
            return Err(Fault::invalid(
                "a role without 'bind_secret_id' needs 'secret_id_bound_cidrs' or 'token_bound_cidrs'",
            ));
        }
        Ok(())
    }
}

/// Where the roles are kept.
pub(super) const FOLDER: &str = "role/";

/// Where a role is kept.
pub(super) fn key(mount: &Mount, name: &str) -> Vec<u8> {
    mount.key(&format!("{FOLDER}{name}"))
}

/// The error for a role that is not there.
pub(super) fn missing(name: &str, status: u16) -> Fault {
    Fault::Status(status, format!("role {name:?} does not exist"))
}

fn index_key(mount: &Mount, hashes: &HashKey, role_id: &str) -> Vec<u8> {
    mount.key(&format!("role-id/{}", hashes.of_role_id(role_id)))
}
