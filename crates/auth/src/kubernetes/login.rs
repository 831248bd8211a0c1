//! Logins with service-account tokens, and the check of their renewals.

use super::account::Account;
use super::cluster::{Cluster, NoAnswer};
use super::config::Config;
use super::review::review;
use super::role::{AliasNameSource, Role};
use super::selector::Selector;
use crate::glob;
use crate::web_token::WebToken;
use std::collections::BTreeMap;
use strongroom_core::engine::Times;
use strongroom_core::token::TokenEntry;
use strongroom_core::{BoxFuture, Call, Fault, Grant, Map, Mount, Response, Txn, Value, cidr};
use strongroom_crypto::jws::Key;

pub(super) fn login(call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(async move {
        let mount = &call.req.mounted.entry;
        let (name, jwt) = (call.args.text_or_empty("role"), call.args.text_or_empty("jwt").trim());
        if name.is_empty() {
            return Err(Fault::invalid("missing role"));
        }
        if jwt.is_empty() {
            return Err(Fault::invalid("missing jwt"));
        }
        let role = Role::find(call.txn, mount, name).await?;
        let role = role.ok_or_else(|| Fault::invalid(format!("invalid role name {name:?}")))?;
        let grant = role.token.grant(mount)?;
        if !cidr::allows(&grant.bound_cidrs, call.req.request.remote.address) {
            return Err(Fault::Denied);
        }
        let config = Config::find(call.txn, mount).await?;
        let config = config
            .ok_or_else(|| Fault::invalid("could not load backend configuration: write config first"))?;
        let token = WebToken::parse(jwt).map_err(|why| refused(&why.to_string()))?;
        let account = believe(&config, &role, &token, call.now().as_second())?;
        let cluster = Cluster::of(call.core, &config, jwt).await?;
        let (api, key_id) = (config.api(), token.key_id.as_deref().unwrap_or_default());
        if !call.core.outbound.may_ask(&api, key_id, call.now()) {
            return Err(Fault::TooMany(MANY_STRANGERS.to_owned()));
        }
        review(&cluster, jwt, &account, &role.audience).await?;
        call.core.outbound.vouched(&api, key_id);
        check_labels(&cluster, &role, &account).await?;
        let annotations = match config.use_annotations_as_alias_metadata {
            true => annotations(&cluster, &account).await?,
            false => BTreeMap::new(),
        };
        Ok(Response::grant(describe(grant, name, &role, &account, annotations)))
    })
}

/// The role must still be there.
pub(super) async fn renew(txn: &mut Txn, mount: &Mount, entry: &TokenEntry) -> Result<Times, Fault> {
    let name = entry.internal.get(INTERNAL_NAME).and_then(Value::as_str).unwrap_or_default();
    let role = Role::find(txn, mount, name).await?;
    let role = role.ok_or_else(|| Fault::invalid(format!("role {name:?} no longer exists, not renewing")))?;
    Ok(role.token.times())
}

const INTERNAL_NAME: &str = "role";
const MANY_STRANGERS: &str =
    "too many logins with tokens of keys that the cluster has never vouched for; try again in a moment";
/// How far the clocks of cluster and server may differ, in seconds.
const CLOCK_SKEW: i64 = 60;
/// Annotations that become metadata begin so.
const ANNOTATION: &str = "vault.hashicorp.com/alias-metadata-";
const MAX_METADATA_BYTES: usize = 512;

/// The account that a token speaks of, unless something is wrong that needs no review to be seen.
fn believe(config: &Config, role: &Role, token: &WebToken, now: i64) -> Result<Account, Fault> {
    let dates =
        token.dates().map_err(|claim| refused(&format!("claim {claim:?} of the token is no time")))?;
    if dates.expires.is_some_and(|at| now >= at.saturating_add(CLOCK_SKEW)) {
        return Err(refused("the token is expired"));
    }
    if dates.not_before.max(dates.issued).is_some_and(|at| at > now.saturating_add(CLOCK_SKEW)) {
        return Err(refused("the token is not valid yet"));
    }
    if config.wanted_issuer().is_some_and(|issuer| token.text("iss") != issuer) {
        return Err(refused("the token's issuer is not the configured one"));
    }
    let audience = role.audience.as_str();
    if !audience.is_empty() && !token.audiences().is_some_and(|all| all.contains(&audience)) {
        return Err(refused("the token is not for the role's audience"));
    }
    let account =
        Account::of(token).ok_or_else(|| refused("the token is not one of a Kubernetes service account"))?;
    if role.bound_service_account_namespace_selector.is_empty() && !names_namespace(role, &account) {
        return Err(Fault::Refused(WRONG_NAMESPACE.to_owned()));
    }
    if !role.bound_service_account_names.iter().any(|pattern| glob::matches(pattern, &account.name)) {
        return Err(Fault::Refused("service account name not authorized".to_owned()));
    }
    let mut keys = config.pem_keys.iter().filter_map(|text| Key::from_pem(text).ok());
    if !config.pem_keys.is_empty() && !keys.any(|key| token.is_signed_by(&key)) {
        return Err(refused("none of the configured keys has signed the token"));
    }
    Ok(account)
}

const WRONG_NAMESPACE: &str = "namespace not authorized";

fn names_namespace(role: &Role, account: &Account) -> bool {
    role.bound_service_account_namespaces.iter().any(|pattern| glob::matches(pattern, &account.namespace))
}

/// Where the role does not name the namespace, its labels must be selected.
async fn check_labels(cluster: &Cluster<'_>, role: &Role, account: &Account) -> Result<(), Fault> {
    if names_namespace(role, account) {
        return Ok(());
    }
    let selector = Selector::parse(&role.bound_service_account_namespace_selector)
        .map_err(|_| Fault::Refused(WRONG_NAMESPACE.to_owned()))?;
    let path = format!("/api/v1/namespaces/{}", account.namespace);
    let namespace = cluster.get(&path).await.map_err(|why| unread("the namespace", &why))?;
    let is_it = namespace.pointer("/metadata/name").and_then(Value::as_str) == Some(&account.namespace);
    if is_it && selector.matches(&texts(&namespace, "/metadata/labels")) {
        return Ok(());
    }
    Err(Fault::Refused(WRONG_NAMESPACE.to_owned()))
}

/// Metadata that the service account's annotations give to the alias.
async fn annotations(cluster: &Cluster<'_>, account: &Account) -> Result<BTreeMap<String, String>, Fault> {
    let path = format!("/api/v1/namespaces/{}/serviceaccounts/{}", account.namespace, account.name);
    let object = cluster.get(&path).await.map_err(|why| unread("the service account", &why))?;
    if object.pointer("/metadata/uid").and_then(Value::as_str) != Some(&account.uid) {
        return Err(refused("the service account is another one of the same name now"));
    }
    let mut metadata = BTreeMap::new();
    for (key, value) in texts(&object, "/metadata/annotations") {
        let Some(name) = key.strip_prefix(ANNOTATION).filter(|name| !name.is_empty()) else { continue };
        if value.len() > MAX_METADATA_BYTES {
            return Err(refused(&format!("annotation {key:?} is longer than {MAX_METADATA_BYTES} bytes")));
        }
        metadata.insert(name.to_owned(), value);
    }
    Ok(metadata)
}

fn texts(object: &Value, pointer: &str) -> BTreeMap<String, String> {
    let entries = object.pointer(pointer).and_then(Value::as_object);
    let text = |(key, value): (&String, &Value)| Some((key.clone(), value.as_str()?.to_owned()));
    entries.into_iter().flatten().filter_map(text).collect()
}

fn describe(
    grant: Grant,
    role_name: &str,
    role: &Role,
    account: &Account,
    annotations: BTreeMap<String, String>,
) -> Grant {
    let known = [
        ("service_account_name", &account.name),
        ("service_account_namespace", &account.namespace),
        ("service_account_secret_name", &account.secret_name),
        ("service_account_uid", &account.uid),
    ];
    let known = known.map(|(key, value)| (key.to_owned(), value.clone()));
    // Last, so that no annotation can pass for another account.
    let mut alias_metadata = annotations;
    alias_metadata.extend(known.clone());
    let mut metadata = BTreeMap::from(known);
    metadata.insert("role".to_owned(), role_name.to_owned());
    Grant {
        display_name: format!("{}-{}", account.namespace, account.name),
        internal: Map::from_iter([(INTERNAL_NAME.to_owned(), Value::String(role_name.to_owned()))]),
        alias: match role.alias_name_source {
            AliasNameSource::Uid => account.uid.clone(),
            AliasNameSource::Name => format!("{}/{}", account.namespace, account.name),
        },
        alias_metadata: Some(alias_metadata),
        metadata: Some(metadata),
        ..grant
    }
}

fn unread(what: &str, why: &NoAnswer) -> Fault {
    match why {
        NoAnswer::Unreachable => refused("the Kubernetes API cannot be asked"),
        NoAnswer::Status(status) => {
            refused(&format!("the Kubernetes API does not let {what} be read (status {status})"))
        }
    }
}

fn refused(why: &str) -> Fault {
    Fault::Refused(format!("permission denied: {why}"))
}
