//! `identity/entity`: entities by id and by name.

use super::{listing, show, take_pairs, written};
use crate::Answering;
use serde_json::json;
use std::sync::Arc;
use strongroom_core::identity::{Entity, checked_policies, entities, merge};
use strongroom_core::{Call, Fault, Map, Operation, Response, Route, keys};
use strongroom_wire::field::{Args, Field, Kind};

const METADATA: Field =
    Field::new("metadata", Kind::Pairs, "Key and value pairs; replaces those that are there.");
const POLICIES: Field = Field::new("policies", Kind::CommaList, "Policies that its tokens get.");
const DISABLED: Field = Field::new("disabled", Kind::Bool, "Refuse its tokens and logins.");
const NAME: Field = Field::new("name", Kind::Text, "Name; case does not matter.");
const ID: Field = Field::new("id", Kind::Text, "Id of the entity.");

const FIELDS: &[Field] = &[ID, NAME, METADATA, POLICIES, DISABLED];
const BY_NAME: &[Field] = &[NAME.folded(), METADATA, POLICIES, DISABLED];
const BATCH: &[Field] = &[Field::new("entity_ids", Kind::CommaList, "Ids of the entities.")];
const MERGE: &[Field] = &[
    Field::new("from_entity_ids", Kind::CommaList, "Ids of the entities that are merged."),
    Field::new("to_entity_id", Kind::Text, "Id of the entity that they are merged into."),
    Field::new("force", Kind::Bool, "Has no effect; for clients that send it."),
    Field::new(
        "conflicting_alias_ids_to_keep",
        Kind::CommaList,
        "Ids of the aliases that stay where several belong to one mount.",
    ),
];

pub(super) fn routes() -> Vec<Route> {
    use Operation::{Delete, List, Read, Update};
    vec![
        Route::new("entity", "Makes or changes an entity.", FIELDS).on(Update, write),
        Route::new("entity/id", "The ids of the entities.", &[]).on(List, list),
        Route::new("entity/id/{id}", "An entity by its id.", FIELDS)
            .on(Read, read)
            .on(Update, write_by_id)
            .on(Delete, delete),
        Route::new("entity/name", "The names of the entities.", &[]).on(List, list_names),
        Route::new("entity/name/{name:rest}", "An entity by its name.", BY_NAME)
            .on(Read, read_by_name)
            .on(Update, write_by_name)
            .on(Delete, delete_by_name),
        Route::new("entity/batch-delete", "Deletes entities.", BATCH).on(Update, batch_delete),
        Route::new("entity/merge", "Merges entities into one.", MERGE).on(Update, merge_into),
    ]
}

fn list(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let mounts = call.mounts();
        let ids = listing::ids(call.txn, keys::ENTITY).await?;
        let mut info = Map::new();
        for id in &ids {
            let Some(entity) = entities::find(call.txn, id).await? else { continue };
            let aliases: Vec<Map> = entity.aliases.iter().map(|a| show::short_alias(mounts, a)).collect();
            info.insert(id.clone(), json!({ "name": entity.name, "aliases": aliases }));
        }
        listing::answer(&ids, info)
    })
}

fn list_names(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move { listing::names(call.txn, keys::ENTITY_NAME).await })
}

fn read(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let entity = entities::find(call.txn, call.args.text_or_empty("id")).await?;
        let entity = entity.ok_or(Fault::NotFound)?;
        Ok(Response::data(show::entity(call.req.space, call.txn, &entity).await?))
    })
}

fn read_by_name(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let entity = entities::find_by_name(call.txn, written(&call, PREFIX)?).await?;
        let entity = entity.ok_or(Fault::NotFound)?;
        Ok(Response::data(show::entity(call.req.space, call.txn, &entity).await?))
    })
}

fn write(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let (id, name) = (call.args.text_or_empty("id"), call.args.text_or_empty("name"));
        if !id.is_empty() {
            return change_by_id(call).await;
        }
        match entities::find_by_name(call.txn, name).await?.filter(|_| !name.is_empty()) {
            Some(entity) => change(call, &entity).await,
            None => make(call, name).await,
        }
    })
}

fn write_by_id(call: Call<'_>) -> Answering<'_> {
    Box::pin(change_by_id(call))
}

async fn change_by_id(call: Call<'_>) -> Result<Response, Fault> {
    let id = call.args.text_or_empty("id");
    let entity = entities::find(call.txn, id).await?;
    let entity = entity.ok_or_else(|| Fault::invalid(format!("there is no entity with id {id:?}")))?;
    change(call, &entity).await
}

fn write_by_name(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let name = written(&call, PREFIX)?.to_owned();
        match entities::find_by_name(call.txn, &name).await? {
            Some(entity) => change(call, &entity).await,
            None => make(call, &name).await,
        }
    })
}

fn delete(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let entity = entities::find(call.txn, call.args.text_or_empty("id")).await?;
        remove(call, entity).await
    })
}

fn delete_by_name(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let entity = entities::find_by_name(call.txn, written(&call, PREFIX)?).await?;
        remove(call, entity).await
    })
}

fn batch_delete(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let ids = call.args.list("entity_ids").filter(|ids| !ids.is_empty());
        let ids = ids.ok_or_else(|| Fault::invalid("field \"entity_ids\": at least one id is needed"))?;
        for id in ids {
            if let Some(entity) = entities::find(call.txn, id).await? {
                entities::delete(call.txn, &entity).await?;
            }
        }
        Ok(Response::none())
    })
}

fn merge_into(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let to = call.args.text_or_empty("to_entity_id");
        let from = call.args.list("from_entity_ids").unwrap_or_default();
        if to.is_empty() || from.is_empty() {
            return Err(Fault::invalid("\"to_entity_id\" and \"from_entity_ids\" are needed"));
        }
        let keep = call.args.list("conflicting_alias_ids_to_keep").unwrap_or_default();
        let now = call.now();
        merge::merge(call.txn, to, from, keep, now).await?;
        Ok(Response::none())
    })
}

const PREFIX: &str = "entity/name/";

async fn make(call: Call<'_>, name: &str) -> Result<Response, Fault> {
    let mut entity = call.core.new_entity(&call.namespace().id, name);
    take(&mut entity, call.args)?;
    entities::put(call.txn, None, &entity).await?;
    Ok(Response::json(json!({ "id": entity.id, "name": entity.name, "aliases": null })))
}

async fn change(call: Call<'_>, before: &Entity) -> Result<Response, Fault> {
    let mut after = before.clone();
    if let Some(name) =
        call.args.text("name").filter(|n| !n.is_empty() && !call.req.local.starts_with(PREFIX))
    {
        name.clone_into(&mut after.name);
    }
    take(&mut after, call.args)?;
    after.updated = call.now();
    entities::put(call.txn, Some(before), &after).await?;
    Ok(Response::none())
}

fn take(entity: &mut Entity, args: &Args) -> Result<(), Fault> {
    take_pairs(args, "metadata", &mut entity.metadata);
    if let Some(policies) = args.list("policies") {
        entity.policies = checked_policies(policies)?;
    }
    entity.disabled = args.bool("disabled").unwrap_or(entity.disabled);
    Ok(())
}

async fn remove(call: Call<'_>, entity: Option<Arc<Entity>>) -> Result<Response, Fault> {
    if let Some(entity) = entity {
        entities::delete(call.txn, &entity).await?;
    }
    Ok(Response::none())
}
