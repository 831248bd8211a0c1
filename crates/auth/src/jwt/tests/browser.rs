//! Logins through a browser.

use super::{Bench, merge};
use crate::web_token::tests::{public_jwk, sign};
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use strongroom_core::outbound::OutRequest;
use strongroom_core::{Class, Operation};
use strongroom_crypto::digest;
use strongroom_testkit::Reply;

const ISSUER: &str = "https://p.example";
const TOKEN_URL: &str = "https://p.example/token";
const USER_INFO: &str = "https://p.example/userinfo";
const BACK: &str = "http://localhost:8250/oidc/callback";

/// A login that has begun: what the provider was asked.
struct Begun(BTreeMap<String, String>);

impl Begun {
    fn of(reply: &Reply) -> Self {
        let url = reply.at("/data/auth_url");
        let (endpoint, query) = url.as_str().unwrap().split_once('?').unwrap();
        assert_eq!(endpoint, "https://p.example/authorize");
        let pair = |pair: &str| {
            let (name, value) = pair.split_once('=').unwrap();
            let value = value.replace('+', " ").replace("%3A", ":").replace("%2F", "/");
            (name.to_owned(), value)
        };
        Self(query.split('&').map(pair).collect())
    }

    fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }
}

impl Bench {
    /// A provider that key 1 signs for, and the role `r`, with more fields.
    async fn provided(config: Value, role: Value) -> Self {
        let b = Self::bare().await;
        b.describe(json!({}));
        b.outside.set("https://p.example/keys", 200, json!({"keys": [public_jwk(1, "one")]}));
        let mut body = json!({
            "oidc_discovery_url": ISSUER, "oidc_client_id": "us", "oidc_client_secret": "se%cret",
        });
        merge(&mut body, config);
        let reply = b.write("config", body).await;
        assert_eq!(reply.status, 204, "{reply:?}");
        let mut body = json!({"user_claim": "sub", "allowed_redirect_uris": BACK});
        merge(&mut body, role);
        let reply = b.write("role/r", body).await;
        assert!(reply.status < 300, "{reply:?}");
        b
    }

    fn describe(&self, more: Value) {
        let mut discovery = json!({
            "issuer": ISSUER, "jwks_uri": "https://p.example/keys",
            "authorization_endpoint": "https://p.example/authorize", "token_endpoint": TOKEN_URL,
        });
        merge(&mut discovery, more);
        self.outside.set("https://p.example/.well-known/openid-configuration", 200, discovery);
    }

    async fn begin(&self, more: Value) -> Begun {
        let mut body = json!({"role": "r", "redirect_uri": BACK});
        merge(&mut body, more);
        Begun::of(&self.open("oidc/auth_url", Operation::Update, body).await)
    }

    async fn open(&self, path: &str, operation: Operation, body: Value) -> Reply {
        self.harness.call_as(None, operation, &format!("auth/j/{path}"), body).await
    }

    /// An ID token of key `seed` for a login that has begun, with more or other claims.
    fn id_token(&self, seed: u8, begun: &Begun, more: Value) -> String {
        let mut claims = self.claims(json!({"iss": ISSUER, "aud": "us", "nonce": begun.get("nonce")}));
        merge(&mut claims, more);
        sign(seed, json!({"kid": "one"}), &claims)
    }

    fn asked_for_tokens(&self) -> OutRequest {
        let asked = self.outside.asked.lock().unwrap();
        asked.iter().rfind(|request| request.url == TOKEN_URL).unwrap().clone()
    }

    /// Ends a login for which the provider gives this ID token.
    async fn end(&self, begun: &Begun, id_token: String, more: Value) -> Reply {
        self.outside.set(TOKEN_URL, 200, json!({"id_token": id_token, "access_token": "opaque"}));
        let mut query = json!({"state": begun.get("state"), "code": "c0de"});
        merge(&mut query, more);
        self.open("oidc/callback", Operation::Read, query).await
    }
}

#[tokio::test]
async fn a_user_comes_back_with_a_code() {
    let b = Bench::provided(
        json!({}),
        json!({"oidc_scopes": "groups,openid", "groups_claim": "g", "claim_mappings": {"mail": "mail"}}),
    )
    .await;
    let begun = b.begin(json!({})).await;
    for (name, value) in [
        ("client_id", "us"),
        ("redirect_uri", BACK),
        ("response_type", "code"),
        ("scope", "openid groups"),
        ("code_challenge_method", "S256"),
        ("response_mode", ""),
        ("max_age", ""),
    ] {
        assert_eq!(begun.get(name), value, "{name}");
    }
    let token = b.id_token(1, &begun, json!({"g": ["ops"], "mail": "ann@example"}));
    let reply = b.end(&begun, token, json!({})).await;
    assert_eq!(reply.at("/auth/metadata"), json!({"role": "r", "mail": "ann@example"}), "{reply:?}");
    assert_eq!(reply.at("/auth/policies"), json!(["default"]));
    let asked = b.asked_for_tokens();
    assert_eq!(asked.method, "POST");
    let basic = format!("Basic {}", BASE64_STANDARD.encode("us:se%25cret"));
    assert!(asked.headers.iter().any(|(name, value)| name == "authorization" && *value == basic));
    let form = String::from_utf8(asked.body.to_vec()).unwrap();
    assert!(form.contains("code=c0de&") && form.contains("grant_type=authorization_code"), "{form}");
    assert!(!form.contains("secret"));
    let verifier = form.split("code_verifier=").nth(1).unwrap();
    let challenge = BASE64_URL_SAFE_NO_PAD.encode(digest::sha256(verifier.as_bytes()));
    assert_eq!(begun.get("code_challenge"), challenge);
}

#[tokio::test]
async fn the_secret_goes_into_the_form_where_the_provider_wants_it_there() {
    let b = Bench::provided(json!({}), json!({})).await;
    b.describe(json!({"token_endpoint_auth_methods_supported": ["client_secret_post"]}));
    b.harness.clock.advance(SignedDuration::from_mins(6));
    let begun = b.begin(json!({})).await;
    assert_eq!(b.end(&begun, b.id_token(1, &begun, json!({})), json!({})).await.status, 200);
    let asked = b.asked_for_tokens();
    let form = String::from_utf8(asked.body.to_vec()).unwrap();
    assert!(form.ends_with("client_id=us&client_secret=se%25cret"), "{form}");
    assert!(!asked.headers.iter().any(|(name, _)| name == "authorization"));
}

#[tokio::test]
async fn a_state_holds_for_one_login_and_ten_minutes() {
    let b = Bench::provided(json!({}), json!({})).await;
    let begun = b.begin(json!({})).await;
    let token = b.id_token(1, &begun, json!({}));
    assert_eq!(b.end(&begun, token.clone(), json!({})).await.status, 200);
    assert_eq!(b.end(&begun, token, json!({})).await.status, 400);
    // A login that fails uses its state up, too.
    let begun = b.begin(json!({})).await;
    assert_eq!(b.end(&begun, "junk".to_owned(), json!({})).await.status, 400);
    assert_eq!(b.end(&begun, b.id_token(1, &begun, json!({})), json!({})).await.status, 400);
    let begun = b.begin(json!({})).await;
    b.harness.clock.advance(SignedDuration::from_secs(599));
    assert_eq!(b.end(&begun, b.id_token(1, &begun, json!({})), json!({})).await.status, 200);
    let begun = b.begin(json!({})).await;
    b.harness.clock.advance(SignedDuration::from_mins(10));
    assert_eq!(b.end(&begun, b.id_token(1, &begun, json!({})), json!({})).await.status, 400);
    for state in ["", "st_", "x", "st_0000000000aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"] {
        let reply = b.open("oidc/callback", Operation::Read, json!({"state": state, "code": "c"})).await;
        assert_eq!(reply.status, 400);
    }
    // What was begun at one mount is not ended at another.
    b.harness.mount(Class::Auth, "k/", "jwt", &[]).await.unwrap();
    let begun = b.begin(json!({})).await;
    let query = json!({"state": begun.get("state"), "code": "c"});
    let reply = b.harness.call_as(None, Operation::Read, "auth/k/oidc/callback", query).await;
    assert_eq!(reply.status, 400);
    assert_eq!(b.end(&begun, b.id_token(1, &begun, json!({})), json!({})).await.status, 200);
}

#[tokio::test]
async fn only_who_began_a_login_with_a_nonce_ends_it() {
    let b = Bench::provided(json!({}), json!({})).await;
    for (begins, ends, status) in
        [("", "", 200), ("n", "n", 200), ("n", "", 400), ("n", "m", 400), ("", "n", 400)]
    {
        let begun = b.begin(json!({"client_nonce": begins})).await;
        let reply = b.end(&begun, b.id_token(1, &begun, json!({})), json!({"client_nonce": ends})).await;
        assert_eq!(reply.status, status, "{begins} {ends}");
    }
}

#[tokio::test]
async fn an_id_token_must_be_ours_and_of_this_login() {
    let b = Bench::provided(json!({}), json!({"bound_claims": {"org": "x"}})).await;
    let other = b.begin(json!({})).await;
    let now = strongroom_wire::Clock::now(b.harness.clock.as_ref()).as_second();
    for (claims, status) in [
        (json!({"org": "x"}), 200),
        (json!({"org": "x", "aud": ["us", "them"], "azp": "us"}), 200),
        (json!({"org": "y"}), 400),
        (json!({"org": "x", "nonce": other.get("nonce")}), 400),
        (json!({"org": "x", "nonce": null}), 400),
        (json!({"org": "x", "aud": "them"}), 400),
        (json!({"org": "x", "aud": null}), 400),
        (json!({"org": "x", "aud": ["us", "them"]}), 400),
        (json!({"org": "x", "azp": "them"}), 400),
        (json!({"org": "x", "iss": "https://q.example"}), 400),
        (json!({"org": "x", "exp": now - 300, "iat": now - 600}), 400),
        (json!({"org": "x", "sub": null}), 400),
    ] {
        let begun = b.begin(json!({})).await;
        let reply = b.end(&begun, b.id_token(1, &begun, claims.clone()), json!({})).await;
        assert_eq!(reply.status, status, "{claims} {reply:?}");
    }
    let begun = b.begin(json!({})).await;
    let forged = b.id_token(2, &begun, json!({"org": "x"}));
    assert_eq!(b.end(&begun, forged, json!({})).await.status, 400, "another's key");
}

#[tokio::test]
async fn how_long_ago_the_user_signed_in_counts_where_the_role_says_so() {
    let b = Bench::provided(json!({}), json!({"max_age": 300})).await;
    let now = strongroom_wire::Clock::now(b.harness.clock.as_ref()).as_second();
    for (at, status) in
        [(json!(now - 300), 200), (json!(now - 400), 400), (json!(null), 400), (json!("1"), 400)]
    {
        let begun = b.begin(json!({})).await;
        assert_eq!(begun.get("max_age"), "300");
        let token = b.id_token(1, &begun, json!({"auth_time": at}));
        assert_eq!(b.end(&begun, token, json!({})).await.status, status, "{at}");
    }
}

#[tokio::test]
async fn users_are_sent_back_to_allowed_addresses_only() {
    let b =
        Bench::provided(json!({}), json!({"allowed_redirect_uris": [BACK, "https://ui.example/cb"]})).await;
    let ask = async |uri: &str| {
        b.open("oidc/auth_url", Operation::Update, json!({"role": "r", "redirect_uri": uri})).await.status
    };
    for good in [BACK, "http://localhost:9999/oidc/callback", "https://ui.example/cb"] {
        assert_eq!(ask(good).await, 200, "{good}");
    }
    for bad in
        ["", "https://ui.example/cb/", "https://ui.example:444/cb", "https://evil/cb", "http://localhost/x"]
    {
        assert_eq!(ask(bad).await, 400, "{bad}");
    }
}

#[tokio::test]
async fn what_the_provider_says_of_the_user_is_added_and_no_more() {
    let b = Bench::provided(json!({}), json!({"claim_mappings": {"mail": "mail", "iss": "iss"}})).await;
    b.describe(json!({"userinfo_endpoint": USER_INFO}));
    b.harness.clock.advance(SignedDuration::from_mins(6));
    for (said, metadata) in [
        (json!({"sub": "ann", "mail": "m", "iss": "evil"}), json!({"role": "r", "iss": ISSUER, "mail": "m"})),
        (json!({"sub": "bob", "mail": "m"}), json!({"role": "r", "iss": ISSUER})),
        (json!({"mail": "m"}), json!({"role": "r", "iss": ISSUER})),
    ] {
        b.outside.set(USER_INFO, 200, said.clone());
        let begun = b.begin(json!({})).await;
        let reply = b.end(&begun, b.id_token(1, &begun, json!({})), json!({})).await;
        assert_eq!(reply.at("/auth/metadata"), metadata, "{said}");
    }
    b.outside.cut(USER_INFO);
    let begun = b.begin(json!({})).await;
    assert_eq!(b.end(&begun, b.id_token(1, &begun, json!({})), json!({})).await.status, 200);
}

#[tokio::test]
async fn what_a_provider_posts_waits_for_who_began() {
    let config = json!({"oidc_response_mode": "form_post", "oidc_response_types": "id_token"});
    let b = Bench::provided(config, json!({})).await;
    let begun = b.begin(json!({"client_nonce": "n"})).await;
    assert_eq!((begun.get("response_type"), begun.get("response_mode")), ("id_token", "form_post"));
    assert_eq!(begun.get("code_challenge"), "");
    let state = begun.get("state");
    let token = b.id_token(1, &begun, json!({}));
    let form = json!({"state": state, "id_token": token});
    let reply = b.open("oidc/callback", Operation::Update, form).await;
    assert!(reply.status == 200 && !reply.body.to_string().contains("client_token"));
    let wrong = json!({"state": "st_x", "id_token": token});
    assert_eq!(b.open("oidc/callback", Operation::Update, wrong).await.status, 400);
    let query = json!({"state": state, "client_nonce": "n"});
    assert_eq!(b.open("oidc/callback", Operation::Read, query.clone()).await.at("/auth/metadata/role"), "r");
    assert_eq!(b.open("oidc/callback", Operation::Read, query).await.status, 400);
}

#[tokio::test]
async fn logins_that_cannot_be_say_why() {
    let b = Bench::provided(json!({}), json!({})).await;
    let begun = b.begin(json!({})).await;
    let query = json!({"state": begun.get("state"), "error": "access_denied<x>"});
    let reply = b.open("oidc/callback", Operation::Read, query).await;
    assert!(reply.status == 400 && reply.body.to_string().contains("access_deniedx"), "{reply:?}");
    let begun = b.begin(json!({})).await;
    assert_eq!(
        b.open("oidc/callback", Operation::Read, json!({"state": begun.get("state")})).await.status,
        400
    );
    let begun = b.begin(json!({})).await;
    b.outside.set(TOKEN_URL, 400, json!({"error": "invalid_grant", "error_description": "c0de"}));
    let query = json!({"state": begun.get("state"), "code": "c0de"});
    let reply = b.open("oidc/callback", Operation::Read, query).await;
    assert!(reply.status == 400 && !reply.body.to_string().contains("c0de"), "{reply:?}");
    let asked = json!({"role": "r", "redirect_uri": BACK, "callback_mode": "device"});
    assert_eq!(b.open("oidc/auth_url", Operation::Update, asked).await.status, 400);
    assert_eq!(b.open("oidc/poll", Operation::Update, json!({})).await.status, 400);
    b.role(json!({})).await;
    let asked = json!({"role": "r", "redirect_uri": BACK});
    assert_eq!(
        b.open("oidc/auth_url", Operation::Update, asked.clone()).await.status,
        400,
        "a role of type jwt"
    );
    let plain = Bench::start().await;
    assert_eq!(plain.open("oidc/auth_url", Operation::Update, asked).await.status, 400, "no client id");
    let implicit = json!({
        "oidc_discovery_url": ISSUER, "oidc_client_id": "us", "oidc_client_secret": "s",
        "oidc_response_types": "id_token",
    });
    assert_eq!(b.write("config", implicit).await.status, 400);
}
