//! `identity/entity-alias`: the names by which auth mounts know entities.

use super::{listing, mount_named, show, take_pairs};
use crate::Answering;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use strongroom_core::identity::{Alias, Entity, aliases, entities};
use strongroom_core::{Call, Fault, Map, Operation, Response, Route, keys};
use strongroom_wire::field::{Field, Kind};

pub(super) const FIELDS: &[Field] = &[
    Field::new("id", Kind::Text, "Id of the alias."),
    Field::new("name", Kind::Text, "The name at the mount; case does not matter."),
    Field::new("canonical_id", Kind::Text, "Id of the entity or group that it belongs to."),
    Field::new("entity_id", Kind::Text, "Old name of canonical_id."),
    Field::new("mount_accessor", Kind::Text, "Accessor of the auth mount."),
    Field::new("custom_metadata", Kind::Pairs, "Key and value pairs; replaces those that are there."),
];

pub(super) fn routes() -> Vec<Route> {
    use Operation::{Delete, List, Read, Update};
    let mut routes = Vec::new();
    // The second set is the old name of the first.
    for (all, ids, one) in
        [("entity-alias", "entity-alias/id", "entity-alias/id/{id}"), ("alias", "alias/id", "alias/id/{id}")]
    {
        routes.extend([
            Route::new(all, "Makes or changes an alias of an entity.", FIELDS).on(Update, write),
            Route::new(ids, "The ids of the aliases of entities.", &[]).on(List, list),
            Route::new(one, "An alias of an entity.", FIELDS)
                .on(Read, read)
                .on(Update, write_by_id)
                .on(Delete, delete),
        ]);
    }
    routes
}

fn list(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let mounts = call.mounts();
        let ids = listing::ids(call.txn, keys::ALIAS).await?;
        let mut info = Map::new();
        for id in &ids {
            let Some(entity) = aliases::entity_of(call.txn, id).await? else { continue };
            let Some(alias) = entity.alias(id) else { continue };
            let mut shown = show::short_alias(mounts, alias);
            shown.remove("id");
            shown.insert("custom_metadata".to_owned(), json!(alias.custom_metadata));
            shown.insert("local".to_owned(), alias.local.into());
            info.insert(id.clone(), shown.into());
        }
        listing::answer(&ids, info)
    })
}

fn read(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let id = call.args.text_or_empty("id");
        let entity = aliases::entity_of(call.txn, id).await?.ok_or(Fault::NotFound)?;
        let alias = entity.alias(id).ok_or(Fault::NotFound)?;
        Ok(Response::data(show::whole_alias(call.mounts(), alias, &entity.namespace)))
    })
}

fn delete(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let id = call.args.text_or_empty("id");
        if let Some(entity) = aliases::entity_of(call.txn, id).await? {
            let mut after = Entity::clone(&entity);
            aliases::detach(call.txn, &mut after, id);
            after.updated = call.now();
            entities::put(call.txn, Some(&entity), &after).await?;
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
        match aliases::entity_at(call.txn, &mount.id, name).await? {
            Some(entity) => {
                let alias = entity.alias_at(&mount.id).cloned();
                let alias =
                    alias.ok_or_else(|| Fault::Internal("an alias index without alias".to_owned()))?;
                change(call, &entity, alias).await
            }
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
    let entity = aliases::entity_of(call.txn, id).await?;
    let found = entity.as_ref().and_then(|e| Some((e, e.alias(id)?.clone())));
    let (entity, alias) = found.ok_or_else(|| Fault::invalid(format!("there is no alias with id {id:?}")))?;
    change(call, entity, alias).await
}

async fn make(mut call: Call<'_>, mut alias: Alias) -> Result<Response, Fault> {
    take_custom(&call, &mut alias)?;
    let before = owner(&mut call).await?;
    let mut entity = match &before {
        Some(entity) => Entity::clone(entity),
        None => call.core.new_entity(&call.namespace().id, ""),
    };
    let answer = json!({ "id": alias.id, "canonical_id": entity.id });
    aliases::attach(call.txn, &mut entity, alias)?;
    entity.updated = call.now();
    entities::put(call.txn, before.as_deref(), &entity).await?;
    Ok(Response::json(answer))
}

async fn change(mut call: Call<'_>, entity: &Arc<Entity>, old: Alias) -> Result<Response, Fault> {
    let mut alias = old.clone();
    if let Some(name) = call.args.text("name").filter(|n| !n.is_empty()) {
        name.clone_into(&mut alias.name);
    }
    if let Some(accessor) = call.args.text("mount_accessor").filter(|a| !a.is_empty()) {
        let mount = mount_named(&call, accessor)?;
        (alias.mount, alias.mount_accessor, alias.local) = (mount.id, mount.accessor, mount.local);
    }
    take_custom(&call, &mut alias)?;
    let target = owner(&mut call).await?.unwrap_or_else(|| entity.clone());
    alias.owner.clone_from(&target.id);
    if is_same(&alias, &old) {
        return Ok(Response::none());
    }
    let taken = aliases::entity_at(call.txn, &alias.mount, &alias.name).await?;
    if taken.is_some_and(|e| e.alias_at(&alias.mount).is_some_and(|a| a.id != alias.id)) {
        return Err(Fault::invalid("an alias with this name and mount accessor already exists"));
    }
    let now = call.now();
    alias.updated = now;
    let answer = json!({ "id": alias.id, "canonical_id": target.id });
    let mut from = Entity::clone(entity);
    aliases::detach(call.txn, &mut from, &alias.id);
    from.updated = now;
    if target.id != entity.id {
        let mut to = Entity { updated: now, ..Entity::clone(&target) };
        aliases::attach(call.txn, &mut to, alias)?;
        entities::put(call.txn, Some(&target), &to).await?;
    } else {
        aliases::attach(call.txn, &mut from, alias)?;
    }
    entities::put(call.txn, Some(entity), &from).await?;
    Ok(Response::json(answer))
}

fn is_same(a: &Alias, b: &Alias) -> bool {
    (&a.name, &a.mount, &a.owner, &a.custom_metadata) == (&b.name, &b.mount, &b.owner, &b.custom_metadata)
}

/// The entity that the request names; none if it names none.
async fn owner(call: &mut Call<'_>) -> Result<Option<Arc<Entity>>, Fault> {
    let Some(id) = canonical(call) else { return Ok(None) };
    let found = entities::find(call.txn, id).await?;
    let missing = || Fault::invalid(format!("field \"canonical_id\": there is no entity with id {id:?}"));
    found.map(Some).ok_or_else(missing)
}

/// The id that `canonical_id`, or its old name, gives.
pub(super) fn canonical<'a>(call: &Call<'a>) -> Option<&'a str> {
    let given = |field| call.args.text(field).filter(|id| !id.is_empty());
    given("canonical_id").or_else(|| given("entity_id"))
}

pub(super) fn take_custom(call: &Call<'_>, alias: &mut Alias) -> Result<(), Fault> {
    take_pairs(call.args, "custom_metadata", &mut alias.custom_metadata);
    alias.custom_metadata.as_ref().map_or(Ok(()), check_custom)
}

/// The limits that Vault documents.
fn check_custom(pairs: &BTreeMap<String, String>) -> Result<(), Fault> {
    const MAX_PAIRS: usize = 64;
    const MAX_KEY: usize = 128;
    const MAX_VALUE: usize = 512;
    let refuse = |why: String| Err(Fault::invalid(format!("field \"custom_metadata\": {why}")));
    if pairs.len() > MAX_PAIRS {
        return refuse(format!("more than {MAX_PAIRS} keys"));
    }
    for (key, value) in pairs {
        if key.is_empty() || key.len() > MAX_KEY {
            return refuse(format!("a key must have 1 to {MAX_KEY} bytes"));
        }
        if value.len() > MAX_VALUE {
            return refuse(format!("the value of {key:?} has more than {MAX_VALUE} bytes"));
        }
    }
    Ok(())
}
