//! Aliases of entities and of external groups, and their indexes. An alias is found by mount and
//! name together: the same name at another mount is somebody else.

use super::entities;
use super::fold;
use super::record::{Alias, Entity, Group, Pointer};
use crate::{Core, Fault, Mount, Txn, keys};
use std::sync::Arc;
use strongroom_crypto::random;

/// The entity that a mount knows by this name.
pub async fn entity_at(txn: &mut Txn, mount: &str, name: &str) -> Result<Option<Arc<Entity>>, Fault> {
    let pointer = txn.get::<Pointer>(&name_key(txn, keys::ALIAS_NAME, mount, name)).await?;
    match pointer {
        Some(pointer) => entities::find(txn, &pointer.id).await,
        None => Ok(None),
    }
}

/// The entity that has the alias with this id.
pub async fn entity_of(txn: &mut Txn, alias: &str) -> Result<Option<Arc<Entity>>, Fault> {
    match txn.get::<Pointer>(&txn.key(keys::ALIAS, alias)).await? {
        Some(pointer) => entities::find(txn, &pointer.id).await,
        None => Ok(None),
    }
}

/// The external group that a mount knows by this name.
pub async fn group_at(txn: &mut Txn, mount: &str, name: &str) -> Result<Option<Arc<Group>>, Fault> {
    let pointer = txn.get::<Pointer>(&name_key(txn, keys::GROUP_ALIAS_NAME, mount, name)).await?;
    match pointer {
        Some(pointer) => super::groups::find(txn, &pointer.id).await,
        None => Ok(None),
    }
}

/// The group that has the alias with this id.
pub async fn group_of(txn: &mut Txn, alias: &str) -> Result<Option<Arc<Group>>, Fault> {
    match txn.get::<Pointer>(&txn.key(keys::GROUP_ALIAS, alias)).await? {
        Some(pointer) => super::groups::find(txn, &pointer.id).await,
        None => Ok(None),
    }
}

/// Gives an entity an alias. It must not have another one at the same mount, or templates and logins
/// would have to choose between them. The entity is left for the caller to write.
pub fn attach(txn: &mut Txn, entity: &mut Entity, mut alias: Alias) -> Result<(), Fault> {
    if entity.alias_at(&alias.mount).is_some() {
        return Err(Fault::invalid(format!(
            "the entity already has an alias at the mount with accessor {:?}: it can have one per mount",
            alias.mount_accessor
        )));
    }
    super::check_name(&alias.name)?;
    alias.owner.clone_from(&entity.id);
    let pointer = Pointer { id: entity.id.clone(), name: alias.name.clone() };
    txn.put(&txn.key(keys::ALIAS, &alias.id), &pointer)?;
    txn.put(&name_key(txn, keys::ALIAS_NAME, &alias.mount, &alias.name), &pointer)?;
    entity.aliases.push(alias);
    Ok(())
}

/// Takes an alias from an entity, which is left for the caller to write.
pub fn detach(txn: &mut Txn, entity: &mut Entity, id: &str) -> Option<Alias> {
    let at = entity.aliases.iter().position(|a| a.id == id)?;
    let alias = entity.aliases.remove(at);
    forget(txn, &alias);
    Some(alias)
}

/// Gives an external group its alias. The group is left for the caller to write.
pub fn attach_to_group(txn: &mut Txn, group: &mut Group, mut alias: Alias) -> Result<(), Fault> {
    super::check_name(&alias.name)?;
    alias.owner.clone_from(&group.id);
    let pointer = Pointer { id: group.id.clone(), name: alias.name.clone() };
    txn.put(&txn.key(keys::GROUP_ALIAS, &alias.id), &pointer)?;
    txn.put(&name_key(txn, keys::GROUP_ALIAS_NAME, &alias.mount, &alias.name), &pointer)?;
    group.alias = Some(alias);
    Ok(())
}

/// Takes the alias from a group, which is left for the caller to write.
pub fn detach_from_group(txn: &mut Txn, group: &mut Group) -> Option<Alias> {
    let alias = group.alias.take()?;
    txn.delete(&txn.key(keys::GROUP_ALIAS, &alias.id));
    txn.delete(&name_key(txn, keys::GROUP_ALIAS_NAME, &alias.mount, &alias.name));
    Some(alias)
}

/// Deletes the index entries of an entity's alias.
pub(super) fn forget(txn: &mut Txn, alias: &Alias) {
    txn.delete(&txn.key(keys::ALIAS, &alias.id));
    txn.delete(&name_key(txn, keys::ALIAS_NAME, &alias.mount, &alias.name));
}

/// Up to `limit` aliases of a mount that is gone are taken from their owners; true when none is left.
pub(crate) async fn remove_of_mount(
    txn: &mut Txn,
    mount: &str,
    now: jiff::Timestamp,
    limit: usize,
) -> Result<bool, Fault> {
    let prefix = name_key(txn, keys::ALIAS_NAME, mount, "");
    let found = txn.list(&prefix, None, limit).await?;
    for key in &found {
        let Some(pointer) = txn.get::<Pointer>(key).await? else { continue };
        txn.delete(key);
        let Some(entity) = entities::find(txn, &pointer.id).await? else { continue };
        let mut after = Entity::clone(&entity);
        for alias in entity.aliases.iter().filter(|a| a.mount == mount) {
            detach(txn, &mut after, &alias.id);
        }
        after.updated = now;
        entities::put(txn, Some(&entity), &after).await?;
    }
    let prefix = name_key(txn, keys::GROUP_ALIAS_NAME, mount, "");
    let of_groups = txn.list(&prefix, None, limit).await?;
    for key in &of_groups {
        let Some(pointer) = txn.get::<Pointer>(key).await? else { continue };
        txn.delete(key);
        let Some(group) = super::groups::find(txn, &pointer.id).await? else { continue };
        let mut after = Group::clone(&group);
        detach_from_group(txn, &mut after);
        super::groups::put(txn, Some(&group), &mut after, now).await?;
    }
    Ok(found.len() < limit && of_groups.len() < limit)
}

impl Core {
    /// A fresh alias at a mount, without an owner. Nothing is written.
    pub fn new_alias(&self, mount: &Mount, name: &str) -> Alias {
        let now = self.clock.now();
        Alias {
            id: mount.namespace.mark(random::uuid(self.random.as_ref())),
            mount: mount.id.clone(),
            mount_accessor: mount.accessor.clone(),
            name: name.to_owned(),
            local: mount.local,
            created: now,
            updated: now,
            ..Alias::default()
        }
    }
}

fn name_key(txn: &Txn, kind: &str, mount: &str, name: &str) -> Vec<u8> {
    txn.key(kind, &format!("{mount}/{}", fold(name)))
}
