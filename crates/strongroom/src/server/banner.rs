//! What the server prints when it starts.

use super::dev::{Dev, Ready};
use super::running::Start;
use crate::config::Storage;
use strongroom_cli::Context;
use strongroom_core::core::Settings;
use strongroom_http::Bound;

/// The configuration in force.
pub(super) fn configuration(cx: &mut Context<'_>, start: &Start, listeners: &[Bound], settings: &Settings) {
    let mut rows = vec![("Api Address".to_owned(), settings.api_addr.clone())];
    if !settings.cluster_addr.is_empty() {
        rows.push(("Cluster Address".to_owned(), settings.cluster_addr.clone()));
    }
    for (at, listener) in listeners.iter().enumerate() {
        rows.push((format!("Listener {}", at + 1), listener.describe()));
    }
    rows.push(("Log Level".to_owned(), start.level.as_str().to_owned()));
    rows.push(("Mlock".to_owned(), "supported: false, enabled: false".to_owned()));
    rows.push(("Recovery Mode".to_owned(), "false".to_owned()));
    rows.push((
        "Storage".to_owned(),
        start.config.storage.as_ref().map_or("inmem", Storage::kind).to_owned(),
    ));
    rows.push((
        "Version".to_owned(),
        format!("Vault v{} (Strongroom {})", settings.version, settings.own_version),
    ));
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0).max(21) + 3;
    cx.say("==> Vault server configuration:\n");
    for (name, value) in rows {
        cx.say(format!("{name:>width$}: {value}"));
    }
    cx.say("\n==> Vault server started! Log data will stream in below:\n");
}

/// What the user of a -dev server needs.
pub(super) fn dev(cx: &mut Context<'_>, dev: &Dev, ready: &Ready, url: &str) {
    cx.say("WARNING! dev mode is enabled! Everything is kept in memory and lost when this process ends.");
    cx.say("The server is unsealed and has one unseal key. Do not use it for real secrets.\n");
    cx.say("To use it from another shell:\n");
    cx.say(format!("    $ export VAULT_ADDR='{url}'"));
    if let Some(authority) = dev.authority() {
        cx.say(format!("    $ export VAULT_CACERT='{}'", authority.display()));
    }
    cx.say("\nTo seal and unseal it, or to log in:\n");
    cx.say(format!("Unseal Key: {}", ready.unseal_key.expose()));
    cx.say(format!("Root Token: {}\n", ready.root_token.expose()));
}
