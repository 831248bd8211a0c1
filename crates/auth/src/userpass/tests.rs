use super::UserPass;
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::sync::Arc;
use strongroom_core::core::Plugs;
use strongroom_core::{Class, Mount, Operation};
use strongroom_testkit::{Harness, Reply};

struct Bench {
    harness: Harness,
    mount: Mount,
}

impl Bench {
    async fn start() -> Self {
        let harness = Harness::start(Plugs::default().auth(Arc::new(UserPass::new()))).await;
        let mount = harness.mount(Class::Auth, "up/", "userpass", &[]).await.unwrap();
        Self { harness, mount }
    }

    async fn write(&self, path: &str, body: Value) -> Reply {
        self.harness.call(Operation::Update, &format!("auth/up/{path}"), body).await
    }

    async fn read(&self, path: &str) -> Reply {
        self.harness.call(Operation::Read, &format!("auth/up/{path}"), json!({})).await
    }

    async fn login(&self, name: &str, password: &str) -> Reply {
        let path = format!("auth/up/login/{name}");
        self.harness.call_as(None, Operation::Update, &path, json!({ "password": password })).await
    }

    async fn renew(&self, login: &Reply) -> Result<u64, u16> {
        let accessor = login.at("/auth/accessor").as_str().unwrap().to_owned();
        let mut txn = self.harness.core.txn();
        match self.harness.core.renew_token(&mut txn, &accessor, 0, &[]).await {
            Ok((_, seconds, _)) => {
                self.harness.core.commit(txn).await.unwrap();
                Ok(seconds)
            }
            Err(fault) => Err(fault.status()),
        }
    }
}

#[tokio::test]
async fn a_user_is_created_changed_shown_and_deleted() {
    let b = Bench::start().await;
    assert_eq!(b.write("users/Bob", json!({})).await.status, 400);
    assert_eq!(b.write("users/Bob", json!({"password": ""})).await.status, 400);
    assert_eq!(b.read("users/bob").await.status, 404);
    assert_eq!(
        b.write("users/Bob", json!({"password": "pw", "token_policies": "p1,p2", "ttl": "10m"})).await.status,
        204
    );
    assert_eq!(b.write("users/bob", json!({"token_max_ttl": "1h"})).await.status, 204);
    let data = b.read("users/BOB").await.at("/data");
    assert_eq!(data["token_policies"], json!(["p1", "p2"]));
    assert_eq!(
        (&data["ttl"], &data["token_ttl"], &data["token_max_ttl"]),
        (&json!(600), &json!(600), &json!(3600))
    );
    assert!(!data.to_string().contains("$2"), "a hash is shown: {data}");

    let keys = b.harness.call(Operation::List, "auth/up/users", json!({})).await.at("/data/keys");
    assert_eq!(keys, json!(["bob"]));
    for status in [204, 204] {
        assert_eq!(b.harness.call(Operation::Delete, "auth/up/users/BoB", json!({})).await.status, status);
    }
    assert_eq!(b.harness.call(Operation::List, "auth/up/users", json!({})).await.status, 404);
    assert_eq!(b.write("users/bob/password", json!({"password": "x"})).await.status, 400);
    assert_eq!(b.write("users/bob/policies", json!({"policies": "x"})).await.status, 400);
}

#[tokio::test]
async fn a_login_grants_what_the_user_has() {
    let b = Bench::start().await;
    b.write(
        "users/bob",
        json!({"password": "pw", "token_policies": "z,a", "token_ttl": 300, "token_num_uses": 3}),
    )
    .await;
    let reply = b.login("bOb", "pw").await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(reply.at("/auth/policies"), json!(["a", "default", "z"]));
    assert_eq!(reply.at("/auth/metadata"), json!({"username": "bob"}));
    assert_eq!(reply.at("/auth/lease_duration"), json!(300));
    assert_eq!(reply.at("/auth/num_uses"), json!(3));
    let token = reply.at("/auth/client_token");
    let entry = b.harness.core.find_token(token.as_str().unwrap()).await.unwrap().unwrap();
    assert_eq!((entry.display_name.as_str(), entry.alias.as_str()), ("up-bob", "bob"));
}

#[tokio::test]
async fn passwords_change_and_hashes_of_other_programs_are_taken() {
    let b = Bench::start().await;
    b.write("users/u", json!({"password": "old"})).await;
    assert_eq!(b.write("users/u/password", json!({"password": "new"})).await.status, 204);
    assert_eq!(b.login("u", "old").await.status, 400);
    assert_eq!(b.login("u", "new").await.status, 200);
    assert_eq!(b.write("users/u/password", json!({})).await.status, 400);
    // A published hash of the password "a".
    let hash = "$2a$06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe";
    assert_eq!(b.write("users/h", json!({ "password_hash": hash })).await.status, 204);
    assert_eq!(b.login("h", "a").await.status, 200);
    let made = bcrypt::hash_with_salt("allmine", 4, [7; 16]).unwrap();
    for version in [bcrypt::Version::TwoA, bcrypt::Version::TwoB, bcrypt::Version::TwoY] {
        let body = json!({ "password_hash": made.format_for_version(version) });
        assert_eq!(b.write("users/h", body).await.status, 204);
        assert_eq!(b.login("h", "allmine").await.status, 200);
        assert_eq!(b.login("h", "other").await.status, 400);
    }
    assert_eq!(b.write("users/h", json!({"password_hash": hash, "password": "x"})).await.status, 400);
    assert_eq!(b.write("users/h", json!({"password_hash": "plain"})).await.status, 400);
}

#[tokio::test]
async fn bcrypt_never_truncates() {
    let b = Bench::start().await;
    let longest = "a".repeat(72);
    assert_eq!(b.write("users/u", json!({"password": format!("{longest}b")})).await.status, 400);
    assert_eq!(b.write("users/u", json!({"password": longest})).await.status, 204);
    assert_eq!(b.login("u", &longest).await.status, 200);
    assert_eq!(b.login("u", &format!("{longest}b")).await.status, 400);
    assert_eq!(b.login("u", &longest[1..]).await.status, 400);
}

#[tokio::test]
async fn addresses_are_checked_after_the_password() {
    let b = Bench::start().await;
    b.write("users/u", json!({"password": "pw", "token_bound_cidrs": "10.0.0.0/8"})).await;
    assert_eq!(b.login("u", "wrong").await.status, 400);
    assert_eq!(b.login("u", "pw").await.status, 403);
    b.write("users/u", json!({"token_bound_cidrs": "127.0.0.1"})).await;
    assert_eq!(b.login("u", "pw").await.status, 200);
}

#[tokio::test]
async fn renewal_rereads_times_and_ends_with_policies_or_user() {
    let b = Bench::start().await;
    b.write("users/u", json!({"password": "pw", "token_policies": "p1", "token_ttl": 60})).await;
    let login = b.login("u", "pw").await;
    assert_eq!(b.renew(&login).await, Ok(60));
    b.write("users/u", json!({"token_ttl": 90})).await;
    assert_eq!(b.renew(&login).await, Ok(90));
    b.write("users/u", json!({"token_period": 30})).await;
    assert_eq!(b.renew(&login).await, Ok(30));
    b.write("users/u", json!({"token_policies": "p2"})).await;
    assert_eq!(b.renew(&login).await, Err(400));
    b.write("users/u", json!({"token_policies": "p1,default"})).await;
    assert_eq!(b.renew(&login).await, Ok(30));
    b.harness.call(Operation::Delete, "auth/up/users/u", json!({})).await;
    assert_eq!(b.renew(&login).await, Err(400));
}

/// CVE-2025-6004, CVE-2025-6014.
#[tokio::test]
async fn casing_or_spaces_give_no_extra_tries() {
    let b = Bench::start().await;
    b.write("users/bob", json!({"password": "pw"})).await;
    for name in ["bob", "BOB", "Bob", "bOb", "boB"] {
        assert_eq!(b.login(name, "bad").await.status, 400, "{name}");
    }
    for name in ["bob", "BOB", "bOB"] {
        let reply = b.login(name, "pw").await;
        assert_eq!((reply.status, reply.at("/errors/0")), (403, json!("permission denied")), "{name}");
    }
    // A name with white space at the ends is no name at all.
    for name in ["bob%20", "%20bob"] {
        assert_ne!(b.login(name, "pw").await.status, 200, "{name}");
    }
    b.harness.clock.advance(SignedDuration::from_secs(901));
    assert_eq!(b.login("bob", "pw").await.status, 200);
}

/// CVE-2025-6011, CVE-2020-35177: nothing in the answers tells a user that is there from one that is
/// not, however often they are asked.
#[tokio::test]
async fn unknown_users_are_answered_like_known_ones() {
    let b = Bench::start().await;
    b.write("users/known", json!({"password": "pw"})).await;
    for round in 0..7 {
        let (known, unknown) = (b.login("known", "bad").await, b.login("unknown", "bad").await);
        assert_eq!(known, unknown, "round {round}");
        assert_eq!(known.status, if round < 5 { 400 } else { 403 });
    }
    assert_eq!(b.login("known", "").await, b.login("unknown", "").await);
}

/// An unknown name that was answered at once would stand out by far: both cost one hash.
#[tokio::test]
async fn unknown_users_take_the_work_of_known_ones() {
    let b = Bench::start().await;
    b.write("users/known", json!({"password": "pw"})).await;
    let hashing = &b.harness.core.hashing;
    for name in ["known", "unknown"] {
        let before = hashing.done();
        b.login(name, "bad").await;
        assert_eq!(hashing.done(), before + 1, "{name}");
    }
}

/// CVE-2025-5999.
#[tokio::test]
async fn no_login_gives_root() {
    let b = Bench::start().await;
    for policies in ["root", "ROOT", "p, Root "] {
        b.write("users/u", json!({"password": "pw", "token_policies": policies})).await;
        assert_eq!(b.login("u", "pw").await.status, 400, "{policies}");
    }
}

/// CVE-2026-89322.
#[tokio::test]
async fn a_folded_name_does_not_dodge_a_deny() {
    let b = Bench::start().await;
    let rules = "path \"auth/up/users/*\" { capabilities = [\"create\", \"update\", \"read\"] }\n\
                 path \"auth/up/users/admin\" { capabilities = [\"deny\"] }";
    b.harness.policy("helpdesk", rules).await.unwrap();
    let token = b.harness.token(&["helpdesk"]).await.unwrap();
    b.write("users/admin", json!({"password": "pw"})).await;
    for name in ["admin", "ADMIN", "Admin"] {
        let path = format!("auth/up/users/{name}");
        let reply =
            b.harness.call_as(Some(&token), Operation::Update, &path, json!({"password": "mine"})).await;
        assert_eq!(reply.status, 403, "{name}");
    }
    let other = b
        .harness
        .call_as(Some(&token), Operation::Update, "auth/up/users/ann", json!({"password": "x"}))
        .await;
    assert_eq!(other.status, 204);
    assert_eq!(b.login("admin", "pw").await.status, 200);
}

#[tokio::test]
async fn policy_tells_creating_from_changing() {
    let b = Bench::start().await;
    b.harness.policy("maker", "path \"auth/up/users/*\" { capabilities = [\"create\"] }").await.unwrap();
    let token = b.harness.token(&["maker"]).await.unwrap();
    let path = "auth/up/users/new";
    for (password, status) in [("a", 204), ("b", 403)] {
        let body = json!({ "password": password });
        assert_eq!(b.harness.call_as(Some(&token), Operation::Update, path, body).await.status, status);
    }
}

#[tokio::test]
async fn errors_never_carry_passwords() {
    let b = Bench::start().await;
    let canary = "canary-hunter2";
    for body in [
        json!({"password": [canary]}),
        json!({"password": {"a": canary}}),
        json!({"password_hash": canary}),
        json!({"password": canary, "password_hash": canary}),
        json!({"password": format!("{canary}{}", "x".repeat(72))}),
        json!({"password": canary, "token_ttl": "abc"}),
    ] {
        let reply = b.write("users/u", body.clone()).await;
        assert_eq!(reply.status, 400, "{body}");
        assert!(!reply.body.to_string().contains(canary), "{reply:?}");
    }
    assert!(!b.login("u", canary).await.body.to_string().contains(canary));
}

#[tokio::test]
async fn nothing_is_stored_outside_the_mount() {
    let b = Bench::start().await;
    b.write("users/u", json!({"password": "pw"})).await;
    let keys = b.harness.core.txn().list(&b.mount.key(""), None, 10).await.unwrap();
    assert_eq!(keys, [b.mount.key("user/u")]);
}
