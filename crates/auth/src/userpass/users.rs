//! Users: kept under their lower-case names.

use super::password;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use strongroom_core::token_params::TokenParams;
use strongroom_core::tokens::clean_policies;
use strongroom_core::{BoxFuture, Call, Core, ExistsCall, Fault, Map, Mount, Record, Response, Txn};
use strongroom_wire::field::Args;

/// The record of a user.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct User {
    /// bcrypt, with salt and cost.
    pub(super) password_hash: String,
    /// What tokens are like.
    pub(super) token: TokenParams,
}

impl Record for User {}

/// The user of that name at a mount.
pub(super) async fn find(txn: &mut Txn, mount: &Mount, name: &str) -> Result<Option<Arc<User>>, Fault> {
    txn.get(&key(mount, name)).await
}

pub(super) fn list(call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(async move { Response::keys(call.txn.names(&call.req.mounted.entry.key(FOLDER)).await?) })
}

pub(super) fn exists(call: ExistsCall<'_>) -> BoxFuture<'_, Result<bool, Fault>> {
    Box::pin(
        async move { call.txn.exists(&key(&call.mounted.entry, call.args.text_or_empty("username"))).await },
    )
}

pub(super) fn read(call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(async move {
        let user = find(call.txn, &call.req.mounted.entry, name(&call)).await?.ok_or(Fault::NotFound)?;
        let mut data = Map::new();
        user.token.show(&mut data);
        Ok(Response::data(data))
    })
}

/// Creates or changes a user; what is not given stays as it is.
pub(super) fn write(call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(async move {
        let before = find(call.txn, &call.req.mounted.entry, name(&call)).await?;
        let is_new = before.is_none();
        let mut user = before.map_or_else(User::default, |u| User::clone(&u));
        let warnings = user.token.apply(call.args)?;
        match new_hash(call.core, call.args).await? {
            Some(hash) => user.password_hash = hash,
            None if is_new => return Err(Fault::invalid("missing password")),
            None => {}
        }
        call.txn.put(&key(&call.req.mounted.entry, name(&call)), &user)?;
        Ok(warnings.into_iter().fold(Response::none(), Response::warn))
    })
}

pub(super) fn delete(call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(async move {
        let key = key(call.mount(), name(&call));
        if call.txn.exists(&key).await? {
            call.txn.delete(&key);
        }
        Ok(Response::none())
    })
}

pub(super) fn write_password(call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(async move {
        let mut user = existing(call.txn, &call.req.mounted.entry, name(&call)).await?;
        let hash = new_hash(call.core, call.args).await?;
        user.password_hash = hash.ok_or_else(|| Fault::invalid("missing password"))?;
        call.txn.put(&key(&call.req.mounted.entry, name(&call)), &user)?;
        Ok(Response::none())
    })
}

pub(super) fn write_policies(call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(async move {
        let mut user = existing(call.txn, &call.req.mounted.entry, name(&call)).await?;
        if call.args.get("token_policies").is_some() || call.args.get("policies").is_some() {
            user.token.apply(call.args)?;
            user.token.policies = clean_policies(user.token.policies, true);
            call.txn.put(&key(&call.req.mounted.entry, name(&call)), &user)?;
        }
        Ok(Response::none())
    })
}

const FOLDER: &str = "user/";

fn key(mount: &Mount, name: &str) -> Vec<u8> {
    mount.key(&format!("{FOLDER}{name}"))
}

fn name<'a>(call: &Call<'a>) -> &'a str {
    call.args.text_or_empty("username")
}

async fn existing(txn: &mut Txn, mount: &Mount, name: &str) -> Result<User, Fault> {
    let user = find(txn, mount, name).await?.ok_or_else(|| Fault::invalid("username does not exist"))?;
    Ok(User::clone(&user))
}

/// The hash that a password or a hash in the request stands for; none without either.
async fn new_hash(core: &Core, args: &Args) -> Result<Option<String>, Fault> {
    match (args.text("password"), args.text("password_hash")) {
        (Some(_), Some(_)) => Err(Fault::invalid("give either 'password' or 'password_hash', not both")),
        (Some(password), None) => password::hash(core, password).await.map(Some),
        (None, Some(hash)) => password::check_hash(hash).map(|()| Some(hash.to_owned())),
        (None, None) => Ok(None),
    }
}
