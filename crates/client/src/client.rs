//! The client.

use crate::address::Address;
use crate::config::{Config, ConfigError};
use crate::connection::{Connections, SendError};
use crate::error::Error;
use crate::preview::{self, Preview};
use crate::request::{Method, Request};
use crate::response::Response;
use crate::secret::Secret;
use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http_body_util::{BodyExt, Full, Limited};
use serde_json::Value;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::time::Duration;

/// A client of one server. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct Client {
    config: Arc<Config>,
    connections: Arc<Connections>,
}

impl Client {
    /// A client with these settings. Nothing is opened yet.
    pub fn new(config: Config) -> Self {
        let connections = Arc::new(Connections::new(config.tls.clone(), config.lookup.clone()));
        Self { config: Arc::new(config), connections }
    }

    /// The settings.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The same client with other settings, which `change` makes. Changed settings of TLS
    /// and lookup have no effect: make a new client for those.
    #[must_use]
    pub fn with(&self, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = (*self.config).clone();
        change(&mut config);
        Self { config: Arc::new(config), connections: Arc::clone(&self.connections) }
    }

    /// Reads a path; none when there is nothing.
    pub async fn read(&self, path: &str) -> Result<Option<Secret>, Error> {
        self.fetch(Request::new(Method::Get, path)).await
    }

    /// Lists a path; none when there is nothing.
    pub async fn list(&self, path: &str) -> Result<Option<Secret>, Error> {
        self.fetch(Request::new(Method::List, path)).await
    }

    /// Writes to a path.
    pub async fn write(&self, path: &str, body: Value) -> Result<Option<Secret>, Error> {
        self.send(Request::new(Method::Put, path).body(body)).await?.secret()
    }

    /// Changes what is at a path (merge-patch).
    pub async fn patch(&self, path: &str, body: Value) -> Result<Option<Secret>, Error> {
        let request = Request::new(Method::Patch, path)
            .body(body)
            .header("content-type", "application/merge-patch+json");
        self.send(request).await?.secret()
    }

    /// Deletes what is at a path.
    pub async fn delete(&self, path: &str) -> Result<Option<Secret>, Error> {
        self.send(Request::new(Method::Delete, path)).await?.secret()
    }

    /// Sends a request whose 404 means "nothing there": with data or warnings it is an answer,
    /// without any message it is none.
    pub async fn fetch(&self, request: Request) -> Result<Option<Secret>, Error> {
        let response = self.send_any(request).await?;
        if response.status != 404 {
            return response.checked()?.secret();
        }
        match response.secret() {
            Ok(Some(secret)) if secret.has_content() => Ok(Some(secret)),
            _ if response.error().errors.is_empty() => Ok(None),
            _ => response.checked()?.secret(),
        }
    }

    /// Sends a request; answers from 400 on are errors.
    pub async fn send(&self, request: Request) -> Result<Response, Error> {
        self.send_any(request).await?.checked()
    }

    /// Sends a request and returns the answer whatever its status, after redirects and retries.
    pub async fn send_any(&self, request: Request) -> Result<Response, Error> {
        let headers = self.headers(&request);
        let target = request.target(&self.config.address.base);
        if let Some(kind) = self.config.preview {
            return Err(Error::Preview(self.preview(kind, &request, &target, &headers)));
        }
        let mut attempt = 0;
        loop {
            let result = self.follow(&request, &target, &headers).await;
            if attempt >= self.config.max_retries || !worth_repeating(&result) {
                return result;
            }
            attempt += 1;
            tokio::time::sleep(self.wait(attempt, &result)).await;
        }
    }

    /// Sends once, and again wherever the server redirects to.
    async fn follow(
        &self,
        request: &Request,
        target: &str,
        headers: &[(String, String)],
    ) -> Result<Response, Error> {
        let (mut address, mut target) = (self.config.address.clone(), target.to_owned());
        for _ in 0..=MAX_REDIRECTS {
            let response = self.exchange(request, &address, &target, headers).await?;
            if !self.config.follow_redirects || !matches!(response.status, 301 | 302 | 307 | 308) {
                return Ok(response);
            }
            let Some(place) = response.headers.get(header::LOCATION).and_then(|v| v.to_str().ok()) else {
                return Ok(response);
            };
            (address, target) = redirected(&address, place)
                .map_err(|reason| Error::Answer { url: response.url.clone(), reason })?;
        }
        Err(Error::Answer {
            url: format!("{}{target}", address.origin()),
            reason: "it redirects in a circle".to_owned(),
        })
    }

    /// One request, one answer.
    async fn exchange(
        &self,
        request: &Request,
        address: &Address,
        target: &str,
        headers: &[(String, String)],
    ) -> Result<Response, Error> {
        let method = request.method.as_str();
        let url = format!("{}{target}", address.origin());
        let message = build(request, address, target, headers)?;
        let broken = |reason: String| Error::Transport { method, url: url.clone(), reason };
        let work = async {
            let answer = self.connections.send(address, message).await.map_err(|e| match e {
                SendError::Open(e) => e,
                SendError::Broken(reason) => broken(reason),
            })?;
            let (response, keep) = answer.split();
            let (parts, body) = response.into_parts();
            let body =
                Limited::new(body, MAX_BODY).collect().await.map_err(|e| broken(e.to_string()))?.to_bytes();
            keep();
            Ok(Response {
                method,
                url: url.clone(),
                path: request.path.clone(),
                namespace: self.config.namespace.clone(),
                status: parts.status.as_u16(),
                headers: parts.headers,
                body,
            })
        };
        let timeout = request.timeout.unwrap_or(self.config.timeout);
        match tokio::time::timeout(timeout, work).await {
            Ok(result) => result,
            Err(_) => Err(Error::Timeout { method, url: url.clone() }),
        }
    }

    /// The headers of a request; later ones of the same name are further values.
    fn headers(&self, request: &Request) -> Vec<(String, String)> {
        let token = request.token.as_deref().unwrap_or(&self.config.token);
        let wrap_ttl = request.wrap_ttl.as_deref().unwrap_or(&self.config.wrap_ttl);
        let mut headers = vec![("X-Vault-Request".to_owned(), "true".to_owned())];
        for (name, value) in [
            ("X-Vault-Token", token),
            ("X-Vault-Namespace", &self.config.namespace),
            ("X-Vault-Wrap-TTL", wrap_ttl),
        ] {
            if !value.is_empty() {
                headers.push((name.to_owned(), value.to_owned()));
            }
        }
        headers.extend(request.headers.iter().cloned());
        headers.extend(self.config.headers.iter().cloned());
        headers
    }

    fn preview(
        &self,
        kind: Preview,
        request: &Request,
        target: &str,
        headers: &[(String, String)],
    ) -> String {
        let address = &self.config.address;
        match kind {
            Preview::Policy => preview::policy(request),
            Preview::Curl => {
                let shown = address.to_string();
                let url = format!("{}{target}", address.origin());
                preview::curl(request, &url, headers, &self.config.tls, shown.strip_prefix("unix://"))
            }
        }
    }

    /// How long to wait before a repetition: longer each time, with some chance in it so that
    /// clients that failed together do not come back together.
    fn wait(&self, attempt: u32, result: &Result<Response, Error>) -> Duration {
        let asked = result
            .as_ref()
            .ok()
            .and_then(|r| r.headers.get(header::RETRY_AFTER)?.to_str().ok()?.parse().ok());
        if let Some(seconds) = asked {
            return Duration::from_secs(seconds).min(MAX_RETRY_AFTER);
        }
        let chance = std::hash::RandomState::new().hash_one(attempt) % 500;
        self.config
            .retry_wait
            .saturating_mul(attempt)
            .mul_f64(1.0 + f64::from(u32::try_from(chance).unwrap_or(0)) / 1000.0)
    }
}

fn build(
    request: &Request,
    address: &Address,
    target: &str,
    headers: &[(String, String)],
) -> Result<http::Request<Full<Bytes>>, Error> {
    let body = request.body.clone().unwrap_or_default();
    let mut message = http::Request::builder()
        .method(request.method.as_str())
        .uri(target)
        .body(Full::new(body))
        .map_err(|e| Error::Config(ConfigError::Path(e.to_string())))?;
    let map = message.headers_mut();
    let refused = |name: &str| Error::Config(ConfigError::Header(name.to_owned()));
    map.insert(header::HOST, HeaderValue::from_str(address.authority()).map_err(|_| refused("Host"))?);
    map.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
    if request.body.is_some() {
        map.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    for (name, value) in headers {
        let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| refused(name))?;
        let value = HeaderValue::from_str(value).map_err(|_| refused(name))?;
        if key == header::CONTENT_TYPE {
            map.insert(key, value);
        } else {
            map.append(key, value);
        }
    }
    Ok(message)
}

/// Where a redirect leads. From TLS to plain text it is not followed: the token would travel in the clear.
fn redirected(from: &Address, place: &str) -> Result<(Address, String), String> {
    if place.starts_with('/') {
        return Ok((from.clone(), place.to_owned()));
    }
    let address = Address::parse(place).map_err(|e| format!("its redirect leads nowhere: {e}"))?;
    if from.is_tls() && !address.is_tls() {
        return Err("it redirects from https to http, which is not followed".to_owned());
    }
    let target = place.parse::<http::Uri>().ok().and_then(|u| u.path_and_query().map(ToString::to_string));
    Ok((address, target.unwrap_or_else(|| "/".to_owned())))
}

fn worth_repeating(result: &Result<Response, Error>) -> bool {
    match result {
        Ok(response) => matches!(response.status, 412 | 429 | 500 | 502..=599),
        Err(Error::Connect { .. } | Error::Transport { .. }) => true,
        Err(_) => false,
    }
}

const MAX_REDIRECTS: usize = 5;
const MAX_RETRY_AFTER: Duration = Duration::from_secs(30);
/// Snapshots are the largest answers.
const MAX_BODY: usize = 4 << 30;
const USER_AGENT: &str = concat!("strongroom/", env!("CARGO_PKG_VERSION"));
