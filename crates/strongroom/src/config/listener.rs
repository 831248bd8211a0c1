//! Listener stanzas.

use super::keys::Keys;
use super::{Config, ConfigError, custom_headers};
use std::path::PathBuf;
use std::time::Duration;
use strongroom_core::cidr;
use strongroom_http::tls::{Files, Version};
use strongroom_http::{Bind, Forwarded, JsonLimits, Limits, Settings, Timeouts};
use strongroom_policy::hcl::Labelled;

/// Keys that would make answers say less, or change who may ask. To ignore them would be unsafe.
const REFUSED: [(&str, &str); 7] = [
    ("proxy_protocol_behavior", "the PROXY protocol is not supported; use x_forwarded_for_authorized_addrs"),
    (
        "proxy_protocol_authorized_addrs",
        "the PROXY protocol is not supported; use x_forwarded_for_authorized_addrs",
    ),
    ("redact_addresses", "answers cannot be redacted yet"),
    ("redact_cluster_name", "answers cannot be redacted yet"),
    ("redact_version", "answers cannot be redacted yet"),
    ("chroot_namespace", "there are no namespaces yet"),
    ("x_forwarded_for_client_cert_header", "client certificates are taken from the TLS connection only"),
];

/// Keys that ask for what is so anyway, or for what there is not.
const KNOWN: [&str; 5] = [
    "cluster_address",
    "tls_prefer_server_cipher_suites",
    "disable_replication_status_endpoints",
    "purpose",
    "role",
];

/// Of the telemetry block.
const METRICS: &str = "unauthenticated_metrics_access";

/// Reads all listener stanzas.
pub(super) fn read(keys: &Keys<'_>, config: &mut Config) -> Result<(), ConfigError> {
    for stanza in keys.labelled("listener")? {
        config.listeners.push(one(keys, &stanza, &mut config.warnings)?);
    }
    Ok(())
}

fn one(keys: &Keys<'_>, stanza: &Labelled<'_>, warnings: &mut Vec<String>) -> Result<Settings, ConfigError> {
    let inner = keys.block(format!("listener {:?}", stanza.label), stanza.body);
    for (key, why) in REFUSED {
        // What switches it off may stand there.
        if inner.has(key) && !matches!(inner.text(key)?.as_deref(), Some("" | "false")) {
            return Err(inner.wrong(inner.line(key), format!("{key}: {why}")));
        }
    }
    for key in KNOWN {
        inner.has(key);
    }
    let bind = bind(&inner, stanza)?;
    let mut settings = Settings::new(bind);
    settings.tls = tls(&inner, stanza, warnings)?;
    settings.limits = limits(&inner, warnings)?;
    settings.timeouts = timeouts(&inner)?;
    settings.forwarded = forwarded(&inner, stanza)?;
    settings.headers = custom_headers::read(&inner)?;
    settings.open_metrics = telemetry(&inner, warnings)?;
    warnings.extend(inner.unknown());
    Ok(settings)
}

fn bind(keys: &Keys<'_>, stanza: &Labelled<'_>) -> Result<Bind, ConfigError> {
    let address = keys.text("address")?.filter(|a| !a.is_empty());
    match stanza.label {
        "tcp" => Ok(Bind::Tcp(with_port(address.unwrap_or_else(|| "127.0.0.1:8200".to_owned())))),
        "unix" => {
            let path =
                address.ok_or_else(|| keys.wrong(stanza.line, "needs an address, the path of the socket"))?;
            let mode = keys.text("socket_mode")?.filter(|m| !m.is_empty());
            let mode =
                mode.map(|m| u32::from_str_radix(&m, 8).ok().filter(|m| *m <= 0o777).ok_or(m)).transpose();
            let mode = mode.map_err(|_| {
                keys.wrong(
                    keys.line("socket_mode"),
                    "socket_mode must be permission bits in octal, as in \"0660\"",
                )
            })?;
            Ok(Bind::Unix {
                path: path.into(),
                mode,
                user: keys.text("socket_user")?.filter(|u| !u.is_empty()),
                group: keys.text("socket_group")?.filter(|g| !g.is_empty()),
            })
        }
        other => {
            Err(keys.wrong(stanza.line, format!("there is no listener {other:?}: use \"tcp\" or \"unix\"")))
        }
    }
}

/// Vault's own port where none is given.
fn with_port(address: String) -> String {
    let after_brackets = address.rsplit(']').next().unwrap_or(&address);
    if after_brackets.contains(':') { address } else { format!("{address}:8200") }
}

fn tls(
    keys: &Keys<'_>,
    stanza: &Labelled<'_>,
    warnings: &mut Vec<String>,
) -> Result<Option<Files>, ConfigError> {
    let path = |key: &str| Ok(keys.text(key)?.filter(|p| !p.is_empty()).map(PathBuf::from));
    let (certificate, key, client_ca) =
        (path("tls_cert_file")?, path("tls_key_file")?, path("tls_client_ca_file")?);
    let require = keys.truth("tls_require_and_verify_client_cert")?.unwrap_or(false);
    let no_client_certificates = keys.truth("tls_disable_client_certs")?.unwrap_or(false);
    let min_version = version(keys, "tls_min_version", Version::Tls12)?;
    let max_version = version(keys, "tls_max_version", Version::Tls13)?;
    let cipher_suites = keys.texts("tls_cipher_suites")?.unwrap_or_default();
    let off = keys.truth("tls_disable")?.unwrap_or(stanza.label == "unix" && certificate.is_none());
    if off {
        if certificate.is_some() {
            warnings.push(keys.warning("tls_disable", "TLS is off although there is a certificate"));
        }
        return Ok(None);
    }
    let (Some(certificate), Some(key)) = (certificate, key) else {
        let problem =
            "needs tls_cert_file and tls_key_file, or tls_disable = true for a listener without TLS";
        return Err(keys.wrong(stanza.line, problem));
    };
    Ok(Some(Files {
        certificate,
        key,
        client_ca,
        require_client_certificate: require,
        no_client_certificates,
        min_version,
        max_version,
        cipher_suites,
    }))
}

fn version(keys: &Keys<'_>, key: &str, default: Version) -> Result<Version, ConfigError> {
    match keys.text(key)?.as_deref() {
        None | Some("") => Ok(default),
        Some("tls12") => Ok(Version::Tls12),
        Some("tls13") => Ok(Version::Tls13),
        Some(_) => Err(keys.wrong(
            keys.line(key),
            format!("{key} must be \"tls12\" or \"tls13\"; older versions are not safe"),
        )),
    }
}

fn limits(keys: &Keys<'_>, warnings: &mut Vec<String>) -> Result<Limits, ConfigError> {
    let usual = Limits::default();
    let size = |key: &str, usual: usize| {
        let given = keys.bytes(key)?.filter(|n| *n > 0);
        Ok::<_, ConfigError>(given.map_or(usual, |n| usize::try_from(n).unwrap_or(usize::MAX)))
    };
    let mut depth = size("max_json_depth", usual.json.depth)?;
    if depth > JsonLimits::DEEPEST {
        depth = JsonLimits::DEEPEST;
        warnings.push(keys.warning("max_json_depth", &format!("the deepest there is is {depth}")));
    }
    Ok(Limits {
        body: keys.bytes("max_request_size")?.filter(|n| *n > 0).unwrap_or(usual.body),
        upload: keys.bytes("max_upload_size")?.filter(|n| *n > 0).unwrap_or(usual.upload),
        connections: size("max_connections", usual.connections)?.min(1 << 20),
        json: JsonLimits {
            depth,
            string: size("max_json_string_value_length", usual.json.string)?,
            entries: size("max_json_object_entry_count", usual.json.entries)?,
            elements: size("max_json_array_element_count", usual.json.elements)?,
            values: size("max_json_values", usual.json.values)?,
        },
    })
}

fn timeouts(keys: &Keys<'_>) -> Result<Timeouts, ConfigError> {
    let usual = Timeouts::default();
    let time = |key: &str, usual: Duration| {
        Ok::<_, ConfigError>(keys.duration(key)?.filter(|d| !d.is_zero()).unwrap_or(usual))
    };
    // Answers are bounded by the request's duration and by idleness.
    keys.has("http_write_timeout");
    Ok(Timeouts {
        header: time("http_read_header_timeout", usual.header)?,
        body: time("http_read_timeout", usual.body)?,
        idle: time("http_idle_timeout", usual.idle)?,
        request: time("max_request_duration", usual.request)?,
    })
}

fn forwarded(keys: &Keys<'_>, stanza: &Labelled<'_>) -> Result<Option<Forwarded>, ConfigError> {
    let key = "x_forwarded_for_authorized_addrs";
    let hop_skips = keys.number("x_forwarded_for_hop_skips")?.unwrap_or(0);
    let reject_not_present = keys.truth("x_forwarded_for_reject_not_present")?.unwrap_or(true);
    let reject_not_authorized = keys.truth("x_forwarded_for_reject_not_authorized")?.unwrap_or(true);
    let Some(addresses) = keys.texts(key)?.filter(|a| !a.is_empty()) else { return Ok(None) };
    if stanza.label == "unix" {
        return Err(keys.wrong(keys.line(key), format!("{key}: clients of a unix socket have no address")));
    }
    let read = |text: &String| {
        cidr::parse(text).ok_or_else(|| {
            keys.wrong(
                keys.line(key),
                format!("{key}: {text:?} is no address or block, as in \"10.0.0.0/8\""),
            )
        })
    };
    Ok(Some(Forwarded {
        authorized: addresses.iter().map(read).collect::<Result<_, _>>()?,
        hop_skips: usize::try_from(hop_skips).unwrap_or(usize::MAX - 1).min(usize::MAX - 1),
        reject_not_present,
        reject_not_authorized,
    }))
}

/// Whether anybody may read the metrics. What else Vault can open to everybody stays closed here.
fn telemetry(keys: &Keys<'_>, warnings: &mut Vec<String>) -> Result<bool, ConfigError> {
    let mut opens_metrics = false;
    for name in ["telemetry", "profiling", "inflight_requests_logging"] {
        for block in keys.blocks(name)? {
            let inner = keys.block(format!("listener {name}"), block);
            for entry in &block.entries {
                let on = inner.truth(&entry.key)? == Some(true);
                if name == "telemetry" && entry.key == METRICS {
                    opens_metrics = on;
                } else if on {
                    warnings.push(
                        inner.warning(
                            &entry.key,
                            "not supported: this endpoint needs a token that may read it",
                        ),
                    );
                }
            }
        }
    }
    Ok(opens_metrics)
}
