//! Token roles: what may be asked of tokens made through them.

use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;
use strongroom_core::{BoxFuture, Call, Fault, Operation, Record, Response, Route, Txn, cidr, keys};
use strongroom_wire::field::{Args, Field, Kind};

/// The record of a role.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Role {
    pub(super) name: String,
    pub(super) allowed_policies: Vec<String>,
    pub(super) disallowed_policies: Vec<String>,
    pub(super) allowed_policies_glob: Vec<String>,
    pub(super) disallowed_policies_glob: Vec<String>,
    pub(super) orphan: bool,
    pub(super) renewable: bool,
    pub(super) path_suffix: String,
    pub(super) allowed_entity_aliases: Option<Vec<String>>,
    pub(super) token_bound_cidrs: Vec<String>,
    pub(super) token_explicit_max_ttl: u64,
    pub(super) token_no_default_policy: bool,
    pub(super) token_num_uses: u64,
    pub(super) token_period: u64,
    pub(super) token_type: String,
    /// Written under the old name: shown under both.
    pub(super) legacy_period: bool,
    pub(super) legacy_explicit_max_ttl: bool,
}

impl Default for Role {
    fn default() -> Self {
        Self {
            name: String::new(),
            allowed_policies: Vec::new(),
            disallowed_policies: Vec::new(),
            allowed_policies_glob: Vec::new(),
            disallowed_policies_glob: Vec::new(),
            orphan: false,
            renewable: true,
            path_suffix: String::new(),
            allowed_entity_aliases: None,
            token_bound_cidrs: Vec::new(),
            token_explicit_max_ttl: 0,
            token_no_default_policy: false,
            token_num_uses: 0,
            token_period: 0,
            token_type: "default-service".to_owned(),
            legacy_period: false,
            legacy_explicit_max_ttl: false,
        }
    }
}

impl Record for Role {}

const FIELDS: &[Field] = &[
    Field::new("role_name", Kind::Text, "Name of the role."),
    Field::new("allowed_policies", Kind::CommaList, "Policies that tokens may ask for; all if empty."),
    Field::new("disallowed_policies", Kind::CommaList, "Policies that tokens may not ask for."),
    Field::new("allowed_policies_glob", Kind::CommaList, "Patterns of policies that tokens may ask for."),
    Field::new(
        "disallowed_policies_glob",
        Kind::CommaList,
        "Patterns of policies that tokens may not ask for.",
    ),
    Field::new("orphan", Kind::Bool, "Tokens have no parent."),
    Field::new("period", Kind::Seconds, "Old name of token_period."),
    Field::new("path_suffix", Kind::Text, "Ends the path that tokens record, for revoking by prefix."),
    Field::new("explicit_max_ttl", Kind::Seconds, "Old name of token_explicit_max_ttl."),
    Field::new("renewable", Kind::Bool, "Tokens can be renewed."),
    Field::new("bound_cidrs", Kind::CommaList, "Old name of token_bound_cidrs."),
    Field::new("allowed_entity_aliases", Kind::CommaList, "Entity aliases that tokens may name."),
    Field::new("token_bound_cidrs", Kind::CommaList, "Addresses that tokens may be used from."),
    Field::new("token_explicit_max_ttl", Kind::Seconds, "Maximum life of tokens, whatever is renewed."),
    Field::new("token_no_default_policy", Kind::Bool, "Tokens do not get the default policy."),
    Field::new("token_num_uses", Kind::Int, "Uses of a token; 0 for no limit."),
    Field::new("token_period", Kind::Seconds, "Period of tokens, which then have no maximum."),
    Field::new("token_type", Kind::Text, "service, batch, default-service or default-batch."),
];

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new("roles", "Lists token roles.", &[]).on(Operation::List, list),
        Route::new("roles/{role_name}", "A token role.", FIELDS)
            .exists(exists)
            .on(Operation::Read, read)
            .on(Operation::Update, write)
            .on(Operation::Delete, delete),
    ]
}

/// A role; none if there is none of this name.
pub(super) async fn load(txn: &mut Txn, name: &str) -> Result<Option<Arc<Role>>, Fault> {
    txn.get::<Role>(&key(txn, name)).await
}

fn key(txn: &Txn, name: &str) -> Vec<u8> {
    txn.key(keys::TOKEN_ROLE, name)
}

fn exists(call: strongroom_core::ExistsCall<'_>) -> BoxFuture<'_, Result<bool, Fault>> {
    Box::pin(async move { call.txn.exists(&key(call.txn, call.args.text_or_empty("role_name"))).await })
}

fn list(call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(async move { Response::keys(call.txn.names(&key(call.txn, "")).await?) })
}

fn delete(call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(async move {
        call.txn.delete(&key(call.txn, call.args.text_or_empty("role_name")));
        Ok(Response::none())
    })
}

fn read(call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(async move {
        let role = load(call.txn, call.args.text_or_empty("role_name")).await?.ok_or(Fault::NotFound)?;
        let legacy = |set: bool, value: u64| if set { value } else { 0 };
        let mut answer = Response::json(json!({
            "name": role.name,
            "allowed_policies": role.allowed_policies,
            "disallowed_policies": role.disallowed_policies,
            "allowed_policies_glob": role.allowed_policies_glob,
            "disallowed_policies_glob": role.disallowed_policies_glob,
            "orphan": role.orphan,
            "renewable": role.renewable,
            "path_suffix": role.path_suffix,
            "allowed_entity_aliases": role.allowed_entity_aliases,
            "explicit_max_ttl": legacy(role.legacy_explicit_max_ttl, role.token_explicit_max_ttl),
            "period": legacy(role.legacy_period, role.token_period),
            "token_explicit_max_ttl": role.token_explicit_max_ttl,
            "token_no_default_policy": role.token_no_default_policy,
            "token_period": role.token_period,
            "token_type": role.token_type,
        }));
        if let Some(data) = &mut answer.data {
            if !role.token_bound_cidrs.is_empty() {
                data.insert("token_bound_cidrs".to_owned(), role.token_bound_cidrs.clone().into());
            }
            if role.token_num_uses > 0 {
                data.insert("token_num_uses".to_owned(), role.token_num_uses.into());
            }
        }
        Ok(answer)
    })
}

fn write(call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(async move {
        let name = call.args.text_or_empty("role_name");
        let mut role = load(call.txn, name).await?.map(|r| Role::clone(&r)).unwrap_or_default();
        name.clone_into(&mut role.name);
        take_lists(&mut role, call.args);
        take_times(&mut role, call.args)?;
        let answer = take_kind(&mut role, call.args)?;
        call.txn.put(&key(call.txn, name), &role)?;
        Ok(answer)
    })
}

fn take_lists(role: &mut Role, args: &Args) {
    let lower = |list: &[String]| list.iter().map(|p| p.to_lowercase()).collect::<Vec<_>>();
    for (field, target) in [
        ("allowed_policies", &mut role.allowed_policies),
        ("disallowed_policies", &mut role.disallowed_policies),
        ("allowed_policies_glob", &mut role.allowed_policies_glob),
        ("disallowed_policies_glob", &mut role.disallowed_policies_glob),
    ] {
        if let Some(list) = args.list(field) {
            *target = lower(list);
        }
    }
    if let Some(list) = args.list("allowed_entity_aliases") {
        role.allowed_entity_aliases = Some(lower(list));
    }
    role.orphan = args.bool("orphan").unwrap_or(role.orphan);
    role.renewable = args.bool("renewable").unwrap_or(role.renewable);
    role.token_no_default_policy =
        args.bool("token_no_default_policy").unwrap_or(role.token_no_default_policy);
}

fn take_times(role: &mut Role, args: &Args) -> Result<(), Fault> {
    for (new, old, value, legacy) in [
        ("token_period", "period", &mut role.token_period, &mut role.legacy_period),
        (
            "token_explicit_max_ttl",
            "explicit_max_ttl",
            &mut role.token_explicit_max_ttl,
            &mut role.legacy_explicit_max_ttl,
        ),
    ] {
        if let Some(seconds) = args.seconds(new) {
            (*value, *legacy) = (seconds, false);
        } else if let Some(seconds) = args.seconds(old) {
            (*value, *legacy) = (seconds, true);
        }
    }
    if let Some(uses) = args.int("token_num_uses") {
        role.token_num_uses = u64::try_from(uses)
            .map_err(|_| Fault::invalid("field \"token_num_uses\": must not be negative"))?;
    }
    if let Some(blocks) = args.list("token_bound_cidrs").or_else(|| args.list("bound_cidrs")) {
        if let Some(bad) = blocks.iter().find(|b| cidr::parse(b).is_none()) {
            let message =
                format!("field \"token_bound_cidrs\": cannot read {bad:?}, want a form like 10.0.0.0/8");
            return Err(Fault::invalid(message));
        }
        role.token_bound_cidrs = blocks.to_vec();
    }
    if let Some(suffix) = args.text("path_suffix") {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if !suffix.chars().all(plain) || suffix == "." || suffix == ".." {
            return Err(Fault::invalid(
                "field \"path_suffix\": can only contain letters, digits, '-', '_' and '.', and not '..'",
            ));
        }
        suffix.clone_into(&mut role.path_suffix);
    }
    Ok(())
}

fn take_kind(role: &mut Role, args: &Args) -> Result<Response, Fault> {
    match args.text("token_type").unwrap_or(&role.token_type) {
        kind @ ("service" | "batch" | "default-service" | "default-batch") => {
            role.token_type = kind.to_owned()
        }
        "" | "default" => "default-service".clone_into(&mut role.token_type),
        other => {
            return Err(Fault::invalid(format!(
                "field \"token_type\": {other:?} is not one of service, batch, default-service, default-batch"
            )));
        }
    }
    if role.token_type == "batch" {
        if role.token_period > 0 {
            return Err(Fault::invalid("'token_type' cannot be 'batch' when role is set to be periodic"));
        }
        if role.token_num_uses > 0 {
            return Err(Fault::invalid("'token_type' cannot be 'batch' when role limits the uses of tokens"));
        }
        if !role.orphan && role.renewable && args.bool("renewable") == Some(true) {
            return Err(Fault::invalid(
                "'token_type' cannot be 'batch' when role is set to generate renewable tokens",
            ));
        }
    }
    Ok(Response::none())
}
