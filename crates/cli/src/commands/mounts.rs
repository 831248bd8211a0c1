//! What `secrets` and `auth` have in common: settings of mounts, lists of them, and moving them.

use super::status::fields;
use crate::command::Flag;
use crate::context::Context;
use crate::failure::{Doing, Exit, Failure, Outcome};
use crate::output;
use serde_json::{Value, json};
use std::time::Duration;
use strongroom_client::{Method, Request};
use strongroom_wire::{Map, duration};

pub(super) const PATH: Flag = Flag::text("path", "PATH", "Where to mount it; its type's name if not given.");
pub(super) const DESCRIPTION: Flag = Flag::text("description", "TEXT", "What it is for.");
pub(super) const DEFAULT_TTL: Flag = Flag::duration(
    "default-lease-ttl",
    "How long leases last if nothing else is said; the server's default if not given.",
);
pub(super) const MAX_TTL: Flag =
    Flag::duration("max-lease-ttl", "How long leases last at most; the server's default if not given.");
pub(super) const REQUEST_KEYS: Flag = Flag::list(
    "audit-non-hmac-request-keys",
    "KEY",
    "A key of requests that the audit log shows in clear. May be given many times.",
);
pub(super) const RESPONSE_KEYS: Flag = Flag::list(
    "audit-non-hmac-response-keys",
    "KEY",
    "A key of answers that the audit log shows in clear. May be given many times.",
);
pub(super) const VISIBILITY: Flag = Flag::text(
    "listing-visibility",
    "HOW",
    "\"unauth\" lists it to callers without a token, \"hidden\" does not.",
);
pub(super) const PASSTHROUGH: Flag = Flag::list(
    "passthrough-request-headers",
    "NAME",
    "A request header to hand on to it. May be given many times.",
);
pub(super) const ALLOWED: Flag =
    Flag::list("allowed-response-headers", "NAME", "A header it may answer with. May be given many times.");
pub(super) const PLUGIN_NAME: Flag =
    Flag::text("plugin-name", "NAME", "The type, when the argument is the word \"plugin\".");
pub(super) const PLUGIN_VERSION: Flag = Flag::text("plugin-version", "VERSION", "The version of its plugin.");
pub(super) const OPTIONS: Flag =
    Flag::list("options", "KEY=VALUE", "An option of its type. May be given many times.");
pub(super) const LOCAL: Flag = Flag::switch("local", "Do not replicate it.");
pub(super) const SEAL_WRAP: Flag =
    Flag::switch("seal-wrap", "Wrap its critical values once more by the seal, where the seal can.");
pub(super) const ENTROPY: Flag = Flag::switch(
    "external-entropy-access",
    "Let it use the seal's source of randomness, where there is one.",
);
pub(super) const NO_CACHE: Flag = Flag::switch("force-no-cache", "Do not cache what it reads.");
pub(super) const VERSION: Flag = Flag::number("version", "The version of its type, as for kv: 1 or 2.");
pub(super) const TOKEN_TYPE: Flag = Flag::text(
    "token-type",
    "TYPE",
    "The tokens it grants: default-service, default-batch, service or batch.",
);
pub(super) const MANAGED_KEYS: Flag =
    Flag::list("allowed-managed-keys", "NAME", "A managed key it may use. May be given many times.");
pub(super) const DELEGATED: Flag = Flag::list(
    "delegated-auth-accessors",
    "ACCESSOR",
    "An auth method it may pass logins to. May be given many times.",
);
pub(super) const IDENTITY_KEY: Flag =
    Flag::text("identity-token-key", "NAME", "The key that signs its plugin's identity tokens.");
pub(super) const TRIM_SLASHES: Flag =
    Flag::switch("trim-request-trailing-slashes", "Take the final slash off the paths it gets.");

/// The settings that were given, as the API's `config`.
pub(super) fn config(cx: &Context<'_>) -> Map {
    let mut config = Map::new();
    for flag in ["default-lease-ttl", "max-lease-ttl"] {
        if let Some(ttl) = cx.duration(flag) {
            config.insert(field(flag), duration::go(ttl).into());
        }
    }
    for flag in [
        "audit-non-hmac-request-keys",
        "audit-non-hmac-response-keys",
        "passthrough-request-headers",
        "allowed-response-headers",
        "allowed-managed-keys",
        "delegated-auth-accessors",
    ] {
        if !cx.list(flag).is_empty() {
            let list: Vec<&str> = cx.list(flag).iter().map(|item| item.trim()).collect();
            config.insert(field(flag), list.into());
        }
    }
    for flag in ["listing-visibility", "token-type", "plugin-version", "identity-token-key"] {
        if let Some(text) = cx.text(flag) {
            config.insert(field(flag), text.into());
        }
    }
    for flag in ["force-no-cache", "trim-request-trailing-slashes"] {
        if let Some(on) = cx.switch(flag) {
            config.insert(field(flag), on.into());
        }
    }
    config
}

/// The options, and the version as one of them.
pub(super) fn options(cx: &Context<'_>) -> Result<Map, Failure> {
    let mut options = cx.pairs("options")?;
    if let Some(version) = cx.number("version").filter(|v| *v > 0) {
        options.insert("version".to_owned(), version.to_string().into());
    }
    Ok(options)
}

/// The type and path of what is to be mounted.
pub(super) fn type_and_path(cx: &Context<'_>) -> Result<(String, String), Failure> {
    let kind = match cx.arg(0).trim() {
        "plugin" => cx.text("plugin-name").map(str::trim).filter(|name| !name.is_empty()),
        kind => Some(kind),
    };
    let kind = kind.ok_or_else(|| Failure::local("Missing plugin name: use -plugin-name"))?.to_owned();
    let path = cx.text("path").map(crate::values::clean_path).filter(|path| !path.is_empty());
    Ok((kind.clone(), path.unwrap_or(kind)))
}

/// The body that mounts something.
pub(super) fn new_mount(cx: &Context<'_>, kind: &str) -> Result<Value, Failure> {
    Ok(json!({
        "type": kind,
        "description": cx.text("description").unwrap_or_default(),
        "config": config(cx),
        "options": options(cx)?,
        "local": cx.is_on("local"),
        "seal_wrap": cx.is_on("seal-wrap"),
        "external_entropy_access": cx.is_on("external-entropy-access"),
    }))
}

/// The body that tunes a mount; fields that were not given stay out.
pub(super) fn tuning(cx: &Context<'_>) -> Result<Map, Failure> {
    let mut body = config(cx);
    if let Some(description) = cx.text("description") {
        body.insert("description".to_owned(), description.into());
    }
    let options = options(cx)?;
    if !options.is_empty() {
        body.insert("options".to_owned(), options.into());
    }
    Ok(body)
}

/// What is enabled, by path.
pub(super) async fn listed(cx: &mut Context<'_>, path: &str, doing: &str) -> Result<Map, Failure> {
    fields(&cx.client()?, Request::new(Method::Get, path)).await.doing(doing)
}

/// The rows of `list -detailed`; auth methods show their token type where engines show their cache.
pub(super) fn detailed_rows(mounts: &Map, is_auth: bool) -> Vec<Vec<String>> {
    let mut header = vec!["Path", "Plugin", "Accessor", "Default TTL", "Max TTL"];
    header.push(if is_auth { "Token Type" } else { "Force No Cache" });
    header.extend(["Replication", "Seal Wrap", "External Entropy Access", "Options", "Description", "UUID"]);
    header.extend(["Version", "Running Version", "Running SHA256", "Deprecation Status"]);
    let mut rows: Vec<Vec<String>> = vec![header.into_iter().map(str::to_owned).collect()];
    let empty = Value::Object(Map::new());
    for (path, mount) in mounts {
        let config = mount.get("config").unwrap_or(&empty);
        let special =
            if is_auth { text(config, "token_type") } else { is_on(config, "force_no_cache").to_string() };
        rows.push(vec![
            path.clone(),
            text(mount, "type"),
            text(mount, "accessor"),
            ttl(mount, config, "default_lease_ttl"),
            ttl(mount, config, "max_lease_ttl"),
            special,
            if is_on(mount, "local") { "local" } else { "replicated" }.to_owned(),
            is_on(mount, "seal_wrap").to_string(),
            is_on(mount, "external_entropy_access").to_string(),
            mount.get("options").filter(|o| o.is_object()).map_or("map[]".to_owned(), output::go),
            text(mount, "description"),
            text(mount, "uuid"),
            text(mount, "plugin_version"),
            text(mount, "running_plugin_version"),
            text(mount, "running_sha256"),
            text(mount, "deprecation_status"),
        ]);
    }
    rows
}

/// A text field, empty if there is none.
pub(super) fn text(value: &Value, name: &str) -> String {
    value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Moves a mount and waits until it is there.
pub(super) async fn move_mount(cx: &mut Context<'_>, what: &str) -> Outcome {
    let (from, to) = (place(cx, what, 0), place(cx, what, 1));
    let client = cx.client()?;
    let body = json!({ "from": from, "to": to });
    let started = fields(&client, Request::new(Method::Post, "sys/remount").body(body)).await;
    let started = started.doing(format!("moving {what} {from} to {to}"))?;
    let id = started.get("migration_id").and_then(Value::as_str).unwrap_or_default().to_owned();
    cx.say(format!("Started moving {what} {from} to {to}, with migration ID {id}"));
    loop {
        let request = Request::new(Method::Get, format!("sys/remount/status/{id}"));
        let doing = format!("checking migration status of {what} {from} to {to}");
        let answer = fields(&client, request).await.doing(doing)?;
        match answer.get("migration_info").map(|info| text(info, "status")).as_deref() {
            Some("success") => {
                cx.say(format!("Success! Finished moving {what} {from} to {to}, with migration ID {id}"));
                return Ok(Exit::OK);
            }
            Some("in-progress") => tokio::time::sleep(POLL).await,
            _ => {
                let text = format!(
                    "Failure! Error encountered moving {what} {from} to {to}, with migration ID {id}"
                );
                return Err(Failure::server(text));
            }
        }
    }
}

/// Auth methods may be named with what all their paths begin with, or without.
fn place(cx: &Context<'_>, what: &str, argument: usize) -> String {
    let path = cx.path_arg(argument);
    let begins = if what == "auth method" && !path.starts_with("auth/") { "auth/" } else { "" };
    format!("{begins}{path}/")
}

fn field(flag: &str) -> String {
    flag.replace('-', "_")
}

fn is_on(value: &Value, name: &str) -> bool {
    value.get(name).and_then(Value::as_bool).unwrap_or(false)
}

fn ttl(mount: &Value, config: &Value, name: &str) -> String {
    if matches!(text(mount, "type").as_str(), "system" | "cubbyhole") {
        return String::new();
    }
    match config.get(name).and_then(Value::as_u64) {
        None | Some(0) => "system".to_owned(),
        Some(seconds) => seconds.to_string(),
    }
}

const POLL: Duration = Duration::from_millis(200);
