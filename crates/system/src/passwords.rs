//! `sys/policies/password`: rules for passwords, and passwords that follow them.

mod policy;

use crate::Answering;
use policy::PasswordPolicy;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;
use strongroom_core::{Call, Fault, Operation, Record, Response, Route, keys};
use strongroom_wire::field::{Field, Kind};

pub(crate) fn routes() -> Vec<Route> {
    use Operation::{Delete, List, Read, Update};
    vec![
        Route::new("policies/password", "The names of the password policies.", &[]).on(List, list),
        Route::new("policies/password/{name}", "Writes, reads and deletes password policies.", FIELDS)
            .on(Read, read)
            .on(Update, write)
            .on(Delete, delete),
        Route::new("policies/password/{name}/generate", "Makes a password.", FIELDS).on(Read, generate),
    ]
}

const FIELDS: &[Field] = &[
    Field::new("name", Kind::Text, "The name of the password policy."),
    Field::new("policy", Kind::Text, "Length and rules in HCL or JSON, plain or in base64."),
];

/// A password policy as it is kept: its text, checked when it was written.
#[derive(Debug, Serialize, Deserialize)]
struct PasswordPolicyRecord {
    policy: String,
}

impl Record for PasswordPolicyRecord {}

fn key(call: &Call<'_>) -> Vec<u8> {
    call.txn.key(keys::PASSWORD_POLICY, call.args.text_or_empty("name"))
}

async fn find(call: &mut Call<'_>) -> Result<Arc<PasswordPolicyRecord>, Fault> {
    let key = key(call);
    let missing = || Fault::Status(404, "there is no password policy of this name".to_owned());
    call.txn.get::<PasswordPolicyRecord>(&key).await?.ok_or_else(missing)
}

fn list(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move { Response::keys(call.txn.names(&call.txn.key(keys::PASSWORD_POLICY, "")).await?) })
}

fn read(mut call: Call<'_>) -> Answering<'_> {
    Box::pin(async move { Ok(Response::json(json!({ "policy": find(&mut call).await?.policy }))) })
}

fn write(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let given = call.args.text_or_empty("policy");
        if given.is_empty() {
            return Err(Fault::invalid("field \"policy\": a password policy is needed"));
        }
        let text = crate::policies::plain_text(given);
        PasswordPolicy::parse(&text).map_err(|e| Fault::invalid(format!("field \"policy\": {e}")))?;
        let key = key(&call);
        call.txn.put(&key, &PasswordPolicyRecord { policy: text })?;
        Ok(Response::none())
    })
}

fn delete(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let key = key(&call);
        call.txn.delete(&key);
        Ok(Response::none())
    })
}

fn generate(mut call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let record = find(&mut call).await?;
        let policy = PasswordPolicy::parse(&record.policy)
            .map_err(|e| Fault::Internal(format!("a stored password policy cannot be read: {e}")))?;
        Ok(Response::json(json!({ "password": policy.generate(call.core.random.as_ref()) })))
    })
}
