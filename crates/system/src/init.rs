//! `sys/init`: the first keys and the root token.

use crate::{Answering, shares};
use serde_json::json;
use std::sync::Arc;
use strongroom_barrier::SealConfig;
use strongroom_barrier::init::InitError;
use strongroom_core::{Call, Core, Fault, Operation, Response, Route};
use strongroom_crypto::Secret;
use strongroom_wire::field::{Field, Kind};

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::new("init", "Whether the server is initialised; initialises it.", FIELDS)
            .open(Operation::Read, read)
            .open(Operation::Update, initialise)
            .works_sealed()
            .never_wrapped()
            .plain(),
    ]
}

const FIELDS: &[Field] = &[
    Field::new("secret_shares", Kind::Int, "How many shares the unseal key is split into."),
    Field::new("secret_threshold", Kind::Int, "How many of them unseal the server."),
    Field::new("stored_shares", Kind::Int, "Of seals that open by themselves; not supported."),
    Field::new("pgp_keys", Kind::List, "Keys to encrypt the shares with; not supported."),
    Field::new("root_token_pgp_key", Kind::Text, "Key to encrypt the root token with; not supported."),
    Field::new("recovery_shares", Kind::Int, "Of seals that open by themselves; not supported."),
    Field::new("recovery_threshold", Kind::Int, "Of seals that open by themselves; not supported."),
    Field::new("recovery_pgp_keys", Kind::List, "Of seals that open by themselves; not supported."),
];

const REFUSED: &[(&str, &str)] = &[
    ("pgp_keys", shares::NO_PGP),
    ("root_token_pgp_key", shares::NO_PGP),
    ("stored_shares", "the seal here is shamir, which stores no shares"),
    ("recovery_shares", shares::NO_RECOVERY),
    ("recovery_threshold", shares::NO_RECOVERY),
    ("recovery_pgp_keys", shares::NO_RECOVERY),
];

fn read(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let initialized = call.core.barrier.is_initialized().await?;
        Ok(Response::bare(json!({ "initialized": initialized })))
    })
}

fn initialise(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let core = call.core;
        let _turn = core.exclusive.lock().await;
        if core.barrier.is_initialized().await? {
            return Err(Fault::invalid(InitError::AlreadyInitialized.to_string()));
        }
        shares::refuse(call.args, REFUSED)?;
        let config = shares::config(call.args)?;
        let (made, token) = first_keys(core, config).await?;
        tracing::info!(shares = config.shares(), threshold = config.threshold(), "the server is initialised");
        let (keys, keys_base64) = shares::shown(&made);
        Ok(Response::bare(json!({
            "keys": keys,
            "keys_base64": keys_base64,
            "root_token": token.expose(),
        })))
    })
}

/// The shares and the root token; the server is sealed afterwards.
async fn first_keys(
    core: &Arc<Core>,
    config: SealConfig,
) -> Result<(Vec<Secret<Vec<u8>>>, Secret<String>), Fault> {
    let made = core.barrier.init(config).await.map_err(|e| match e {
        InitError::AlreadyInitialized => Fault::invalid(e.to_string()),
        other => Fault::Internal(format!("the server could not be initialised: {other}")),
    })?;
    let token = core.bootstrap().await;
    core.seal().await;
    match token {
        Ok(token) => Ok((made, token.token)),
        Err(fault) => Err(Fault::Internal(format!(
            "initialisation stopped half-way ({fault}); its keys are lost, start again on an empty store"
        ))),
    }
}
