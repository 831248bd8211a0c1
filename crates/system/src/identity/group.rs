//! `identity/group`: groups by id and by name.

use super::{listing, show, take_pairs, written};
use crate::Answering;
use serde_json::json;
use std::sync::Arc;
use strongroom_core::identity::{Group, GroupKind, checked_policies, groups};
use strongroom_core::{Call, Fault, Map, Operation, Response, Route, keys};
use strongroom_wire::field::{Args, Field, Kind};

const ID: Field = Field::new("id", Kind::Text, "Id of the group.");
const NAME: Field = Field::new("name", Kind::Text, "Name; case does not matter.");
const TYPE: Field = Field::new("type", Kind::Text, "internal or external; fixed once the group is made.");
const METADATA: Field =
    Field::new("metadata", Kind::Pairs, "Key and value pairs; replaces those that are there.");
const POLICIES: Field = Field::new("policies", Kind::CommaList, "Policies that tokens of its members get.");
const GROUPS: Field = Field::new("member_group_ids", Kind::CommaList, "Ids of the groups within it.");
const ENTITIES: Field = Field::new("member_entity_ids", Kind::CommaList, "Ids of the entities within it.");

const FIELDS: &[Field] = &[ID, NAME, TYPE, METADATA, POLICIES, GROUPS, ENTITIES];
const BY_NAME: &[Field] = &[NAME.folded(), TYPE, METADATA, POLICIES, GROUPS, ENTITIES];

pub(super) fn routes() -> Vec<Route> {
    use Operation::{Delete, List, Read, Update};
    vec![
        Route::new("group", "Makes or changes a group.", FIELDS).on(Update, write),
        Route::new("group/id", "The ids of the groups.", &[]).on(List, list),
        Route::new("group/id/{id}", "A group by its id.", FIELDS)
            .on(Read, read)
            .on(Update, write_by_id)
            .on(Delete, delete),
        Route::new("group/name", "The names of the groups.", &[]).on(List, list_names),
        Route::new("group/name/{name:rest}", "A group by its name.", BY_NAME)
            .on(Read, read_by_name)
            .on(Update, write_by_name)
            .on(Delete, delete_by_name),
    ]
}

fn list(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let ids = listing::ids(call.txn, keys::GROUP).await?;
        let mut info = Map::new();
        for id in &ids {
            let Some(group) = groups::find(call.txn, id).await? else { continue };
            let (entities, parents) =
                (groups::members(call.txn, id).await?.len(), groups::parents(call.txn, id).await?.len());
            let row =
                json!({ "name": group.name, "num_member_entities": entities, "num_parent_groups": parents });
            info.insert(id.clone(), row);
        }
        listing::answer(&ids, info)
    })
}

fn list_names(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move { listing::names(call.txn, keys::GROUP_NAME).await })
}

fn read(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let group = groups::find(call.txn, call.args.text_or_empty("id")).await?;
        let group = group.ok_or(Fault::NotFound)?;
        Ok(Response::data(show::group(call.req.space, call.txn, &group).await?))
    })
}

fn read_by_name(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let group = groups::find_by_name(call.txn, written(&call, PREFIX)?).await?;
        let group = group.ok_or(Fault::NotFound)?;
        Ok(Response::data(show::group(call.req.space, call.txn, &group).await?))
    })
}

fn write(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let (id, name) = (call.args.text_or_empty("id"), call.args.text_or_empty("name"));
        if !id.is_empty() {
            return change_by_id(call).await;
        }
        match groups::find_by_name(call.txn, name).await?.filter(|_| !name.is_empty()) {
            Some(group) => change(call, &group).await,
            None => make(call, name).await,
        }
    })
}

fn write_by_id(call: Call<'_>) -> Answering<'_> {
    Box::pin(change_by_id(call))
}

async fn change_by_id(call: Call<'_>) -> Result<Response, Fault> {
    let id = call.args.text_or_empty("id");
    let group = groups::find(call.txn, id).await?;
    let group = group.ok_or_else(|| Fault::invalid(format!("there is no group with id {id:?}")))?;
    change(call, &group).await
}

fn write_by_name(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let name = written(&call, PREFIX)?.to_owned();
        match groups::find_by_name(call.txn, &name).await? {
            Some(group) => change(call, &group).await,
            None => make(call, &name).await,
        }
    })
}

fn delete(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let group = groups::find(call.txn, call.args.text_or_empty("id")).await?;
        remove(call, group).await
    })
}

fn delete_by_name(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let group = groups::find_by_name(call.txn, written(&call, PREFIX)?).await?;
        remove(call, group).await
    })
}

const PREFIX: &str = "group/name/";

async fn make(mut call: Call<'_>, name: &str) -> Result<Response, Fault> {
    let mut group = call.core.new_group(&call.namespace().id, name);
    group.kind = kind(call.args)?.unwrap_or_default();
    take(&mut call, &mut group).await?;
    let now = call.now();
    groups::put(call.txn, None, &mut group, now).await?;
    Ok(Response::json(json!({ "id": group.id, "name": group.name })))
}

async fn change(mut call: Call<'_>, before: &Group) -> Result<Response, Fault> {
    let mut after = before.clone();
    if kind(call.args)?.is_some_and(|k| k != before.kind) {
        return Err(Fault::invalid("field \"type\": group type cannot be changed"));
    }
    if let Some(name) =
        call.args.text("name").filter(|n| !n.is_empty() && !call.req.local.starts_with(PREFIX))
    {
        name.clone_into(&mut after.name);
    }
    take(&mut call, &mut after).await?;
    let now = call.now();
    groups::put(call.txn, Some(before), &mut after, now).await?;
    Ok(Response::none())
}

fn kind(args: &Args) -> Result<Option<GroupKind>, Fault> {
    match args.text_or_empty("type") {
        "" => Ok(None),
        "internal" => Ok(Some(GroupKind::Internal)),
        "external" => Ok(Some(GroupKind::External)),
        other => {
            Err(Fault::invalid(format!("field \"type\": {other:?} is neither \"internal\" nor \"external\"")))
        }
    }
}

async fn take(call: &mut Call<'_>, group: &mut Group) -> Result<(), Fault> {
    take_pairs(call.args, "metadata", &mut group.metadata);
    if let Some(policies) = call.args.list("policies") {
        group.policies = checked_policies(policies)?;
    }
    if let Some(ids) = call.args.list("member_entity_ids") {
        if group.kind == GroupKind::External {
            return Err(Fault::invalid(
                "field \"member_entity_ids\": logins decide who is in an external group",
            ));
        }
        group.had_entities = true;
        groups::set_members(call.txn, &group.id, ids).await?;
    }
    if let Some(ids) = call.args.list("member_group_ids") {
        groups::set_groups(call.txn, group, ids).await?;
    }
    Ok(())
}

async fn remove(call: Call<'_>, group: Option<Arc<Group>>) -> Result<Response, Fault> {
    if let Some(group) = group {
        let now = call.now();
        groups::delete(call.txn, call.core.random.as_ref(), &group, now).await?;
    }
    Ok(Response::none())
}
