//! `sys/policies/lint` looks a policy over, `sys/policies/test` says what it would allow, before it is written.

use crate::Answering;
use crate::explain;
use serde_json::{Value, json};
use strongroom_core::{Call, Class, Fault, Map, Operation, Response, Route};
use strongroom_policy::builtin::DEFAULT_NAME;
use strongroom_policy::lint::{self, Place};
use strongroom_policy::{Acl, Policy};
use strongroom_wire::field::{Field, Kind};

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::new(
            "policies/lint",
            "What in a policy is hardly meant: typos, rules without effect, danger.",
            FIELDS,
        )
        .on(Operation::Update, check),
        Route::new("policies/test", "What a policy would allow, without writing it.", TEST_FIELDS)
            .on(Operation::Update, test),
    ]
}

const POLICY: Field = Field::new("policy", Kind::Text, "The rules in HCL or JSON, plain or in base64.");
const FIELDS: &[Field] = &[POLICY];
const TEST_FIELDS: &[Field] = &[
    POLICY,
    Field::new("path", Kind::Text, "The path as it stands in a request, without /v1/."),
    Field::new("operation", Kind::Text, "create, read, update, patch, delete or list."),
    Field::new("method", Kind::Text, "GET, POST, PUT, PATCH, DELETE or LIST, in place of the operation."),
    Field::new("parameters", Kind::Object, "The body, where rules about parameters matter."),
];

fn policy(call: &Call<'_>) -> Result<String, Fault> {
    let given = call.args.text_or_empty("policy");
    if given.trim().is_empty() {
        return Err(Fault::invalid("field \"policy\": want the rules, in HCL or JSON"));
    }
    Ok(crate::policies::plain_text(given))
}

/// A policy that cannot be read is a finding, too: the question is what is wrong with it.
fn check(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let text = policy(&call)?;
        let policy: Policy = match strongroom_policy::parse("draft", &text) {
            Ok(policy) => policy,
            Err(error) => {
                let finding = json!({ "kind": "error", "line": error.line, "message": error.problem });
                return Ok(Response::json(json!({ "valid": false, "findings": [finding] })));
            }
        };
        let places = places(&call).await?;
        let findings: Vec<Value> = lint::lint(&policy, Some(&places))
            .into_iter()
            .map(|f| json!({ "kind": f.kind.as_str(), "path": f.pattern, "message": f.message }))
            .collect();
        Ok(Response::json(json!({ "valid": true, "findings": findings })))
    })
}

/// The mounts and the namespaces that the caller may see.
async fn places(call: &Call<'_>) -> Result<Vec<Place>, Fault> {
    let token = call.req.token.ok_or(Fault::Denied)?;
    let acl = call.core.rights(&token.entry).await?.acl;
    let is_seen = |path: &str| acl.touches(&call.as_policies_have_it(path));
    let mounts = [Class::Secret, Class::Auth].into_iter().flat_map(|class| call.mounts().of(class));
    let mut places: Vec<Place> = mounts
        .filter(|m| {
            m.entry.is_built_in() || m.entry.config.listing_visibility == "unauth" || is_seen(&m.full_path)
        })
        .map(|m| Place {
            path: m.full_path.clone(),
            versioned: m.entry.kind == "kv" && m.entry.options.get("version").is_some_and(|v| v == "2"),
        })
        .collect();
    let (here, realm) = (call.namespace().path.as_str(), call.core.realm());
    let below = realm.others().filter_map(|t| t.namespace.path.strip_prefix(here));
    places.extend(
        below
            .filter(|path| !path.is_empty() && is_seen(path))
            .map(|path| Place { path: path.to_owned(), versioned: false }),
    );
    Ok(places)
}

fn test(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let text = policy(&call)?;
        let policy = strongroom_policy::parse("draft", &text)
            .map_err(|e| Fault::invalid(format!("field \"policy\": {e}")))?;
        let (operation, path) = (explain::operation(call.args)?, explain::path(call.args)?);
        let nothing = Map::new();
        let parameters = call.args.object("parameters").unwrap_or(&nothing);
        let acl = Acl::new([&policy]);
        let outlook = call.core.explain(&acl, call.namespace(), operation, path.clone(), parameters);
        let mut answer = explain::describe(&outlook, &path, operation);
        answer.insert("templates_left_out".to_owned(), policy.has_templates().into());
        let note = format!("what the policy {DEFAULT_NAME:?} adds is left out");
        Ok(Response::data(answer).warn(note))
    })
}
