//! The endpoints of roles.

use super::bindings;
use super::role::{CLIENT_AUTH, FOLDER, Ocsp, Role, key};
use crate::x509::{self, Certificate};
use std::sync::OnceLock;
use strongroom_core::outbound::check_url;
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
        let name = name(&call);
        let role = Role::find(call.txn, &call.req.mounted.entry, name).await?;
        Ok(Response::data(role.ok_or(Fault::NotFound)?.show(name)))
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
        role.trusted = OnceLock::new();
        let mut warnings = role.token.apply(call.args)?;
        apply(&mut role, call.args)?;
        check_certificate(&role.certificate)?;
        bindings::check(&role.bound)?;
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
const MAX_RETRIES: u8 = 10;

fn name<'a>(call: &Call<'a>) -> &'a str {
    call.args.text_or_empty("name")
}

fn apply(role: &mut Role, args: &Args) -> Result<(), Fault> {
    if let Some(given) = args.text("certificate") {
        given.clone_into(&mut role.certificate);
    }
    if let Some(given) = args.text("display_name") {
        given.clone_into(&mut role.display_name);
    }
    let bound = &mut role.bound;
    for (field, list) in [
        ("allowed_names", &mut bound.allowed_names),
        ("allowed_common_names", &mut bound.allowed_common_names),
        ("allowed_dns_sans", &mut bound.allowed_dns_sans),
        ("allowed_email_sans", &mut bound.allowed_email_sans),
        ("allowed_uri_sans", &mut bound.allowed_uri_sans),
        ("allowed_organizational_units", &mut bound.allowed_organizational_units),
        ("required_extensions", &mut bound.required_extensions),
        ("allowed_metadata_extensions", &mut role.allowed_metadata_extensions),
    ] {
        if let Some(given) = args.list(field) {
            *list = Some(given.to_vec());
        }
    }
    for oid in role.allowed_metadata_extensions.iter().flatten() {
        bindings::check_oid("allowed_metadata_extensions", oid)?;
    }
    apply_ocsp(&mut role.ocsp, args)
}

fn apply_ocsp(ocsp: &mut Ocsp, args: &Args) -> Result<(), Fault> {
    for (field, flag) in [
        ("ocsp_enabled", &mut ocsp.enabled),
        ("ocsp_fail_open", &mut ocsp.fail_open),
        ("ocsp_query_all_servers", &mut ocsp.query_all_servers),
    ] {
        *flag = args.bool(field).unwrap_or(*flag);
    }
    if let Some(given) = args.text("ocsp_ca_certificates") {
        if !given.trim().is_empty() {
            x509::certificates(given)
                .map_err(|why| Fault::invalid(format!("'ocsp_ca_certificates': {why}")))?;
        }
        given.clone_into(&mut ocsp.ca_certificates);
    }
    if let Some(given) = args.list("ocsp_servers_override") {
        given.iter().try_for_each(|url| check_url("ocsp_servers_override", url))?;
        ocsp.servers_override = Some(given.to_vec());
    }
    ocsp.this_update_max_age = args.seconds("ocsp_this_update_max_age").unwrap_or(ocsp.this_update_max_age);
    if let Some(given) = args.int("ocsp_max_retries") {
        let retries = u8::try_from(given).ok().filter(|n| *n <= MAX_RETRIES);
        let fail =
            || Fault::invalid(format!("invalid 'ocsp_max_retries': use a number from 0 to {MAX_RETRIES}"));
        ocsp.max_retries = Some(retries.ok_or_else(fail)?);
    }
    Ok(())
}

fn check_certificate(pem: &str) -> Result<(), Fault> {
    if pem.trim().is_empty() {
        return Err(Fault::invalid("missing 'certificate'; required type: PEM"));
    }
    let given = x509::certificates(pem).map_err(|why| Fault::invalid(format!("'certificate': {why}")))?;
    let fits = |c: &Certificate| c.is_authority || c.allows_usage(CLIENT_AUTH);
    if given.first().is_some_and(fits) {
        return Ok(());
    }
    Err(Fault::invalid(
        "'certificate' is neither that of an authority nor for TLS client authentication (extended key usage)",
    ))
}
