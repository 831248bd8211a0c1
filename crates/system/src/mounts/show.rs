//! How mounts are shown.

use crate::plugins::BUILT_IN_VERSION;
use serde_json::{Value, json};
use strongroom_core::{Class, Core, Map, Mount};

/// A mount as `sys/mounts` shows it, with its settings as they were given.
pub(crate) fn mount_info(mount: &Mount) -> Map {
    let built_in = mount.is_built_in();
    let mut config = settings(mount);
    config.insert("default_lease_ttl".to_owned(), json!(mount.config.default_lease_ttl));
    config.insert("max_lease_ttl".to_owned(), json!(mount.config.max_lease_ttl));
    if let Some(lockout) = lockout(mount) {
        config.insert("user_lockout_config".to_owned(), Value::Object(lockout));
    }
    let mut info = Map::new();
    let mut put = |key: &str, value: Value| info.insert(key.to_owned(), value);
    put("accessor", json!(mount.accessor));
    put("config", Value::Object(config));
    if !built_in {
        put("deprecation_status", json!("supported"));
    }
    put("description", json!(mount.description));
    put("external_entropy_access", json!(mount.external_entropy_access));
    put("local", json!(mount.local));
    put("options", if built_in { Value::Null } else { json!(mount.options) });
    put("plugin_version", json!(mount.config.plugin_version));
    put("running_plugin_version", json!(BUILT_IN_VERSION));
    put("running_sha256", json!(""));
    put("seal_wrap", json!(mount.seal_wrap));
    put("type", json!(mount.shown_kind()));
    put("uuid", json!(mount.uuid));
    info
}

/// A mount's settings as `tune` shows them, with the TTLs that hold.
pub(super) fn tuning(core: &Core, mount: &Mount) -> Map {
    let mut tuning = settings(mount);
    tuning.insert("default_lease_ttl".to_owned(), json!(core.default_ttl(mount)));
    tuning.insert("max_lease_ttl".to_owned(), json!(core.max_ttl(mount)));
    tuning.insert("description".to_owned(), json!(mount.description));
    if !mount.options.is_empty() {
        tuning.insert("options".to_owned(), json!(mount.options));
    }
    if !mount.config.plugin_version.is_empty() {
        tuning.insert("plugin_version".to_owned(), json!(mount.config.plugin_version));
    }
    tuning.extend(lockout(mount).unwrap_or_default());
    tuning
}

/// What both have in common; settings that were never given are left out.
fn settings(mount: &Mount) -> Map {
    let config = &mount.config;
    let mut shown = Map::new();
    shown.insert("force_no_cache".to_owned(), json!(config.force_no_cache));
    for (key, list) in [
        ("audit_non_hmac_request_keys", &config.audit_non_hmac_request_keys),
        ("audit_non_hmac_response_keys", &config.audit_non_hmac_response_keys),
        ("passthrough_request_headers", &config.passthrough_request_headers),
        ("allowed_response_headers", &config.allowed_response_headers),
    ] {
        if !list.is_empty() {
            shown.insert(key.to_owned(), json!(list));
        }
    }
    if !config.listing_visibility.is_empty() {
        shown.insert("listing_visibility".to_owned(), json!(config.listing_visibility));
    }
    if mount.class == Class::Auth {
        let kind = if config.token_type.is_empty() { "default-service" } else { &config.token_type };
        shown.insert("token_type".to_owned(), json!(kind));
    }
    shown
}

/// Once anything of the lockout was set, all of it is shown; 0 stands for the server's value.
fn lockout(mount: &Mount) -> Option<Map> {
    let lockout = mount.config.user_lockout.as_ref()?;
    let shown = [
        ("user_lockout_threshold", json!(lockout.threshold.unwrap_or(0))),
        ("user_lockout_duration", json!(lockout.duration.unwrap_or(0))),
        ("user_lockout_counter_reset_duration", json!(lockout.counter_reset.unwrap_or(0))),
        ("user_lockout_disable", json!(lockout.disable.unwrap_or(false))),
    ];
    Some(shown.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}
