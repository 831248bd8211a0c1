//! Keeping groups: their names, their members and what they are members of.
//!
//! Who is in a group is written from both ends. From the group's end entities have an entry each, so
//! that a group of a million costs a login no more than one of ten.

use super::record::{Entity, Group, Groups, Pointer};
use super::{aliases, fold};
use crate::jobs::Job;
use crate::lease::Mark;
use crate::namespace::NamespaceId;
use crate::{Core, Fault, Txn, keys};
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::sync::Arc;
use strongroom_crypto::{Random, random};

/// The group with this id.
pub async fn find(txn: &mut Txn, id: &str) -> Result<Option<Arc<Group>>, Fault> {
    txn.get::<Group>(&txn.key(keys::GROUP, id)).await
}

/// The group of this name, in any case.
pub async fn find_by_name(txn: &mut Txn, name: &str) -> Result<Option<Arc<Group>>, Fault> {
    match txn.get::<Pointer>(&name_key(txn, name)).await? {
        Some(pointer) => find(txn, &pointer.id).await,
        None => Ok(None),
    }
}

/// Writes a group as its next version; `before` is the one that it replaces. Its name must not be
/// another's.
pub async fn put(
    txn: &mut Txn,
    before: Option<&Group>,
    group: &mut Group,
    now: Timestamp,
) -> Result<(), Fault> {
    if before.is_none_or(|b| b.name != group.name) {
        super::check_name(&group.name)?;
        let key = name_key(txn, &group.name);
        if txn.get::<Pointer>(&key).await?.is_some_and(|p| p.id != group.id) {
            return Err(Fault::invalid(format!(
                "group name {:?} is already in use by another group",
                group.name
            )));
        }
        if let Some(before) = before {
            txn.delete(&name_key(txn, &before.name));
        }
        txn.put(&key, &Pointer { id: group.id.clone(), name: group.name.clone() })?;
    }
    group.index = before.map_or(0, |b| b.index).saturating_add(1);
    group.updated = now;
    txn.put(&txn.key(keys::GROUP, &group.id), group)
}

/// Deletes a group. It gives nobody anything from the commit on; where it has many members, a job
/// clears the entries that are left of them.
pub async fn delete(txn: &mut Txn, random: &dyn Random, group: &Group, now: Timestamp) -> Result<(), Fault> {
    for parent in parents(txn, &group.id).await? {
        if let Some(above) = find(txn, &parent).await? {
            let mut after = Group::clone(&above);
            after.groups.get_or_insert_default().retain(|g| *g != group.id);
            put(txn, Some(&above), &mut after, now).await?;
        }
    }
    for child in group.groups.iter().flatten() {
        leave(txn, child, &group.id).await?;
    }
    aliases::detach_from_group(txn, &mut group.clone());
    txn.delete(&txn.key(keys::GROUPS_OF, &group.id));
    txn.delete(&name_key(txn, &group.name));
    txn.delete(&txn.key(keys::GROUP, &group.id));
    if clear_members(txn, &group.id, FEW).await? {
        return Ok(());
    }
    Job::GroupMembers { group: group.id.clone() }.enqueue(txn, random)
}

/// Up to `limit` entities leave a group; true when none is left.
pub(crate) async fn clear_members(txn: &mut Txn, group: &str, limit: usize) -> Result<bool, Fault> {
    let prefix = member_key(txn, group, "");
    let found = txn.list(&prefix, None, limit).await?;
    for key in &found {
        if let Some(entity) = key.strip_prefix(prefix.as_slice()) {
            leave(txn, &String::from_utf8_lossy(entity), group).await?;
        }
        txn.delete(key);
    }
    Ok(found.len() < limit)
}

/// The ids of the entities of a group.
pub async fn members(txn: &mut Txn, group: &str) -> Result<Vec<String>, Fault> {
    txn.names(&member_key(txn, group, "")).await
}

/// The ids of the groups that an entity or a group is a direct member of, sorted.
pub async fn parents(txn: &mut Txn, member: &str) -> Result<Vec<String>, Fault> {
    Ok(txn.get::<Groups>(&txn.key(keys::GROUPS_OF, member)).await?.map_or_else(Vec::new, |g| g.ids.clone()))
}

/// Puts an entity into a group.
pub async fn add_member(txn: &mut Txn, group: &str, entity: &str) -> Result<(), Fault> {
    txn.put(&member_key(txn, group, entity), &Mark {})?;
    join(txn, entity, group).await
}

/// Takes an entity out of a group.
pub async fn remove_member(txn: &mut Txn, group: &str, entity: &str) -> Result<(), Fault> {
    txn.delete(&member_key(txn, group, entity));
    leave(txn, entity, group).await
}

/// Makes these the entities of a group, and no others.
pub async fn set_members(txn: &mut Txn, group: &str, entities: &[String]) -> Result<(), Fault> {
    let wanted: BTreeSet<&str> = entities.iter().map(String::as_str).collect();
    let current = members(txn, group).await?;
    for gone in current.iter().filter(|c| !wanted.contains(c.as_str())) {
        remove_member(txn, group, gone).await?;
    }
    for new in wanted.iter().filter(|w| !current.iter().any(|c| c == **w)) {
        if txn.get::<Entity>(&txn.key(keys::ENTITY, new)).await?.is_none() {
            return Err(Fault::invalid(format!("field \"member_entity_ids\": there is no entity {new:?}")));
        }
        add_member(txn, group, new).await?;
    }
    Ok(())
}

/// Makes these the groups within a group, and no others. No group may contain itself. The group is
/// left for the caller to write.
pub async fn set_groups(txn: &mut Txn, group: &mut Group, groups: &[String]) -> Result<(), Fault> {
    let wanted: BTreeSet<&str> = groups.iter().map(String::as_str).collect();
    let current: BTreeSet<String> = group.groups.take().unwrap_or_default().into_iter().collect();
    for gone in current.iter().filter(|c| !wanted.contains(c.as_str())) {
        leave(txn, gone, &group.id).await?;
    }
    let above = ancestors(txn, &group.id).await?;
    for new in wanted.iter().filter(|w| !current.contains(**w)) {
        if *new == group.id || above.iter().any(|a| a.id == *new) {
            return Err(Fault::invalid(format!(
                "field \"member_group_ids\": the group {new:?} contains this one, so it cannot be a member"
            )));
        }
        if find(txn, new).await?.is_none() {
            return Err(Fault::invalid(format!("field \"member_group_ids\": there is no group {new:?}")));
        }
        join(txn, new, &group.id).await?;
    }
    group.groups = Some(wanted.into_iter().map(str::to_owned).collect());
    Ok(())
}

/// The groups that an entity is in: directly, and through other groups.
pub async fn memberships(txn: &mut Txn, entity: &str) -> Result<(Vec<Arc<Group>>, Vec<Arc<Group>>), Fault> {
    let mut direct = Vec::new();
    for id in parents(txn, entity).await? {
        direct.extend(find(txn, &id).await?);
    }
    let mut inherited = above(txn, direct.clone()).await?;
    inherited.retain(|g| !direct.iter().any(|d| d.id == g.id));
    Ok((direct, inherited))
}

/// The groups that contain a group, at any distance.
async fn ancestors(txn: &mut Txn, group: &str) -> Result<Vec<Arc<Group>>, Fault> {
    let mut direct = Vec::new();
    for id in parents(txn, group).await? {
        direct.extend(find(txn, &id).await?);
    }
    let mut all = above(txn, direct.clone()).await?;
    all.extend(direct);
    Ok(all)
}

/// The groups that contain these, at any distance, each once. What was seen is not followed again, so
/// even a cycle would end.
async fn above(txn: &mut Txn, start: Vec<Arc<Group>>) -> Result<Vec<Arc<Group>>, Fault> {
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let (mut found, mut left) = (Vec::new(), start);
    while let Some(group) = left.pop() {
        for id in parents(txn, &group.id).await? {
            if !seen.insert(id.clone()) {
                continue;
            }
            if let Some(parent) = find(txn, &id).await? {
                left.push(parent.clone());
                found.push(parent);
            }
        }
    }
    Ok(found)
}

/// An entity leaves all its groups.
pub(super) async fn leave_all(txn: &mut Txn, entity: &str) -> Result<(), Fault> {
    for group in parents(txn, entity).await? {
        txn.delete(&member_key(txn, &group, entity));
    }
    txn.delete(&txn.key(keys::GROUPS_OF, entity));
    Ok(())
}

impl Core {
    /// A fresh group of this name in a namespace, or of a made-up one. Nothing is written.
    pub fn new_group(&self, namespace: &NamespaceId, name: &str) -> Group {
        let name = if name.is_empty() { self.fresh_accessor("group") } else { name.to_owned() };
        let id = namespace.mark(random::uuid(self.random.as_ref()));
        Group { id, namespace: namespace.to_string(), name, created: self.clock.now(), ..Group::default() }
    }
}

/// Members that are cleared together with their group.
const FEW: usize = 128;

async fn join(txn: &mut Txn, member: &str, group: &str) -> Result<(), Fault> {
    let mut ids = parents(txn, member).await?;
    if let Err(at) = ids.binary_search_by(|id| id.as_str().cmp(group)) {
        ids.insert(at, group.to_owned());
        txn.put(&txn.key(keys::GROUPS_OF, member), &Groups { ids })?;
    }
    Ok(())
}

async fn leave(txn: &mut Txn, member: &str, group: &str) -> Result<(), Fault> {
    let key = txn.key(keys::GROUPS_OF, member);
    let mut ids = parents(txn, member).await?;
    let before = ids.len();
    ids.retain(|id| id != group);
    if ids.is_empty() {
        txn.delete(&key);
    } else if ids.len() < before {
        txn.put(&key, &Groups { ids })?;
    }
    Ok(())
}

fn name_key(txn: &Txn, name: &str) -> Vec<u8> {
    txn.key(keys::GROUP_NAME, &fold(name))
}

fn member_key(txn: &Txn, group: &str, entity: &str) -> Vec<u8> {
    txn.key(keys::GROUP_MEMBER, &format!("{group}/{entity}"))
}
