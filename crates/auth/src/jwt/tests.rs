use super::JwtAuth;
use crate::outside::Outside;
use crate::web_token::tests::{public_pem, sign};
use serde_json::{Value, json};
use std::net::IpAddr;
use std::sync::Arc;
use strongroom_core::core::{Plugs, Settings};
use strongroom_core::{Class, Operation};
use strongroom_testkit::{Harness, Reply};

mod browser;
mod fetched;

struct Bench {
    harness: Harness,
    outside: Arc<Outside>,
}

impl Bench {
    /// A mount that takes what key 1 has signed.
    async fn start() -> Self {
        let b = Self::bare().await;
        let reply = b.write("config", json!({"jwt_validation_pubkeys": [public_pem(1)]})).await;
        assert_eq!(reply.status, 204, "{reply:?}");
        b
    }

    async fn bare() -> Self {
        let outside = Arc::new(Outside::default());
        let settings = Settings { outbound: Some(outside.clone()), ..Settings::default() };
        let harness = Harness::start_with(Plugs::default().auth(Arc::new(JwtAuth::new())), settings).await;
        harness.mount(Class::Auth, "j/", "jwt", &[]).await.unwrap();
        Self { harness, outside }
    }

    async fn write(&self, path: &str, body: Value) -> Reply {
        self.harness.call(Operation::Update, &format!("auth/j/{path}"), body).await
    }

    async fn read(&self, path: &str) -> Reply {
        self.harness.call(Operation::Read, &format!("auth/j/{path}"), json!({})).await
    }

    /// Writes the role `r` for the audience `a` and the user claim `sub`, with more fields.
    async fn role(&self, more: Value) {
        let mut body = json!({"role_type": "jwt", "user_claim": "sub", "bound_audiences": "a"});
        merge(&mut body, more);
        let reply = self.write("role/r", body).await;
        assert!(reply.status < 300, "{reply:?}");
    }

    /// Claims that hold now, for `ann` and the audience `a`, with more or other ones.
    fn claims(&self, more: Value) -> Value {
        let now = strongroom_wire::Clock::now(self.harness.clock.as_ref()).as_second();
        let mut claims = json!({"sub": "ann", "aud": "a", "iat": now, "exp": now + 3600});
        merge(&mut claims, more);
        claims
    }

    async fn login(&self, claims: Value) -> Reply {
        self.show(&sign(1, json!({}), &self.claims(claims))).await
    }

    async fn show(&self, jwt: &str) -> Reply {
        self.show_from("127.0.0.1", jwt).await
    }

    async fn show_from(&self, address: &str, jwt: &str) -> Reply {
        let body = json!({"role": "r", "jwt": jwt});
        let mut request = self.harness.request(None, Operation::Update, "auth/j/login", body);
        request.remote.address = address.parse::<IpAddr>().unwrap();
        self.harness.send(request).await
    }

    /// Every accepted set of claims logs in, every refused one is 400 and gives no value away.
    async fn expect(&self, accepted: &[Value], refused: &[Value]) {
        for claims in accepted {
            let reply = self.login(claims.clone()).await;
            assert_eq!(reply.status, 200, "{claims}: {reply:?}");
        }
        for claims in refused {
            let reply = self.login(claims.clone()).await;
            assert_eq!(reply.status, 400, "{claims}: {reply:?}");
            assert!(!reply.body.to_string().contains("hidden"), "{reply:?}");
        }
    }
}

fn merge(into: &mut Value, more: Value) {
    for (key, value) in more.as_object().unwrap() {
        into[key] = value.clone();
    }
}

#[tokio::test]
async fn a_login_says_who_came_and_by_which_role() {
    let b = Bench::start().await;
    b.role(json!({"token_policies": "p", "token_ttl": "5m", "claim_mappings": {"mail": "m", "/org/name": "o", "no": "n"}}))
        .await;
    let reply = b.login(json!({"mail": "a@b.example", "org": {"name": "Acme"}, "no": null})).await;
    assert_eq!(reply.at("/auth/metadata"), json!({"m": "a@b.example", "o": "Acme", "role": "r"}));
    assert_eq!(reply.at("/auth/policies"), json!(["default", "p"]));
    assert_eq!(reply.at("/auth/lease_duration"), json!(300));
    let again = b.login(json!({"mail": "other"})).await;
    assert_eq!(again.at("/auth/entity_id"), reply.at("/auth/entity_id"));
    let other = b.login(json!({"sub": "bob"})).await;
    assert_ne!(other.at("/auth/entity_id"), reply.at("/auth/entity_id"));
    b.expect(
        &[],
        &[json!({"mail": 7}), json!({"mail": ["hidden"]}), json!({"mail": true}), json!({"mail": {}})],
    )
    .await;
}

#[tokio::test]
async fn only_the_configured_keys_sign() {
    let b = Bench::start().await;
    b.role(json!({})).await;
    let claims = b.claims(json!({}));
    assert_eq!(b.show(&sign(1, json!({}), &claims)).await.status, 200);
    assert_eq!(b.show(&sign(2, json!({}), &claims)).await.status, 400);
    // Claims under another token's signature.
    let (honest, forged) =
        (sign(1, json!({}), &claims), sign(1, json!({}), &b.claims(json!({"sub": "eve"}))));
    let signature = honest.rsplit_once('.').unwrap().1;
    let mixed = format!("{}.{signature}", forged.rsplit_once('.').unwrap().0);
    assert_eq!(b.show(&mixed).await.status, 400);
    b.write("config", json!({"jwt_validation_pubkeys": [public_pem(2), public_pem(1)]})).await;
    assert_eq!(b.show(&honest).await.status, 200);
    let limited = json!({"jwt_validation_pubkeys": [public_pem(1)], "jwt_supported_algs": ["ES256"]});
    b.write("config", limited).await;
    assert_eq!(b.show(&honest).await.status, 400);
    let allowed = json!({"jwt_validation_pubkeys": [public_pem(1)], "jwt_supported_algs": "ES256,EdDSA"});
    b.write("config", allowed).await;
    assert_eq!(b.show(&honest).await.status, 200);
}

#[tokio::test]
async fn the_issuer_is_bound() {
    let b = Bench::start().await;
    b.role(json!({})).await;
    b.expect(&[json!({"iss": "any"}), json!({})], &[]).await;
    let config = json!({"jwt_validation_pubkeys": [public_pem(1)], "bound_issuer": "https://i"});
    assert_eq!(b.write("config", config).await.status, 204);
    let refused =
        [json!({"iss": "https://i/"}), json!({"iss": "HTTPS://i"}), json!({}), json!({"iss": ["https://i"]})];
    b.expect(&[json!({"iss": "https://i"})], &refused).await;
}

#[tokio::test]
async fn audiences_are_bound() {
    let b = Bench::start().await;
    b.role(json!({"bound_audiences": ["one", "two"]})).await;
    b.expect(
        &[json!({"aud": "two"}), json!({"aud": ["x", "one"]})],
        &[
            json!({"aud": "hidden"}),
            json!({"aud": []}),
            json!({"aud": null}),
            json!({"aud": "ONE"}),
            json!({"aud": 1}),
            json!({"aud": ["one", 1]}),
            json!({"aud": "one,two"}),
        ],
    )
    .await;
    b.role(json!({"bound_audiences": [], "bound_subject": "ann"})).await;
    b.expect(&[json!({"aud": null}), json!({"aud": []})], &[json!({"aud": "one"})]).await;
}

#[tokio::test]
async fn the_subject_is_bound() {
    let b = Bench::start().await;
    b.role(json!({"bound_subject": "ann", "user_claim": "name"})).await;
    b.expect(
        &[json!({"name": "n"})],
        &[
            json!({"name": "n", "sub": "Ann"}),
            json!({"name": "n", "sub": null}),
            json!({"name": "n", "sub": ["ann"]}),
        ],
    )
    .await;
}

#[tokio::test]
async fn claims_are_bound_by_value_and_type() {
    let b = Bench::start().await;
    b.role(json!({"bound_claims": {"team": ["red", 5, true], "/deep/env": "prod*"}})).await;
    let with = |team: Value, env: Value| json!({"team": team, "deep": {"env": env}});
    b.expect(
        &[
            with(json!("red"), json!("prod*")),
            with(json!(5), json!("prod*")),
            with(json!(5.0), json!(["x", "prod*"])),
            with(json!(true), json!("prod*")),
            with(json!(["blue", "red"]), json!("prod*")),
        ],
        &[
            with(json!("Red"), json!("prod*")),
            with(json!("5"), json!("prod*")),
            with(json!("true"), json!("prod*")),
            with(json!(6), json!("prod*")),
            with(json!("red"), json!("prod1")),
            with(json!({"red": 1}), json!("prod*")),
            with(json!([["red"]]), json!("prod*")),
            with(json!(null), json!("prod*")),
            with(json!([]), json!("prod*")),
            json!({"team": "red"}),
            json!({"team": "red", "/deep/env": "prod*"}),
        ],
    )
    .await;
    b.role(json!({"bound_claims": {"id": 9_007_199_254_740_993_u64}})).await;
    let id = |id: u64| json!({ "id": id });
    b.expect(&[id(9_007_199_254_740_993)], &[id(9_007_199_254_740_992), id(9_007_199_254_740_994)]).await;
    // An object can be bound, and nothing is the same as it.
    b.role(json!({"bound_claims": {"team": {"a": "b"}}})).await;
    b.expect(&[], &[json!({"team": {"a": "b"}})]).await;
}

#[tokio::test]
async fn claims_are_bound_by_patterns() {
    let b = Bench::start().await;
    b.role(json!({"bound_claims_type": "glob", "bound_claims": {"ref": ["refs/heads/*", "v1.*"], "repo": "org/*"}})).await;
    let with = |reference: Value, repo: Value| json!({"ref": reference, "repo": repo});
    b.expect(
        &[
            with(json!("refs/heads/main"), json!("org/app")),
            with(json!("v1.2"), json!("org/")),
            with(json!(["x", "refs/heads/y"]), json!("org/app")),
        ],
        &[
            with(json!("refs/tags/hidden"), json!("org/app")),
            with(json!("refs/heads/main"), json!("other/org/app")),
            with(json!(1), json!("org/app")),
            json!({"ref": "refs/heads/main"}),
        ],
    )
    .await;
}

#[tokio::test]
async fn times_are_checked() {
    let b = Bench::start().await;
    b.role(json!({"clock_skew_leeway": "10s"})).await;
    let now = strongroom_wire::Clock::now(b.harness.clock.as_ref()).as_second();
    b.expect(
        &[json!({"exp": now - 9}), json!({"nbf": now + 10}), json!({"iat": now + 10})],
        &[
            json!({"exp": now - 10}),
            json!({"nbf": now + 11}),
            json!({"iat": now + 11}),
            json!({"exp": "hidden"}),
            json!({"exp": null, "iat": null}),
        ],
    )
    .await;
}

#[tokio::test]
async fn the_user_is_a_text_in_a_claim() {
    let b = Bench::start().await;
    b.role(json!({"user_claim": "/who/id"})).await;
    b.expect(&[json!({"/who/id": "x"})], &[json!({"who": {"id": "x"}})]).await;
    b.role(json!({"user_claim": "/who/id", "user_claim_json_pointer": true})).await;
    b.expect(
        &[json!({"who": {"id": "x"}})],
        &[
            json!({"/who/id": "x"}),
            json!({"who": {"id": ""}}),
            json!({"who": {"id": 5}}),
            json!({"who": {"id": ["x"]}}),
            json!({"who": {"id": "x".repeat(513)}}),
            json!({"who": {"id": "a\u{0}b"}}),
        ],
    )
    .await;
}

#[tokio::test]
async fn groups_come_from_a_claim() {
    let b = Bench::start().await;
    b.role(json!({"groups_claim": "/x/groups"})).await;
    b.expect(
        &[json!({"x": {"groups": ["g", ""]}}), json!({"x": {"groups": "g"}}), json!({"x": {"groups": []}})],
        &[json!({}), json!({"x": {"groups": [5]}}), json!({"x": {"groups": {"hidden": 1}}})],
    )
    .await;
}

#[tokio::test]
async fn addresses_are_bound() {
    let b = Bench::start().await;
    b.role(json!({"token_bound_cidrs": "10.0.0.0/8"})).await;
    let jwt = sign(1, json!({}), &b.claims(json!({})));
    assert_eq!(b.show_from("10.1.2.3", &jwt).await.status, 200);
    assert_eq!(b.show_from("127.0.0.1", &jwt).await.status, 403);
}

#[tokio::test]
async fn a_role_that_is_gone_renews_nothing() {
    let b = Bench::start().await;
    b.role(json!({"token_ttl": 60, "token_max_ttl": 200})).await;
    let accessor = b.login(json!({})).await.at("/auth/accessor").as_str().unwrap().to_owned();
    let renew = async || {
        let mut txn = b.harness.core.txn();
        b.harness.core.renew_token(&mut txn, &accessor, 0, &[]).await.map(|(_, seconds, _)| seconds)
    };
    b.role(json!({"token_ttl": 90, "token_max_ttl": 200})).await;
    assert_eq!(renew().await.unwrap(), 90);
    b.harness.call(Operation::Delete, "auth/j/role/R", json!({})).await;
    assert_eq!(renew().await.unwrap_err().status(), 400);
}

#[tokio::test]
async fn no_role_gives_root() {
    let b = Bench::start().await;
    b.role(json!({"token_policies": ["Root"]})).await;
    b.expect(&[], &[json!({})]).await;
}

#[tokio::test]
async fn durations_may_be_negative_and_must_be_durations() {
    let b = Bench::start().await;
    b.role(json!({"expiration_leeway": -1, "not_before_leeway": "-1m", "clock_skew_leeway": "1h"})).await;
    let role = b.read("role/r").await.at("/data");
    assert_eq!(
        (&role["expiration_leeway"], &role["not_before_leeway"], &role["clock_skew_leeway"]),
        (&json!(-1), &json!(-60), &json!(3600))
    );
    for bad in ["soon", "--1", "1 h", "99999999999999999999"] {
        let body = json!({"role_type": "jwt", "user_claim": "sub", "clock_skew_leeway": bad});
        let reply = b.write("role/r", body).await;
        assert_eq!(reply.status, 400, "{bad}");
        assert!(reply.body.to_string().contains("clock_skew_leeway"));
    }
}

#[tokio::test]
async fn the_client_secret_is_never_shown() {
    let b = Bench::bare().await;
    let provider = json!({"issuer": "https://p", "jwks_uri": "https://p/keys"});
    b.outside.set("https://p/.well-known/openid-configuration", 200, provider);
    b.outside.set("https://p/keys", 200, json!({"keys": []}));
    let config =
        json!({"oidc_discovery_url": "https://p", "oidc_client_id": "c", "oidc_client_secret": "canary"});
    assert_eq!(b.write("config", config).await.status, 204);
    let shown = b.read("config").await;
    assert_eq!(shown.at("/data/oidc_client_id"), json!("c"));
    assert!(!shown.body.to_string().contains("canary"));
    let bad = json!({"jwt_validation_pubkeys": [public_pem(1)], "oidc_client_secret": "canary"});
    let reply = b.write("config", bad).await;
    assert!(reply.status == 400 && !reply.body.to_string().contains("canary"));
}
