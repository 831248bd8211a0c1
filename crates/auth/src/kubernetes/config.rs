//! Where the cluster's API is, as an operator says it.

use crate::web_token::{WebToken, WebTokenError};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;
use strongroom_core::outbound::{check_url, is_exposed};
use strongroom_core::{BoxFuture, Call, Fault, Map, Mount, Record, Response, Txn, Value};
use strongroom_crypto::jws::Key;
use strongroom_crypto::pem;
use strongroom_wire::field::Args;

/// The configuration as it is kept.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Config {
    pub(super) kubernetes_host: String,
    pub(super) kubernetes_ca_cert: String,
    pub(super) token_reviewer_jwt: String,
    pub(super) pem_keys: Vec<String>,
    pub(super) disable_local_ca_jwt: bool,
    pub(super) issuer: String,
    pub(super) disable_iss_validation: bool,
    pub(super) use_annotations_as_alias_metadata: bool,
}

impl Record for Config {}

impl Config {
    /// The configuration of a mount, if there is one.
    pub(super) async fn find(txn: &mut Txn, mount: &Mount) -> Result<Option<Arc<Self>>, Fault> {
        txn.get(&key(mount)).await
    }

    /// The address of the cluster's API, without a slash at its end. A mere host is meant with TLS.
    pub(super) fn api(&self) -> String {
        let host = self.kubernetes_host.trim_end_matches('/');
        if host.contains("://") { host.to_owned() } else { format!("https://{host}") }
    }

    /// The issuer that tokens must name, if that is checked.
    pub(super) fn wanted_issuer(&self) -> Option<&str> {
        let issuer = if self.issuer.is_empty() { DEFAULT_ISSUER } else { &self.issuer };
        (!self.disable_iss_validation).then_some(issuer)
    }

    fn show(&self) -> Map {
        let shown = json!({
            "disable_iss_validation": self.disable_iss_validation,
            "disable_local_ca_jwt": self.disable_local_ca_jwt,
            "issuer": self.issuer,
            "kubernetes_ca_cert": self.kubernetes_ca_cert,
            "kubernetes_host": self.kubernetes_host,
            "pem_keys": self.pem_keys,
            "token_reviewer_jwt_set": !self.token_reviewer_jwt.is_empty(),
        });
        let Value::Object(mut data) = shown else { return Map::new() };
        if self.use_annotations_as_alias_metadata {
            data.insert("use_annotations_as_alias_metadata".to_owned(), Value::Bool(true));
        }
        data
    }
}

pub(super) fn read(call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(async move {
        let config = Config::find(call.txn, &call.req.mounted.entry).await?.ok_or(Fault::NotFound)?;
        Ok(Response::data(config.show()))
    })
}

/// Replaces the configuration.
pub(super) fn write(call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(async move {
        let config = given(call.args)?;
        call.txn.put(&key(&call.req.mounted.entry), &config)?;
        Ok(warnings(&config).into_iter().fold(Response::none(), Response::warn))
    })
}

/// The issuer of the oldest service-account tokens.
const DEFAULT_ISSUER: &str = "kubernetes/serviceaccount";

fn key(mount: &Mount) -> Vec<u8> {
    mount.key("config")
}

fn given(args: &Args) -> Result<Config, Fault> {
    let text = |name| args.text_or_empty(name).to_owned();
    let config = Config {
        kubernetes_host: text("kubernetes_host").trim().to_owned(),
        kubernetes_ca_cert: text("kubernetes_ca_cert"),
        token_reviewer_jwt: text("token_reviewer_jwt").trim().to_owned(),
        pem_keys: args.list("pem_keys").unwrap_or_default().to_vec(),
        disable_local_ca_jwt: args.bool("disable_local_ca_jwt").unwrap_or(false),
        issuer: text("issuer"),
        disable_iss_validation: args.bool("disable_iss_validation").unwrap_or(true),
        use_annotations_as_alias_metadata: args.bool("use_annotations_as_alias_metadata").unwrap_or(false),
    };
    check(&config)?;
    Ok(config)
}

fn check(config: &Config) -> Result<(), Fault> {
    if config.kubernetes_host.is_empty() {
        return Err(Fault::invalid("no host provided: missing kubernetes_host"));
    }
    check_url("kubernetes_host", &config.api())?;
    if config.kubernetes_host.contains(['?', '#']) {
        return Err(Fault::invalid("'kubernetes_host' carries more than an address and a path"));
    }
    if config.disable_local_ca_jwt && config.kubernetes_ca_cert.is_empty() {
        return Err(Fault::invalid("kubernetes_ca_cert must be given when disable_local_ca_jwt is true"));
    }
    if !config.kubernetes_ca_cert.is_empty()
        && !config.kubernetes_ca_cert.contains("-----BEGIN CERTIFICATE-----")
    {
        return Err(Fault::invalid(
            "'kubernetes_ca_cert' holds no certificate; required type: PEM. To send a file's content, write kubernetes_ca_cert=@path",
        ));
    }
    for (nth, text) in config.pem_keys.iter().enumerate() {
        Key::from_pem(text).map_err(|why| {
            Fault::invalid(format!(
                "'pem_keys', number {}: {why}; required type: PEM, with a public key or certificate",
                nth + 1
            ))
        })?;
    }
    // A file's path ends here: no file is ever read for who calls.
    if !config.token_reviewer_jwt.is_empty() && !is_token(&config.token_reviewer_jwt) {
        return Err(Fault::invalid(
            "'token_reviewer_jwt' is no JWT (compact JWS format must have three parts). If it is the path of a file, write token_reviewer_jwt=@path to send the file's content",
        ));
    }
    Ok(())
}

/// What will not work, or not well. Later writes may mend it.
fn warnings(config: &Config) -> Vec<String> {
    let mut warnings = Vec::new();
    if !config.kubernetes_ca_cert.is_empty() && pem::decode(&config.kubernetes_ca_cert).is_none() {
        warnings.push(
            "kubernetes_ca_cert holds no certificate that can be read: logins will fail until it does"
                .to_owned(),
        );
    }
    if is_exposed(&config.api()) {
        warnings.push(
            "kubernetes_host is not behind TLS: tokens can be read and answers forged on the way".to_owned(),
        );
    }
    warnings
}

/// Whether it is a JWT, whatever the algorithm: it is sent and not verified.
fn is_token(text: &str) -> bool {
    matches!(WebToken::parse(text), Ok(_) | Err(WebTokenError::Algorithm | WebTokenError::Critical))
}
