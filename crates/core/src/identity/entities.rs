//! Keeping entities, with the index of their names.

use super::groups;
use super::record::{Entity, Pointer};
use super::{aliases, fold};
use crate::namespace::NamespaceId;
use crate::{Core, Fault, Txn, keys};
use std::sync::Arc;
use strongroom_crypto::random;

/// The entity with this id.
pub async fn find(txn: &mut Txn, id: &str) -> Result<Option<Arc<Entity>>, Fault> {
    txn.get::<Entity>(&txn.key(keys::ENTITY, id)).await
}

/// The entity with this id, or the one that it was merged into.
pub async fn find_merged(txn: &mut Txn, id: &str) -> Result<Option<Arc<Entity>>, Fault> {
    if let Some(entity) = find(txn, id).await? {
        return Ok(Some(entity));
    }
    match txn.get::<Pointer>(&txn.key(keys::ENTITY_MERGED, id)).await? {
        Some(into) => find(txn, &into.id).await,
        None => Ok(None),
    }
}

/// The entity of this name, in any case.
pub async fn find_by_name(txn: &mut Txn, name: &str) -> Result<Option<Arc<Entity>>, Fault> {
    match txn.get::<Pointer>(&name_key(txn, name)).await? {
        Some(pointer) => find(txn, &pointer.id).await,
        None => Ok(None),
    }
}

/// Writes an entity; `before` is the one that it replaces. Its name must not be another's.
pub async fn put(txn: &mut Txn, before: Option<&Entity>, entity: &Entity) -> Result<(), Fault> {
    if before.is_none_or(|b| b.name != entity.name) {
        super::check_name(&entity.name)?;
        let key = name_key(txn, &entity.name);
        if txn.get::<Pointer>(&key).await?.is_some_and(|p| p.id != entity.id) {
            return Err(Fault::invalid(format!(
                "entity name {:?} is already in use by another entity",
                entity.name
            )));
        }
        if let Some(before) = before {
            txn.delete(&name_key(txn, &before.name));
        }
        txn.put(&key, &Pointer { id: entity.id.clone(), name: entity.name.clone() })?;
    }
    txn.put(&txn.key(keys::ENTITY, &entity.id), entity)
}

/// Deletes an entity, its aliases and its memberships. Its tokens are refused from the commit on.
pub async fn delete(txn: &mut Txn, entity: &Entity) -> Result<(), Fault> {
    for alias in &entity.aliases {
        aliases::forget(txn, alias);
    }
    groups::leave_all(txn, &entity.id).await?;
    for id in &entity.merged {
        txn.delete(&txn.key(keys::ENTITY_MERGED, id));
    }
    txn.delete(&name_key(txn, &entity.name));
    txn.delete(&txn.key(keys::ENTITY, &entity.id));
    Ok(())
}

impl Core {
    /// A fresh entity of this name in a namespace, or of a made-up one. Nothing is written.
    pub fn new_entity(&self, namespace: &NamespaceId, name: &str) -> Entity {
        let random = self.random.as_ref();
        let now = self.clock.now();
        let name = if name.is_empty() { self.fresh_accessor("entity") } else { name.to_owned() };
        Entity {
            id: namespace.mark(random::uuid(random)),
            namespace: namespace.to_string(),
            name,
            created: now,
            updated: now,
            ..Entity::default()
        }
    }
}

fn name_key(txn: &Txn, name: &str) -> Vec<u8> {
    txn.key(keys::ENTITY_NAME, &fold(name))
}
