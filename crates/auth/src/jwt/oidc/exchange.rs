//! What is asked of the provider while a login ends. Errors say nothing of what it answers: codes and
//! tokens are in it.

use super::super::config::Config;
use super::super::keys::Provider;
use super::State;
use super::request::form_encoded;
use crate::web_token::WebToken;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use strongroom_core::outbound::OutRequest;
use strongroom_core::{Core, Fault, Map, Value};
use strongroom_wire::json;

/// The tokens of a user.
#[derive(Deserialize)]
pub(super) struct Tokens {
    #[serde(default)]
    pub(super) id_token: String,
    #[serde(default)]
    pub(super) access_token: String,
}

/// Takes a code to the provider.
pub(super) async fn tokens(
    core: &Core,
    config: &Config,
    provider: &Provider,
    state: &State,
    code: &str,
) -> Result<Tokens, Fault> {
    let failed = |why: &str| Fault::invalid(format!("login failed: exchanging the code {why}"));
    if provider.token_endpoint.is_empty() {
        return Err(failed("is not possible: the provider names no token endpoint"));
    }
    let mut form = vec![
        ("code", code.to_owned()),
        ("grant_type", "authorization_code".to_owned()),
        ("redirect_uri", state.redirect_uri.clone()),
    ];
    if let Some(verifier) = &state.verifier {
        form.push(("code_verifier", verifier.clone()));
    }
    let mut request = OutRequest::get(&provider.token_endpoint, config.provider_ca());
    request.method = http::Method::POST;
    if provider.takes_basic {
        // Both are encoded as in forms first (RFC 6749, section 2.3.1).
        let encoded = |text: &str| form_encoded(&[("", text.to_owned())]).split_off(1);
        let pair = format!("{}:{}", encoded(&config.oidc_client_id), encoded(&config.oidc_client_secret));
        let value = format!("Basic {}", BASE64_STANDARD.encode(pair));
        request.headers.push((http::header::AUTHORIZATION, value));
    } else {
        form.push(("client_id", config.oidc_client_id.clone()));
        form.push(("client_secret", config.oidc_client_secret.clone()));
    }
    request.headers.push((http::header::CONTENT_TYPE, "application/x-www-form-urlencoded".to_owned()));
    request.body = form_encoded(&form).into();
    let answer = core.outbound.send(request).await.map_err(|error| {
        tracing::warn!(url = provider.token_endpoint, %error, "a provider cannot be asked for tokens");
        failed("did not work: the provider cannot be reached")
    })?;
    if answer.status != 200 {
        tracing::warn!(
            url = provider.token_endpoint,
            status = answer.status,
            error = error_code(&answer.body),
            "a provider refuses a code"
        );
        return Err(failed("did not work: the provider refuses it"));
    }
    json::read(&answer.body).map_err(|_| failed("gave no tokens"))
}

/// Adds what the provider says of the user beyond the ID token. That it cannot be had does not end a login.
pub(super) async fn add_user_info(
    core: &Core,
    config: &Config,
    provider: &Provider,
    access_token: &str,
    token: &mut WebToken,
) {
    /// What the ID token says of itself stays.
    const OF_THE_TOKEN: [&str; 11] =
        ["iss", "sub", "aud", "exp", "iat", "nbf", "nonce", "azp", "auth_time", "at_hash", "c_hash"];
    if provider.userinfo_endpoint.is_empty() || access_token.is_empty() {
        return;
    }
    let request = OutRequest::get(&provider.userinfo_endpoint, config.provider_ca()).bearer(access_token);
    let answer = core.outbound.send(request).await;
    let said = answer.ok().filter(|a| a.status == 200).and_then(|a| json::read::<Map>(&a.body).ok());
    // Who another subject is, is of no interest (OpenID Connect Core, section 5.3.2).
    let said = said.filter(|said| said.get("sub").is_some_and(|sub| token.claim("sub") == Some(sub)));
    let Some(said) = said else {
        tracing::warn!(url = provider.userinfo_endpoint, "a provider says nothing of a user");
        return;
    };
    if let Value::Object(claims) = &mut token.claims {
        claims.extend(said.into_iter().filter(|(name, _)| !OF_THE_TOKEN.contains(&name.as_str())));
    }
}

/// The code of an error, which the standards define: letters and underscores.
fn error_code(body: &[u8]) -> String {
    let read = json::read::<Map>(body).ok();
    let code = read.as_ref().and_then(|map| map.get("error")).and_then(Value::as_str).unwrap_or("unknown");
    code.chars().filter(|c| c.is_ascii_lowercase() || *c == '_').take(64).collect()
}
