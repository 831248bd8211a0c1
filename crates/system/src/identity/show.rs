//! Entities, aliases and groups as clients see them.

use serde_json::json;
use strongroom_core::identity::{Alias, Entity, Group, groups};
use strongroom_core::mount::MountTable;
use strongroom_core::{Fault, Map, Txn, Value};
use strongroom_wire::time;

/// An entity with all it belongs to.
pub(super) async fn entity(mounts: &MountTable, txn: &mut Txn, entity: &Entity) -> Result<Map, Fault> {
    let (direct, inherited) = groups::memberships(txn, &entity.id).await?;
    let ids = |groups: &[std::sync::Arc<Group>]| groups.iter().map(|g| g.id.clone()).collect::<Vec<_>>();
    let (direct, inherited) = (ids(&direct), ids(&inherited));
    let all: Vec<&String> = direct.iter().chain(&inherited).collect();
    Ok(object(json!({
        "aliases": entity.aliases.iter().map(|a| alias(mounts, a)).collect::<Vec<_>>(),
        "creation_time": time::rfc3339(entity.created),
        "direct_group_ids": direct,
        "disabled": entity.disabled,
        "group_ids": all,
        "id": entity.id,
        "inherited_group_ids": inherited,
        "last_update_time": time::rfc3339(entity.updated),
        "merged_entity_ids": unless_empty(&entity.merged),
        "metadata": entity.metadata,
        "name": entity.name,
        "namespace_id": entity.namespace,
        "policies": entity.policies,
    })))
}

/// An alias within its entity.
pub(super) fn alias(mounts: &MountTable, alias: &Alias) -> Map {
    let mut shown = short_alias(mounts, alias);
    let more = object(json!({
        "creation_time": time::rfc3339(alias.created),
        "custom_metadata": alias.custom_metadata,
        "last_update_time": time::rfc3339(alias.updated),
        "local": alias.local,
        "merged_from_canonical_ids": unless_empty(&alias.merged_from),
        "metadata": alias.metadata,
    }));
    shown.extend(more);
    shown
}

/// An alias within a list.
pub(super) fn short_alias(mounts: &MountTable, alias: &Alias) -> Map {
    // Of a mount that was just disabled, aliases are still being removed.
    let mount = mounts.by_id(&alias.mount);
    object(json!({
        "canonical_id": alias.owner,
        "id": alias.id,
        "mount_accessor": alias.mount_accessor,
        "mount_path": mount.map_or("", |m| &m.full_path),
        "mount_type": mount.map_or("", |m| m.entry.shown_kind()),
        "name": alias.name,
    }))
}

/// An alias on its own.
pub(super) fn whole_alias(mounts: &MountTable, one: &Alias, namespace: &str) -> Map {
    let mut shown = alias(mounts, one);
    shown.insert("namespace_id".to_owned(), namespace.into());
    shown
}

/// A group with its members.
pub(super) async fn group(mounts: &MountTable, txn: &mut Txn, group: &Group) -> Result<Map, Fault> {
    let entities = groups::members(txn, &group.id).await?;
    let entities = (group.had_entities || !entities.is_empty()).then_some(entities);
    let parents = groups::parents(txn, &group.id).await?;
    let mut shown_alias = group.alias.as_ref().map(|a| alias(mounts, a)).unwrap_or_default();
    shown_alias.retain(|key, _| key != "custom_metadata" && key != "local");
    Ok(object(json!({
        "alias": shown_alias,
        "creation_time": time::rfc3339(group.created),
        "id": group.id,
        "last_update_time": time::rfc3339(group.updated),
        "member_entity_ids": entities,
        "member_group_ids": group.groups,
        "metadata": group.metadata,
        "modify_index": group.index,
        "name": group.name,
        "namespace_id": group.namespace,
        "parent_group_ids": unless_empty(&parents),
        "policies": group.policies,
        "type": group.kind.as_str(),
    })))
}

fn unless_empty(list: &[String]) -> Option<&[String]> {
    (!list.is_empty()).then_some(list)
}

fn object(value: Value) -> Map {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
