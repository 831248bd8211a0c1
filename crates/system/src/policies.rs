//! `sys/policies/acl` and its older form `sys/policy`.

use crate::Answering;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use std::sync::Arc;
use strongroom_core::policies::{self, PolicyRecord};
use strongroom_core::{Call, Fault, Operation, Response, Route, Txn, keys};
use strongroom_policy::builtin::{DEFAULT_NAME, RESPONSE_WRAPPING_NAME};
use strongroom_wire::field::{Field, Kind};

pub(crate) fn routes() -> Vec<Route> {
    use Operation::{Delete, List, Read, Update};
    vec![
        Route::new("policies/acl", "The names of the policies.", &[]).on(List, list),
        Route::new("policies/acl/{name:rest}", "Writes, reads and deletes policies.", FIELDS)
            .on(Read, read)
            .on(Update, write)
            .on(Delete, delete),
        Route::new("policy", "The names of the policies.", &[])
            .on(Read, list_legacy)
            .on(List, list_legacy)
            .top_level(),
        Route::new("policy/{name:rest}", "Writes, reads and deletes policies.", FIELDS)
            .on(Read, read_legacy)
            .on(Update, write)
            .on(Delete, delete)
            .top_level(),
    ]
}

const FIELDS: &[Field] = &[
    Field::new("name", Kind::Text, "The name; letters are folded to lower case.").folded(),
    Field::new("policy", Kind::Text, "The rules in HCL or JSON, plain or in base64."),
    Field::new("rules", Kind::Text, "The older name of \"policy\"."),
];

/// The policy that is not on record: it allows everything.
const ROOT_NAME: &str = "root";

fn list(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move { Response::keys(names(call.txn).await?) })
}

fn list_legacy(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let names = names(call.txn).await?;
        Ok(Response::json(json!({ "keys": names, "policies": names })))
    })
}

/// `response-wrapping` is the server's own and not shown.
async fn names(txn: &mut Txn) -> Result<Vec<String>, Fault> {
    let mut names = txn.names(&txn.key(keys::POLICY, "")).await?;
    names.retain(|n| n != RESPONSE_WRAPPING_NAME);
    let first = if txn.namespace().is_root() { ROOT_NAME } else { DEFAULT_NAME };
    names.push(first.to_owned());
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

fn read(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let name = call.args.text_or_empty("name").to_owned();
        if name == ROOT_NAME && call.namespace().id.is_root() {
            return Ok(Response::json(json!({ "name": name, "policy": "" })));
        }
        let record = find(&mut *call.txn, &name).await?;
        let mut shown = json!({
            "name": name,
            "policy": record.text,
            "version": record.version,
            "cas_required": false,
            "allow_slashes_in_identity_templates": false,
            "allow_wildcards_in_identity_templates": false,
        });
        if let (Some(shown), Some(modified)) = (shown.as_object_mut(), record.modified) {
            shown.insert("modified".to_owned(), json!(strongroom_wire::time::rfc3339(modified)));
        }
        Ok(Response::json(shown))
    })
}

fn read_legacy(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let name = call.args.text_or_empty("name").to_owned();
        if name == ROOT_NAME && call.namespace().id.is_root() {
            return Ok(Response::json(json!({ "name": name, "rules": "" })));
        }
        let record = find(&mut *call.txn, &name).await?;
        Ok(Response::json(json!({ "name": name, "rules": record.text })))
    })
}

async fn find(txn: &mut Txn, name: &str) -> Result<Arc<PolicyRecord>, Fault> {
    policies::find(txn, name).await?.ok_or(Fault::NotFound)
}

fn write(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let name = call.args.text_or_empty("name");
        check_name(name)?;
        if name == ROOT_NAME || name == RESPONSE_WRAPPING_NAME {
            return Err(Fault::invalid(format!("cannot update \"{name}\" policy")));
        }
        let mut response = Response::none();
        if written_name(&call) != name {
            response = response.warn(format!("policy name was converted to {name}"));
        }
        let text = match (call.args.text_or_empty("policy"), call.args.text_or_empty("rules")) {
            ("", "") => return Err(Fault::invalid("'policy' parameter not supplied or empty")),
            ("", rules) => {
                response = response.warn("'rules' is deprecated, please use 'policy' instead");
                rules
            }
            (policy, _) => policy,
        };
        let text = plain_text(text);
        let key = call.txn.key(keys::POLICY, name);
        let before = policies::find(call.txn, name).await?.map_or(0, |p| p.version);
        let record = PolicyRecord::new(name, &text)?.revised(before.saturating_add(1), call.now());
        call.txn.put(&key, &record)?;
        Ok(response)
    })
}

fn delete(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let name = call.args.text_or_empty("name");
        if [ROOT_NAME, DEFAULT_NAME, RESPONSE_WRAPPING_NAME].contains(&name) {
            return Err(Fault::invalid(format!("cannot delete \"{name}\" policy")));
        }
        call.txn.delete(&call.txn.key(keys::POLICY, name));
        Ok(Response::none())
    })
}

/// The name with the letters of the request.
fn written_name<'a>(call: &'a Call<'_>) -> &'a str {
    let local = call.req.local;
    local.strip_prefix("policies/acl/").or_else(|| local.strip_prefix("policy/")).unwrap_or(local)
}

/// Tokens name policies without white space around them: such a name could never be given to one, or
/// would be taken for another.
fn check_name(name: &str) -> Result<(), Fault> {
    if name.is_empty() || name.split('/').any(|part| part.trim() != part) {
        return Err(Fault::invalid("a policy name must not be empty, nor begin or end in white space"));
    }
    if name.contains(',') {
        return Err(Fault::invalid(
            "a policy name must not contain a comma: lists of policies are split there",
        ));
    }
    Ok(())
}

/// Policies may come in base64.
pub(crate) fn plain_text(given: &str) -> String {
    let decoded = STANDARD.decode(given).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    decoded.unwrap_or_else(|| given.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_base64_and_plain_text() {
        assert_eq!(plain_text("cGF0aCAiYSIge30="), "path \"a\" {}");
        assert_eq!(plain_text("path \"a\" {}"), "path \"a\" {}");
        // Decodes, but to no text.
        assert_eq!(plain_text("////"), "////");
    }

    #[test]
    fn names_that_no_token_could_carry_are_refused() {
        for bad in ["", " root", "root ", "a, root", "a /b"] {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
        for good in ["a", "a..b", "team/a", "a b"] {
            assert!(check_name(good).is_ok(), "{good:?}");
        }
    }
}
