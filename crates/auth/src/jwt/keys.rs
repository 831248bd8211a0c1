//! The keys that may have signed a token, and where they come from.

use super::config::{Config, KeySet};
use crate::web_token::WebToken;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use strongroom_core::jwk::{SetKey, read_set};
use strongroom_core::outbound::check_url;
use strongroom_core::{Core, Fault};
use strongroom_crypto::jws::Key;
use strongroom_wire::json;

/// Checks that one of the configured keys has signed a token, and that the issuer is who it should be.
pub(super) async fn verify(
    core: &Core,
    config: &Config,
    token: &WebToken,
    now: Timestamp,
) -> Result<(), Fault> {
    let algorithms = &config.jwt_supported_algs;
    if !algorithms.is_empty() && !algorithms.contains(&token.algorithm_name) {
        return Err(Fault::invalid("the token's signature algorithm is not among 'jwt_supported_algs'"));
    }
    let signed = if config.jwt_validation_pubkeys.is_empty() {
        // Why is in the log: who logs in need not know whom we ask.
        signed_by_fetched(core, config, token, now).await.map_err(|_| unavailable())?
    } else {
        let keys = config.jwt_validation_pubkeys.iter().filter_map(|text| Key::from_pem(text).ok());
        keys.into_iter().any(|key| token.is_signed_by(&key))
    };
    if !signed {
        return Err(Fault::invalid("error validating token: no known key has signed it"));
    }
    check_issuer(core, config, token, now).await
}

/// Fetches what the configuration names, to see that it is there.
pub(super) async fn probe(core: &Core, config: &Config) -> Result<(), Fault> {
    let now = core.clock.now();
    if !config.oidc_discovery_url.is_empty() {
        let set = discover(core, config, now, SignedDuration::ZERO).await?.key_set;
        fetch(core, &set, now, SignedDuration::ZERO).await?;
    }
    for set in config.key_sets() {
        fetch(core, &set, now, SignedDuration::ZERO).await?;
    }
    Ok(())
}

/// How old fetched keys may be as long as one of them has signed.
const USUAL_AGE: SignedDuration = SignedDuration::from_mins(5);
/// How old they may be when none has: junk must not make us ask again and again.
const FRESH_AGE: SignedDuration = SignedDuration::from_secs(10);
/// How old they may be while new ones cannot be had.
const STALE_AGE: SignedDuration = SignedDuration::from_hours(1);

async fn signed_by_fetched(
    core: &Core,
    config: &Config,
    token: &WebToken,
    now: Timestamp,
) -> Result<bool, Fault> {
    match signed_by_sets(core, config, token, now, USUAL_AGE).await {
        Ok(true) => Ok(true),
        Ok(false) => signed_by_sets(core, config, token, now, FRESH_AGE).await,
        // Who publishes the keys is away: those of a while ago are as good.
        Err(fault) => {
            let known = signed_by_sets(core, config, token, now, STALE_AGE).await;
            if known.unwrap_or(false) { Ok(true) } else { Err(fault) }
        }
    }
}

async fn signed_by_sets(
    core: &Core,
    config: &Config,
    token: &WebToken,
    now: Timestamp,
    max_age: SignedDuration,
) -> Result<bool, Fault> {
    let sets = if config.oidc_discovery_url.is_empty() {
        config.key_sets()
    } else {
        vec![discover(core, config, now, max_age).await?.key_set]
    };
    let mut failed = None;
    for set in sets {
        match fetch(core, &set, now, max_age).await {
            Ok(keys) if keys.iter().any(|key| key.has_signed(token)) => return Ok(true),
            Ok(_) => {}
            Err(fault) => failed = Some(fault),
        }
    }
    failed.map_or(Ok(false), Err)
}

async fn check_issuer(core: &Core, config: &Config, token: &WebToken, now: Timestamp) -> Result<(), Fault> {
    let wanted = if !config.bound_issuer.is_empty() {
        config.bound_issuer.clone()
    } else if !config.oidc_discovery_url.is_empty() {
        discover(core, config, now, STALE_AGE).await.map_err(|_| unavailable())?.issuer
    } else {
        return Ok(());
    };
    if token.text("iss") == wanted {
        return Ok(());
    }
    Err(Fault::invalid("error validating token: its issuer (iss) is not the configured one"))
}

fn unavailable() -> Fault {
    Fault::invalid("error validating token: the keys that may have signed it cannot be fetched now")
}

/// What a provider says of itself. Endpoints that it does not name are empty.
pub(super) struct Provider {
    issuer: String,
    key_set: KeySet,
    pub(super) authorization_endpoint: String,
    pub(super) token_endpoint: String,
    pub(super) userinfo_endpoint: String,
    /// Whether clients may show themselves in a header there.
    pub(super) takes_basic: bool,
}

/// The provider of logins through a browser.
pub(super) async fn provider(core: &Core, config: &Config, now: Timestamp) -> Result<Provider, Fault> {
    let known = discover(core, config, now, USUAL_AGE).await;
    match known {
        Ok(provider) => Ok(provider),
        // Why is in the log: who logs in need not know whom we ask.
        Err(_) => discover(core, config, now, STALE_AGE).await.map_err(|_| {
            Fault::invalid("error in obtaining the provider: it cannot be asked what it offers now")
        }),
    }
}

async fn discover(
    core: &Core,
    config: &Config,
    now: Timestamp,
    max_age: SignedDuration,
) -> Result<Provider, Fault> {
    #[derive(Deserialize)]
    struct Discovery {
        issuer: String,
        jwks_uri: String,
        #[serde(default)]
        authorization_endpoint: String,
        #[serde(default)]
        token_endpoint: String,
        #[serde(default)]
        userinfo_endpoint: String,
        token_endpoint_auth_methods_supported: Option<Vec<String>>,
    }
    let base = config.oidc_discovery_url.trim_end_matches('/');
    let url = format!("{base}/.well-known/openid-configuration");
    let body = get(core, "oidc discovery URL", &url, &config.oidc_discovery_ca_pem, now, max_age).await?;
    let read: Discovery = json::read(&body).map_err(|_| {
        Fault::invalid("error checking oidc discovery URL: the answer is no discovery document")
    })?;
    if read.issuer.trim_end_matches('/') != base {
        return Err(Fault::invalid(
            "error checking oidc discovery URL: the provider there names another address as issuer",
        ));
    }
    check_endpoint(base, "jwks_uri", &read.jwks_uri)?;
    for (name, url) in [
        ("authorization_endpoint", &read.authorization_endpoint),
        ("token_endpoint", &read.token_endpoint),
        ("userinfo_endpoint", &read.userinfo_endpoint),
    ] {
        if !url.is_empty() {
            check_endpoint(base, name, url)?;
        }
    }
    let key_set = KeySet { jwks_url: read.jwks_uri, jwks_ca_pem: config.oidc_discovery_ca_pem.clone() };
    let methods = read.token_endpoint_auth_methods_supported;
    let offers = |name: &str| methods.iter().flatten().any(|m| m == name);
    Ok(Provider {
        issuer: read.issuer,
        key_set,
        authorization_endpoint: read.authorization_endpoint,
        token_endpoint: read.token_endpoint,
        userinfo_endpoint: read.userinfo_endpoint,
        takes_basic: offers("client_secret_basic") || !offers("client_secret_post"),
    })
}

/// What a provider behind TLS names must be behind TLS too.
fn check_endpoint(base: &str, name: &str, url: &str) -> Result<(), Fault> {
    check_url(name, url)?;
    if base.starts_with("https://") && !url.starts_with("https://") {
        return Err(Fault::invalid(format!(
            "error checking oidc discovery URL: its {name} is not behind TLS"
        )));
    }
    Ok(())
}

async fn fetch(
    core: &Core,
    set: &KeySet,
    now: Timestamp,
    max_age: SignedDuration,
) -> Result<Vec<SetKey>, Fault> {
    let body = get(core, "jwks URL", &set.jwks_url, &set.jwks_ca_pem, now, max_age).await?;
    read_set(&body).ok_or_else(|| Fault::invalid("error checking jwks URL: the answer is no key set"))
}

async fn get(
    core: &Core,
    what: &str,
    url: &str,
    ca_pem: &str,
    now: Timestamp,
    max_age: SignedDuration,
) -> Result<bytes::Bytes, Fault> {
    let ca_pem = Some(ca_pem.to_owned()).filter(|pem| !pem.is_empty());
    match core.outbound.document(url, ca_pem, now, max_age).await {
        Ok(document) => Ok(document.body),
        Err(error) => {
            tracing::warn!(url, %error, "keys for tokens cannot be fetched");
            Err(Fault::invalid(format!("error checking {what}: {error}")))
        }
    }
}
