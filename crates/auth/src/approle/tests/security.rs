//! What went wrong elsewhere: each test is named after its class in the list of advisories.

use super::super::tidy;
use super::Bench;
use jiff::SignedDuration;
use serde_json::json;
use std::sync::Arc;
use strongroom_core::Operation;
use strongroom_testkit::Reply;

#[tokio::test]
async fn wrong_ids_are_all_answered_alike() {
    let b = Bench::start().await;
    let before = b.login("web-id", "x").await;
    b.role("web", json!({})).await;
    b.role("other", json!({})).await;
    let (_, accessor) = b.secret("web", json!({})).await;
    let (other, _) = b.secret("other", json!({})).await;
    assert_eq!(before.at("/errors"), json!(["invalid role or secret ID"]));
    for (role_id, secret) in
        [("nope", "x"), ("web-id", "x"), ("web-id", &other), ("web-id", &accessor), ("WEB-ID", &other)]
    {
        assert_eq!(b.login(role_id, secret).await, before, "{role_id} {secret}");
    }
    assert_eq!(b.login("web-id", "").await, b.login("nope", "").await);
    assert_eq!(b.login("", "x").await.at("/errors"), json!(["missing role_id"]));
    assert_eq!(b.login("web-id", &"x".repeat(100_000)).await, before);
    assert_eq!(b.login("web-id", "x").await.status, 403, "five failures lock the role id");
}

#[tokio::test]
async fn one_use_is_one_login_however_many_come_at_once() {
    let b = Arc::new(Bench::start().await);
    b.role("r", json!({"secret_id_num_uses": 1})).await;
    let (secret, _) = b.secret("r", json!({})).await;
    let logins: Vec<_> = (0..8)
        .map(|_| {
            let (b, secret) = (b.clone(), secret.clone());
            tokio::spawn(async move { b.login("r-id", &secret).await.status })
        })
        .collect();
    let mut good = 0;
    for login in logins {
        good += usize::from(login.await.unwrap() == 200);
    }
    assert_eq!(good, 1);
}

#[tokio::test]
async fn consumption_counts_on_failure() {
    let b = Bench::start().await;
    b.role("r", json!({"secret_id_bound_cidrs": "127.0.0.0/8"})).await;
    let (secret, _) = b.secret("r", json!({"num_uses": 2})).await;
    assert_eq!(b.login_from("192.0.2.1", "r-id", &secret).await.status, 400);
    assert_eq!(b.login("r-id", &secret).await.status, 200);
    assert_eq!(b.login("r-id", &secret).await.status, 400, "the refused login was not counted");
}

/// CVE-2023-24999.
#[tokio::test]
async fn another_roles_secret_id_cannot_be_seen_or_destroyed() {
    let b = Bench::start().await;
    b.role("mine", json!({})).await;
    b.role("yours", json!({})).await;
    let (secret, accessor) = b.secret("yours", json!({})).await;
    let (by_secret, by_accessor) =
        (json!({ "secret_id": secret }), json!({ "secret_id_accessor": accessor }));
    assert_eq!(b.write("role/mine/secret-id/lookup", by_secret.clone()).await.status, 204);
    assert_eq!(b.write("role/mine/secret-id-accessor/lookup", by_accessor.clone()).await.status, 404);
    assert_eq!(b.write("role/mine/secret-id/destroy", by_secret.clone()).await.status, 204);
    let unknown =
        b.write("role/mine/secret-id-accessor/destroy", json!({"secret_id_accessor": "nope"})).await;
    let foreign = b.write("role/mine/secret-id-accessor/destroy", by_accessor.clone()).await;
    assert_eq!((foreign.status, &foreign), (403, &unknown));
    assert_eq!(b.login("yours-id", &secret).await.status, 200);
    assert_eq!(b.write("role/yours/secret-id-accessor/destroy", by_accessor).await.status, 204);
    assert_eq!(b.login("yours-id", &secret).await.status, 400);
    let (secret, _) = b.secret("yours", json!({})).await;
    assert_eq!(b.write("role/yours/secret-id/destroy", json!({ "secret_id": secret })).await.status, 204);
    assert_eq!(b.login("yours-id", &secret).await.status, 400);
}

#[tokio::test]
async fn a_role_created_again_knows_nothing_of_the_earlier_one() {
    let b = Bench::start().await;
    b.role("r", json!({})).await;
    let (first, accessor) = b.secret("r", json!({})).await;
    let login = b.login("r-id", &first).await;
    for _ in 0..200 {
        b.secret("r", json!({})).await;
    }
    assert_eq!(b.delete("role/R").await.status, 204);
    assert_eq!(b.delete("role/r").await.status, 204);
    let accessor_of = |login: &Reply| login.at("/auth/accessor").as_str().unwrap().to_owned();
    let core = &b.harness.core;
    assert!(core.renew_token(&mut core.txn(), &accessor_of(&login), 0, &[]).await.is_err());
    b.role("r", json!({"token_ttl": 70})).await;
    assert_eq!(b.login("r-id", &first).await.status, 400);
    assert_eq!(b.list("role/r/secret-id").await.status, 404);
    let body = json!({"secret_id_accessor": accessor});
    assert_eq!(b.write("role/r/secret-id-accessor/lookup", body).await.status, 404);
    assert_eq!(core.renew_token(&mut core.txn(), &accessor_of(&login), 0, &[]).await.unwrap().1, 70);
    // What one commit could not remove goes with the tidying.
    assert!(!core.txn().names(&b.mount.key("id/")).await.unwrap().is_empty());
    tidy::sweep(core, &b.mount).await.unwrap();
    assert_eq!(core.txn().names(&b.mount.key("id/")).await.unwrap(), Vec::<String>::new());
    assert_eq!(core.txn().names(&b.mount.key("gone/")).await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn secret_ids_are_never_stored() {
    let b = Bench::start().await;
    b.role("r", json!({})).await;
    let (secret, _) = b.secret("r", json!({})).await;
    b.write("role/r/custom-secret-id", json!({"secret_id": "canary-chosen"})).await;
    for name in b.harness.core.txn().names(&b.mount.key("")).await.unwrap() {
        assert!(!name.contains(&secret) && !name.contains("canary") && !name.contains("r-id"), "{name}");
        let value = b.harness.core.barrier.get(&b.mount.key(&name)).await.unwrap().unwrap();
        let plain: Arc<Vec<u8>> =
            value.decode(|bytes| Ok::<_, strongroom_core::Fault>(bytes.to_vec())).unwrap();
        let plain = String::from_utf8_lossy(&plain);
        assert!(!plain.contains(&secret) && !plain.contains("canary"), "{name}");
    }
}

/// CVE-2025-6004, CVE-2025-6014: tries are counted on the role id, however it is written and whatever
/// secret ids are tried.
#[tokio::test]
async fn spaces_give_no_extra_tries() {
    let b = Bench::start().await;
    b.role("r", json!({})).await;
    let (secret, _) = b.secret("r", json!({})).await;
    for role_id in ["r-id", " r-id", "r-id ", "\tr-id", "r-id\n"] {
        assert_eq!(b.login(role_id, &format!("bad{role_id}")).await.status, 400);
    }
    assert_eq!(b.login("r-id", &secret).await.status, 403);
    b.harness.clock.advance(SignedDuration::from_secs(901));
    assert_eq!(b.login("r-id", &secret).await.status, 200);
}

#[tokio::test]
async fn a_role_id_sent_as_a_number_gives_no_extra_tries() {
    let b = Bench::start().await;
    b.write("role/r", json!({"role_id": "12345"})).await;
    let (secret, _) = b.secret("r", json!({})).await;
    for _ in 0..5 {
        let body = json!({"role_id": 12345, "secret_id": "bad"});
        let reply = b.harness.call_as(None, Operation::Update, "auth/ar/login", body).await;
        assert_eq!(reply.status, 400);
    }
    assert_eq!(b.login("12345", &secret).await.status, 403);
}

/// CVE-2026-89322.
#[tokio::test]
async fn a_folded_role_name_does_not_dodge_a_deny() {
    let b = Bench::start().await;
    let rules = "path \"auth/ar/role/+/secret-id\" { capabilities = [\"update\"] }\n\
                 path \"auth/ar/role/admin/*\" { capabilities = [\"deny\"] }";
    b.harness.policy("maker", rules).await.unwrap();
    let token = b.harness.token(&["maker"]).await.unwrap();
    b.role("admin", json!({})).await;
    b.role("web", json!({})).await;
    for (name, status) in [("admin", 403), ("ADMIN", 403), ("Admin", 403), ("WEB", 200)] {
        let path = format!("auth/ar/role/{name}/secret-id");
        assert_eq!(
            b.harness.call_as(Some(&token), Operation::Update, &path, json!({})).await.status,
            status,
            "{name}"
        );
    }
}
