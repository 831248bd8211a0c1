//! Questions to the cluster's API.

use super::config::Config;
use super::local;
use strongroom_core::outbound::{OutError, OutRequest};
use strongroom_core::{Core, Fault, Value};
use strongroom_wire::json;

/// The cluster as it can be asked during one login.
pub(super) struct Cluster<'a> {
    core: &'a Core,
    api: String,
    ca_pem: Option<String>,
    /// The token that asks.
    token: String,
}

/// Why the cluster gave no answer.
pub(super) enum NoAnswer {
    /// It cannot be asked.
    Unreachable,
    /// It refuses the question, with this status.
    Status(u16),
}

impl<'a> Cluster<'a> {
    /// Asks with the configured token, else with this server's own, else with the caller's.
    pub(super) async fn of(core: &'a Core, config: &'a Config, callers: &str) -> Result<Self, Fault> {
        let own = !config.disable_local_ca_jwt;
        let mut token = config.token_reviewer_jwt.clone();
        if token.is_empty() && own {
            token = local::token(core).await.unwrap_or_default();
        }
        if token.is_empty() {
            callers.clone_into(&mut token);
        }
        let mut ca_pem = Some(config.kubernetes_ca_cert.clone()).filter(|pem| !pem.is_empty());
        if ca_pem.is_none() && own {
            ca_pem = local::authorities(core).await;
        }
        let api = config.api();
        if ca_pem.is_none() && api.starts_with("https://") {
            return Err(Fault::invalid(
                "could not load configuration: this server does not run in a Pod, so that config needs kubernetes_ca_cert",
            ));
        }
        Ok(Self { core, api, ca_pem, token })
    }

    /// What a path of the API shows.
    pub(super) async fn get(&self, path: &str) -> Result<Value, NoAnswer> {
        self.ask(OutRequest::get(&self.url(path), self.ca_pem.clone())).await
    }

    /// What a path of the API answers to an object.
    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Value, NoAnswer> {
        let body = body.to_string().into_bytes();
        self.ask(OutRequest::post(&self.url(path), self.ca_pem.clone(), body)).await
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.api)
    }

    async fn ask(&self, request: OutRequest) -> Result<Value, NoAnswer> {
        let url = request.url.clone();
        let answer =
            self.core.outbound.send(request.bearer(&self.token)).await.map_err(|error: OutError| {
                tracing::warn!(url, %error, "the Kubernetes API cannot be asked");
                NoAnswer::Unreachable
            })?;
        if !matches!(answer.status, 200 | 201) {
            tracing::warn!(url, status = answer.status, "the Kubernetes API refuses to answer");
            return Err(NoAnswer::Status(answer.status));
        }
        json::read(&answer.body).map_err(|_| {
            tracing::warn!(url, "the Kubernetes API answers something else than JSON");
            NoAnswer::Unreachable
        })
    }
}
