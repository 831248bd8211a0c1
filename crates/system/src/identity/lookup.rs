//! `identity/lookup`: entities and groups by any of their names.

use super::{mount_named, show};
use crate::Answering;
use strongroom_core::identity::{aliases, entities, groups};
use strongroom_core::{Call, Fault, Operation, Response, Route};
use strongroom_wire::field::{Args, Field, Kind};

const FIELDS: &[Field] = &[
    Field::new("name", Kind::Text, "Name; case does not matter."),
    Field::new("id", Kind::Text, "Id."),
    Field::new("alias_id", Kind::Text, "Id of an alias."),
    Field::new("alias_name", Kind::Text, "Name of an alias; needs alias_mount_accessor."),
    Field::new("alias_mount_accessor", Kind::Text, "Accessor of the mount of alias_name."),
];

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new("lookup/entity", "Finds an entity.", FIELDS).on(Operation::Update, entity),
        Route::new("lookup/group", "Finds a group.", FIELDS).on(Operation::Update, group),
    ]
}

enum Wanted<'a> {
    Id(&'a str),
    Name(&'a str),
    Alias(&'a str),
    AliasAt { name: &'a str, accessor: &'a str },
}

impl<'a> Wanted<'a> {
    fn read(args: &'a Args) -> Result<Self, Fault> {
        let given = |field| args.text(field).filter(|t| !t.is_empty());
        let at = (given("alias_name"), given("alias_mount_accessor"));
        match (given("id"), given("name"), given("alias_id"), at) {
            (Some(id), None, None, (None, None)) => Ok(Self::Id(id)),
            (None, Some(name), None, (None, None)) => Ok(Self::Name(name)),
            (None, None, Some(alias), (None, None)) => Ok(Self::Alias(alias)),
            (None, None, None, (Some(name), Some(accessor))) => Ok(Self::AliasAt { name, accessor }),
            _ => Err(Fault::invalid(
                "give one of \"id\", \"name\", \"alias_id\", and \"alias_name\" with \"alias_mount_accessor\"",
            )),
        }
    }
}

/// What is not found is 204, as Vault has it.
fn entity(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let found = match Wanted::read(call.args)? {
            Wanted::Id(id) => entities::find(call.txn, id).await?,
            Wanted::Name(name) => entities::find_by_name(call.txn, name).await?,
            Wanted::Alias(id) => aliases::entity_of(call.txn, id).await?,
            Wanted::AliasAt { name, accessor } => {
                let mount = mount_named(&call, accessor)?;
                aliases::entity_at(call.txn, &mount.id, name).await?
            }
        };
        match found {
            Some(found) => Ok(Response::data(show::entity(call.req.space, call.txn, &found).await?)),
            None => Ok(Response::none()),
        }
    })
}

fn group(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let found = match Wanted::read(call.args)? {
            Wanted::Id(id) => groups::find(call.txn, id).await?,
            Wanted::Name(name) => groups::find_by_name(call.txn, name).await?,
            Wanted::Alias(id) => aliases::group_of(call.txn, id).await?,
            Wanted::AliasAt { name, accessor } => {
                let mount = mount_named(&call, accessor)?;
                aliases::group_at(call.txn, &mount.id, name).await?
            }
        };
        match found {
            Some(found) => Ok(Response::data(show::group(call.req.space, call.txn, &found).await?)),
            None => Ok(Response::none()),
        }
    })
}
