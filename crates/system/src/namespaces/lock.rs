//! `sys/namespaces/api-lock`: a namespace, and all below it, answers nothing until it is unlocked.

use crate::Answering;
use serde_json::json;
use std::sync::Arc;
use strongroom_core::{Call, Fault, Namespace, Operation, Response, Route};
use strongroom_crypto::{ct_eq, random};
use strongroom_wire::field::{Field, Kind};

pub(super) fn routes() -> Vec<Route> {
    let mut routes = Vec::new();
    for pattern in ["namespaces/api-lock/lock", "namespaces/api-lock/lock/{path:rest}"] {
        routes.push(Route::new(pattern, "Locks a namespace.", FIELDS).on(Operation::Update, lock));
    }
    for pattern in ["namespaces/api-lock/unlock", "namespaces/api-lock/unlock/{path:rest}"] {
        routes.push(
            Route::new(pattern, "Unlocks a namespace.", FIELDS).on(Operation::Update, unlock).unlocks(),
        );
    }
    routes
}

const FIELDS: &[Field] = &[
    Field::new("path", Kind::Text, "The namespace, from here; this one if left out."),
    Field::new("unlock_key", Kind::Text, "What locking answered; a root token needs none.").secret(),
];

/// Characters of a key that unlocks.
const KEY_LENGTH: usize = 24;

fn lock(mut call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let found = target(&mut call).await?;
        if found.lock.is_some() {
            return Err(Fault::invalid(format!("namespace \"{}\" is already locked", found.path)));
        }
        let key = random::base62(call.core.random.as_ref(), KEY_LENGTH);
        let namespace = Namespace { lock: Some(hidden(&call, &key)?), ..Namespace::clone(&found) };
        call.txn.put(&namespace.record_key(), &namespace)?;
        Ok(Response::json(json!({ "unlock_key": key })))
    })
}

fn unlock(mut call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let found = target(&mut call).await?;
        let Some(wanted) = &found.lock else {
            return Err(Fault::invalid(format!("namespace \"{}\" is not locked", found.path)));
        };
        let given = hidden(&call, call.args.text_or_empty("unlock_key"))?;
        let is_root = call.req.token.is_some_and(|token| token.entry.is_root());
        if !is_root && !ct_eq(given.as_bytes(), wanted.as_bytes()) {
            return Err(Fault::invalid("field \"unlock_key\": this is not the key that locking answered"));
        }
        let namespace = Namespace { lock: None, ..Namespace::clone(&found) };
        call.txn.put(&namespace.record_key(), &namespace)?;
        Ok(Response::none())
    })
}

async fn target(call: &mut Call<'_>) -> Result<Arc<Namespace>, Fault> {
    let below = call.args.text_or_empty("path").trim_matches('/');
    let here = &call.namespace().path;
    let path = if below.is_empty() { here.clone() } else { format!("{here}{below}/") };
    if path.is_empty() {
        return Err(Fault::invalid("the root namespace cannot be locked: name one below it"));
    }
    let found = call.txn.get::<Namespace>(&Namespace::key(&path)).await?;
    found.ok_or_else(|| Fault::invalid(format!("there is no namespace \"{path}\"")))
}

fn hidden(call: &Call<'_>, key: &str) -> Result<String, Fault> {
    let guard = call.core.tokens()?;
    Ok(guard.as_ref().ok_or(Fault::Sealed)?.hide(&format!("namespace lock {key}")))
}
