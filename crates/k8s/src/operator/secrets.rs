//! What Strongroom says of secrets: versions, and whether values differ between two of them.

use super::workload::{Keys, Place};
use crate::lower::Settings;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use strongroom_client::{Client, Config, Error, Method, Request};

/// A session with Strongroom, for one look.
pub(super) struct Session {
    client: Client,
    /// Whether a mount has versions, by namespace and path.
    versioned: BTreeMap<(Option<String>, String), bool>,
}

/// The state of a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Current {
    /// Its newest version, which can be read.
    Version(u64),
    /// There is nothing to take: deleted, or not there.
    Gone,
    /// Its mount keeps no versions.
    Unversioned,
}

impl Session {
    /// Logs in with the token in a file.
    pub(super) async fn begin(settings: &Settings, role: &str, token: &Path) -> Result<Self, String> {
        let address = settings.address.as_deref().ok_or("strongroom-config names no address")?;
        let mut config = Config::new(address).map_err(|error| error.to_string())?;
        config.tls.ca_cert_pem.clone_from(&settings.ca_pem);
        config.tls.server_name.clone_from(&settings.tls_server_name);
        config.tls.skip_verify = settings.tls_skip_verify;
        config.namespace = settings.namespace.clone().unwrap_or_default();
        config.timeout = std::time::Duration::from_secs(10);
        let client = Client::new(config);
        let jwt = tokio::fs::read_to_string(token).await;
        let jwt = jwt.map_err(|error| format!("cannot read {}: {error}", token.display()))?;
        let path = format!("auth/{}/login", settings.auth_mount.as_deref().unwrap_or("kubernetes"));
        let answer = client.write(&path, json!({"role": role, "jwt": jwt.trim()})).await;
        let answer = answer.map_err(|error| format!("login as {role}: {error}"))?;
        let auth = answer.and_then(|secret| secret.auth).ok_or("the login gave no token")?;
        let client = client.with(|config| config.token = auth.client_token);
        Ok(Self { client, versioned: BTreeMap::new() })
    }

    /// Gives the token back.
    pub(super) async fn end(self) {
        if let Err(error) = self.client.write("auth/token/revoke-self", json!({})).await {
            tracing::debug!(%error, "the operator's token was not revoked");
        }
    }

    /// The newest version of a secret.
    pub(super) async fn current(&mut self, place: &Place) -> Result<Current, String> {
        let told = |error: Error| format!("{place}: {error}");
        if !self.is_versioned(place).await.map_err(told)? {
            return Ok(Current::Unversioned);
        }
        let path = format!("{}/metadata/{}", place.mount, place.path);
        let answer = self.at(place).read(&path).await.map_err(told)?;
        let Some(metadata) = answer else { return Ok(Current::Gone) };
        let version = metadata.get("current_version").and_then(Value::as_u64).unwrap_or(0);
        let entry = metadata.get("versions").and_then(|all| all.get(version.to_string()));
        let is_there = entry.is_some_and(|entry| {
            entry.get("destroyed") != Some(&Value::Bool(true))
                && entry.get("deletion_time").and_then(Value::as_str).is_none_or(str::is_empty)
        });
        Ok(if is_there { Current::Version(version) } else { Current::Gone })
    }

    /// Whether the used values differ between two versions. Where that cannot be seen, they count as different.
    pub(super) async fn differ(
        &self,
        place: &Place,
        keys: &Keys,
        old: u64,
        new: u64,
    ) -> Result<bool, String> {
        let (Some(old), Some(new)) = (self.values(place, old).await?, self.values(place, new).await?) else {
            return Ok(true);
        };
        if keys.all {
            return Ok(old != new);
        }
        Ok(keys.named.iter().any(|key| old.get(key) != new.get(key)))
    }

    /// The values of a version; none if they cannot be seen.
    async fn values(&self, place: &Place, version: u64) -> Result<Option<Map<String, Value>>, String> {
        let path = format!("{}/data/{}", place.mount, place.path);
        let request = Request::new(Method::Get, path).query("version", version.to_string());
        match self.at(place).fetch(request).await {
            Ok(secret) => Ok(secret.and_then(|secret| secret.get("data")?.as_object().cloned())),
            Err(Error::Api(error)) if error.status == 403 => {
                tracing::debug!(%place, "its values may not be read: any new version counts as a change");
                Ok(None)
            }
            Err(error) => Err(format!("{place}: {error}")),
        }
    }

    async fn is_versioned(&mut self, place: &Place) -> Result<bool, Error> {
        let known = (place.namespace.clone(), place.mount.clone());
        if let Some(is_versioned) = self.versioned.get(&known) {
            return Ok(*is_versioned);
        }
        let answer = self.at(place).read(&format!("sys/internal/ui/mounts/{}", place.mount)).await?;
        let version = answer.as_ref().and_then(|mount| mount.get("options")?.get("version")?.as_str());
        let is_versioned = version == Some("2");
        self.versioned.insert(known, is_versioned);
        Ok(is_versioned)
    }

    fn at(&self, place: &Place) -> Client {
        match &place.namespace {
            Some(namespace) => self.client.with(|config| config.namespace.clone_from(namespace)),
            None => self.client.clone(),
        }
    }
}
