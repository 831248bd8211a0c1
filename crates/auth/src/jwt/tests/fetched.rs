//! Keys that others publish.

use super::Bench;
use crate::web_token::tests::{public_jwk, sign};
use jiff::SignedDuration;
use serde_json::{Value, json};

const KEYS: &str = "https://p.example/keys";
const DISCOVERY: &str = "https://p.example/.well-known/openid-configuration";
/// Any certificate.
const CA: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

impl Bench {
    fn publish(&self, keys: &[Value]) {
        self.outside.set(KEYS, 200, json!({ "keys": keys }));
    }

    async fn signed(&self, seed: u8, header: Value) -> u16 {
        self.show(&sign(seed, header, &self.claims(json!({})))).await.status
    }

    fn wait(&self, seconds: i64) {
        self.harness.clock.advance(SignedDuration::from_secs(seconds));
    }
}

#[tokio::test]
async fn a_key_set_is_fetched_kept_and_fetched_again() {
    let b = Bench::bare().await;
    b.role(json!({})).await;
    b.publish(&[public_jwk(1, "one")]);
    let config = json!({"jwks_url": KEYS, "jwks_ca_pem": CA});
    assert_eq!(b.write("config", config).await.status, 204);
    assert_eq!(b.outside.asked.lock().unwrap()[0].ca_pem.as_deref(), Some(CA));
    assert_eq!(b.signed(1, json!({"kid": "one"})).await, 200);
    assert_eq!(b.outside.count(), 1);
    // A key that came meanwhile is found, though junk does not make us ask again and again.
    b.publish(&[public_jwk(1, "one"), public_jwk(2, "two")]);
    assert_eq!(b.signed(2, json!({"kid": "two"})).await, 400);
    b.wait(11);
    assert_eq!(b.signed(2, json!({"kid": "two"})).await, 200);
    for _ in 0..5 {
        assert_eq!(b.signed(3, json!({"kid": "three"})).await, 400);
    }
    assert_eq!(b.outside.count(), 2);
    // A key that is gone signs no more when the kept set is too old.
    b.publish(&[public_jwk(2, "two")]);
    b.wait(301);
    assert_eq!((b.signed(1, json!({"kid": "one"})).await, b.signed(2, json!({})).await), (400, 200));
}

#[tokio::test]
async fn keys_are_chosen_by_id_use_and_algorithm() {
    let b = Bench::bare().await;
    b.role(json!({})).await;
    b.publish(&[]);
    assert_eq!(b.write("config", json!({"jwks_url": KEYS})).await.status, 204);
    let with = |key: &str, value: Value| {
        let mut jwk = public_jwk(1, "one");
        jwk[key] = value;
        jwk
    };
    for (jwk, header, status) in [
        (public_jwk(1, "one"), json!({"kid": "one"}), 200),
        (public_jwk(1, "one"), json!({}), 200),
        (public_jwk(1, "one"), json!({"kid": "two"}), 400),
        (with("kid", Value::Null), json!({"kid": "two"}), 200),
        (with("use", json!("enc")), json!({"kid": "one"}), 400),
        (with("alg", json!("ES256")), json!({"kid": "one"}), 400),
        (with("alg", Value::Null), json!({"kid": "one"}), 200),
        (with("kty", json!("oct")), json!({"kid": "one"}), 400),
        (with("crv", json!("X25519")), json!({"kid": "one"}), 400),
        (with("x", json!("AA")), json!({"kid": "one"}), 400),
    ] {
        b.wait(400);
        b.publish(&[json!({"kty": "unknown"}), json!(5), jwk.clone()]);
        assert_eq!(b.signed(1, header.clone()).await, status, "{jwk} {header}");
    }
}

#[tokio::test]
async fn several_key_sets_count_alike() {
    let b = Bench::bare().await;
    b.role(json!({})).await;
    b.publish(&[public_jwk(1, "one")]);
    b.outside.set("https://q.example/keys", 200, json!({"keys": [public_jwk(2, "two")]}));
    let pairs = json!([{"jwks_url": KEYS}, {"jwks_url": "https://q.example/keys", "jwks_ca_pem": CA}]);
    // The command line sends it as text.
    assert_eq!(b.write("config", json!({"jwks_pairs": pairs.to_string()})).await.status, 204);
    let shown = b.read("config").await.at("/data/jwks_pairs");
    assert_eq!(shown[1], json!({"jwks_url": "https://q.example/keys", "jwks_ca_pem": CA}));
    assert_eq!((b.signed(1, json!({})).await, b.signed(2, json!({})).await), (200, 200));
    assert_eq!(b.signed(3, json!({})).await, 400);
    for bad in [
        json!("x"),
        json!([{"jwks_ca_pem": CA}]),
        json!([{"jwks_url": KEYS, "more": 1}]),
        json!({"jwks_url": KEYS}),
    ] {
        let reply = b.write("config", json!({"jwks_pairs": bad})).await;
        assert!(reply.status == 400 && reply.body.to_string().contains("jwks_pairs"), "{reply:?}");
    }
}

#[tokio::test]
async fn keys_of_a_while_ago_serve_while_their_server_is_away() {
    let b = Bench::bare().await;
    b.role(json!({})).await;
    b.publish(&[public_jwk(1, "one")]);
    assert_eq!(b.write("config", json!({"jwks_url": KEYS})).await.status, 204);
    b.outside.cut(KEYS);
    b.wait(1800);
    for _ in 0..5 {
        assert_eq!((b.signed(1, json!({})).await, b.signed(2, json!({})).await), (200, 400));
    }
    assert_eq!(b.outside.count(), 2);
    b.wait(1801);
    let reply = b.show(&sign(1, json!({}), &b.claims(json!({})))).await;
    assert!(reply.status == 400 && reply.body.to_string().contains("cannot be fetched now"), "{reply:?}");
}

#[tokio::test]
async fn a_provider_is_asked_for_its_keys_and_must_be_the_issuer() {
    let b = Bench::bare().await;
    b.role(json!({})).await;
    b.publish(&[public_jwk(1, "one")]);
    let provider = |issuer: &str, keys: &str| json!({"issuer": issuer, "jwks_uri": keys});
    for (issuer, keys, status) in [
        ("https://other.example", KEYS, 400),
        ("https://p.example", "http://p.example/keys", 400),
        ("https://p.example", "file:///etc/passwd", 400),
        ("https://p.example", "https://nobody.example/keys", 400),
        ("https://p.example/", KEYS, 204),
        ("https://p.example", KEYS, 204),
    ] {
        b.outside.set(DISCOVERY, 200, provider(issuer, keys));
        let reply = b.write("config", json!({"oidc_discovery_url": "https://p.example/"})).await;
        assert_eq!(reply.status, status, "{issuer} {keys}: {reply:?}");
    }
    let refused = [json!({}), json!({"iss": "https://other.example"}), json!({"iss": "https://p.example/"})];
    b.expect(&[json!({"iss": "https://p.example"})], &refused).await;
    let config = json!({"oidc_discovery_url": "https://p.example", "bound_issuer": "elsewhere"});
    assert_eq!(b.write("config", config).await.status, 204);
    b.expect(&[json!({"iss": "elsewhere"})], &[json!({"iss": "https://p.example"})]).await;
}

#[tokio::test]
async fn what_cannot_be_fetched_is_not_configured() {
    let b = Bench::bare().await;
    b.outside.set(KEYS, 500, json!({"keys": []}));
    assert_eq!(b.write("config", json!({"jwks_url": KEYS})).await.status, 400);
    b.outside.set(KEYS, 200, json!([]));
    assert_eq!(b.write("config", json!({"jwks_url": KEYS})).await.status, 400);
    for bad in ["keys", "file:///etc/passwd", "https://u:p@p.example"] {
        let reply = b.write("config", json!({"jwks_url": bad})).await;
        assert!(reply.status == 400 && reply.body.to_string().contains("jwks_url"), "{reply:?}");
    }
    assert_eq!(b.read("config").await.status, 404);
}

#[tokio::test]
async fn keys_that_come_without_tls_are_warned_of() {
    let b = Bench::bare().await;
    for (url, warned) in [("http://p.example/keys", true), ("http://127.0.0.1:1/keys", false), (KEYS, false)]
    {
        b.outside.set(url, 200, json!({"keys": []}));
        let reply = b.write("config", json!({"jwks_url": url})).await;
        assert_eq!(reply.status, if warned { 200 } else { 204 }, "{url}: {reply:?}");
    }
}
