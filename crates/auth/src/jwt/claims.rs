//! What a role asks of the claims, and what it takes from them. Errors name claims, never their values.

use super::role::{Matching, Role};
use crate::glob;
use crate::web_token::WebToken;
use serde_json::Number;
use std::collections::BTreeMap;
use strongroom_core::{Fault, Value};

/// The subject, the audiences and the claims must be those that the role binds.
pub(super) fn check(role: &Role, token: &WebToken) -> Result<(), Fault> {
    check_audiences(role, token)?;
    check_bound(role, token)
}

/// The same after a login through a browser, whose token is for us: a role need not bind audiences.
pub(super) fn check_signed_in(role: &Role, token: &WebToken) -> Result<(), Fault> {
    if role.bound_audiences.as_ref().is_some_and(|bound| !bound.is_empty()) {
        check_audiences(role, token)?;
    }
    check_bound(role, token)
}

fn check_bound(role: &Role, token: &WebToken) -> Result<(), Fault> {
    if !role.bound_subject.is_empty() && token.text("sub") != role.bound_subject {
        return Err(Fault::invalid("the token's subject (sub) is not the one bound to the role"));
    }
    for (name, bound) in role.bound_claims.iter().flatten() {
        check_claim(name, bound, find(token, name), role.bound_claims_type)?;
    }
    Ok(())
}

/// Who the caller is.
pub(super) fn user(role: &Role, token: &WebToken) -> Result<String, Fault> {
    let name = &role.user_claim;
    let claim = if role.user_claim_json_pointer { find(token, name) } else { token.claim(name) };
    let claim = claim.ok_or_else(|| Fault::invalid(format!("claim {name:?} not found in token")))?;
    match claim.as_str() {
        Some("") => Err(Fault::invalid(format!("claim {name:?} is empty"))),
        Some(user) if user.len() > MAX_NAME || user.contains('\0') => {
            Err(Fault::invalid(format!("claim {name:?} has more than {MAX_NAME} bytes or one that is zero")))
        }
        Some(user) => Ok(user.to_owned()),
        None => Err(Fault::invalid(format!("claim {name:?} is not a string"))),
    }
}

/// The metadata that the role takes from claims. Claims that are not there are left out.
pub(super) fn metadata(role: &Role, token: &WebToken) -> Result<BTreeMap<String, String>, Fault> {
    let mut metadata = BTreeMap::new();
    for (name, key) in role.claim_mappings.iter().flatten() {
        let Some(claim) = find(token, name) else { continue };
        let text = claim.as_str().ok_or_else(|| {
            Fault::invalid(format!("claim {name:?} is not a string and cannot be mapped to metadata"))
        })?;
        metadata.insert(key.clone(), text.to_owned());
    }
    Ok(metadata)
}

/// The groups that the token puts its holder in.
pub(super) fn groups(role: &Role, token: &WebToken) -> Result<Vec<String>, Fault> {
    let name = &role.groups_claim;
    if name.is_empty() {
        return Ok(Vec::new());
    }
    let claim =
        find(token, name).ok_or_else(|| Fault::invalid(format!("claim {name:?} not found in token")))?;
    let groups: Option<Vec<&str>> =
        scalars(claim).and_then(|all| all.into_iter().map(Value::as_str).collect());
    let groups = groups
        .ok_or_else(|| Fault::invalid(format!("claim {name:?} is not a string or a list of strings")))?;
    Ok(groups.into_iter().filter(|g| !g.is_empty()).map(str::to_owned).collect())
}

/// What identity takes as a name.
const MAX_NAME: usize = 512;

fn check_audiences(role: &Role, token: &WebToken) -> Result<(), Fault> {
    let shown = token
        .audiences()
        .ok_or_else(|| Fault::invalid("the token's audience (aud) is not a string or a list of strings"))?;
    let bound = role.bound_audiences.as_deref().unwrap_or_default();
    if bound.is_empty() && !shown.is_empty() {
        return Err(Fault::invalid("audience claim found in JWT but no audiences bound to the role"));
    }
    if !bound.is_empty() && !bound.iter().any(|b| shown.contains(&b.as_str())) {
        return Err(Fault::invalid("audience claim does not match any bound audience"));
    }
    Ok(())
}

fn check_claim(name: &str, bound: &Value, shown: Option<&Value>, how: Matching) -> Result<(), Fault> {
    let shown = shown.ok_or_else(|| Fault::invalid(format!("claim {name:?} is missing")))?;
    let not_plain = |what: &str| {
        Fault::invalid(format!("{what} {name:?} is not a string, number, boolean or a list of them"))
    };
    let shown = scalars(shown).ok_or_else(|| not_plain("claim"))?;
    let bound = scalars(bound).ok_or_else(|| not_plain("bound claim"))?;
    let found = bound.iter().any(|b| shown.iter().any(|s| same(b, s, how)));
    if !found {
        return Err(Fault::invalid(format!(
            "claim {name:?} does not match any associated bound claim values"
        )));
    }
    Ok(())
}

/// Values of different types are never the same; patterns match strings only.
fn same(bound: &Value, shown: &Value, how: Matching) -> bool {
    match (bound, shown) {
        (Value::String(b), Value::String(s)) if how == Matching::Glob => glob::matches(b, s),
        (Value::Number(b), Value::Number(s)) => {
            b == s || exact_bits(b).is_some_and(|b| exact_bits(s) == Some(b))
        }
        _ => bound == shown,
    }
}

/// A number as the bits of a float, where that tells it from every other: 5 and 5.0 are the same, two
/// large ids are not.
fn exact_bits(number: &Number) -> Option<u64> {
    const LIMIT: f64 = 9_007_199_254_740_992.0;
    number.as_f64().filter(|n| n.abs() < LIMIT).map(f64::to_bits)
}

/// The value itself or the items of a list; none if one of them is a list or an object.
fn scalars(value: &Value) -> Option<Vec<&Value>> {
    let all: Vec<&Value> = match value {
        Value::Array(items) => items.iter().collect(),
        one => vec![one],
    };
    let plain = all.iter().all(|v| matches!(v, Value::String(_) | Value::Number(_) | Value::Bool(_)));
    plain.then_some(all)
}

/// A claim by its name, or by a JSON pointer, which begins with `/`.
fn find<'a>(token: &'a WebToken, name: &str) -> Option<&'a Value> {
    if name.starts_with('/') {
        token.claims.pointer(name).filter(|value| !value.is_null())
    } else {
        token.claim(name)
    }
}
