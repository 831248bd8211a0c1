//! What an image starts, asked of its registry (the distribution API, version 2). Only hosts on a list are asked, and
//! only over TLS, but for those whose entry says `http://`.

mod name;
mod tokens;

use crate::api::exchange::{Answer, Origin, Trust};
use crate::lower::Entrypoint;
use http::header;
use name::Name;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// For one answer of a registry.
const PATIENCE: Duration = Duration::from_secs(3);
/// The API server waits ten seconds for all of a Pod's images.
const ALTOGETHER: Duration = Duration::from_secs(8);
const MAX_MANIFEST: usize = 4 << 20;
const MAX_REMEMBERED: usize = 1000;
const INDEXES: [&str; 2] =
    ["application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"];
const MANIFESTS: [&str; 2] =
    ["application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json"];

/// A name and a password for a registry, as `Authorization` has them. No `Debug`.
#[derive(Clone)]
pub(super) struct Credentials(String);

/// Credentials by host.
pub(super) type Keyring = BTreeMap<String, Credentials>;

/// The registries that may be asked.
pub(super) struct Registries {
    hosts: BTreeMap<String, Arc<Host>>,
    /// What images start, by host and digest: a digest's image never changes.
    remembered: Mutex<BTreeMap<String, Entrypoint>>,
    keyring: Keyring,
}

struct Host {
    name: String,
    origin: Origin,
    is_plain: bool,
}

impl Registries {
    /// With the hosts of `allowed`, and the operator's own credentials.
    pub(super) fn new(allowed: &[String], keyring: Keyring) -> Result<Self, String> {
        let mut hosts = BTreeMap::new();
        for entry in allowed {
            let is_plain = entry.starts_with("http://");
            let name =
                entry.trim_start_matches("http://").trim_start_matches("https://").trim_end_matches('/');
            let scheme = if is_plain { "http" } else { "https" };
            // Docker's registry answers under another name than images have.
            let real = if name == "docker.io" { "registry-1.docker.io" } else { name };
            let origin = Origin::new(&format!("{scheme}://{real}"), Trust::System);
            let origin = origin.map_err(|why| format!("-allowed-registry {entry:?}: {why}"))?;
            hosts.insert(name.to_owned(), Arc::new(Host { name: name.to_owned(), origin, is_plain }));
        }
        Ok(Self { hosts, remembered: Mutex::default(), keyring })
    }

    /// What an image starts, asked with the Pod's credentials, the operator's, or none.
    pub(super) async fn entrypoint(&self, image: &str, pods: &Keyring) -> Result<Entrypoint, String> {
        let told = |why: String| format!("what the image {image} starts is not known: {why}");
        let looking = async {
            let name = Name::parse(image)?;
            let host = self.hosts.get(&name.host).ok_or_else(|| {
                format!("its registry {} is not among those that are asked (-allowed-registry)", name.host)
            })?;
            let credentials = pods.get(&name.host).or_else(|| self.keyring.get(&name.host));
            self.look(host, &name, credentials).await
        };
        let late = |_| format!("its registry did not answer within {} s", ALTOGETHER.as_secs());
        tokio::time::timeout(ALTOGETHER, looking).await.map_err(late).flatten().map_err(told)
    }

    async fn look(
        &self,
        host: &Host,
        name: &Name,
        credentials: Option<&Credentials>,
    ) -> Result<Entrypoint, String> {
        // Whoever may not read the image must not learn of it from the memory: only a digest that the caller's own
        // credentials have led to is looked for there.
        let mut session = tokens::Session::new(host, name, credentials);
        let mut manifest = session.get(&format!("manifests/{}", name.reference), &all_kinds()).await?;
        if INDEXES.contains(&kind_of(&manifest).as_str()) {
            let index = parsed(&manifest)?;
            let digest = child(&index).ok_or("its index names no manifest for Linux")?;
            manifest = session.get(&format!("manifests/{digest}"), &all_kinds()).await?;
        }
        let manifest = parsed(&manifest)?;
        let digest = manifest.pointer("/config/digest").and_then(Value::as_str);
        let digest =
            digest.filter(|digest| digest.starts_with("sha256:")).ok_or("its manifest names no config")?;
        let key = format!("{}/{digest}", host.name);
        let remembered = || self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = remembered().get(&key).cloned() {
            return Ok(known);
        }
        let config = parsed(&session.get(&format!("blobs/{digest}"), "*/*").await?)?;
        let found = entrypoint(&config);
        let mut remembered = remembered();
        if remembered.len() >= MAX_REMEMBERED {
            remembered.clear();
        }
        remembered.insert(key, found.clone());
        Ok(found)
    }
}

fn all_kinds() -> String {
    [INDEXES, MANIFESTS].concat().join(", ")
}

fn kind_of(answer: &Answer) -> String {
    let kind =
        answer.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim().to_owned()
}

fn parsed(answer: &Answer) -> Result<Value, String> {
    serde_json::from_slice(&answer.body).map_err(|_| "the registry did not answer with JSON".to_owned())
}

/// The manifest for Linux in an index: for this machine's kind of processor, or else the first. What an image starts
/// is the same on all, or the image is broken.
fn child(index: &Value) -> Option<String> {
    let manifests = index.get("manifests").and_then(Value::as_array)?;
    let platform = |one: &Value, field: &str| one.pointer(&format!("/platform/{field}")).cloned();
    let linux = || manifests.iter().filter(|one| platform(one, "os").is_none_or(|os| os == "linux"));
    let own = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let chosen = linux().find(|one| platform(one, "architecture").is_some_and(|kind| kind == own));
    let chosen = chosen.or_else(|| linux().next())?;
    Some(chosen.get("digest")?.as_str()?.to_owned())
}

/// `Entrypoint` and `Cmd` of an image's config.
fn entrypoint(config: &Value) -> Entrypoint {
    let words = |field: &str| {
        let list = config.get("config").and_then(|config| config.get(field)?.as_array());
        list.into_iter().flatten().filter_map(|word| word.as_str().map(str::to_owned)).collect()
    };
    Entrypoint { entrypoint: words("Entrypoint"), command: words("Cmd") }
}

/// Reads a file as `docker login` writes it: `{"auths": {HOST: {"auth": BASE64}}}`.
pub(super) fn keyring(text: &str) -> Result<Keyring, String> {
    let wrong = |_| "it is no JSON as in ~/.docker/config.json".to_owned();
    let file: Value = serde_json::from_str(text).map_err(wrong)?;
    let auths = file.get("auths").and_then(Value::as_object).ok_or("it has no field auths")?;
    let mut keyring = Keyring::new();
    for (host, entry) in auths {
        let host = host.trim_start_matches("https://").split('/').next().unwrap_or_default();
        let host = if host == "index.docker.io" { "docker.io" } else { host };
        if let Some(auth) = entry.get("auth").and_then(Value::as_str).filter(|auth| !auth.is_empty()) {
            keyring.insert(host.to_owned(), Credentials(format!("Basic {auth}")));
        }
    }
    Ok(keyring)
}

/// Reads such a file.
pub(super) async fn keyring_file(file: &Path) -> Result<Keyring, String> {
    let failed = |why: String| format!("{}: {why}", file.display());
    let text = tokio::fs::read_to_string(file).await.map_err(|error| failed(error.to_string()))?;
    keyring(&text).map_err(failed)
}

#[cfg(test)]
mod tests;
