//! The endpoints of roles.

use super::role::{FOLDER, Matching, Role, RoleType, key};
use std::collections::{BTreeMap, BTreeSet};
use strongroom_core::{BoxFuture, Call, ExistsCall, Fault, Map, Response, Value};
use strongroom_wire::duration;
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

/// Creates or changes a role; what is not given stays as it is, but for the type of role.
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
        if role.verbose_oidc_logging {
            warnings.push(VERBOSE_WARNING.to_owned());
        }
        call.txn.put(&key(mount, name(&call)), &role)?;
        Ok(warnings.into_iter().fold(Response::none(), Response::warn))
    })
}

const MAX_TTL_WARNING: &str = "max_ttl is greater than the system or backend mount's maximum TTL value; issued tokens' max TTL value will be truncated";
const VERBOSE_WARNING: &str = "verbose_oidc_logging has been enabled for this role. This is not recommended in production since sensitive information may be present in OIDC responses.";

fn name<'a>(call: &Call<'a>) -> &'a str {
    call.args.text_or_empty("name")
}

fn apply(role: &mut Role, args: &Args) -> Result<(), Fault> {
    role.role_type = match args.text_or_empty("role_type") {
        "" | "oidc" => RoleType::Oidc,
        "jwt" => RoleType::Jwt,
        _ => return Err(Fault::invalid("invalid 'role_type': use \"jwt\" or \"oidc\"")),
    };
    role.user_claim = args.text_or_empty("user_claim").to_owned();
    role.user_claim_json_pointer =
        args.bool("user_claim_json_pointer").unwrap_or(role.user_claim_json_pointer);
    for (field, list) in [
        ("bound_audiences", &mut role.bound_audiences),
        ("allowed_redirect_uris", &mut role.allowed_redirect_uris),
        ("oidc_scopes", &mut role.oidc_scopes),
    ] {
        if let Some(given) = args.list(field) {
            *list = Some(given.to_vec());
        }
    }
    for (field, text) in
        [("bound_subject", &mut role.bound_subject), ("groups_claim", &mut role.groups_claim)]
    {
        if let Some(given) = args.text(field) {
            given.clone_into(text);
        }
    }
    for (field, leeway) in [
        ("expiration_leeway", &mut role.expiration_leeway),
        ("not_before_leeway", &mut role.not_before_leeway),
        ("clock_skew_leeway", &mut role.clock_skew_leeway),
    ] {
        if let Some(given) = args.text(field) {
            *leeway = signed_seconds(field, given)?;
        }
    }
    role.bound_claims_type = match args.text("bound_claims_type") {
        None => role.bound_claims_type,
        Some("" | "string") => Matching::String,
        Some("glob") => Matching::Glob,
        Some(_) => return Err(Fault::invalid("invalid 'bound_claims_type': use \"string\" or \"glob\"")),
    };
    role.bound_claims = args.object("bound_claims").cloned().or(role.bound_claims.take());
    role.claim_mappings = args.pairs("claim_mappings").cloned().or(role.claim_mappings.take());
    role.max_age = args.seconds("max_age").unwrap_or(role.max_age);
    role.verbose_oidc_logging = args.bool("verbose_oidc_logging").unwrap_or(role.verbose_oidc_logging);
    Ok(())
}

fn check(role: &Role) -> Result<(), Fault> {
    if role.user_claim.is_empty() {
        return Err(Fault::invalid("a user claim must be defined on the role: missing user_claim"));
    }
    if let Some(claims) = role.bound_claims.as_ref().filter(|_| role.bound_claims_type == Matching::Glob) {
        check_patterns(claims)?;
    }
    check_mappings(role.claim_mappings.iter().flatten())?;
    let is_empty = |list: &Option<Vec<String>>| list.as_ref().is_none_or(Vec::is_empty);
    match role.role_type {
        RoleType::Jwt
            if is_empty(&role.bound_audiences)
                && is_empty(&role.token.bound_cidrs)
                && role.bound_subject.is_empty()
                && role.bound_claims.as_ref().is_none_or(Map::is_empty) =>
        {
            Err(Fault::invalid(
                "must have at least one bound constraint when creating/updating a role: bound_audiences, bound_subject, bound_claims or token_bound_cidrs",
            ))
        }
        RoleType::Oidc if is_empty(&role.allowed_redirect_uris) => {
            Err(Fault::invalid("'allowed_redirect_uris' must be set if 'role_type' is 'oidc' or unspecified"))
        }
        _ => Ok(()),
    }
}

fn check_patterns(claims: &Map) -> Result<(), Fault> {
    for (name, value) in claims {
        let all_text = match value {
            Value::Array(items) => items.iter().all(Value::is_string),
            one => one.is_string(),
        };
        if !all_text {
            return Err(Fault::invalid(format!(
                "'bound_claims': {name:?} is not a string or a list of strings, as 'bound_claims_type' \"glob\" needs"
            )));
        }
    }
    Ok(())
}

/// The role's name stands among the metadata and cannot be given by a token.
fn check_mappings<'a>(mappings: impl Iterator<Item = (&'a String, &'a String)>) -> Result<(), Fault> {
    let mut seen = BTreeSet::new();
    for (_, key) in mappings {
        if key == ROLE_KEY {
            return Err(Fault::invalid(format!(
                "metadata key {key:?} is reserved and may not be a mapping destination"
            )));
        }
        if !seen.insert(key) {
            return Err(Fault::invalid(format!("multiple keys are mapped to metadata key {key:?}")));
        }
    }
    Ok(())
}

/// The metadata that names the role.
pub(super) const ROLE_KEY: &str = "role";

/// The metadata of a login.
pub(super) fn with_role(mut metadata: BTreeMap<String, String>, role: &str) -> BTreeMap<String, String> {
    metadata.insert(ROLE_KEY.to_owned(), role.to_owned());
    metadata
}

fn signed_seconds(field: &str, text: &str) -> Result<i64, Fault> {
    let text = text.trim();
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let seconds = duration::parse(digits).ok().and_then(|d| i64::try_from(d.as_secs()).ok());
    let seconds = seconds.filter(|_| !digits.starts_with('-'));
    seconds.map(|s| sign * s).ok_or_else(|| {
        Fault::invalid(format!("'{field}' is no duration; use a form such as 60, \"1h30m\" or -1"))
    })
}
