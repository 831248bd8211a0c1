//! One entity takes over others: their aliases, their memberships, and the tokens they were given.

use super::record::{Alias, Entity, Pointer};
use super::{aliases, entities, groups};
use crate::{Fault, Txn, keys};
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Merges the entities `from` into `to`. Where several have an alias at the same mount, `keep` names
/// the one that stays. Policies and metadata of `to` stay as they are.
pub async fn merge(
    txn: &mut Txn,
    to: &str,
    from: &[String],
    keep: &[String],
    now: Timestamp,
) -> Result<(), Fault> {
    let from: BTreeSet<&str> = from.iter().map(String::as_str).collect();
    if from.contains(to) {
        return Err(Fault::invalid("field \"from_entity_ids\": an entity cannot be merged into itself"));
    }
    let before = load(txn, to, "to_entity_id").await?;
    let mut others = Vec::with_capacity(from.len());
    for id in from {
        others.push(load(txn, id, "from_entity_ids").await?);
    }
    let dropped = clashing(&before, &others, keep)?;
    let mut after = Entity::clone(&before);
    for alias in before.aliases.iter().filter(|a| dropped.contains(&a.id)) {
        aliases::detach(txn, &mut after, &alias.id);
    }
    for other in &others {
        take_over(txn, &mut after, other, &dropped, now).await?;
    }
    after.updated = now;
    entities::put(txn, Some(&before), &after).await
}

async fn load(txn: &mut Txn, id: &str, field: &str) -> Result<Arc<Entity>, Fault> {
    let found = entities::find(txn, id).await?;
    found.ok_or_else(|| Fault::invalid(format!("field {field:?}: there is no entity {id:?}")))
}

/// The ids of the aliases that have to go, so that one is left for each mount.
fn clashing(to: &Entity, from: &[Arc<Entity>], keep: &[String]) -> Result<BTreeSet<String>, Fault> {
    let all: Vec<&Alias> = to.aliases.iter().chain(from.iter().flat_map(|e| &e.aliases)).collect();
    let mounts: BTreeSet<&str> = all.iter().map(|a| a.mount.as_str()).collect();
    let mut dropped = BTreeSet::new();
    for mount in mounts {
        let here: Vec<&Alias> = all.iter().copied().filter(|a| a.mount == mount).collect();
        if here.len() < 2 {
            continue;
        }
        let (kept, gone): (Vec<&Alias>, Vec<&Alias>) = here.iter().partition(|a| keep.contains(&a.id));
        if kept.len() != 1 {
            let ids: Vec<&str> = here.iter().map(|a| a.id.as_str()).collect();
            let accessor = here.first().map_or("", |a| a.mount_accessor.as_str());
            return Err(Fault::invalid(format!(
                "the entities have {} aliases at the mount with accessor {accessor:?} ({}): name the one to \
                 keep in \"conflicting_alias_ids_to_keep\"",
                here.len(),
                ids.join(", ")
            )));
        }
        dropped.extend(gone.into_iter().map(|a| a.id.clone()));
    }
    Ok(dropped)
}

async fn take_over(
    txn: &mut Txn,
    to: &mut Entity,
    from: &Entity,
    dropped: &BTreeSet<String>,
    now: Timestamp,
) -> Result<(), Fault> {
    let memberships = groups::parents(txn, &from.id).await?;
    entities::delete(txn, from).await?;
    for group in memberships {
        groups::add_member(txn, &group, &to.id).await?;
    }
    for alias in from.aliases.iter().filter(|a| !dropped.contains(&a.id)) {
        let mut alias = alias.clone();
        alias.merged_from.push(from.id.clone());
        alias.updated = now;
        aliases::attach(txn, to, alias)?;
    }
    for id in from.merged.iter().chain([&from.id]) {
        let pointer = Pointer { id: to.id.clone(), name: String::new() };
        txn.put(&txn.key(keys::ENTITY_MERGED, id), &pointer)?;
        to.merged.push(id.clone());
    }
    Ok(())
}
