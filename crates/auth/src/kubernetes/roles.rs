//! The endpoints of roles.

use super::role::{AliasNameSource, FOLDER, Role, key};
use super::selector::Selector;
use strongroom_core::{BoxFuture, Call, ExistsCall, Fault, Response};
use strongroom_wire::field::Args;

pub(super) fn list(call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(async move { Response::keys(call.txn.names(&call.req.mounted.entry.key(FOLDER)).await?) })
}

pub(super) fn exists(call: ExistsCall<'_>) -> BoxFuture<'_, Result<bool, Fault>> {
    Box::pin(async move { call.txn.exists(&key(&call.mounted.entry, call.args.text_or_empty("name"))).await })
}

pub(super) fn read(call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(async move {
        let role = Role::find(call.txn, &call.req.mounted.entry, name(&call)).await?;
        Ok(Response::data(role.ok_or(Fault::NotFound)?.show()))
    })
}

pub(super) fn delete(call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(async move {
        call.txn.delete(&key(&call.req.mounted.entry, name(&call)));
        Ok(Response::none())
    })
}

/// Creates or changes a role; what is not given stays as it is.
pub(super) fn write(call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(async move {
        let mount = &call.req.mounted.entry;
        let before = Role::find(call.txn, mount, name(&call)).await?;
        let mut role = before.map(|role| Role::clone(&role)).unwrap_or_default();
        let mut warnings = role.token.apply(call.args)?;
        apply(&mut role, call.args)?;
        check(&role)?;
        let max_ttl = call.core.max_ttl(mount);
        if role.token.period > max_ttl {
            return Err(Fault::invalid("'token_period' is greater than the mount's maximum TTL"));
        }
        if role.token.max_ttl > max_ttl {
            warnings.push(MAX_TTL_WARNING.to_owned());
        }
        call.txn.put(&key(mount, name(&call)), &role)?;
        Ok(warnings.into_iter().fold(Response::none(), Response::warn))
    })
}

const MAX_TTL_WARNING: &str = "max_ttl is greater than the system or backend mount's maximum TTL value; issued tokens' max TTL value will be truncated";

fn name<'a>(call: &Call<'a>) -> &'a str {
    call.args.text_or_empty("name")
}

fn apply(role: &mut Role, args: &Args) -> Result<(), Fault> {
    for (field, list) in [
        ("bound_service_account_names", &mut role.bound_service_account_names),
        ("bound_service_account_namespaces", &mut role.bound_service_account_namespaces),
    ] {
        if let Some(given) = args.list(field) {
            *list = given.to_vec();
        }
    }
    for (field, text) in [
        ("bound_service_account_namespace_selector", &mut role.bound_service_account_namespace_selector),
        ("audience", &mut role.audience),
    ] {
        if let Some(given) = args.text(field) {
            given.trim().clone_into(text);
        }
    }
    role.alias_name_source = match args.text("alias_name_source") {
        None => role.alias_name_source,
        Some("" | "serviceaccount_uid") => AliasNameSource::Uid,
        Some("serviceaccount_name") => AliasNameSource::Name,
        Some(_) => {
            return Err(Fault::invalid(
                "invalid 'alias_name_source': use \"serviceaccount_uid\" or \"serviceaccount_name\"",
            ));
        }
    };
    Ok(())
}

fn check(role: &Role) -> Result<(), Fault> {
    if role.bound_service_account_names.is_empty() {
        return Err(Fault::invalid("'bound_service_account_names' can not be empty"));
    }
    let selector = &role.bound_service_account_namespace_selector;
    if role.bound_service_account_namespaces.is_empty() && selector.is_empty() {
        return Err(Fault::invalid(
            "'bound_service_account_namespaces' can not be empty if 'bound_service_account_namespace_selector' is not set",
        ));
    }
    for (field, list) in [
        ("bound_service_account_names", &role.bound_service_account_names),
        ("bound_service_account_namespaces", &role.bound_service_account_namespaces),
    ] {
        if list.len() > 1 && list.iter().any(|item| item == "*") {
            return Err(Fault::invalid(format!("'{field}' can not mix \"*\" with values")));
        }
    }
    if !selector.is_empty() {
        Selector::parse(selector)
            .map_err(|why| Fault::invalid(format!("'bound_service_account_namespace_selector': {why}")))?;
    }
    Ok(())
}
