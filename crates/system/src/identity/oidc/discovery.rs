//! `identity/oidc/.well-known`: what those who verify identity tokens need, for anybody.

use super::config;
use super::key::{ALGORITHMS, Key};
use super::named;
use super::role::Role;
use crate::Answering;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use strongroom_core::jwk::Jwk;
use strongroom_core::{Call, Operation, Response, Route};

/// How long others may keep the documents. The key that signs after the next rotation is in the set
/// before, so that this is no reason to refuse a token.
const CACHE_CONTROL: &str = "max-age=300";

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new("oidc/.well-known/openid-configuration", "What verifies identity tokens.", &[])
            .open(Operation::Read, configuration)
            .plain(),
        Route::new("oidc/.well-known/keys", "The public keys of identity tokens.", &[])
            .open(Operation::Read, keys)
            .plain(),
    ]
}

/// A document that others may keep for a while.
pub(super) fn document(content: Value) -> Response {
    let headers = vec![("Cache-Control".to_owned(), CACHE_CONTROL.to_owned())];
    Response { headers, ..Response::bare(content) }
}

/// A key set of these, in a stable order.
pub(super) fn key_set(mut keys: Vec<Jwk>) -> Response {
    keys.sort_by(|a, b| a.kid.cmp(&b.kid));
    document(json!({ "keys": keys }))
}

fn configuration(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let issuer = config::issuer(call.core, call.txn, &call.req.mounted.entry).await?;
        Ok(document(json!({
            "issuer": issuer,
            "jwks_uri": format!("{issuer}/.well-known/keys"),
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ALGORITHMS,
        })))
    })
}

fn keys(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let mount = &call.req.mounted.entry;
        let roles = named::all::<Role>(call.txn, mount).await?;
        let names: BTreeSet<&str> = roles.iter().map(|(_, role)| role.key.as_str()).collect();
        let mut published = Vec::new();
        for name in names {
            if let Some(key) = named::find::<Key>(call.txn, mount, name).await? {
                published.extend(key.published(call.now()));
            }
        }
        Ok(key_set(published))
    })
}

/// Headers of an answer that nobody may keep.
pub(super) fn not_kept() -> Vec<(String, String)> {
    [("Cache-Control", "no-store"), ("Pragma", "no-cache")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
}
