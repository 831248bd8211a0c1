//! The endpoints of secret ids.

use super::hash_key::HashKey;
use super::role::{Role, missing};
use super::secret_id::{self, Found, SecretId};
use super::{MAX_ID_BYTES, addresses, metadata, tidy};
use std::sync::Arc;
use strongroom_core::{BoxFuture, Call, Fault, Response};
use strongroom_crypto::random;
use strongroom_wire::field::Args;
use strongroom_wire::time;

pub(super) fn list(mut call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(async move {
        let role = known(&mut call, 400).await?;
        Response::keys(secret_id::accessors(call.txn, &call.req.mounted.entry, &role).await?)
    })
}

pub(super) fn generate(call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    let secret_id = random::uuid(call.core.random.as_ref());
    Box::pin(make(call, secret_id))
}

pub(super) fn take_custom(call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(async move {
        let secret_id = given(call.args, "secret_id")?.to_owned();
        if secret_id.len() > MAX_ID_BYTES {
            return Err(Fault::invalid(format!("'secret_id' is longer than {MAX_ID_BYTES} bytes")));
        }
        make(call, secret_id).await
    })
}

pub(super) fn look_up(mut call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(async move {
        let found = by_secret_id(&mut call).await?;
        Ok(found.map_or_else(Response::none, |(_, found)| Response::data(found.record.show())))
    })
}

pub(super) fn look_up_accessor(mut call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(async move {
        let (_, found) = by_accessor(&mut call).await?;
        match found {
            Some(found) => Ok(Response::data(found.record.show())),
            None => Err(unknown_accessor(&call)),
        }
    })
}

pub(super) fn destroy(mut call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(async move {
        if let Some((role, found)) = by_secret_id(&mut call).await? {
            secret_id::remove(call.txn, &call.req.mounted.entry, &role.id, &found.hash, &found.record);
        }
        Ok(Response::none())
    })
}

pub(super) fn destroy_accessor(mut call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(async move {
        let (role, found) = by_accessor(&mut call).await?;
        let found = found
            .ok_or_else(|| Fault::Refused("this role has no secret id with that accessor".to_owned()))?;
        secret_id::remove(call.txn, &call.req.mounted.entry, &role.id, &found.hash, &found.record);
        Ok(Response::none())
    })
}

/// Registers a secret id for the role.
async fn make(mut call: Call<'_>, secret_id: String) -> Result<Response, Fault> {
    let mount = &call.req.mounted.entry;
    let role = known(&mut call, 404).await?;
    if !role.bind_secret_id {
        return Err(Fault::invalid("bind_secret_id is not set on the role"));
    }
    let max_ttl = call.core.max_ttl(mount);
    let ttl = within_role("ttl", call.args.seconds("ttl"), role.secret_id_ttl)?;
    let lives = ttl.min(max_ttl);
    let now = call.now();
    let new = SecretId {
        accessor: random::uuid(call.core.random.as_ref()),
        num_uses: within_role("num_uses", given_uses(call.args)?, role.secret_id_num_uses)?,
        ttl,
        created: now,
        expires: (ttl > 0).then(|| time::after(now, lives)),
        updated: now,
        metadata: metadata::parse(call.args.text_or_empty("metadata"))?,
        cidrs: given_cidrs(call.args, "cidr_list", role.login_cidrs())?,
        token_cidrs: given_cidrs(
            call.args,
            "token_bound_cidrs",
            role.token.bound_cidrs.as_deref().unwrap_or_default(),
        )?,
    };
    let hash = HashKey::ensure(call.core, call.txn, mount).await?.of_secret_id(&role.id, &secret_id);
    secret_id::insert(call.txn, mount, &role, &hash, &new).await?;
    tidy::when_due(call.core, call.txn, mount).await?;
    Ok(Response::json(serde_json::json!({
        "secret_id": secret_id,
        "secret_id_accessor": new.accessor,
        "secret_id_num_uses": new.num_uses,
        "secret_id_ttl": lives,
    })))
}

/// What was asked for if the role allows it, else what the role says; 0 stands for no limit.
fn within_role(field: &str, asked: Option<u64>, role: u64) -> Result<u64, Fault> {
    match asked {
        None => Ok(role),
        Some(asked) if role > 0 && (asked == 0 || asked > role) => Err(Fault::invalid(format!(
            "'{field}' cannot be more than the role's secret_id_{field}, which is {role}"
        ))),
        Some(asked) => Ok(asked),
    }
}

fn given_uses(args: &Args) -> Result<Option<u64>, Fault> {
    args.int("num_uses")
        .map(|uses| u64::try_from(uses).map_err(|_| Fault::invalid("'num_uses' cannot be negative")))
        .transpose()
}

/// A list of blocks within those of the role.
fn given_cidrs(args: &Args, field: &str, role: &[String]) -> Result<Vec<String>, Fault> {
    let given = addresses::check(field, args.list(field).unwrap_or_default())?;
    if !addresses::within(&given, role) {
        return Err(Fault::invalid(format!("'{field}' goes beyond the blocks of the role")));
    }
    Ok(given)
}

/// A text that must be there; white space at the ends is dropped, as it is at login.
fn given<'a>(args: &'a Args, field: &str) -> Result<&'a str, Fault> {
    let text = args.text_or_empty(field).trim();
    if text.is_empty() { Err(Fault::invalid(format!("missing {field}"))) } else { Ok(text) }
}

/// The role of the path, or an error of this status.
async fn known(call: &mut Call<'_>, status: u16) -> Result<Arc<Role>, Fault> {
    let name = call.args.text_or_empty("role_name");
    let role = Role::find(call.txn, &call.req.mounted.entry, name).await?;
    role.ok_or_else(|| missing(name, status))
}

async fn by_secret_id(call: &mut Call<'_>) -> Result<Option<(Arc<Role>, Found)>, Fault> {
    let secret_id = given(call.args, "secret_id")?;
    let role = known(call, 404).await?;
    let now = call.now();
    let found = secret_id::find(call.txn, &call.req.mounted.entry, &role, secret_id, now).await?;
    Ok(found.map(|found| (role, found)))
}

async fn by_accessor(call: &mut Call<'_>) -> Result<(Arc<Role>, Option<Found>), Fault> {
    let accessor = given(call.args, "secret_id_accessor")?;
    let role = known(call, 404).await?;
    let now = call.now();
    let found = secret_id::find_accessor(call.txn, &call.req.mounted.entry, &role, accessor, now).await?;
    Ok((role, found))
}

/// 404 with the reason in its data, as clients of this endpoint know it.
fn unknown_accessor(call: &Call<'_>) -> Fault {
    let accessor = call.args.text_or_empty("secret_id_accessor");
    let error = format!("failed to find accessor entry for secret_id_accessor: {accessor:?}");
    Fault::Answer(404, Box::new(Response::json(serde_json::json!({ "error": error }))))
}
