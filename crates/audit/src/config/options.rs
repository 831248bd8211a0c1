//! Vault's options, read one by one; what is left over is unknown.

use super::{ConfigError, DeviceConfig, Settings, SinkSpec, SocketKind};
use std::collections::BTreeMap;
use std::time::Duration;
use strongroom_wire::duration;

/// Reads the options of a configuration.
pub(crate) fn settings(config: &DeviceConfig) -> Result<Settings, ConfigError> {
    let mut options = Options { left: config.options.clone() };
    let sink = match config.kind.as_str() {
        "file" => file(&mut options)?,
        "socket" => socket(&mut options)?,
        "stdout" => SinkSpec::Stdout,
        "syslog" => return Err(ConfigError::NoSyslog),
        other => return Err(ConfigError::UnknownType(other.chars().take(40).collect())),
    };
    options.json_only()?;
    options.nothing_filtered()?;
    Ok(Settings {
        sink,
        log_raw: options.flag("log_raw", false)?,
        hmac_accessor: options.flag("hmac_accessor", true)?,
        elide_list_responses: options.flag("elide_list_responses", false)?,
        prefix: options.prefix()?,
        skip_test: options.flag("skip_test", false)?,
        unknown: options.left.into_keys().collect(),
    })
}

/// Longest socket timeout: entries wait for the device no longer than this.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(60);

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(2);

const DEFAULT_MODE: u32 = 0o600;

struct Options {
    left: BTreeMap<String, String>,
}

impl Options {
    fn take(&mut self, name: &str) -> Option<String> {
        self.left.remove(name)
    }

    fn flag(&mut self, name: &'static str, default: bool) -> Result<bool, ConfigError> {
        match self.take(name).as_deref() {
            None | Some("") => Ok(default),
            Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(true),
            Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Ok(false),
            Some(other) => Err(refused(name, format!("{} is neither true nor false", shown(other)))),
        }
    }

    fn json_only(&mut self) -> Result<(), ConfigError> {
        match self.take("format").as_deref() {
            None | Some("" | "json") => Ok(()),
            Some("jsonx") => Err(refused("format", "jsonx is not supported; use json".to_owned())),
            Some(other) => Err(refused("format", format!("unknown format {}; use json", shown(other)))),
        }
    }

    /// A filter that is ignored would write what the operator wanted left out, so it is refused.
    fn nothing_filtered(&mut self) -> Result<(), ConfigError> {
        for name in ["filter", "exclude"] {
            if self.take(name).is_some_and(|value| !value.is_empty()) {
                return Err(refused(
                    name,
                    "filtering of audit entries is not supported; remove it".to_owned(),
                ));
            }
        }
        if self.flag("fallback", false)? {
            return Err(refused("fallback", "fallback devices are not supported; remove it".to_owned()));
        }
        Ok(())
    }

    fn prefix(&mut self) -> Result<String, ConfigError> {
        let prefix = self.take("prefix").unwrap_or_default();
        if prefix.chars().any(|c| c.is_control() && c != '\t') {
            return Err(refused("prefix", "it must not hold line ends or control characters".to_owned()));
        }
        Ok(prefix)
    }
}

fn file(options: &mut Options) -> Result<SinkSpec, ConfigError> {
    let legacy = options.take("path");
    let path = options.take("file_path").or(legacy).unwrap_or_default();
    let path = path.trim();
    let mode = mode(options.take("mode").as_deref().unwrap_or_default())?;
    match path {
        "" => Err(refused("file_path", "missing; name a file, or stdout, or discard".to_owned())),
        "stdout" => Ok(SinkSpec::Stdout),
        "discard" => Ok(SinkSpec::Discard),
        _ if path.contains('\0') => Err(refused("file_path", "it must not hold a NUL byte".to_owned())),
        _ => Ok(SinkSpec::File { path: path.into(), mode }),
    }
}

/// An octal mode; `0000` keeps the permissions of the file.
fn mode(text: &str) -> Result<Option<u32>, ConfigError> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(Some(DEFAULT_MODE));
    }
    let digits = text.strip_prefix("0o").unwrap_or(text);
    let mode = u32::from_str_radix(digits, 8)
        .ok()
        .filter(|_| digits.bytes().all(|b| b.is_ascii_digit()))
        .ok_or_else(|| refused("mode", format!("{} is not an octal mode such as 0600", shown(text))))?;
    if mode & !0o666 != 0 {
        let problem = format!(
            "{} allows execution or sets special bits; use only read and write, such as 0600",
            shown(text)
        );
        return Err(refused("mode", problem));
    }
    Ok(Some(mode).filter(|mode| *mode != 0))
}

fn socket(options: &mut Options) -> Result<SinkSpec, ConfigError> {
    let address = options.take("address").map(|a| a.trim().to_owned()).unwrap_or_default();
    let kind = match options.take("socket_type").as_deref().map(str::trim) {
        None | Some("" | "tcp") => SocketKind::Tcp,
        Some("udp") => SocketKind::Udp,
        Some("unix") => SocketKind::Unix,
        Some(other) => {
            return Err(refused(
                "socket_type",
                format!("unknown type {}; use tcp, udp or unix", shown(other)),
            ));
        }
    };
    if address.is_empty() {
        return Err(refused("address", "missing; name host:port, or the path of a unix socket".to_owned()));
    }
    if kind != SocketKind::Unix && !has_port(&address) {
        return Err(refused("address", format!("{} lacks a port; write host:port", shown(&address))));
    }
    let write_timeout = timeout(options.take("write_timeout").as_deref().unwrap_or_default())?;
    Ok(SinkSpec::Socket { kind, address, write_timeout })
}

fn has_port(address: &str) -> bool {
    address.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
}

fn timeout(text: &str) -> Result<Duration, ConfigError> {
    if text.trim().is_empty() {
        return Ok(DEFAULT_TIMEOUT);
    }
    let given = duration::parse(text).map_err(|e| refused("write_timeout", e.to_string()))?;
    if given.is_zero() || given > LONGEST_TIMEOUT {
        return Err(refused("write_timeout", "it must be more than zero and at most 60s".to_owned()));
    }
    Ok(given)
}

fn refused(name: &'static str, problem: String) -> ConfigError {
    ConfigError::Option { name, problem }
}

/// A value as an error shows it.
fn shown(value: &str) -> String {
    let short: String = value.chars().take(60).collect();
    format!("{short:?}")
}
