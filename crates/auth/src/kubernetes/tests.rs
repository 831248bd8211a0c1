use super::KubernetesAuth;
use crate::outside::Outside;
use crate::web_token::tests::{public_pem, sign};
use serde_json::{Value, json};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use strongroom_core::core::{Plugs, Settings};
use strongroom_core::identity::entities;
use strongroom_core::{Class, Operation};
use strongroom_testkit::{Harness, Reply};

mod asking;
mod configuring;

const HOST: &str = "https://k.example:6443";
const REVIEW: &str = "https://k.example:6443/apis/authentication.k8s.io/v1/tokenreviews";
/// Something that looks like a certificate.
const CA: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

struct Bench {
    harness: Harness,
    outside: Arc<Outside>,
}

impl Bench {
    /// A configured mount with the role `r` for `app` in `prod`, and a cluster that vouches for it.
    async fn start() -> Self {
        let b = Self::bare(PathBuf::from("/nonexistent")).await;
        let config = json!({"kubernetes_host": HOST, "kubernetes_ca_cert": CA, "pem_keys": [public_pem(1)]});
        assert_eq!(b.write("config", config).await.status, 204);
        b.role(json!({})).await;
        b.vouch(json!({}));
        b
    }

    async fn bare(service_account: PathBuf) -> Self {
        let outside = Arc::new(Outside::default());
        let settings = Settings { outbound: Some(outside.clone()), service_account, ..Settings::default() };
        let plugs = Plugs::default().auth(Arc::new(KubernetesAuth::new()));
        let harness = Harness::start_with(plugs, settings).await;
        harness.mount(Class::Auth, "k/", "kubernetes", &[]).await.unwrap();
        Self { harness, outside }
    }

    async fn write(&self, path: &str, body: Value) -> Reply {
        self.harness.call(Operation::Update, &format!("auth/k/{path}"), body).await
    }

    async fn read(&self, path: &str) -> Reply {
        self.harness.call(Operation::Read, &format!("auth/k/{path}"), json!({})).await
    }

    async fn role(&self, more: Value) {
        let mut body =
            json!({"bound_service_account_names": "app", "bound_service_account_namespaces": "prod"});
        merge(&mut body, more);
        let reply = self.write("role/r", body).await;
        assert_eq!(reply.status, 204, "{reply:?}");
    }

    /// The cluster vouches for `app` in `prod`, or for what other fields of the status say.
    fn vouch(&self, more: Value) {
        let mut status = json!({
            "authenticated": true,
            "user": {"username": "system:serviceaccount:prod:app", "uid": "u1", "groups": ["system:authenticated"]},
            "audiences": ["https://kubernetes.default.svc"],
        });
        merge(&mut status, more);
        let review =
            json!({"kind": "TokenReview", "apiVersion": "authentication.k8s.io/v1", "status": status});
        self.outside.set(REVIEW, 201, review);
    }

    /// The token of `app` in `prod`, or with other claims.
    fn jwt(&self, more: Value) -> String {
        sign(1, json!({}), &self.claims(more))
    }

    fn claims(&self, more: Value) -> Value {
        let now = self.now();
        let mut claims = json!({
            "iss": "https://kubernetes.default.svc",
            "sub": "system:serviceaccount:prod:app",
            "aud": ["https://kubernetes.default.svc"],
            "iat": now, "nbf": now, "exp": now + 3600,
            "kubernetes.io": {"namespace": "prod", "serviceaccount": {"name": "app", "uid": "u1"}},
        });
        merge(&mut claims, more);
        claims
    }

    fn now(&self) -> i64 {
        strongroom_wire::Clock::now(self.harness.clock.as_ref()).as_second()
    }

    async fn login(&self, jwt: &str) -> Reply {
        self.login_from("127.0.0.1", jwt).await
    }

    async fn login_from(&self, address: &str, jwt: &str) -> Reply {
        let body = json!({"role": "R", "jwt": jwt});
        let mut request = self.harness.request(None, Operation::Update, "auth/k/login", body);
        request.remote.address = address.parse::<IpAddr>().unwrap();
        self.harness.send(request).await
    }

    async fn status(&self, claims: Value) -> u16 {
        self.login(&self.jwt(claims)).await.status
    }
}

fn merge(into: &mut Value, more: Value) {
    for (key, value) in more.as_object().unwrap() {
        into[key] = value.clone();
    }
}

/// Claims of a service account.
fn account(namespace: &str, name: &str, uid: &str) -> Value {
    json!({
        "sub": format!("system:serviceaccount:{namespace}:{name}"),
        "kubernetes.io": {"namespace": namespace, "serviceaccount": {"name": name, "uid": uid}},
    })
}

/// What the cluster says of a service account.
fn user(namespace: &str, name: &str, uid: &str) -> Value {
    json!({"user": {"username": format!("system:serviceaccount:{namespace}:{name}"), "uid": uid}})
}

#[tokio::test]
async fn a_login_says_which_account_came() {
    let b = Bench::start().await;
    b.role(json!({"token_policies": "p", "token_ttl": "5m"})).await;
    let reply = b.login(&b.jwt(json!({}))).await;
    assert_eq!(reply.at("/auth/policies"), json!(["default", "p"]), "{reply:?}");
    assert_eq!(reply.at("/auth/lease_duration"), json!(300));
    assert_eq!(
        reply.at("/auth/metadata"),
        json!({
            "role": "r",
            "service_account_name": "app",
            "service_account_namespace": "prod",
            "service_account_secret_name": "",
            "service_account_uid": "u1",
        })
    );
    let asked = b.outside.asked.lock().unwrap()[0].clone();
    let question: Value = serde_json::from_slice(&asked.body).unwrap();
    assert_eq!(question["kind"], "TokenReview");
    assert_eq!(question["spec"], json!({"token": b.jwt(json!({}))}));
    assert_eq!((asked.url.as_str(), asked.ca_pem.as_deref()), (REVIEW, Some(CA)));
}

#[tokio::test]
async fn names_and_namespaces_are_bound() {
    let b = Bench::start().await;
    for (names, namespaces, account_, accepted) in [
        ("app", "prod", ("prod", "app"), true),
        ("app", "prod", ("prod", "other"), false),
        ("app", "prod", ("dev", "app"), false),
        ("app", "prod", ("prod", "App"), false),
        ("app", "prod", ("Prod", "app"), false),
        ("a*", "pr*,dev", ("dev", "a"), true),
        ("a*", "pr*,dev", ("dev", "ba"), false),
        ("a*", "pr*,dev", ("develop", "a"), false),
        ("*", "*", ("any", "any"), true),
    ] {
        let (namespace, name) = account_;
        let role =
            json!({"bound_service_account_names": names, "bound_service_account_namespaces": namespaces});
        b.role(role).await;
        b.vouch(user(namespace, name, "u1"));
        let before = b.outside.count();
        let reply = b.login(&b.jwt(account(namespace, name, "u1"))).await;
        assert_eq!(reply.status == 200, accepted, "{names} {namespaces} {account_:?}: {reply:?}");
        assert_eq!(b.outside.count() > before, accepted, "what cannot be right is not asked");
    }
}

#[tokio::test]
async fn the_audience_is_bound() {
    let b = Bench::start().await;
    b.role(json!({"audience": "vault"})).await;
    for (claimed, reviewed, status) in [
        (json!(["vault"]), json!(["vault"]), 200),
        (json!("vault"), json!(["x", "vault"]), 200),
        (json!(["x"]), json!(["vault"]), 403),
        (json!(["Vault"]), json!(["vault"]), 403),
        (Value::Null, json!(["vault"]), 403),
        (json!(["vault"]), json!(["x"]), 403),
        (json!(["vault"]), json!([]), 403),
    ] {
        b.vouch(json!({"audiences": reviewed}));
        assert_eq!(b.status(json!({"aud": claimed})).await, status, "{claimed} {reviewed}");
    }
    let question: Value = serde_json::from_slice(&b.outside.asked.lock().unwrap()[0].body).unwrap();
    assert_eq!(question["spec"]["audiences"], json!(["vault"]));
}

#[tokio::test]
async fn times_are_checked_before_anything_is_asked() {
    let b = Bench::start().await;
    let now = b.now();
    for (claims, status) in [
        (json!({"exp": now - 59}), 200),
        (json!({"exp": now - 60}), 403),
        (json!({"nbf": now + 60}), 200),
        (json!({"nbf": now + 61}), 403),
        (json!({"iat": now + 61}), 403),
        (json!({"exp": "x"}), 403),
        // The oldest tokens have no end.
        (json!({"exp": null, "nbf": null, "iat": null}), 200),
    ] {
        assert_eq!(b.status(claims.clone()).await, status, "{claims}");
    }
}

#[tokio::test]
async fn the_issuer_is_checked_if_it_shall_be() {
    let b = Bench::start().await;
    let config = |issuer: &str| json!({"kubernetes_host": HOST, "kubernetes_ca_cert": CA, "issuer": issuer, "disable_iss_validation": false});
    assert_eq!(b.status(json!({"iss": "any"})).await, 200);
    b.write("config", config("https://i")).await;
    assert_eq!((b.status(json!({"iss": "https://i"})).await, b.status(json!({})).await), (200, 403));
    b.write("config", config("")).await;
    assert_eq!(b.status(json!({"iss": "kubernetes/serviceaccount"})).await, 200);
    assert_eq!((b.status(json!({})).await, b.status(json!({"iss": null})).await), (403, 403));
}

#[tokio::test]
async fn configured_keys_are_the_only_ones() {
    let b = Bench::start().await;
    let (right, wrong) = (b.jwt(json!({})), sign(2, json!({}), &b.claims(json!({}))));
    assert_eq!((b.login(&right).await.status, b.login(&wrong).await.status), (200, 403));
    assert_eq!(b.outside.count(), 1);
    // Without keys the cluster alone decides.
    b.write("config", json!({"kubernetes_host": HOST, "kubernetes_ca_cert": CA})).await;
    assert_eq!(b.login(&wrong).await.status, 200);
}

#[tokio::test]
async fn addresses_are_bound() {
    let b = Bench::start().await;
    b.role(json!({"token_bound_cidrs": "10.0.0.0/8"})).await;
    let jwt = b.jwt(json!({}));
    assert_eq!(b.login_from("10.1.2.3", &jwt).await.status, 200);
    assert_eq!(b.login_from("127.0.0.1", &jwt).await.status, 403);
}

#[tokio::test]
async fn namespaces_are_selected_by_their_labels() {
    let b = Bench::start().await;
    b.role(json!({"bound_service_account_namespace_selector": r#"{"matchLabels":{"team":"red"}}"#})).await;
    b.vouch(user("lab", "app", "u1"));
    let url = format!("{HOST}/api/v1/namespaces/lab");
    let namespace = |name: &str, team: &str| json!({"metadata": {"name": name, "labels": {"team": team}}});
    let claims = account("lab", "app", "u1");
    for (status, body, expected) in [
        (200, namespace("lab", "red"), 200),
        (200, namespace("lab", "blue"), 403),
        (200, namespace("other", "red"), 403),
        (200, json!({"metadata": {"name": "lab"}}), 403),
        (403, namespace("lab", "red"), 403),
        (404, json!({}), 403),
    ] {
        b.outside.set(&url, status, body.clone());
        assert_eq!(b.status(claims.clone()).await, expected, "{status} {body}");
    }
    // A namespace that is named needs no labels, and labels do not make up for the name.
    b.vouch(json!({}));
    assert_eq!(b.status(json!({})).await, 200);
    b.outside.set(&url, 200, namespace("lab", "red"));
    b.vouch(user("lab", "other", "u1"));
    assert_eq!(b.status(account("lab", "other", "u1")).await, 403);
}

#[tokio::test]
async fn the_alias_is_the_uid_or_the_name() {
    let b = Bench::start().await;
    let entity = async |uid: &str| {
        b.vouch(user("prod", "app", uid));
        b.login(&b.jwt(account("prod", "app", uid))).await.at("/auth/entity_id")
    };
    assert_eq!(entity("u1").await, entity("u1").await);
    assert_ne!(entity("u1").await, entity("u2").await);
    b.role(json!({"alias_name_source": "serviceaccount_name"})).await;
    assert_eq!(entity("u1").await, entity("u2").await);
}

#[tokio::test]
async fn annotations_become_metadata_of_the_alias() {
    let b = Bench::start().await;
    let config =
        json!({"kubernetes_host": HOST, "kubernetes_ca_cert": CA, "use_annotations_as_alias_metadata": true});
    b.write("config", config).await;
    let url = format!("{HOST}/api/v1/namespaces/prod/serviceaccounts/app");
    let with = |uid: &str, value: &str| {
        let annotations = json!({
            "vault.hashicorp.com/alias-metadata-team": value,
            "vault.hashicorp.com/alias-metadata-service_account_name": "forged",
            "other": "x",
        });
        json!({"metadata": {"uid": uid, "annotations": annotations}})
    };
    assert_eq!(b.status(json!({})).await, 403, "what cannot be read is not left out");
    b.outside.set(&url, 200, with("u2", "red"));
    assert_eq!(b.status(json!({})).await, 403);
    b.outside.set(&url, 200, with("u1", &"x".repeat(513)));
    assert_eq!(b.status(json!({})).await, 403);
    b.outside.set(&url, 200, with("u1", "red"));
    let reply = b.login(&b.jwt(json!({}))).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(reply.at("/auth/metadata/team"), Value::Null);
    let id = reply.at("/auth/entity_id");
    let entity = entities::find(&mut b.harness.core.txn(), id.as_str().unwrap()).await.unwrap().unwrap();
    let metadata = json!(entity.aliases[0].metadata);
    assert_eq!((&metadata["team"], &metadata["service_account_name"]), (&json!("red"), &json!("app")));
    assert_eq!(metadata.get("other"), None);
}

#[tokio::test]
async fn a_role_that_is_gone_renews_nothing() {
    let b = Bench::start().await;
    b.role(json!({"token_ttl": 60, "token_max_ttl": 200})).await;
    let accessor = b.login(&b.jwt(json!({}))).await.at("/auth/accessor").as_str().unwrap().to_owned();
    let renew = async || {
        let mut txn = b.harness.core.txn();
        b.harness.core.renew_token(&mut txn, &accessor, 0, &[]).await.map(|(_, seconds, _)| seconds)
    };
    b.role(json!({"token_ttl": 90, "token_max_ttl": 200})).await;
    assert_eq!(renew().await.unwrap(), 90);
    b.harness.call(Operation::Delete, "auth/k/role/r", json!({})).await;
    assert_eq!(renew().await.unwrap_err().status(), 400);
}
