//! Who signs tokens, as an operator says it.

use super::keys;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;
use strongroom_core::outbound::{check_url, is_exposed};
use strongroom_core::{BoxFuture, Call, Fault, Map, Mount, Record, Response, Txn, Value};
use strongroom_crypto::jws::{ALGORITHMS, Algorithm, Key};
use strongroom_crypto::pem;
use strongroom_wire::field::Args;

/// The configuration as it is kept.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Config {
    pub(super) oidc_discovery_url: String,
    pub(super) oidc_discovery_ca_pem: String,
    pub(super) oidc_client_id: String,
    pub(super) oidc_client_secret: String,
    pub(super) oidc_response_mode: String,
    pub(super) oidc_response_types: Vec<String>,
    pub(super) jwks_url: String,
    pub(super) jwks_ca_pem: String,
    pub(super) jwks_pairs: Vec<KeySet>,
    pub(super) default_role: String,
    pub(super) jwt_validation_pubkeys: Vec<String>,
    pub(super) jwt_supported_algs: Vec<String>,
    pub(super) bound_issuer: String,
    pub(super) namespace_in_state: bool,
}

impl Record for Config {}

/// A key set by its address.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeySet {
    pub(super) jwks_url: String,
    /// Empty for the system's authorities.
    #[serde(default)]
    pub(super) jwks_ca_pem: String,
}

impl Config {
    /// The configuration of a mount, if there is one.
    pub(super) async fn find(txn: &mut Txn, mount: &Mount) -> Result<Option<Arc<Self>>, Fault> {
        txn.get(&key(mount)).await
    }

    /// The key sets that are named by their addresses.
    pub(super) fn key_sets(&self) -> Vec<KeySet> {
        let mut sets = self.jwks_pairs.clone();
        if !self.jwks_url.is_empty() {
            sets.push(KeySet { jwks_url: self.jwks_url.clone(), jwks_ca_pem: self.jwks_ca_pem.clone() });
        }
        sets
    }

    /// Whether logins through a browser bring a code, as they do unless only ID tokens are asked for.
    pub(super) fn wants_code(&self) -> bool {
        self.oidc_response_types.is_empty() || self.oidc_response_types.iter().any(|t| t == "code")
    }

    /// The authorities that vouch for the provider; none for the system's list.
    pub(super) fn provider_ca(&self) -> Option<String> {
        Some(self.oidc_discovery_ca_pem.clone()).filter(|pem| !pem.is_empty())
    }

    fn addresses(&self) -> Vec<String> {
        let mut addresses: Vec<_> = self.key_sets().into_iter().map(|set| set.jwks_url).collect();
        addresses.push(self.oidc_discovery_url.clone());
        addresses.retain(|url| !url.is_empty());
        addresses
    }

    fn show(&self) -> Map {
        let shown = json!({
            "bound_issuer": self.bound_issuer,
            "default_role": self.default_role,
            "jwks_ca_pem": self.jwks_ca_pem,
            "jwks_url": self.jwks_url,
            "jwt_supported_algs": self.jwt_supported_algs,
            "jwt_validation_pubkeys": self.jwt_validation_pubkeys,
            "namespace_in_state": self.namespace_in_state,
            "oidc_client_id": self.oidc_client_id,
            "oidc_discovery_ca_pem": self.oidc_discovery_ca_pem,
            "oidc_discovery_url": self.oidc_discovery_url,
            "oidc_response_mode": self.oidc_response_mode,
            "oidc_response_types": self.oidc_response_types,
            "provider_config": {},
        });
        let Value::Object(mut data) = shown else { return Map::new() };
        if !self.jwks_pairs.is_empty() {
            data.insert("jwks_pairs".to_owned(), json!(self.jwks_pairs));
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

/// Replaces the configuration, if the keys it names can be had.
pub(super) fn write(call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(async move {
        let config = given(call.args)?;
        check(&config)?;
        keys::probe(call.core, &config).await?;
        call.txn.put(&key(&call.req.mounted.entry), &config)?;
        let exposed = config.addresses().iter().any(|url| is_exposed(url));
        Ok(if exposed { Response::none().warn(EXPOSED) } else { Response::none() })
    })
}

const EXPOSED: &str = "The keys are fetched without TLS from another machine: whoever is on the way can put other keys in their place and log in as anybody";

fn key(mount: &Mount) -> Vec<u8> {
    mount.key("config")
}

fn given(args: &Args) -> Result<Config, Fault> {
    let text = |name| args.text_or_empty(name).to_owned();
    let list = |name| args.list(name).unwrap_or_default().to_vec();
    if args.object("provider_config").is_some_and(|given| !given.is_empty()) {
        return Err(Fault::invalid("'provider_config': settings of providers are not supported yet"));
    }
    Ok(Config {
        oidc_discovery_url: text("oidc_discovery_url"),
        oidc_discovery_ca_pem: text("oidc_discovery_ca_pem"),
        oidc_client_id: text("oidc_client_id"),
        oidc_client_secret: text("oidc_client_secret"),
        oidc_response_mode: text("oidc_response_mode"),
        oidc_response_types: list("oidc_response_types"),
        jwks_url: text("jwks_url"),
        jwks_ca_pem: text("jwks_ca_pem"),
        jwks_pairs: pairs(args)?,
        default_role: text("default_role"),
        jwt_validation_pubkeys: list("jwt_validation_pubkeys"),
        jwt_supported_algs: list("jwt_supported_algs"),
        bound_issuer: text("bound_issuer"),
        namespace_in_state: args.bool("namespace_in_state").unwrap_or(true),
    })
}

fn pairs(args: &Args) -> Result<Vec<KeySet>, Fault> {
    let Some(given) = args.any("jwks_pairs") else { return Ok(Vec::new()) };
    // The command line sends the list as text.
    let read = match given {
        Value::String(text) if text.is_empty() => return Ok(Vec::new()),
        Value::String(text) => serde_json::from_str(text),
        other => serde_json::from_value(other.clone()),
    };
    read.map_err(|_| Fault::invalid("'jwks_pairs' is no list of objects with jwks_url and jwks_ca_pem"))
}

fn check(config: &Config) -> Result<(), Fault> {
    let sources = [
        !config.jwt_validation_pubkeys.is_empty(),
        !config.jwks_url.is_empty(),
        !config.jwks_pairs.is_empty(),
        !config.oidc_discovery_url.is_empty(),
    ];
    if sources.iter().filter(|given| **given).count() != 1 {
        return Err(Fault::invalid(
            "exactly one of 'jwt_validation_pubkeys', 'jwks_url', 'jwks_pairs' or 'oidc_discovery_url' must be set",
        ));
    }
    if config.oidc_client_id.is_empty() != config.oidc_client_secret.is_empty() {
        return Err(Fault::invalid("both 'oidc_client_id' and 'oidc_client_secret' must be set for OIDC"));
    }
    if !config.oidc_client_id.is_empty() && config.oidc_discovery_url.is_empty() {
        return Err(Fault::invalid("'oidc_discovery_url' must be set for OIDC"));
    }
    if !matches!(config.oidc_response_mode.as_str(), "" | "query" | "form_post") {
        return Err(Fault::invalid("invalid 'oidc_response_mode': use \"query\" or \"form_post\""));
    }
    if !config.oidc_response_types.iter().all(|t| matches!(t.as_str(), "code" | "id_token")) {
        return Err(Fault::invalid("invalid 'oidc_response_types': use \"code\" or \"id_token\""));
    }
    if !config.wants_code() && config.oidc_response_mode != "form_post" {
        return Err(Fault::invalid(
            "'oidc_response_mode' must be \"form_post\" where 'oidc_response_types' is \"id_token\" only",
        ));
    }
    check_keys(config)?;
    check_addresses(config)
}

fn check_keys(config: &Config) -> Result<(), Fault> {
    for (nth, text) in config.jwt_validation_pubkeys.iter().enumerate() {
        Key::from_pem(text).map_err(|why| {
            Fault::invalid(format!(
                "error parsing public key: 'jwt_validation_pubkeys', number {}: {why}; use PEM with a public key or certificate",
                nth + 1
            ))
        })?;
    }
    if let Some(odd) = config.jwt_supported_algs.iter().find(|name| Algorithm::parse(name).is_none()) {
        let known = ALGORITHMS.map(|(name, _)| name).join(", ");
        let odd: String = odd.chars().take(32).collect();
        return Err(Fault::invalid(format!("'jwt_supported_algs': {odd:?} is not supported; use {known}")));
    }
    Ok(())
}

fn check_addresses(config: &Config) -> Result<(), Fault> {
    if !config.oidc_discovery_url.is_empty() {
        check_url("oidc_discovery_url", &config.oidc_discovery_url)?;
    }
    check_authorities("oidc_discovery_ca_pem", &config.oidc_discovery_ca_pem)?;
    check_authorities("jwks_ca_pem", &config.jwks_ca_pem)?;
    for set in config.key_sets() {
        check_url("jwks_url", &set.jwks_url)?;
        check_authorities("jwks_ca_pem", &set.jwks_ca_pem)?;
    }
    Ok(())
}

fn check_authorities(field: &str, text: &str) -> Result<(), Fault> {
    let readable = pem::decode(text).is_some_and(|block| block.label == "CERTIFICATE");
    if text.is_empty() || readable {
        return Ok(());
    }
    Err(Fault::invalid(format!("'{field}' holds no certificate in PEM")))
}
