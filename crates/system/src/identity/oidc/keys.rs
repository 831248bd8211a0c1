//! The endpoints of named keys.

use super::client::Client;
use super::key::{ALGORITHMS, Key};
use super::named::{self, NAME};
use super::role::Role;
use crate::Answering;
use serde_json::json;
use strongroom_core::{Call, Fault, Mount, Operation, Response, Route, Txn};
use strongroom_wire::field::{Field, Kind};

const VERIFICATION_TTL: Field = Field::new(
    "verification_ttl",
    Kind::Seconds,
    "How long public keys stay published after a rotation; 24h by default.",
);
const FIELDS: &[Field] = &[
    NAME,
    Field::new("rotation_period", Kind::Seconds, "How often to rotate; 24h by default, 1m at least."),
    VERIFICATION_TTL,
    Field::new("algorithm", Kind::Text, "RS256, RS384, RS512, ES256, ES384, ES512 or EdDSA."),
    Field::new(
        "allowed_client_ids",
        Kind::CommaList,
        "Ids of the clients and roles that may use the key; * for all.",
    ),
];

pub(super) fn routes() -> Vec<Route> {
    use Operation::{Delete, List, Read, Update};
    vec![
        Route::new("oidc/key", "The names of the keys.", &[]).on(List, named::list::<Key>),
        Route::new("oidc/key/{name}", "A named key that signs tokens.", FIELDS)
            .on(Read, read)
            .on(Update, write)
            .on(Delete, delete)
            .exists(named::exists::<Key>),
        Route::new("oidc/key/{name}/rotate", "Rotates a named key.", &[NAME, VERIFICATION_TTL])
            .on(Update, rotate),
    ]
}

fn read(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let found = named::find::<Key>(call.txn, &call.req.mounted.entry, name(&call)).await?;
        let key = found.ok_or(Fault::NotFound)?;
        Ok(Response::json(json!({
            "algorithm": key.algorithm,
            "allowed_client_ids": key.allowed_client_ids,
            "rotation_period": key.rotation_period,
            "verification_ttl": key.verification_ttl,
        })))
    })
}

fn write(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let (mount, name) = (&call.req.mounted.entry, name(&call));
        let before = named::find::<Key>(call.txn, mount, name).await?;
        let mut key = before.as_deref().map_or_else(Key::new, Key::clone);
        let args = call.args;
        key.rotation_period = args.seconds("rotation_period").unwrap_or(key.rotation_period);
        key.verification_ttl = args.seconds("verification_ttl").unwrap_or(key.verification_ttl);
        if let Some(ids) = args.list("allowed_client_ids") {
            key.allowed_client_ids = ids.to_vec();
        }
        if let Some(algorithm) = args.text("algorithm") {
            algorithm.clone_into(&mut key.algorithm);
        }
        check(&key)?;
        if before.is_some() {
            check_users(call.txn, mount, name, key.verification_ttl).await?;
        }
        if !key.equip(call.core).await? {
            key.hurry(call.now());
        }
        named::put(call.txn, mount, name, &key)?;
        Ok(Response::none())
    })
}

fn delete(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let (mount, name) = (&call.req.mounted.entry, name(&call));
        let (roles, clients) = users(call.txn, mount, name).await?;
        let roles: Vec<String> = roles.into_iter().map(|(name, _)| name).collect();
        let clients: Vec<String> = clients.into_iter().map(|(name, _)| name).collect();
        named::refuse_used("key", name, "roles", &roles)?;
        named::refuse_used("key", name, "clients", &clients)?;
        named::delete::<Key>(call.txn, mount, name)?;
        Ok(Response::none())
    })
}

fn rotate(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let (mount, name) = (&call.req.mounted.entry, name(&call));
        let found = named::find::<Key>(call.txn, mount, name).await?;
        let found = found.ok_or_else(|| Fault::invalid(format!("no named key found at {name:?}")))?;
        let mut key = Key::clone(&found);
        // A compromised key may go at once: nobody is asked to trust it any longer than is said.
        let keep = call.args.seconds("verification_ttl").unwrap_or(key.verification_ttl);
        key.rotate(call.core, keep).await?;
        named::put(call.txn, mount, name, &key)?;
        Ok(Response::none())
    })
}

fn name<'a>(call: &Call<'a>) -> &'a str {
    call.args.text_or_empty("name")
}

/// Rotations that may come within the time that an old key stays published.
const MAX_PERIODS: u64 = 10;

fn check(key: &Key) -> Result<(), Fault> {
    if key.rotation_period < 60 {
        return Err(Fault::invalid("field \"rotation_period\": it must be at least one minute"));
    }
    if key.verification_ttl > key.rotation_period.saturating_mul(MAX_PERIODS) {
        return Err(Fault::invalid(
            "field \"verification_ttl\": it cannot be longer than 10x rotation_period",
        ));
    }
    if !ALGORITHMS.contains(&key.algorithm.as_str()) {
        let known = ALGORITHMS.join(", ");
        return Err(Fault::invalid(format!("field \"algorithm\": unknown signing algorithm; use {known}")));
    }
    Ok(())
}

/// No token may outlive the key that verifies it.
async fn check_users(txn: &mut Txn, mount: &Mount, name: &str, ttl: u64) -> Result<(), Fault> {
    let refuse = |by: &str| {
        Err(Fault::invalid(format!(
            "unable to update key {name:?} because it is currently referenced by one or more {by} greater than {ttl} seconds"
        )))
    };
    let (roles, clients) = users(txn, mount, name).await?;
    if roles.iter().any(|(_, role_ttl)| *role_ttl > ttl) {
        return refuse("roles with a token ttl");
    }
    if clients.iter().any(|(_, id_token_ttl)| *id_token_ttl > ttl) {
        return refuse("clients with an id_token_ttl");
    }
    Ok(())
}

/// A user of a key, and how long its tokens live.
type User = (String, u64);

/// The roles and clients that refer to a key.
async fn users(txn: &mut Txn, mount: &Mount, key: &str) -> Result<(Vec<User>, Vec<User>), Fault> {
    let roles = named::all::<Role>(txn, mount).await?;
    let clients = named::all::<Client>(txn, mount).await?;
    Ok((
        roles.into_iter().filter(|(_, r)| r.key == key).map(|(name, r)| (name, r.ttl)).collect(),
        clients.into_iter().filter(|(_, c)| c.key == key).map(|(name, c)| (name, c.id_token_ttl)).collect(),
    ))
}
