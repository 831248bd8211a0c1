//! The effective configuration as `sys/config/state/sanitized` shows it. There is nothing secret in it.

use super::{Config, Storage};
use serde_json::{Value, json};
use strongroom_core::Map;
use strongroom_http::{Bind, Settings};

/// Under Vault's keys.
pub(crate) fn sanitized(config: &Config, log_level: &str, log_format: &str) -> Map {
    let listeners: Vec<Value> = config.listeners.iter().map(listener).collect();
    let storage = config.storage.as_ref().map_or("inmem", Storage::kind);
    let value = json!({
        "api_addr": config.api_addr.as_deref().unwrap_or(""),
        "cache_size": 0,
        "cluster_addr": config.cluster_addr.as_deref().unwrap_or(""),
        "cluster_cipher_suites": "",
        "cluster_name": config.cluster_name.as_deref().unwrap_or(""),
        "default_lease_ttl": config.default_lease_ttl.unwrap_or(0),
        "default_max_request_duration": 0,
        "disable_cache": false,
        "disable_clustering": true,
        "disable_indexing": false,
        "disable_mlock": true,
        "disable_performance_standby": true,
        "disable_printable_check": false,
        "disable_sealwrap": true,
        "enable_ui": false,
        "listeners": listeners,
        "log_format": log_format,
        "log_level": log_level,
        "max_lease_ttl": config.max_lease_ttl.unwrap_or(0),
        "pid_file": config.pid_file.as_deref().map_or(String::new(), |p| p.display().to_string()),
        "plugin_directory": "",
        "raw_storage_endpoint": false,
        "seals": [{"disabled": false, "type": "shamir"}],
        "storage": {"cluster_addr": "", "disable_clustering": true, "redirect_addr": "", "type": storage},
    });
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn listener(settings: &Settings) -> Value {
    match &settings.bind {
        Bind::Tcp(address) => {
            json!({"type": "tcp", "config": {"address": address, "tls_disable": settings.tls.is_none()}})
        }
        Bind::Unix { path, .. } => json!({"type": "unix", "config": {"address": path.display().to_string()}}),
    }
}
