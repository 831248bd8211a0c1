//! `sys/internal/explain`: which rule decides whether a token may do something.

use crate::Answering;
use serde_json::json;
use std::sync::Arc;
use strongroom_core::explain::Outlook;
use strongroom_core::tokens::clean_policies;
use strongroom_core::{Access, Call, Fault, Map, Operation, Path, Response, Route};
use strongroom_policy::Acl;
use strongroom_wire::field::{Args, Field, Kind};

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::new("internal/explain", "Which rule decides whether a token may do something.", FIELDS)
            .sudo(Operation::Update, explain),
    ]
}

const FIELDS: &[Field] = &[
    Field::new("token", Kind::Text, "The token.").secret(),
    Field::new("accessor", Kind::Text, "The token's accessor, in place of the token."),
    Field::new("policies", Kind::CommaList, "Names of policies, in place of a token."),
    Field::new("path", Kind::Text, "The path as it stands in a request, without /v1/."),
    Field::new("operation", Kind::Text, "create, read, update, patch, delete or list."),
    Field::new("method", Kind::Text, "GET, POST, PUT, PATCH, DELETE or LIST, in place of the operation."),
    Field::new("parameters", Kind::Object, "The body, where rules about parameters matter."),
];

fn explain(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let operation = operation(call.args)?;
        let path = path(call.args)?;
        let (policies, acl) = policies(&call).await?;
        let nothing = Map::new();
        let parameters = call.args.object("parameters").unwrap_or(&nothing);
        let outlook = call.core.explain(&acl, call.namespace(), operation, path.clone(), parameters);
        let mut answer = describe(&outlook, &path, operation);
        answer.insert("policies".to_owned(), json!(policies));
        Ok(Response::data(answer))
    })
}

/// What would happen, and why.
pub(crate) fn describe(outlook: &Outlook, path: &Path, operation: Operation) -> Map {
    let why = &outlook.explanation;
    let open = outlook.access == Some(Access::Open);
    let capabilities: Vec<&str> = why.capabilities.iter().map(|c| c.as_str()).collect();
    let reason = if open { "this endpoint needs no token" } else { &why.reason };
    Map::from_iter([
        ("path".to_owned(), json!(path.as_str())),
        ("operation".to_owned(), json!(operation.as_str())),
        ("access".to_owned(), json!(outlook.access.map(access))),
        ("allowed".to_owned(), json!(open || why.decision.allowed)),
        ("sudo".to_owned(), json!(why.decision.sudo)),
        ("rule".to_owned(), json!(why.pattern)),
        ("rule_policies".to_owned(), json!(why.policies)),
        ("capabilities".to_owned(), json!(capabilities)),
        ("reason".to_owned(), json!(reason)),
    ])
}

/// What an endpoint asks of its callers.
pub(crate) fn access(access: Access) -> &'static str {
    match access {
        Access::Token => "token",
        Access::Sudo => "sudo",
        Access::Holder => "holder",
        Access::Open => "open",
    }
}

pub(crate) fn operation(args: &Args) -> Result<Operation, Fault> {
    let (name, method) = (args.text_or_empty("operation"), args.text_or_empty("method"));
    let found = match method.to_ascii_uppercase().as_str() {
        "" => Operation::ALL.into_iter().find(|o| o.as_str() == name.to_ascii_lowercase()),
        "GET" | "HEAD" => Some(Operation::Read),
        "POST" | "PUT" => Some(Operation::Update),
        "PATCH" => Some(Operation::Patch),
        "DELETE" => Some(Operation::Delete),
        "LIST" => Some(Operation::List),
        _ => None,
    };
    found.ok_or_else(|| {
        Fault::invalid(
            "give \"operation\" (create, read, update, patch, delete, list) or \"method\" (GET, POST, ...)",
        )
    })
}

pub(crate) fn path(args: &Args) -> Result<Path, Fault> {
    let given = args.text_or_empty("path");
    let given = given.strip_prefix('/').unwrap_or(given);
    let given = given.strip_prefix("v1/").unwrap_or(given);
    if given.is_empty() {
        return Err(Fault::invalid("field \"path\": a path such as secret/data/app is needed"));
    }
    Path::parse(given).map_err(|e| Fault::invalid(format!("field \"path\": {e}")))
}

/// The names and the merged policies that the request is about.
async fn policies(call: &Call<'_>) -> Result<(Vec<String>, Arc<Acl>), Fault> {
    let (token, accessor) = (call.args.text_or_empty("token").trim(), call.args.text_or_empty("accessor"));
    let named = call.args.list("policies").unwrap_or_default();
    let entry = match (token, accessor, named.is_empty()) {
        (token, "", true) if !token.is_empty() => call.find_token(token).await?,
        ("", accessor, true) if !accessor.is_empty() => call.find_accessor(accessor).await?,
        ("", "", false) => {
            let names = clean_policies(named.to_vec(), true);
            let acl = call.core.acl(&call.namespace().id, &names).await?;
            return Ok((names, acl));
        }
        _ => return Err(Fault::invalid("give one of \"token\", \"accessor\" and \"policies\"")),
    };
    let entry = entry.ok_or_else(|| Fault::invalid("the token is unknown, expired or revoked"))?;
    match call.core.rights(&entry).await {
        Ok(rights) => Ok((rights.policies(&entry).to_vec(), rights.acl)),
        Err(Fault::Denied) => Err(Fault::invalid("the token's entity is disabled or gone")),
        Err(fault) => Err(fault),
    }
}
