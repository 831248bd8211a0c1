use super::{AppRole, tidy};
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::net::IpAddr;
use std::sync::Arc;
use strongroom_core::core::Plugs;
use strongroom_core::{Class, Mount, Operation};
use strongroom_testkit::{Harness, Reply};

mod security;

struct Bench {
    harness: Harness,
    mount: Mount,
}

impl Bench {
    async fn start() -> Self {
        let harness = Harness::start(Plugs::default().auth(Arc::new(AppRole::new()))).await;
        let mount = harness.mount(Class::Auth, "ar/", "approle", &[]).await.unwrap();
        Self { harness, mount }
    }

    async fn write(&self, path: &str, body: Value) -> Reply {
        self.harness.call(Operation::Update, &format!("auth/ar/{path}"), body).await
    }

    async fn read(&self, path: &str) -> Reply {
        self.harness.call(Operation::Read, &format!("auth/ar/{path}"), json!({})).await
    }

    async fn list(&self, path: &str) -> Reply {
        self.harness.call(Operation::List, &format!("auth/ar/{path}"), json!({})).await
    }

    async fn delete(&self, path: &str) -> Reply {
        self.harness.call(Operation::Delete, &format!("auth/ar/{path}"), json!({})).await
    }

    /// A role with the role id `<name>-id`.
    async fn role(&self, name: &str, mut body: Value) {
        body["role_id"] = json!(format!("{name}-id"));
        let reply = self.write(&format!("role/{name}"), body).await;
        assert!(reply.status < 300, "{reply:?}");
    }

    /// A secret id with its accessor.
    async fn secret(&self, role: &str, body: Value) -> (String, String) {
        let reply = self.write(&format!("role/{role}/secret-id"), body).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        let text = |pointer| reply.at(pointer).as_str().unwrap().to_owned();
        (text("/data/secret_id"), text("/data/secret_id_accessor"))
    }

    async fn login(&self, role_id: &str, secret_id: &str) -> Reply {
        self.login_from("127.0.0.1", role_id, secret_id).await
    }

    async fn login_from(&self, address: &str, role_id: &str, secret_id: &str) -> Reply {
        let body = json!({ "role_id": role_id, "secret_id": secret_id });
        let mut request = self.harness.request(None, Operation::Update, "auth/ar/login", body);
        request.remote.address = address.parse::<IpAddr>().unwrap();
        self.harness.send(request).await
    }
}

#[tokio::test]
async fn a_login_grants_what_the_role_has() {
    let b = Bench::start().await;
    b.role("web", json!({"token_policies": "b,a", "token_ttl": 300})).await;
    let (secret, _) =
        b.secret("web", json!({"metadata": "{\"team\":\"red\",\"role_name\":\"admin\"}"})).await;
    let reply = b.login(" web-id ", &format!("{secret}\n")).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(reply.at("/auth/policies"), json!(["a", "b", "default"]));
    assert_eq!(reply.at("/auth/lease_duration"), json!(300));
    // Metadata cannot pass for another role's.
    assert_eq!(reply.at("/auth/metadata"), json!({"team": "red", "role_name": "web"}));
    let token = reply.at("/auth/client_token");
    let entry = b.harness.core.find_token(token.as_str().unwrap()).await.unwrap().unwrap();
    assert_eq!((entry.display_name.as_str(), entry.alias.as_str()), ("ar", "web-id"));
}

#[tokio::test]
async fn role_ids_are_unique_and_can_be_changed() {
    let b = Bench::start().await;
    b.role("a", json!({})).await;
    assert_eq!(b.write("role/b", json!({"role_id": "a-id"})).await.status, 400);
    assert_eq!(b.read("role/b").await.status, 404);
    b.role("b", json!({})).await;
    assert_eq!(b.write("role/b/role-id", json!({"role_id": "a-id"})).await.status, 400);
    assert_eq!(b.write("role/b/role-id", json!({})).await.status, 400);
    assert_eq!(b.write("role/nope/role-id", json!({"role_id": "x"})).await.status, 404);
    let (secret, _) = b.secret("b", json!({})).await;
    assert_eq!(b.write("role/B/role-id", json!({"role_id": "second"})).await.status, 204);
    assert_eq!(b.read("role/b/role-id").await.at("/data/role_id"), json!("second"));
    assert_eq!(b.login("b-id", &secret).await.status, 400);
    assert_eq!(b.login("second", &secret).await.status, 200);
    assert_eq!(b.write("role/c", json!({"role_id": "b-id"})).await.status, 204);
}

#[tokio::test]
async fn secret_ids_keep_within_the_limits_of_the_role() {
    let b = Bench::start().await;
    b.role(
        "r",
        json!({"secret_id_num_uses": 3, "secret_id_ttl": 600, "secret_id_bound_cidrs": "10.0.0.0/8"}),
    )
    .await;
    for (body, status) in [
        (json!({"num_uses": 1, "ttl": 60, "cidr_list": "10.1.0.0/16"}), 200),
        (json!({"num_uses": 4}), 400),
        (json!({"num_uses": 0}), 400),
        (json!({"num_uses": -2}), 400),
        (json!({"ttl": "20m"}), 400),
        (json!({"ttl": 0}), 400),
        (json!({"cidr_list": "192.0.2.0/24"}), 400),
        (json!({"cidr_list": "x"}), 400),
        (json!({"token_bound_cidrs": "x"}), 400),
        (json!({"metadata": "x"}), 400),
    ] {
        assert_eq!(b.write("role/r/secret-id", body.clone()).await.status, status, "{body}");
    }
    assert_eq!(b.write("role/nope/secret-id", json!({})).await.status, 404);
}

#[tokio::test]
async fn uses_run_out() {
    let b = Bench::start().await;
    b.role("r", json!({"secret_id_num_uses": 2})).await;
    let (secret, _) = b.secret("r", json!({})).await;
    assert_eq!(b.login("r-id", &secret).await.status, 200);
    let shown = b.write("role/r/secret-id/lookup", json!({"secret_id": secret})).await;
    assert_eq!(shown.at("/data/secret_id_num_uses"), json!(1));
    assert_eq!(b.login("r-id", &secret).await.status, 200);
    assert_eq!(b.login("r-id", &secret).await.status, 400);
    assert_eq!(b.write("role/r/secret-id/lookup", json!({"secret_id": secret})).await.status, 204);
    assert_eq!(b.list("role/r/secret-id").await.status, 404);
}

#[tokio::test]
async fn expired_secret_ids_are_refused_and_tidied_away() {
    let b = Bench::start().await;
    b.role("r", json!({})).await;
    let (short, accessor) = b.secret("r", json!({"ttl": 60})).await;
    let (long, _) = b.secret("r", json!({"ttl": 6000})).await;
    b.harness.clock.advance(SignedDuration::from_secs(60));
    assert_eq!(b.login("r-id", &short).await.status, 400);
    assert_eq!(b.write("role/r/secret-id/lookup", json!({"secret_id": short})).await.status, 204);
    let body = json!({"secret_id_accessor": accessor});
    assert_eq!(b.write("role/r/secret-id-accessor/lookup", body).await.status, 404);
    assert_eq!(b.list("role/r/secret-id").await.at("/data/keys").as_array().unwrap().len(), 2);
    tidy::sweep(&b.harness.core, &b.mount).await.unwrap();
    assert_eq!(b.list("role/r/secret-id").await.at("/data/keys").as_array().unwrap().len(), 1);
    assert_eq!(b.login("r-id", &long).await.status, 200);
    assert_eq!(b.write("tidy/secret-id", json!({})).await.status, 202);
}

#[tokio::test]
async fn secret_ids_live_no_longer_than_the_mount_allows() {
    let b = Bench::start().await;
    let mut mount = b.mount.clone();
    mount.config.max_lease_ttl = 100;
    b.harness.record(&mount).await.unwrap();
    b.role("r", json!({})).await;
    let reply = b.write("role/r/secret-id", json!({"ttl": 500})).await;
    assert_eq!(reply.at("/data/secret_id_ttl"), json!(100));
    b.harness.clock.advance(SignedDuration::from_secs(100));
    assert_eq!(b.login("r-id", reply.at("/data/secret_id").as_str().unwrap()).await.status, 400);
}

#[tokio::test]
async fn addresses_bind_logins_and_tokens() {
    let b = Bench::start().await;
    b.role("r", json!({"secret_id_bound_cidrs": "127.0.0.0/8", "token_bound_cidrs": "10.0.0.0/8"})).await;
    let (wide, _) = b.secret("r", json!({})).await;
    let (narrow, _) =
        b.secret("r", json!({"cidr_list": "127.0.0.2/32", "token_bound_cidrs": "10.0.0.1/32"})).await;
    assert_eq!(b.login("r-id", &wide).await.status, 200);
    assert_eq!(b.login_from("192.0.2.1", "r-id", &wide).await.status, 400);
    assert_eq!(b.login("r-id", &narrow).await.status, 400);
    let reply = b.login_from("127.0.0.2", "r-id", &narrow).await;
    let token = reply.at("/auth/client_token");
    let entry = b.harness.core.find_token(token.as_str().unwrap()).await.unwrap().unwrap();
    assert_eq!(entry.bound_cidrs, ["10.0.0.1"]);
    // The role has moved on: what the secret id allows is more than the role does.
    b.write("role/r", json!({"secret_id_bound_cidrs": "127.0.0.4/32"})).await;
    assert_eq!(b.login_from("127.0.0.2", "r-id", &narrow).await.status, 400);
}

#[tokio::test]
async fn a_role_may_bind_addresses_in_place_of_secret_ids() {
    let b = Bench::start().await;
    assert_eq!(b.write("role/r", json!({"bind_secret_id": false})).await.status, 400);
    b.role("r", json!({"bind_secret_id": false, "secret_id_bound_cidrs": "127.0.0.0/8"})).await;
    assert_eq!(b.login("r-id", "").await.status, 200);
    assert_eq!(b.login("r-id", "anything").await.status, 200);
    assert_eq!(b.login_from("192.0.2.1", "r-id", "").await.status, 400);
    let refused = b.write("role/r/secret-id", json!({})).await;
    assert_eq!(refused.at("/errors"), json!(["bind_secret_id is not set on the role"]));
    assert_eq!(b.delete("role/r/secret-id-bound-cidrs").await.status, 400, "nothing would bind the role");
    assert_eq!(b.delete("role/r/bind-secret-id").await.status, 204);
    assert_eq!(b.login("r-id", "").await.status, 400);
}

#[tokio::test]
async fn custom_secret_ids_are_taken_once() {
    let b = Bench::start().await;
    b.role("r", json!({})).await;
    let custom = |id: &str| json!({ "secret_id": id, "ttl": 60 });
    assert_eq!(b.write("role/r/custom-secret-id", custom("chosen")).await.status, 200);
    assert_eq!(b.write("role/r/custom-secret-id", custom("chosen")).await.status, 400);
    assert_eq!(b.write("role/r/custom-secret-id", custom("")).await.status, 400);
    assert_eq!(b.write("role/r/custom-secret-id", custom(&"x".repeat(4097))).await.status, 400);
    assert_eq!(b.login("r-id", "chosen").await.status, 200);
    assert_eq!(b.login("r-id", "CHOSEN").await.status, 400);
    b.harness.clock.advance(SignedDuration::from_secs(60));
    assert_eq!(b.write("role/r/custom-secret-id", custom("chosen")).await.status, 200);
    assert_eq!(b.list("role/r/secret-id").await.at("/data/keys").as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn single_settings_are_read_written_and_cleared() {
    let b = Bench::start().await;
    b.role("r", json!({})).await;
    for (segment, body, shown, cleared) in [
        (
            "policies",
            json!({"token_policies": "q,default,q"}),
            json!({"token_policies": ["default", "q"]}),
            json!({"token_policies": []}),
        ),
        (
            "policies",
            json!({"policies": "B"}),
            json!({"token_policies": ["b"], "policies": ["b"]}),
            json!({"token_policies": []}),
        ),
        (
            "period",
            json!({"period": 50}),
            json!({"token_period": 50, "period": 50}),
            json!({"token_period": 0}),
        ),
        ("period", json!({"token_period": 50}), json!({"token_period": 50}), json!({"token_period": 0})),
        (
            "secret-id-num-uses",
            json!({"secret_id_num_uses": 8}),
            json!({"secret_id_num_uses": 8}),
            json!({"secret_id_num_uses": 0}),
        ),
        (
            "secret-id-ttl",
            json!({"secret_id_ttl": "1h30m"}),
            json!({"secret_id_ttl": 5400}),
            json!({"secret_id_ttl": 0}),
        ),
        ("token-ttl", json!({"token_ttl": "5m"}), json!({"token_ttl": 300}), json!({"token_ttl": 0})),
        (
            "token-max-ttl",
            json!({"token_max_ttl": "10m"}),
            json!({"token_max_ttl": 600}),
            json!({"token_max_ttl": 0}),
        ),
        (
            "token-num-uses",
            json!({"token_num_uses": 4}),
            json!({"token_num_uses": 4}),
            json!({"token_num_uses": 0}),
        ),
        (
            "token-bound-cidrs",
            json!({"token_bound_cidrs": "10.0.0.1/32"}),
            json!({"token_bound_cidrs": ["10.0.0.1"]}),
            json!({"token_bound_cidrs": null}),
        ),
        (
            "secret-id-bound-cidrs",
            json!({"secret_id_bound_cidrs": "10.0.0.1/32"}),
            json!({"secret_id_bound_cidrs": ["10.0.0.1/32"]}),
            json!({"secret_id_bound_cidrs": null}),
        ),
        (
            "bound-cidr-list",
            json!({"bound_cidr_list": "10.0.0.0/8"}),
            json!({"bound_cidr_list": ["10.0.0.0/8"]}),
            json!({"bound_cidr_list": null}),
        ),
        (
            "bind-secret-id",
            json!({"bind_secret_id": true}),
            json!({"bind_secret_id": true}),
            json!({"bind_secret_id": true}),
        ),
    ] {
        let path = format!("role/R/{segment}");
        assert_eq!(b.write(&path, json!({})).await.status, 400, "{segment}");
        assert_eq!(b.write(&path, body).await.status, 204, "{segment}");
        assert_eq!(b.read(&path).await.at("/data"), shown, "{segment}");
        assert_eq!(b.delete(&path).await.status, 204, "{segment}");
        assert_eq!(b.read(&path).await.at("/data"), cleared, "{segment}");
        let nope = format!("role/nope/{segment}");
        let statuses = (
            b.read(&nope).await.status,
            b.write(&nope, json!({})).await.status,
            b.delete(&nope).await.status,
        );
        assert_eq!(statuses, (404, 404, 204), "{segment}");
    }
    assert_eq!(b.read("role/r/local-secret-ids").await.at("/data"), json!({"local_secret_ids": false}));
    assert_eq!(b.write("role/r/token-ttl", json!({"token_ttl": 300})).await.status, 204);
    assert_eq!(b.write("role/r/token-max-ttl", json!({"token_max_ttl": 60})).await.status, 400);
}

#[tokio::test]
async fn a_token_takes_the_kind_of_its_mount() {
    let b = Bench::start().await;
    let mut mount = b.mount.clone();
    mount.config.token_type = "default-batch".to_owned();
    b.harness.record(&mount).await.unwrap();
    b.role("r", json!({"token_num_uses": 2, "token_period": 60})).await;
    let (secret, _) = b.secret("r", json!({})).await;
    let reply = b.login("r-id", &secret).await;
    assert_eq!(reply.at("/auth/token_type"), json!("batch"));
    assert_eq!((reply.at("/auth/lease_duration"), reply.at("/auth/num_uses")), (json!(60), json!(0)));
    let reply = b.write("role/r", json!({"token_type": "default-service"})).await;
    assert_eq!((reply.status, reply.at("/warnings").as_array().unwrap().len()), (200, 1));
    assert_eq!(b.read("role/r").await.at("/data/token_type"), json!("service"));
    assert_eq!(b.login("r-id", &secret).await.at("/auth/token_type"), json!("service"));
}
