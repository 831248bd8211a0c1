//! What a Pod's images start.

use super::mutate::Entrypoints;
use super::registry::{self, Keyring, Registries};
use crate::api::{Api, text};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;

/// Looks images up.
pub(super) struct Images {
    api: Arc<Api>,
    registries: Registries,
}

impl Images {
    /// Asks the registries in `allowed`, with the operator's own credentials from a file if there is one.
    pub(super) async fn new(api: Arc<Api>, allowed: &[String], file: Option<&Path>) -> Result<Self, String> {
        let keyring = match file {
            Some(file) => registry::keyring_file(file).await?,
            None => Keyring::new(),
        };
        Ok(Self { api, registries: Registries::new(allowed, keyring)? })
    }

    /// What these images of a Pod start, or why that is not known.
    pub(super) async fn look(&self, namespace: &str, pod: &Value, images: Vec<String>) -> Entrypoints {
        let keyring = self.pull_secrets(namespace, pod).await;
        let mut known = Entrypoints::new();
        for image in images {
            let found = self.registries.entrypoint(&image, &keyring).await;
            if let Err(why) = &found {
                tracing::info!(namespace, image, "{why}");
            }
            known.insert(image, found);
        }
        known
    }

    /// The credentials in those of the Pod's pull Secrets that our account has been allowed to get by name.
    async fn pull_secrets(&self, namespace: &str, pod: &Value) -> Keyring {
        let mut keyring = Keyring::new();
        let named = pod.pointer("/spec/imagePullSecrets").and_then(Value::as_array).into_iter().flatten();
        for name in named.map(|one| text(one, "/name")).filter(|name| is_name(name)).take(8) {
            if !is_name(namespace) {
                break;
            }
            let secret = self.api.get(&format!("/api/v1/namespaces/{namespace}/secrets/{name}")).await;
            let Ok(secret) = secret else { continue };
            let data = secret.get("data").and_then(|data| data.get(".dockerconfigjson")?.as_str());
            let data = data.and_then(|data| String::from_utf8(STANDARD.decode(data).ok()?).ok());
            match data.as_deref().map(registry::keyring) {
                Some(Ok(found)) => found.into_iter().for_each(|(host, one)| {
                    keyring.entry(host).or_insert(one);
                }),
                _ => tracing::info!(
                    namespace,
                    name,
                    "the pull Secret holds no .dockerconfigjson that can be read"
                ),
            }
        }
        keyring
    }
}

/// Whether a text may stand in a path of the API: nobody but the API server is asked to check what a review says.
fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 253
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte))
        && !text.starts_with('.')
}
