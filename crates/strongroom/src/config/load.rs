//! Files and folders to one configuration.

use super::keys::Keys;
use super::{Config, ConfigError, listener, lockout, storage};
use std::path::{Path, PathBuf};
use strongroom_policy::hcl;

/// Keys without effect here, since what they ask for is so or does not exist: locked memory is explained
/// in the documentation, the others are about clusters, licences and plugins.
const SILENT: [&str; 17] = [
    "administrative_namespace_path",
    "allow_audit_log_prefixing",
    "detect_deadlocks",
    "disable_clustering",
    "disable_indexing",
    "disable_mlock",
    "disable_performance_standby",
    "disable_printable_check",
    "disable_sealwrap",
    "enable_multiseal",
    "enable_response_header_hostname",
    "enable_response_header_raft_node_id",
    "enable_unauthenticated_access",
    "imprecise_lease_role_tracking",
    "license_path",
    "reporting",
    "experiments",
];

/// Keys whose writer has to know that they have no effect.
const WITHOUT_EFFECT: [(&str, &str); 10] = [
    ("cache_size", "counts entries in Vault; here cache_bytes bounds the memory of the cache"),
    ("default_max_request_duration", "set max_request_duration in the listener"),
    ("disable_cache", "the cache stays on; cache_bytes bounds it"),
    ("entropy", "not supported"),
    ("ha_storage", "not supported: there is one node"),
    ("hsm", "not supported"),
    ("introspection_endpoint", "not supported"),
    ("plugin_directory", "not supported: there are no external plugins"),
    ("raw_storage_endpoint", "not supported"),
    ("service_registration", "not supported"),
];

/// Telemetry keys without effect that surprise nobody: metrics are always kept and read at sys/metrics.
const TELEMETRY: [&str; 10] = [
    "prometheus_retention_time",
    "disable_hostname",
    "enable_hostname_label",
    "usage_gauge_period",
    "maximum_gauge_cardinality",
    "num_lease_metrics_buckets",
    "add_lease_metrics_namespace_labels",
    "lease_metrics_epsilon",
    "filter_default",
    "add_mount_point_rollback_metrics",
];

/// Reads files, and the `.hcl` and `.json` files of folders, in the order given and by name.
pub(crate) fn load(paths: &[PathBuf]) -> Result<Config, ConfigError> {
    let mut config = Config::default();
    for path in paths {
        for file in files(path)? {
            read(&file, &text(&file)?, &mut config)?;
        }
    }
    Ok(config)
}

/// The text of a file.
pub(super) fn text(path: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(path).map_err(|e| unreadable(path, &e))
}

/// Adds what one file says.
pub(super) fn read(path: &Path, text: &str, config: &mut Config) -> Result<(), ConfigError> {
    let file = path.display().to_string();
    let object = hcl::parse(text)
        .map_err(|e| ConfigError { place: format!("{file}:{}", e.line), problem: e.problem })?;
    let keys = Keys::top(&object, &file);
    storage::read(&keys, config)?;
    listener::read(&keys, config)?;
    lockout::read(&keys, config)?;
    seal(&keys)?;
    scalars(&keys, config)?;
    telemetry(&keys, &mut config.warnings)?;
    for key in SILENT {
        keys.has(key);
    }
    for (key, why) in WITHOUT_EFFECT {
        if keys.has(key) {
            config.warnings.push(keys.warning(key, why));
        }
    }
    config.warnings.extend(keys.unknown());
    Ok(())
}

fn scalars(keys: &Keys<'_>, config: &mut Config) -> Result<(), ConfigError> {
    fn set<T>(slot: &mut Option<T>, value: Option<T>) {
        if value.is_some() {
            *slot = value;
        }
    }
    let filled = |key: &str| Ok::<_, ConfigError>(keys.text(key)?.filter(|t| !t.is_empty()));
    set(&mut config.api_addr, filled("api_addr")?);
    set(&mut config.cluster_addr, filled("cluster_addr")?);
    set(&mut config.cluster_name, filled("cluster_name")?);
    set(&mut config.log_level, filled("log_level")?);
    set(&mut config.log_format, filled("log_format")?);
    set(&mut config.log_file, filled("log_file")?.map(PathBuf::from));
    set(&mut config.log_requests_level, filled("log_requests_level")?);
    set(&mut config.log_rotation.bytes, keys.bytes("log_rotate_bytes")?);
    set(&mut config.log_rotation.duration, keys.duration("log_rotate_duration")?);
    set(&mut config.log_rotation.max_files, keys.integer("log_rotate_max_files")?);
    set(&mut config.pid_file, filled("pid_file")?.map(PathBuf::from));
    set(&mut config.default_lease_ttl, keys.duration("default_lease_ttl")?.map(|d| d.as_secs()));
    set(&mut config.max_lease_ttl, keys.duration("max_lease_ttl")?.map(|d| d.as_secs()));
    let cache = keys.bytes("cache_bytes")?.map(|b| usize::try_from(b).unwrap_or(usize::MAX));
    set(&mut config.cache_bytes, cache);
    if let Some(ui) = keys.truth("ui")? {
        config.ui = ui;
        if ui {
            config.warnings.push(keys.warning("ui", "this version has no web interface"));
        }
    }
    Ok(())
}

fn seal(keys: &Keys<'_>) -> Result<(), ConfigError> {
    for stanza in keys.labelled("seal")? {
        if stanza.label != "shamir" {
            let problem = format!(
                "there is no seal {:?} here: leave the stanza out for the usual \"shamir\"",
                stanza.label
            );
            return Err(keys.wrong(stanza.line, problem));
        }
    }
    Ok(())
}

fn telemetry(keys: &Keys<'_>, warnings: &mut Vec<String>) -> Result<(), ConfigError> {
    for block in keys.blocks("telemetry")? {
        let inner = keys.block("telemetry", block);
        for entry in &block.entries {
            if !TELEMETRY.contains(&entry.key.as_str()) {
                warnings.push(inner.warning(&entry.key, "not supported; read the metrics at sys/metrics"));
            }
        }
    }
    Ok(())
}

fn files(path: &Path) -> Result<Vec<PathBuf>, ConfigError> {
    let meta = std::fs::metadata(path).map_err(|e| unreadable(path, &e))?;
    if !meta.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).map_err(|e| unreadable(path, &e))? {
        let entry = entry.map_err(|e| unreadable(path, &e))?.path();
        let hidden = entry.file_name().is_none_or(|n| n.as_encoded_bytes().starts_with(b"."));
        let fits = entry.extension().is_some_and(|e| e == "hcl" || e == "json");
        if fits && !hidden && entry.is_file() {
            found.push(entry);
        }
    }
    if found.is_empty() {
        let problem = "there is no .hcl or .json file in this folder".to_owned();
        return Err(ConfigError { place: path.display().to_string(), problem });
    }
    found.sort();
    Ok(found)
}

fn unreadable(path: &Path, error: &std::io::Error) -> ConfigError {
    let problem = match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file or folder".to_owned(),
        std::io::ErrorKind::InvalidData => "this is not UTF-8 text".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    };
    ConfigError { place: path.display().to_string(), problem }
}
