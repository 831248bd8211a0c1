//! The way registries want to be asked: once without a token, then with one from where they say.

use super::name::Name;
use super::{Credentials, Host, MAX_MANIFEST, PATIENCE};
use crate::api::encoded;
use crate::api::exchange::{Answer, Origin, Trust};
use http::header;
use serde_json::Value;

/// Requests about one image.
pub(super) struct Session<'a> {
    host: &'a Host,
    name: &'a Name,
    credentials: Option<&'a Credentials>,
    authorization: Option<String>,
}

/// Where a blob may be redirected to, one after another.
const MAX_REDIRECTS: usize = 3;

impl<'a> Session<'a> {
    pub(super) fn new(host: &'a Host, name: &'a Name, credentials: Option<&'a Credentials>) -> Self {
        Self { host, name, credentials, authorization: None }
    }

    /// Reads `manifests/...` or `blobs/...` of the image.
    pub(super) async fn get(&mut self, what: &str, accept: &str) -> Result<Answer, String> {
        let target = format!("/v2/{}/{what}", self.name.repository);
        let mut answer = self.ask(&target, accept).await?;
        if answer.status == 401 && self.authorization.is_none() {
            let challenge =
                answer.headers.get(header::WWW_AUTHENTICATE).and_then(|value| value.to_str().ok());
            self.authorization = Some(self.authorize(challenge.unwrap_or_default()).await?);
            answer = self.ask(&target, accept).await?;
        }
        match answer.status {
            200 => Ok(answer),
            301 | 302 | 307 | 308 => self.follow(answer).await,
            401 | 403 => Err(format!(
                "the registry {} wants other credentials: give the webhook some (-registry-credentials), or let it read \
                 the Pod's pull Secret (a RoleBinding that lets its account get that Secret by name)",
                self.host.name
            )),
            404 => Err("the registry does not have it, or not for these credentials".to_owned()),
            status => Err(format!("the registry answered with status {status}")),
        }
    }

    async fn ask(&self, target: &str, accept: &str) -> Result<Answer, String> {
        let mut request = http::Request::builder().uri(target).header(header::ACCEPT, accept);
        if let Some(authorization) = &self.authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        self.host.origin.send(request, bytes::Bytes::new(), MAX_MANIFEST, PATIENCE).await
    }

    /// Blobs are often elsewhere. No credentials go there, and nothing there is plain.
    async fn follow(&self, mut answer: Answer) -> Result<Answer, String> {
        for _ in 0..MAX_REDIRECTS {
            let place = answer.headers.get(header::LOCATION).and_then(|place| place.to_str().ok());
            let place = place.ok_or("the registry redirects to nowhere")?;
            let uri: http::Uri = place.parse().map_err(|_| "the registry redirects to nowhere".to_owned())?;
            answer = elsewhere(&uri, &self.host.name, self.host.is_plain, None).await?;
            if answer.status == 200 {
                return Ok(answer);
            }
        }
        Err("the registry redirects too often".to_owned())
    }

    /// What to send as `Authorization`, as a challenge wants it.
    async fn authorize(&self, challenge: &str) -> Result<String, String> {
        let (scheme, rest) = challenge.split_once(' ').unwrap_or((challenge, ""));
        if scheme.eq_ignore_ascii_case("basic") {
            let credentials = self.credentials.ok_or_else(|| {
                format!(
                    "the registry {} wants credentials: give the webhook some (-registry-credentials), or let it read \
                     the Pod's pull Secret (a RoleBinding that lets its account get that Secret by name)",
                    self.host.name
                )
            })?;
            return Ok(credentials.0.clone());
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err("the registry wants to be asked in a way that is not known here".to_owned());
        }
        let field = |name: &str| field(rest, name);
        let realm = field("realm").ok_or("the registry does not say where tokens are")?;
        let service = field("service").unwrap_or_default();
        let scope = format!("repository:{}:pull", self.name.repository);
        let query = format!("service={}&scope={}", encoded(&service), encoded(&scope));
        let joint = if realm.contains('?') { '&' } else { '?' };
        let uri: http::Uri = format!("{realm}{joint}{query}")
            .parse()
            .map_err(|_| "the registry's realm is no address".to_owned())?;
        let credentials = self.credentials.map(|credentials| credentials.0.as_str());
        let answer = elsewhere(&uri, &self.host.name, self.host.is_plain, credentials).await?;
        if answer.status != 200 {
            return Err(format!("the registry's token service answered with status {}", answer.status));
        }
        let body: Value = super::parsed(&answer)?;
        let token = ["token", "access_token"].into_iter().find_map(|name| body.get(name)?.as_str());
        Ok(format!("Bearer {}", token.ok_or("the registry's token service gave no token")?))
    }
}

/// Asks an address that a registry named. The registry is trusted, yet what it names must be TLS to a name, or the
/// registry itself: never an address inside the cluster.
async fn elsewhere(
    uri: &http::Uri,
    registry: &str,
    registry_is_plain: bool,
    authorization: Option<&str>,
) -> Result<Answer, String> {
    let authority = uri.authority().ok_or("the registry names an address without a host")?;
    let is_itself = authority.as_str() == registry;
    let host = authority.host();
    let is_name = host.contains('.') && host.parse::<std::net::IpAddr>().is_err() && !host.starts_with('[');
    let inside = [".svc", ".local", ".internal", ".localhost"]
        .iter()
        .any(|end| host.trim_end_matches('.').ends_with(end));
    let scheme = match uri.scheme_str() {
        Some("https") if is_itself || (is_name && !inside) => "https",
        Some("http") if is_itself && registry_is_plain => "http",
        _ => return Err(format!("the registry names {host}, which is not asked")),
    };
    let origin = Origin::new(&format!("{scheme}://{authority}"), Trust::System)?;
    let target = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let mut request = http::Request::builder().uri(target);
    if let Some(authorization) = authorization {
        request = request.header(header::AUTHORIZATION, authorization);
    }
    origin.send(request, bytes::Bytes::new(), MAX_MANIFEST, PATIENCE).await
}

/// A field of a challenge: `realm="...",service="..."`.
fn field(text: &str, name: &str) -> Option<String> {
    text.split(',').find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"').to_owned())
    })
}
