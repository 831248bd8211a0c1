//! The endpoints of single settings of a role, such as `role/web/token-ttl`.

use super::role::Role;
use super::{
    BIND_SECRET_ID, BOUND_CIDR_LIST, LOCAL_SECRET_IDS, OLD_PERIOD, OLD_POLICIES, ROLE_NAME,
    SECRET_ID_BOUND_CIDRS, SECRET_ID_NUM_USES, SECRET_ID_TTL, roles,
};
use strongroom_core::tokens::clean_policies;
use strongroom_core::{BoxFuture, Call, Fault, Operation, Response, Route, Value, token_params};
use strongroom_wire::field::Field;

/// A setting that has its own endpoint.
struct Setting {
    /// The last segment of its path.
    segment: &'static str,
    pattern: &'static str,
    summary: &'static str,
    fields: &'static [Field],
    /// The keys it is read by; writing needs one of them.
    names: &'static [&'static str],
    /// Sets it back to what it is by default; none for what cannot be changed.
    clear: Option<fn(&mut Role)>,
}

const SETTINGS: &[Setting] = &[
    Setting {
        segment: "policies",
        pattern: "role/{role_name}/policies",
        summary: "Policies of tokens.",
        fields: &[ROLE_NAME, token_params::POLICIES, OLD_POLICIES],
        names: &["token_policies", "policies"],
        clear: Some(|role| role.token.policies.clear()),
    },
    Setting {
        segment: "local-secret-ids",
        pattern: "role/{role_name}/local-secret-ids",
        summary: "Whether secret ids are local to a cluster.",
        fields: &[ROLE_NAME, LOCAL_SECRET_IDS],
        names: &["local_secret_ids"],
        clear: None,
    },
    Setting {
        segment: "bind-secret-id",
        pattern: "role/{role_name}/bind-secret-id",
        summary: "Whether logins need a secret id.",
        fields: &[ROLE_NAME, BIND_SECRET_ID],
        names: &["bind_secret_id"],
        clear: Some(|role| role.bind_secret_id = true),
    },
    Setting {
        segment: "secret-id-num-uses",
        pattern: "role/{role_name}/secret-id-num-uses",
        summary: "Logins a secret id is good for.",
        fields: &[ROLE_NAME, SECRET_ID_NUM_USES],
        names: &["secret_id_num_uses"],
        clear: Some(|role| role.secret_id_num_uses = 0),
    },
    Setting {
        segment: "secret-id-ttl",
        pattern: "role/{role_name}/secret-id-ttl",
        summary: "Life of a secret id.",
        fields: &[ROLE_NAME, SECRET_ID_TTL],
        names: &["secret_id_ttl"],
        clear: Some(|role| role.secret_id_ttl = 0),
    },
    Setting {
        segment: "secret-id-bound-cidrs",
        pattern: "role/{role_name}/secret-id-bound-cidrs",
        summary: "Addresses that logins may come from.",
        fields: &[ROLE_NAME, SECRET_ID_BOUND_CIDRS],
        names: &["secret_id_bound_cidrs"],
        clear: Some(|role| role.secret_id_bound_cidrs = None),
    },
    Setting {
        segment: OLD_CIDR_SEGMENT,
        pattern: "role/{role_name}/bound-cidr-list",
        summary: "Old name of secret-id-bound-cidrs.",
        fields: &[ROLE_NAME, BOUND_CIDR_LIST],
        names: &["bound_cidr_list"],
        clear: Some(|role| role.secret_id_bound_cidrs = None),
    },
    Setting {
        segment: "token-bound-cidrs",
        pattern: "role/{role_name}/token-bound-cidrs",
        summary: "Addresses that tokens may be used from.",
        fields: &[ROLE_NAME, token_params::BOUND_CIDRS],
        names: &["token_bound_cidrs"],
        clear: Some(|role| role.token.bound_cidrs = None),
    },
    Setting {
        segment: "period",
        pattern: "role/{role_name}/period",
        summary: "Life of a periodic token.",
        fields: &[ROLE_NAME, token_params::PERIOD, OLD_PERIOD],
        names: &["token_period", "period"],
        clear: Some(|role| role.token.period = 0),
    },
    Setting {
        segment: "token-num-uses",
        pattern: "role/{role_name}/token-num-uses",
        summary: "Requests a token is good for.",
        fields: &[ROLE_NAME, token_params::NUM_USES],
        names: &["token_num_uses"],
        clear: Some(|role| role.token.num_uses = 0),
    },
    Setting {
        segment: "token-ttl",
        pattern: "role/{role_name}/token-ttl",
        summary: "Life of a token until it is renewed.",
        fields: &[ROLE_NAME, token_params::TTL],
        names: &["token_ttl"],
        clear: Some(|role| role.token.ttl = 0),
    },
    Setting {
        segment: "token-max-ttl",
        pattern: "role/{role_name}/token-max-ttl",
        summary: "Longest life of a token.",
        fields: &[ROLE_NAME, token_params::MAX_TTL],
        names: &["token_max_ttl"],
        clear: Some(|role| role.token.max_ttl = 0),
    },
];

const OLD_CIDR_SEGMENT: &str = "bound-cidr-list";
const OLD_CIDR_WARNING: &str = "The \"bound_cidr_list\" field is deprecated and will be removed. Please use \"secret_id_bound_cidrs\" instead.";

pub(super) fn routes() -> Vec<Route> {
    let route = |setting: &Setting| {
        let route = Route::new(setting.pattern, setting.summary, setting.fields).on(Operation::Read, read);
        match setting.clear {
            Some(_) => route.on(Operation::Update, write).on(Operation::Delete, clear),
            None => route,
        }
    };
    SETTINGS.iter().map(route).collect()
}

fn read(call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(async move {
        let setting = setting(&call)?;
        let role =
            Role::find(call.txn, &call.req.mounted.entry, name(&call)).await?.ok_or(Fault::NotFound)?;
        let mut data = role.show();
        // Alone it tells "never written" from "written empty".
        data.insert("token_bound_cidrs".to_owned(), role.token.bound_cidrs.clone().into());
        if setting.segment == OLD_CIDR_SEGMENT {
            let value = data.get("secret_id_bound_cidrs").cloned().unwrap_or(Value::Null);
            data.insert("bound_cidr_list".to_owned(), value);
        }
        data.retain(|key, _| setting.names.contains(&key.as_str()));
        let response = Response::data(data);
        Ok(if setting.segment == OLD_CIDR_SEGMENT { response.warn(OLD_CIDR_WARNING) } else { response })
    })
}

fn write(call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(async move {
        let setting = setting(&call)?;
        let mount = &call.req.mounted.entry;
        let mut role = Role::existing(call.txn, mount, name(&call)).await?;
        if !setting.names.iter().any(|name| call.args.get(name).is_some()) {
            return Err(Fault::invalid(format!(
                "missing {}",
                setting.names.first().unwrap_or(&setting.segment)
            )));
        }
        role.token.apply(call.args)?;
        roles::apply(&mut role, call.args)?;
        match setting.segment {
            "policies" => role.token.policies = clean_policies(role.token.policies, true),
            "secret-id-bound-cidrs" | OLD_CIDR_SEGMENT if role.login_cidrs().is_empty() => {
                return Err(Fault::invalid("the list of blocks is empty; DELETE removes the restriction"));
            }
            "period" if role.token.period > call.core.max_ttl(mount) => {
                return Err(Fault::invalid("'token_period' is greater than the mount's maximum TTL"));
            }
            _ => {}
        }
        keep(call, &role).await
    })
}

fn clear(call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(async move {
        let setting = setting(&call)?;
        let Some(role) = Role::find(call.txn, &call.req.mounted.entry, name(&call)).await? else {
            return Ok(Response::none());
        };
        let mut role = Role::clone(&role);
        if let Some(clear) = setting.clear {
            clear(&mut role);
        }
        role.token.old_names.retain(|old| !setting.names.contains(&old.as_str()));
        keep(call, &role).await
    })
}

fn setting(call: &Call<'_>) -> Result<&'static Setting, Fault> {
    let segment = call.req.local.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    SETTINGS.iter().find(|s| s.segment == segment).ok_or(Fault::NotFound)
}

async fn keep(call: Call<'_>, role: &Role) -> Result<Response, Fault> {
    let mount = &call.req.mounted.entry;
    role.keep(call.core, call.txn, mount, name(&call), Some(&role.role_id)).await?;
    Ok(Response::none())
}

fn name<'a>(call: &Call<'a>) -> &'a str {
    call.args.text_or_empty("role_name")
}
