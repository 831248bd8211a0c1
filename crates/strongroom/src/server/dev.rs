//! `server -dev`: in memory, unsealed, with a known root token.

use super::certificates;
use crate::config::{Config, Storage};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use std::io::Write;
use std::net::Ipv4Addr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use strongroom_barrier::SealConfig;
use strongroom_cli::Failure;
use strongroom_core::{Body, Core, Map, Operation, Path, Remote, Request};
use strongroom_crypto::{Secret, random};
use strongroom_http::tls::Files;
use strongroom_http::{Bind, Settings};

/// What the flags say about a -dev server.
pub(super) struct Dev {
    pub(super) root_token: Option<String>,
    pub(super) address: String,
    /// Where the root token is left for the command line.
    pub(super) token_file: Option<PathBuf>,
    pub(super) tls: bool,
    pub(super) certificate_folder: Option<PathBuf>,
    pub(super) names: Vec<String>,
}

/// What the user of a -dev server needs.
pub(super) struct Ready {
    pub(super) unseal_key: Secret<String>,
    pub(super) root_token: Secret<String>,
}

impl Dev {
    /// Puts the listener first, and memory where no store is configured.
    pub(super) fn configure(&self, config: &mut Config) -> Result<(), Failure> {
        config.storage.get_or_insert(Storage::Memory);
        let bind = Bind::Tcp(self.address.clone());
        if config.listeners.iter().any(|l| l.bind == bind) {
            return Err(Failure::local(format!(
                "The -dev listener and one of the configuration are both at {}: give one of them another address",
                self.address
            )));
        }
        let mut listener = Settings::new(bind);
        if self.tls {
            let written = certificates::write(&self.folder(), &self.names).map_err(Failure::local)?;
            listener.tls = Some(Files::new(written.certificate, written.key));
        }
        config.listeners.insert(0, listener);
        Ok(())
    }

    /// The authority that clients have to trust.
    pub(super) fn authority(&self) -> Option<PathBuf> {
        self.tls.then(|| self.folder().join("vault-ca.pem"))
    }

    /// Removes the certificates if nobody asked where to put them.
    pub(super) fn clean_up(&self) {
        if self.tls && self.certificate_folder.is_none() {
            let _ = std::fs::remove_dir_all(self.folder());
        }
    }

    fn folder(&self) -> PathBuf {
        let own = || std::env::temp_dir().join(format!("strongroom-dev-tls-{}", std::process::id()));
        self.certificate_folder.clone().unwrap_or_else(own)
    }

    /// Initialises the server and makes it usable at once.
    pub(super) async fn set_up(&self, core: &Arc<Core>) -> Result<Ready, Failure> {
        let failed = |what: &str, why: &dyn std::fmt::Display| Failure::local(format!("Error {what}: {why}"));
        if core.barrier.is_initialized().await.map_err(|e| failed("reading the storage", &e))? {
            return Err(Failure::local(
                "-dev sets up an empty storage, and the configured one is in use already: start it without -dev",
            ));
        }
        let seal = SealConfig::new(1, 1).map_err(|e| failed("initialising", &e))?;
        let shares = core.barrier.init(seal).await.map_err(|e| failed("initialising", &e))?;
        let first = core.bootstrap().await.map_err(|e| failed("initialising", &e))?;
        core.after_unseal().await.map_err(|e| failed("starting", &e))?;
        let root_token = match &self.root_token {
            None => first.token,
            Some(id) => {
                ask(core, &first.token, "auth/token/create", chosen(id)).await?;
                ask(core, &first.token, "auth/token/revoke-self", Map::new()).await?;
                Secret::new(id.clone())
            }
        };
        ask(core, &root_token, "sys/mounts/secret", secrets()).await?;
        if let Some(file) = &self.token_file {
            store(file, root_token.expose()).map_err(|e| {
                let place = file.display();
                Failure::local(format!("Error writing {place}: {e}. Without that file: -dev-no-store-token"))
            })?;
        }
        let share = shares.first().map(|s| BASE64_STANDARD.encode(s.expose())).unwrap_or_default();
        Ok(Ready { unseal_key: Secret::new(share), root_token })
    }
}

/// A root token of one's own choice, which outlives the one that makes it.
fn chosen(id: &str) -> Map {
    object(json!({"id": id, "policies": ["root"], "no_parent": true, "no_default_policy": true}))
}

/// The mount at `secret/`.
fn secrets() -> Map {
    object(json!({"type": "kv", "description": "key/value secret storage", "options": {"version": "2"}}))
}

fn object(body: Value) -> Map {
    match body {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

async fn ask(core: &Arc<Core>, token: &Secret<String>, path: &str, body: Map) -> Result<(), Failure> {
    let request = Request {
        id: random::uuid(core.random.as_ref()),
        operation: Operation::Update,
        namespace: String::new(),
        path: Path::parse(path).map_err(|e| Failure::local(format!("{path}: {e}")))?,
        body,
        raw: None,
        token: Some(token.clone()),
        remote: Remote { address: Ipv4Addr::LOCALHOST.into(), port: 0 },
        headers: http::HeaderMap::new(),
        wrap_ttl: None,
        certificates: Vec::new(),
        opens_metrics: false,
    };
    let answer = core.handle(request).await;
    if answer.status < 300 {
        return Ok(());
    }
    let text = match &answer.body {
        Body::Whole(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Body::Stream(_) => String::new(),
    };
    Err(Failure::local(format!("Error setting up {path}: {} {}", answer.status, text.trim())))
}

/// Either the whole token is there afterwards or what was there before.
fn store(file: &std::path::Path, token: &str) -> std::io::Result<()> {
    let scratch = file.with_extension(format!("{}.tmp", std::process::id()));
    let write = || {
        let mut open =
            std::fs::OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&scratch)?;
        open.write_all(token.as_bytes())?;
        std::fs::rename(&scratch, file)
    };
    write().inspect_err(|_| {
        let _ = std::fs::remove_file(&scratch);
    })
}
