//! `identity/oidc/scope`: claims that applications may ask for.

use super::named::{self, NAME, Named};
use super::provider::Provider;
use super::role::plain;
use super::template::{RESERVED_OF_SCOPES, Template};
use crate::Answering;
use serde::{Deserialize, Serialize};
use serde_json::json;
use strongroom_core::{Call, Fault, Operation, Record, Response, Route};
use strongroom_wire::field::{Field, Kind};

const FIELDS: &[Field] = &[
    NAME,
    Field::new("template", Kind::Text, "Claims as JSON with placeholders, plain or in base64."),
    Field::new("description", Kind::Text, "Free text."),
];

/// A scope.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Scope {
    pub(super) template: String,
    description: String,
}

impl Record for Scope {}

/// The scope that every request needs.
pub(super) const OPENID: &str = "openid";

impl Named for Scope {
    const FOLDER: &'static str = "scope/";
    const WHAT: &'static str = "scope";
}

pub(super) fn routes() -> Vec<Route> {
    use Operation::{Delete, List, Read, Update};
    vec![
        Route::new("oidc/scope", "The names of the scopes.", &[]).on(List, named::list::<Scope>),
        Route::new("oidc/scope/{name}", "Claims that an application may ask for.", FIELDS)
            .on(Read, read)
            .on(Update, write)
            .on(Delete, delete)
            .exists(named::exists::<Scope>),
    ]
}

fn read(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let name = call.args.text_or_empty("name");
        let scope = named::find::<Scope>(call.txn, &call.req.mounted.entry, name).await?;
        let scope = scope.ok_or(Fault::NotFound)?;
        Ok(Response::json(json!({ "description": scope.description, "template": scope.template })))
    })
}

fn write(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let (mount, name) = (&call.req.mounted.entry, call.args.text_or_empty("name"));
        if name == OPENID {
            return Err(Fault::invalid(format!("the {OPENID:?} scope name is reserved")));
        }
        let before = named::find::<Scope>(call.txn, mount, name).await?;
        let mut scope = before.as_deref().cloned().unwrap_or_default();
        if let Some(template) = call.args.text("template") {
            scope.template = plain(template);
        }
        if let Some(description) = call.args.text("description") {
            description.clone_into(&mut scope.description);
        }
        Template::check(&scope.template, &RESERVED_OF_SCOPES)?;
        named::put(call.txn, mount, name, &scope)?;
        Ok(Response::none())
    })
}

fn delete(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let (mount, name) = (&call.req.mounted.entry, call.args.text_or_empty("name"));
        let providers = named::all::<Provider>(call.txn, mount).await?;
        let users: Vec<String> = providers
            .into_iter()
            .filter(|(_, provider)| provider.scopes_supported.iter().any(|s| s == name))
            .map(|(name, _)| name)
            .collect();
        named::refuse_used("scope", name, "providers", &users)?;
        named::delete::<Scope>(call.txn, mount, name)?;
        Ok(Response::none())
    })
}
