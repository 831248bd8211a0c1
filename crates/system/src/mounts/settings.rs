//! The settings of a mount, as new mounts and tuning take them.

use crate::plugins::BUILT_IN_VERSION;
use std::collections::BTreeMap;
use strongroom_core::mount::LockoutConfig;
use strongroom_core::{Class, Core, Fault, Map, Mount, MountConfig};
use strongroom_wire::duration;
use strongroom_wire::field::{Args, Field, Kind};

/// Takes over the settings that were given; the others stay.
pub(super) fn apply(args: &Args, mount: &mut Mount) -> Result<(), Fault> {
    refuse_unsupported(args)?;
    check_version(args)?;
    let config = &mut mount.config;
    lease_ttl(args, "default_lease_ttl", &mut config.default_lease_ttl)?;
    lease_ttl(args, "max_lease_ttl", &mut config.max_lease_ttl)?;
    if let Some(on) = args.bool("force_no_cache") {
        config.force_no_cache = on;
    }
    for (name, list) in [
        ("audit_non_hmac_request_keys", &mut config.audit_non_hmac_request_keys),
        ("audit_non_hmac_response_keys", &mut config.audit_non_hmac_response_keys),
        ("passthrough_request_headers", &mut config.passthrough_request_headers),
        ("allowed_response_headers", &mut config.allowed_response_headers),
    ] {
        if let Some(given) = args.list(name) {
            *list = given.to_vec();
        }
    }
    if let Some(given) = args.text("listing_visibility") {
        config.listing_visibility = visibility(given)?;
    }
    if let Some(given) = args.text("token_type") {
        mount.config.token_type = token_type(given, mount)?;
    }
    if let Some(given) = args.object("user_lockout_config") {
        mount.config.user_lockout = Some(lockout(given, mount)?);
    }
    Ok(())
}

fn lease_ttl(args: &Args, name: &str, ttl: &mut u64) -> Result<(), Fault> {
    let Some(value) = args.any(name) else { return Ok(()) };
    *ttl = match value.as_str() {
        Some("") => return Ok(()),
        Some("system") => 0,
        _ => {
            duration::from_json(value).map_err(|e| Fault::invalid(format!("field {name:?}: {e}")))?.as_secs()
        }
    };
    Ok(())
}

fn visibility(given: &str) -> Result<String, Fault> {
    match given {
        "" | "hidden" | "unauth" => Ok(given.to_owned()),
        _ => Err(Fault::invalid("field \"listing_visibility\": must be \"hidden\" or \"unauth\"")),
    }
}

fn token_type(given: &str, mount: &Mount) -> Result<String, Fault> {
    let refuse = |why: &str| Err(Fault::invalid(format!("field \"token_type\": {why}")));
    match (given, mount.class, mount.kind.as_str()) {
        ("", Class::Secret, _) => Ok(String::new()),
        (_, Class::Secret, _) => refuse("can only be set for auth methods"),
        (_, _, "token") => refuse("cannot be set for the auth method \"token\""),
        ("" | "default", _, _) => Ok("default-service".to_owned()),
        ("default-service" | "default-batch" | "service" | "batch", _, _) => Ok(given.to_owned()),
        _ => refuse("must be default-service, default-batch, service or batch"),
    }
}

const LOCKOUT_FIELDS: &[Field] = &[
    Field::new("lockout_threshold", Kind::Int, "Failures until the lock."),
    Field::new("lockout_duration", Kind::Seconds, "How long the lock lasts."),
    Field::new("lockout_counter_reset_duration", Kind::Seconds, "When counting starts anew."),
    Field::new("lockout_disable", Kind::Bool, "No lockout here."),
];

/// Auth methods that count failed logins.
const LOCKING: [&str; 3] = ["userpass", "approle", "ldap"];

fn lockout(given: &Map, mount: &Mount) -> Result<LockoutConfig, Fault> {
    if mount.class != Class::Auth || !LOCKING.contains(&mount.kind.as_str()) {
        let problem = format!("there is no user lockout for mounts of type \"{}\"", mount.kind);
        return Err(Fault::invalid(format!("field \"user_lockout_config\": {problem}")));
    }
    let args = Args::decode(LOCKOUT_FIELDS, &[], given)?;
    let mut config = mount.config.user_lockout.clone().unwrap_or_default();
    if let Some(threshold) = args.int("lockout_threshold") {
        let threshold = u64::try_from(threshold)
            .map_err(|_| Fault::invalid("field \"lockout_threshold\": must not be negative"))?;
        config.threshold = Some(threshold);
    }
    config.duration = args.seconds("lockout_duration").or(config.duration);
    config.counter_reset = args.seconds("lockout_counter_reset_duration").or(config.counter_reset);
    config.disable = args.bool("lockout_disable").or(config.disable);
    Ok(config)
}

/// Settings of Vault that would have no effect here are refused rather than forgotten.
fn refuse_unsupported(args: &Args) -> Result<(), Fault> {
    let lists = ["allowed_managed_keys", "delegated_auth_accessors"];
    let list = lists.into_iter().find(|name| args.list(name).is_some_and(|l| !l.is_empty()));
    let key = Some("identity_token_key").filter(|name| !matches!(args.text_or_empty(name), "" | "default"));
    match list.or(key) {
        Some(name) => Err(Fault::invalid(format!("field \"{name}\": not supported by this server"))),
        None => Ok(()),
    }
}

/// Plugins are part of the program: there is one version of each.
pub(super) fn check_version(args: &Args) -> Result<(), Fault> {
    match args.text_or_empty("plugin_version") {
        "" | BUILT_IN_VERSION => Ok(()),
        _ => Err(Fault::invalid(format!(
            "field \"plugin_version\": only the built-in version {BUILT_IN_VERSION} is there"
        ))),
    }
}

/// The default must not pass the maximum.
pub(super) fn check_ttls(core: &Core, config: &MountConfig) -> Result<(), Fault> {
    check_bounds(config.default_lease_ttl, config.max_lease_ttl, core.settings.max_lease_ttl)
}

fn check_bounds(default: u64, max: u64, server_max: u64) -> Result<(), Fault> {
    if max > 0 && default > max {
        let message = format!("default_lease_ttl of {default}s is greater than max_lease_ttl of {max}s");
        return Err(Fault::invalid(message));
    }
    if max == 0 && default > server_max {
        let message =
            format!("default_lease_ttl of {default}s is greater than the server's maximum of {server_max}s");
        return Err(Fault::invalid(message));
    }
    Ok(())
}

/// Adds options to those that are there; an empty value takes one away, but never kv's version.
pub(super) fn merge_options(mount: &mut Mount, given: &BTreeMap<String, String>) {
    for (name, value) in given {
        if !value.is_empty() {
            mount.options.insert(name.clone(), value.clone());
        } else if name != "version" {
            mount.options.remove(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::FIELDS;
    use super::*;
    use serde_json::json;

    fn mount(kind: &str, class: Class) -> Mount {
        serde_json::from_value(json!({
            "id": "m1", "namespace": "root", "class": class, "path": "p/", "kind": kind, "uuid": "u", "accessor": "a",
        }))
        .unwrap()
    }

    fn tune(mount: &mut Mount, body: serde_json::Value) -> Result<(), Fault> {
        apply(&Args::decode(FIELDS, &[], body.as_object().unwrap())?, mount)
    }

    #[test]
    fn keeps_what_is_not_given_and_resets_to_the_servers_value() {
        let mut m = mount("userpass", Class::Auth);
        tune(&mut m, json!({"default_lease_ttl": "30m", "max_lease_ttl": 7200, "token_type": "batch"}))
            .unwrap();
        tune(&mut m, json!({"max_lease_ttl": "", "listing_visibility": "unauth"})).unwrap();
        assert_eq!((m.config.default_lease_ttl, m.config.max_lease_ttl), (1800, 7200));
        assert_eq!((m.config.token_type.as_str(), m.config.listing_visibility.as_str()), ("batch", "unauth"));
        tune(&mut m, json!({"max_lease_ttl": "system"})).unwrap();
        assert_eq!((m.config.default_lease_ttl, m.config.max_lease_ttl), (1800, 0));
        let lockout = json!({"user_lockout_config": {"lockout_threshold": "3", "lockout_duration": "10m"}});
        tune(&mut m, lockout).unwrap();
        tune(&mut m, json!({"user_lockout_config": {"lockout_disable": true}})).unwrap();
        let set = m.config.user_lockout.unwrap();
        assert_eq!(
            (set.threshold, set.duration, set.counter_reset, set.disable),
            (Some(3), Some(600), None, Some(true))
        );
    }

    #[test]
    fn refuses_bad_settings_and_names_them() {
        for (body, field) in [
            (json!({"default_lease_ttl": "bogus"}), "default_lease_ttl"),
            (json!({"max_lease_ttl": "999999999999999999h"}), "max_lease_ttl"),
            (json!({"listing_visibility": "all"}), "listing_visibility"),
            (json!({"token_type": "batch"}), "token_type"),
            (json!({"user_lockout_config": {}}), "user_lockout_config"),
            (json!({"plugin_version": "v9.9.9"}), "plugin_version"),
            (json!({"allowed_managed_keys": ["k"]}), "allowed_managed_keys"),
        ] {
            let fault = tune(&mut mount("kv", Class::Secret), body).unwrap_err();
            assert!(fault.messages().join("").contains(field), "{field}: {fault}");
        }
        assert!(check_bounds(3, 2, 10).is_err() && check_bounds(11, 0, 10).is_err());
        assert!(check_bounds(11, 20, 10).is_ok() && check_bounds(0, 0, 10).is_ok());
    }

    #[test]
    fn options_merge_and_an_empty_value_removes() {
        let mut m = mount("kv", Class::Secret);
        let pairs = |p: &[(&str, &str)]| p.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        merge_options(&mut m, &pairs(&[("version", "2"), ("extra", "x")]));
        merge_options(&mut m, &pairs(&[("version", ""), ("extra", "")]));
        assert_eq!(m.options, pairs(&[("version", "2")]));
    }
}
