//! `identity/oidc/introspect`: whether an identity token still holds.

use super::config;
use super::key::Key;
use super::named;
use crate::Answering;
use serde_json::json;
use strongroom_core::identity::entities;
use strongroom_core::web_token::WebToken;
use strongroom_core::{Call, Fault, Mount, Operation, Response, Route, Txn};
use strongroom_wire::field::{Field, Kind};

const FIELDS: &[Field] = &[
    Field::new("token", Kind::Text, "The identity token.").secret(),
    Field::new("client_id", Kind::Text, "Whom it has to be for; anybody if not given."),
];

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new("oidc/introspect", "Whether an identity token still holds.", FIELDS)
            .on(Operation::Update, introspect)
            .plain(),
    ]
}

fn introspect(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        Ok(Response::bare(match judge(call).await? {
            Ok(()) => json!({ "active": true }),
            Err(why) => json!({ "active": false, "error": why }),
        }))
    })
}

/// Why a token does not hold, without anything that stands in it.
async fn judge(call: Call<'_>) -> Result<Result<(), String>, Fault> {
    let (mount, now) = (&call.req.mounted.entry, call.now());
    let token = match WebToken::parse(call.args.text_or_empty("token")) {
        Ok(token) => token,
        Err(why) => return Ok(Err(format!("error parsing token: {why}"))),
    };
    let refuse = |why: &str| Ok(Err(why.to_owned()));
    if !is_signed(call.txn, mount, &token, now).await? {
        return refuse("unable to validate the token signature");
    }
    if token.text("iss") != config::issuer(call.core, call.txn, mount).await? {
        return refuse("error validating claims: the issuer (iss) is another");
    }
    let dates = token.dates().ok();
    let Some(expires) = dates.and_then(|d| d.expires) else {
        return refuse("error validating claims: the token says not when it ends (exp)");
    };
    if expires <= now.as_second() {
        return refuse("error validating claims: the token is expired (exp)");
    }
    let client = call.args.text_or_empty("client_id");
    if !client.is_empty() && !token.audiences().is_some_and(|all| all.contains(&client)) {
        return refuse("error validating claims: the audience (aud) is not the client_id");
    }
    match entities::find_merged(call.txn, token.text("sub")).await? {
        None => refuse("entity was not found"),
        Some(entity) if entity.disabled => refuse("entity is disabled"),
        Some(_) => Ok(Ok(())),
    }
}

/// Whether one of the keys that are published now has signed it.
async fn is_signed(
    txn: &mut Txn,
    mount: &Mount,
    token: &WebToken,
    now: jiff::Timestamp,
) -> Result<bool, Fault> {
    // Our tokens name their key: one that names none is not ours.
    let Some(id) = &token.key_id else { return Ok(false) };
    for (_, key) in named::all::<Key>(txn, mount).await? {
        let named = key.published(now).into_iter().find(|jwk| jwk.kid.as_ref() == Some(id));
        if let Some(key) = named.and_then(|jwk| jwk.ready()) {
            return Ok(key.has_signed(token));
        }
    }
    Ok(false)
}
