//! `identity/group-alias`: the names by which auth mounts know external groups.

use super::alias::{FIELDS, canonical, take_custom};
use super::{listing, mount_named, show};
use crate::Answering;
use serde_json::json;
use std::sync::Arc;
use strongroom_core::identity::{Alias, Group, GroupKind, aliases, groups};
use strongroom_core::{Call, Fault, Map, Operation, Response, Route, keys};

pub(super) fn routes() -> Vec<Route> {
    use Operation::{Delete, List, Read, Update};
    vec![
        Route::new("group-alias", "Makes or changes the alias of an external group.", FIELDS)
            .on(Update, write),
        Route::new("group-alias/id", "The ids of the aliases of groups.", &[]).on(List, list),
        Route::new("group-alias/id/{id}", "The alias of an external group.", FIELDS)
            .on(Read, read)
            .on(Update, write_by_id)
            .on(Delete, delete),
    ]
}

fn list(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let mounts = call.mounts();
        let ids = listing::ids(call.txn, keys::GROUP_ALIAS).await?;
        let mut info = Map::new();
        for id in &ids {
            let group = aliases::group_of(call.txn, id).await?;
            let Some(alias) = group.as_ref().and_then(|g| g.alias.as_ref()) else { continue };
            let mut shown = show::short_alias(mounts, alias);
            shown.remove("id");
            info.insert(id.clone(), shown.into());
        }
        listing::answer(&ids, info)
    })
}

fn read(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let group =
            aliases::group_of(call.txn, call.args.text_or_empty("id")).await?.ok_or(Fault::NotFound)?;
        let alias = group.alias.as_ref().ok_or(Fault::NotFound)?;
        Ok(Response::data(show::whole_alias(call.mounts(), alias, &group.namespace)))
    })
}

fn delete(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        if let Some(group) = aliases::group_of(call.txn, call.args.text_or_empty("id")).await? {
            let mut after = Group::clone(&group);
            aliases::detach_from_group(call.txn, &mut after);
            let now = call.now();
            groups::put(call.txn, Some(&group), &mut after, now).await?;
        }
        Ok(Response::none())
    })
}

fn write(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        if !call.args.text_or_empty("id").is_empty() {
            return change_by_id(call).await;
        }
        let (name, accessor) = (call.args.text_or_empty("name"), call.args.text_or_empty("mount_accessor"));
        if name.is_empty() || accessor.is_empty() {
            return Err(Fault::invalid("\"name\" and \"mount_accessor\" are needed"));
        }
        let mount = mount_named(&call, accessor)?;
        match aliases::group_at(call.txn, &mount.id, name).await? {
            Some(group) => change(call, &group).await,
            None => {
                let alias = call.core.new_alias(&mount, name);
                make(call, alias).await
            }
        }
    })
}

fn write_by_id(call: Call<'_>) -> Answering<'_> {
    Box::pin(change_by_id(call))
}

async fn change_by_id(call: Call<'_>) -> Result<Response, Fault> {
    let id = call.args.text_or_empty("id");
    let group = aliases::group_of(call.txn, id).await?;
    let group = group.ok_or_else(|| Fault::invalid(format!("there is no group alias with id {id:?}")))?;
    change(call, &group).await
}

/// Without a group that it is for, an alias makes one.
async fn make(mut call: Call<'_>, mut alias: Alias) -> Result<Response, Fault> {
    take_custom(&call, &mut alias)?;
    let now = call.now();
    let before = owner(&mut call).await?;
    let mut group = match &before {
        Some(group) => Group::clone(group),
        None => Group { kind: GroupKind::External, ..call.core.new_group(&call.namespace().id, "") },
    };
    check_owner(&group, &alias.id)?;
    let answer = json!({ "id": alias.id, "canonical_id": group.id });
    aliases::attach_to_group(call.txn, &mut group, alias)?;
    groups::put(call.txn, before.as_deref(), &mut group, now).await?;
    Ok(Response::json(answer))
}

async fn change(mut call: Call<'_>, group: &Arc<Group>) -> Result<Response, Fault> {
    let now = call.now();
    let mut from = Group::clone(group);
    let old = aliases::detach_from_group(call.txn, &mut from);
    let mut alias = old.ok_or_else(|| Fault::Internal("a group alias index without alias".to_owned()))?;
    if let Some(name) = call.args.text("name").filter(|n| !n.is_empty()) {
        name.clone_into(&mut alias.name);
    }
    if let Some(accessor) = call.args.text("mount_accessor").filter(|a| !a.is_empty()) {
        let mount = mount_named(&call, accessor)?;
        (alias.mount, alias.mount_accessor, alias.local) = (mount.id, mount.accessor, mount.local);
    }
    take_custom(&call, &mut alias)?;
    if aliases::group_at(call.txn, &alias.mount, &alias.name).await?.is_some() {
        return Err(Fault::invalid("a group alias with this name and mount accessor already exists"));
    }
    alias.updated = now;
    let target = owner(&mut call).await?.filter(|t| t.id != group.id);
    let answer = json!({ "id": alias.id, "canonical_id": target.as_ref().map_or(&group.id, |t| &t.id) });
    match target {
        None => aliases::attach_to_group(call.txn, &mut from, alias)?,
        Some(target) => {
            let mut to = Group::clone(&target);
            check_owner(&to, &alias.id)?;
            aliases::attach_to_group(call.txn, &mut to, alias)?;
            groups::put(call.txn, Some(&target), &mut to, now).await?;
        }
    }
    groups::put(call.txn, Some(group), &mut from, now).await?;
    Ok(Response::json(answer))
}

async fn owner(call: &mut Call<'_>) -> Result<Option<Arc<Group>>, Fault> {
    let Some(id) = canonical(call) else { return Ok(None) };
    let found = groups::find(call.txn, id).await?;
    let missing = || Fault::invalid(format!("field \"canonical_id\": there is no group with id {id:?}"));
    found.map(Some).ok_or_else(missing)
}

fn check_owner(group: &Group, alias: &str) -> Result<(), Fault> {
    if group.kind != GroupKind::External {
        return Err(Fault::invalid("field \"canonical_id\": only external groups have an alias"));
    }
    match &group.alias {
        Some(other) if other.id != alias => Err(Fault::invalid(format!(
            "field \"canonical_id\": the group has the alias {:?} already, delete it first",
            other.id
        ))),
        _ => Ok(()),
    }
}
