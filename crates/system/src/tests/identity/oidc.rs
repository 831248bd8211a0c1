//! Identity tokens and the provider of OpenID Connect through the pipeline.

mod codes;
mod provider;
mod tokens;

use super::*;
use jiff::SignedDuration;
use strongroom_core::jwk::read_set;
use strongroom_core::web_token::WebToken;

/// The claims of a token that one of the keys published at this path has signed.
async fn verified(h: &Harness, keys: &str, token: &str) -> Option<Value> {
    let set = h.call_as(None, Operation::Read, keys, Value::Null).await;
    assert_eq!(set.status, 200, "{set:?}");
    let parsed = WebToken::parse(token).unwrap();
    let set = read_set(set.body.to_string().as_bytes()).unwrap();
    set.iter().any(|key| key.has_signed(&parsed)).then_some(parsed.claims)
}

const ROLE_KEYS: &str = "identity/oidc/.well-known/keys";
const PROVIDER_KEYS: &str = "identity/oidc/provider/default/.well-known/keys";

/// A token with the rights that these tests need, and its entity.
async fn user(h: &Harness) -> (String, String) {
    let rules = "path \"identity/oidc/token/*\" { capabilities = [\"read\"] }";
    h.policy("own", rules).await.unwrap();
    enter(h, "a", "ann").await
}

fn later(h: &Harness, seconds: i64) {
    h.clock.advance(SignedDuration::from_secs(seconds));
}
