//! Keeps settings, certificate and `caBundle` as they should be.

use super::certificates::{self, Pair, State};
use super::{Rules, Shared, Webhook};
use crate::api::{Api, ApiError, set, text};
use crate::cluster;
use crate::leader::Candidate;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use strongroom_wire::Clock;

/// How often it looks.
pub(super) const INTERVAL: Duration = Duration::from_secs(2);
/// Where the state stands in the Secret.
const FIELD: &str = "state.json";

pub(super) struct Keeper {
    webhook: Webhook,
    api: Arc<Api>,
    clock: Arc<dyn Clock>,
    shared: Arc<Shared>,
    candidate: Candidate,
    served: Option<Pair>,
}

impl Keeper {
    pub(super) fn new(webhook: Webhook, api: Arc<Api>, clock: Arc<dyn Clock>, shared: Arc<Shared>) -> Self {
        let candidate = Candidate::new(&webhook.namespace, &webhook.lease, &webhook.identity);
        Self { webhook, api, clock, shared, candidate, served: None }
    }

    /// Looks once. What cannot be had now stays as it was; `/ready` says so only before it was there once.
    pub(super) async fn tick(&mut self) {
        let results = [self.settings().await, self.certificate().await];
        let obstacles: Vec<String> = results.into_iter().filter_map(Result::err).collect();
        for obstacle in &obstacles {
            tracing::warn!("{obstacle}");
        }
        let obstacle = (!obstacles.is_empty()).then(|| Arc::new(obstacles.join("; ")));
        self.shared.obstacle.store(obstacle);
    }

    /// Lets another replica lead.
    pub(super) async fn end(&mut self) {
        self.candidate.resign(&self.api).await;
    }

    async fn settings(&self) -> Result<(), String> {
        let settings = cluster::settings(&self.api, &self.webhook.namespace, self.clock.now()).await?;
        let rules = Rules { settings, allowed: self.webhook.allowed_addresses.clone() };
        if self.shared.rules.load().as_deref() != Some(&rules) {
            tracing::info!(target = ?rules.settings.target, address = rules.settings.address, "settings were read");
            self.shared.rules.store(Some(Arc::new(rules)));
        }
        Ok(())
    }

    async fn certificate(&mut self) -> Result<(), String> {
        let leads = self.candidate.campaign(&self.api, self.clock.now()).await;
        let leads = leads.map_err(|error| format!("the Lease {}: {error}", self.webhook.lease))?;
        let failed = |what: &str, error: ApiError| format!("{what}: {error}");
        let (secret, mut state) = self.read().await?;
        if leads {
            state = self.rotate(secret, state).await?;
        }
        let Some(state) = state else { return Err("no replica has made a certificate yet".to_owned()) };
        if self.served.as_ref() != Some(&state.current) {
            self.shared.tls.store(state.current.server_config()?);
            self.served = Some(state.current.clone());
            tracing::info!("a new certificate is served");
        }
        let path = self.configuration();
        let mut configuration = self.api.get(&path).await.map_err(|error| failed(&path, error))?;
        let bundle = STANDARD.encode(state.bundle());
        if leads && put_bundle(&mut configuration, &bundle) {
            match self.api.update(&path, &configuration).await {
                Ok(_) => tracing::info!("caBundle was written"),
                Err(error) if error.is_conflict() => return Ok(()),
                Err(error) => return Err(failed(&path, error)),
            }
        }
        self.shared.is_published.store(trusts(&configuration, &state.current.authority), Ordering::Release);
        if leads && let Some(published) = state.published(self.clock.now()) {
            let (secret, now) = self.read().await?;
            if now.as_ref() == Some(&state) {
                self.write(secret, &published).await?;
            }
        }
        Ok(())
    }

    /// Takes the next step, if one is due.
    async fn rotate(&self, secret: Value, state: Option<State>) -> Result<Option<State>, String> {
        let names = certificates::names(&self.webhook.service, &self.webhook.namespace);
        let now = self.clock.now();
        let next = State::step(state.as_ref(), now, || Pair::make(&names, now, self.webhook.lifetime))?;
        match next {
            Some(next) => Ok(self.write(secret, &next).await?.then_some(next).or(state)),
            None => Ok(state),
        }
    }

    /// The Secret, and the state in it. One that cannot be read counts as none: it is made anew.
    async fn read(&self) -> Result<(Value, Option<State>), String> {
        let path = self.secret();
        let secret = self.api.get(&path).await.map_err(|error| format!("{path}: {error}"))?;
        let data = secret.get("data").and_then(|data| data.get(FIELD)?.as_str());
        let bytes = data.and_then(|data| STANDARD.decode(data).ok());
        let state = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        if data.is_some() && state.is_none() {
            tracing::warn!("{FIELD} in the Secret cannot be read and counts for nothing");
        }
        Ok((secret, state))
    }

    /// Writes a state, unless somebody else has written meanwhile.
    async fn write(&self, mut secret: Value, state: &State) -> Result<bool, String> {
        let text = serde_json::to_string(state).map_err(|error| error.to_string())?;
        set(&mut secret, &["data", FIELD], json!(STANDARD.encode(text)));
        let path = self.secret();
        match self.api.update(&path, &secret).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_conflict() => Ok(false),
            Err(error) => Err(format!("{path}: {error}")),
        }
    }

    fn secret(&self) -> String {
        format!("/api/v1/namespaces/{}/secrets/{}", self.webhook.namespace, self.webhook.secret)
    }

    fn configuration(&self) -> String {
        let name = &self.webhook.configuration;
        format!("/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/{name}")
    }
}

/// Sets `caBundle` of all webhooks in a configuration; tells whether any was another.
fn put_bundle(configuration: &mut Value, bundle: &str) -> bool {
    let mut is_changed = false;
    let webhooks = configuration.get_mut("webhooks").and_then(Value::as_array_mut);
    for webhook in webhooks.into_iter().flatten() {
        if text(webhook, "/clientConfig/caBundle") != bundle {
            set(webhook, &["clientConfig", "caBundle"], json!(bundle));
            is_changed = true;
        }
    }
    is_changed
}

/// Whether the API server takes what an authority has signed.
fn trusts(configuration: &Value, authority: &str) -> bool {
    let webhooks = configuration.get("webhooks").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    !webhooks.is_empty()
        && webhooks.iter().all(|webhook| {
            let bundle = STANDARD.decode(text(webhook, "/clientConfig/caBundle")).unwrap_or_default();
            String::from_utf8(bundle).is_ok_and(|bundle| bundle.contains(authority))
        })
}
