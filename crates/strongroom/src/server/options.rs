//! The flags of `server`.

use super::dev::Dev;
use crate::config::RotationKeys;
use std::path::PathBuf;
use strongroom_cli::{Context, Failure};
use strongroom_wire::duration;

/// What the command line asks for.
pub(super) struct Options {
    pub(super) config: Vec<PathBuf>,
    pub(super) dev: Option<Dev>,
    pub(super) log_level: Option<String>,
    pub(super) log_format: Option<String>,
    pub(super) log_file: Option<PathBuf>,
    pub(super) log_rotation: RotationKeys,
    pub(super) ungated_log: bool,
}

impl Options {
    pub(super) fn read(cx: &Context<'_>) -> Result<Self, Failure> {
        let or_variable =
            |flag: &str, name: &str| cx.text(flag).map(str::to_owned).or_else(|| cx.variable(name));
        let tls = cx.is_on("dev-tls") || cx.text("dev-tls-cert-dir").is_some();
        // Each of these asks for a -dev server too, as it does with Vault.
        let wants_dev = cx.is_on("dev") || tls || cx.text("dev-root-token-id").is_some();
        let dev = wants_dev.then(|| Dev {
            root_token: or_variable("dev-root-token-id", "VAULT_DEV_ROOT_TOKEN_ID").filter(|t| !t.is_empty()),
            address: or_variable("dev-listen-address", "VAULT_DEV_LISTEN_ADDRESS")
                .unwrap_or_else(|| "127.0.0.1:8200".to_owned()),
            token_file: (!cx.is_on("dev-no-store-token"))
                .then(|| cx.variable("HOME").map(|home| PathBuf::from(home).join(".vault-token")))
                .flatten(),
            tls,
            certificate_folder: cx.text("dev-tls-cert-dir").map(PathBuf::from),
            names: cx.list("dev-tls-san").to_vec(),
        });
        let config: Vec<PathBuf> = cx.list("config").iter().map(PathBuf::from).collect();
        if config.is_empty() && dev.is_none() {
            return Err(Failure::local(
                "Must specify at least one config path using -config, or -dev to try things out",
            ));
        }
        Ok(Self {
            config,
            dev,
            log_level: or_variable("log-level", "VAULT_LOG_LEVEL"),
            log_format: or_variable("log-format", "VAULT_LOG_FORMAT"),
            log_file: or_variable("log-file", "VAULT_LOG_FILE").map(PathBuf::from),
            log_rotation: rotation(&or_variable)?,
            ungated_log: cx.is_on("disable-gated-logs"),
        })
    }
}

fn rotation(given: &dyn Fn(&str, &str) -> Option<String>) -> Result<RotationKeys, Failure> {
    fn read<T>(
        flag: &str,
        form: &str,
        given: Option<String>,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, Failure> {
        let wrong = |text: String| Failure::local(format!("-{flag} must be {form}, and not {text:?}"));
        given.filter(|t| !t.is_empty()).map(|t| parse(&t).ok_or_else(|| wrong(t))).transpose()
    }
    let (bytes, duration, files) = ("log-rotate-bytes", "log-rotate-duration", "log-rotate-max-files");
    Ok(RotationKeys {
        bytes: read(bytes, "a number of bytes", given(bytes, "VAULT_LOG_ROTATE_BYTES"), |t| t.parse().ok())?,
        duration: read(duration, "a duration, as 24h", given(duration, "VAULT_LOG_ROTATE_DURATION"), |t| {
            duration::parse(t).ok()
        })?,
        max_files: read(files, "a whole number", given(files, "VAULT_LOG_ROTATE_MAX_FILES"), |t| {
            t.parse().ok()
        })?,
    })
}
