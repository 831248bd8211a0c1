//! The endpoints of roles and role ids.

use super::role::{FOLDER, Role, key};
use super::{MAX_ID_BYTES, addresses};
use strongroom_core::{BoxFuture, Call, ExistsCall, Fault, Response};
use strongroom_wire::field::Args;

pub(super) fn list(call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(async move { Response::keys(call.txn.names(&call.req.mounted.entry.key(FOLDER)).await?) })
}

pub(super) fn exists(call: ExistsCall<'_>) -> BoxFuture<'_, Result<bool, Fault>> {
    Box::pin(
        async move { call.txn.exists(&key(&call.mounted.entry, call.args.text_or_empty("role_name"))).await },
    )
}

pub(super) fn read(call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(async move {
        let role =
            Role::find(call.txn, &call.req.mounted.entry, name(&call)).await?.ok_or(Fault::NotFound)?;
        Ok(Response::data(role.show()))
    })
}

/// Creates or changes a role; what is not given stays as it is.
pub(super) fn write(call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(async move {
        let mount = &call.req.mounted.entry;
        let before = Role::find(call.txn, mount, name(&call)).await?;
        let mut role = before.as_ref().map_or_else(|| Role::fresh(call.core), |role| Role::clone(role));
        let mut warnings = role.token.apply(call.args)?;
        if let Some(local) = call.args.bool("local_secret_ids") {
            if before.is_some() {
                return Err(Fault::invalid("'local_secret_ids' can only be set when the role is created"));
            }
            role.local_secret_ids = local;
        }
        if let Some(role_id) = given_role_id(call.args)? {
            role.role_id = role_id;
        }
        apply(&mut role, call.args)?;
        let max_ttl = call.core.max_ttl(mount);
        if role.token.old_names.contains("period") && role.token.period > max_ttl {
            return Err(Fault::invalid("'period' is greater than the mount's maximum TTL"));
        }
        if role.token.max_ttl > max_ttl {
            warnings.push(MAX_TTL_WARNING.to_owned());
        }
        role.keep(call.core, call.txn, mount, name(&call), before.as_ref().map(|b| b.role_id.as_str()))
            .await?;
        Ok(warnings.into_iter().fold(Response::none(), Response::warn))
    })
}

pub(super) fn delete(call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(async move {
        let mount = &call.req.mounted.entry;
        if let Some(role) = Role::find(call.txn, mount, name(&call)).await? {
            role.remove(call.txn, mount, name(&call)).await?;
        }
        Ok(Response::none())
    })
}

pub(super) fn read_role_id(call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(async move {
        let role =
            Role::find(call.txn, &call.req.mounted.entry, name(&call)).await?.ok_or(Fault::NotFound)?;
        Ok(Response::json(serde_json::json!({ "role_id": role.role_id })))
    })
}

pub(super) fn write_role_id(call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(async move {
        let mount = &call.req.mounted.entry;
        let mut role = Role::existing(call.txn, mount, name(&call)).await?;
        let given = given_role_id(call.args)?.ok_or_else(|| Fault::invalid("missing role_id"))?;
        let before = std::mem::replace(&mut role.role_id, given);
        role.keep(call.core, call.txn, mount, name(&call), Some(&before)).await?;
        Ok(Response::none())
    })
}

/// Takes over the fields that are about secret ids.
pub(super) fn apply(role: &mut Role, args: &Args) -> Result<(), Fault> {
    role.bind_secret_id = args.bool("bind_secret_id").unwrap_or(role.bind_secret_id);
    if let Some(given) = args.list("secret_id_bound_cidrs").or_else(|| args.list("bound_cidr_list")) {
        role.secret_id_bound_cidrs = Some(addresses::check("secret_id_bound_cidrs", given)?);
    }
    if let Some(given) = args.int("secret_id_num_uses") {
        role.secret_id_num_uses =
            u64::try_from(given).map_err(|_| Fault::invalid("'secret_id_num_uses' cannot be negative"))?;
    }
    role.secret_id_ttl = args.seconds("secret_id_ttl").unwrap_or(role.secret_id_ttl);
    Ok(())
}

/// Shown as a warning: it is no error, since the mount may be tuned later.
const MAX_TTL_WARNING: &str = "token_max_ttl is greater than the backend mount's maximum TTL value; issued tokens' max TTL value will be truncated";

fn name<'a>(call: &Call<'a>) -> &'a str {
    call.args.text_or_empty("role_name")
}

/// White space at the ends is dropped, as it is at login.
fn given_role_id(args: &Args) -> Result<Option<String>, Fault> {
    let Some(given) = args.text("role_id").map(str::trim) else { return Ok(None) };
    if given.is_empty() {
        return Err(Fault::invalid("'role_id' is empty"));
    }
    if given.len() > MAX_ID_BYTES {
        return Err(Fault::invalid(format!("'role_id' is longer than {MAX_ID_BYTES} bytes")));
    }
    Ok(Some(given.to_owned()))
}
