//! `identity/oidc/assignment`: who may use an application.

use super::client::Client;
use super::named::{self, NAME, Named};
use super::template::Subject;
use crate::Answering;
use serde::{Deserialize, Serialize};
use serde_json::json;
use strongroom_core::{Call, Fault, Operation, Record, Response, Route};
use strongroom_wire::field::{Field, Kind};

const FIELDS: &[Field] = &[
    NAME,
    Field::new("entity_ids", Kind::CommaList, "Ids of entities."),
    Field::new("group_ids", Kind::CommaList, "Ids of groups; members of groups within count too."),
];

/// An assignment.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Assignment {
    entity_ids: Vec<String>,
    group_ids: Vec<String>,
}

impl Record for Assignment {}

const ALLOW_ALL: &str = "allow_all";
const ANY: &str = "*";

impl Named for Assignment {
    const FOLDER: &'static str = "assignment/";
    const WHAT: &'static str = "assignment";
    const BUILT_IN: Option<&'static str> = Some(ALLOW_ALL);

    fn built_in() -> Option<Self> {
        Some(Self { entity_ids: vec![ANY.to_owned()], group_ids: vec![ANY.to_owned()] })
    }
}

impl Assignment {
    /// Whether it covers somebody.
    pub(super) fn covers(&self, subject: &Subject) -> bool {
        let any = |ids: &[String]| ids.iter().any(|id| id == ANY);
        any(&self.entity_ids)
            || any(&self.group_ids)
            || self.entity_ids.contains(&subject.entity().id)
            || self.entity_ids.iter().any(|id| subject.entity().merged.contains(id))
            || subject.is_in(&self.group_ids)
    }
}

pub(super) fn routes() -> Vec<Route> {
    use Operation::{Delete, List, Read, Update};
    vec![
        Route::new("oidc/assignment", "The names of the assignments.", &[])
            .on(List, named::list::<Assignment>),
        Route::new("oidc/assignment/{name}", "Entities and groups that may use an application.", FIELDS)
            .on(Read, read)
            .on(Update, write)
            .on(Delete, delete)
            .exists(named::exists::<Assignment>),
    ]
}

fn read(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let name = call.args.text_or_empty("name");
        let found = named::find::<Assignment>(call.txn, &call.req.mounted.entry, name).await?;
        let found = found.ok_or(Fault::NotFound)?;
        Ok(Response::json(json!({ "entity_ids": found.entity_ids, "group_ids": found.group_ids })))
    })
}

fn write(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let (mount, name) = (&call.req.mounted.entry, call.args.text_or_empty("name"));
        if name == ALLOW_ALL {
            return Err(Fault::invalid(format!("modification of assignment {name:?} not allowed")));
        }
        let before = named::find::<Assignment>(call.txn, mount, name).await?;
        let mut assignment = before.as_deref().cloned().unwrap_or_default();
        if let Some(ids) = call.args.list("entity_ids") {
            assignment.entity_ids = once_each(ids);
        }
        if let Some(ids) = call.args.list("group_ids") {
            assignment.group_ids = once_each(ids);
        }
        named::put(call.txn, mount, name, &assignment)?;
        Ok(Response::none())
    })
}

fn delete(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let (mount, name) = (&call.req.mounted.entry, call.args.text_or_empty("name"));
        let clients = named::all::<Client>(call.txn, mount).await?;
        let users: Vec<String> = clients
            .into_iter()
            .filter(|(_, client)| client.assignments.iter().any(|a| a == name))
            .map(|(name, _)| name)
            .collect();
        if name != ALLOW_ALL {
            named::refuse_used("assignment", name, "clients", &users)?;
        }
        named::delete::<Assignment>(call.txn, mount, name)?;
        Ok(Response::none())
    })
}

/// Lists without what was given twice.
pub(super) fn once_each(given: &[String]) -> Vec<String> {
    let mut kept: Vec<String> = Vec::with_capacity(given.len());
    for item in given.iter().filter(|item| !item.is_empty()) {
        if !kept.contains(item) {
            kept.push(item.clone());
        }
    }
    kept
}
