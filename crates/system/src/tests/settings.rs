use super::{delete, list, read, start, write};
use serde_json::{Value, json};
use strongroom_core::lockout::Failures;
use strongroom_core::{Fault, Operation};
use strongroom_wire::Clock;

#[tokio::test]
async fn rate_limits_replace_each_other_and_need_a_mount() {
    let h = start().await;
    assert_eq!(write(&h, "sys/mounts/m", json!({"type": "kv"})).await, 204);
    assert_eq!(write(&h, "sys/quotas/rate-limit/q", json!({"rate": 1.5, "path": "m"})).await, 204);
    assert_eq!(read(&h, "sys/quotas/rate-limit/q").await.at("/data/path"), "m/");
    for bad in [
        json!({"path": "m"}),
        json!({"rate": 0}),
        json!({"rate": 1, "path": "nope/"}),
        json!({"rate": 1, "role": "r"}),
        json!({"rate": 1, "interval": "1x"}),
        json!({"rate": 1, "path": "m", "inheritable": true}),
    ] {
        assert_eq!(write(&h, "sys/quotas/rate-limit/q", bad.clone()).await, 400, "{bad}");
    }
    assert_eq!(write(&h, "sys/quotas/rate-limit/q2", json!({"rate": 1, "path": "m/"})).await, 400);
    assert_eq!(write(&h, "sys/quotas/rate-limit/q", json!({"rate": "7", "interval": "2m"})).await, 204);
    let q = read(&h, "sys/quotas/rate-limit/q").await;
    assert_eq!(
        (q.at("/data/path"), q.at("/data/interval"), q.at("/data/inheritable")),
        (json!(""), json!(120), json!(true))
    );
    assert_eq!(write(&h, "sys/quotas/config", json!({"rate_limit_exempt_paths": "/m/x"})).await, 204);
    assert_eq!(read(&h, "sys/quotas/config").await.at("/data/rate_limit_exempt_paths"), json!(["m/x"]));
    assert_eq!(delete(&h, "sys/quotas/rate-limit/q").await, 204);
    assert_eq!(list(&h, "sys/quotas/rate-limit").await.status, 404);
}

#[tokio::test]
async fn cors_and_audited_headers_take_effect() {
    let h = start().await;
    assert_eq!(read(&h, "sys/config/cors").await.at("/data"), json!({"enabled": false}));
    for bad in [
        json!({}),
        json!({"allowed_origins": "*,http://a"}),
        json!({"allowed_origins": "*", "allowed_headers": "a b"}),
    ] {
        assert_eq!(write(&h, "sys/config/cors", bad).await, 400);
    }
    let body = json!({"allowed_origins": ["http://a"], "allowed_headers": "X-One,x-vault-token"});
    assert_eq!(write(&h, "sys/config/cors", body).await, 204);
    assert!(h.core.cors().enabled);
    assert_eq!(h.core.cors().allowed_headers, ["X-One"]);
    assert_eq!(delete(&h, "sys/config/cors").await, 204);
    assert!(!h.core.cors().enabled);

    let path = "sys/config/auditing/request-headers";
    assert_eq!(write(&h, &format!("{path}/X-Who"), json!({"hmac": true})).await, 204);
    assert_eq!(read(&h, path).await.at("/headers"), json!({"x-who": {"hmac": true}}));
    assert_eq!(read(&h, &format!("{path}/x-WHO")).await.at("/data"), json!({"x-who": {"hmac": true}}));
    assert_eq!(delete(&h, &format!("{path}/x-who")).await, 204);
    assert_eq!(read(&h, &format!("{path}/x-who")).await.status, 400);
    assert_eq!(write(&h, "sys/config/ui/headers/x-a", json!({"values": ["b"]})).await, 400);
}

#[tokio::test]
async fn locked_names_are_listed_and_unlocked_again_and_again() -> Result<(), Fault> {
    let h = start().await;
    assert_eq!(write(&h, "sys/auth/up", json!({"type": "userpass"})).await, 204);
    let mount = h.core.mounts().at("auth/up/").unwrap().entry.clone();
    let mut txn = h.core.txn();
    txn.put(
        &h.core.lockout_key(&mount, "bob")?,
        &Failures { name: "bob".into(), count: 5, last: h.clock.now() },
    )?;
    txn.put(
        &h.core.lockout_key(&mount, "ann")?,
        &Failures { name: "ann".into(), count: 1, last: h.clock.now() },
    )?;
    h.core.commit(txn).await?;
    let locked = read(&h, "sys/locked-users").await;
    let names = json!({"mount_accessor": mount.accessor, "counts": 1, "alias_identifiers": ["bob"]});
    assert_eq!(locked.at("/data/by_namespace/0/mount_accessors/0"), names);
    let unlock = format!("sys/locked-users/{}/unlock/BOB", mount.accessor);
    assert_eq!((write(&h, &unlock, json!({})).await, write(&h, &unlock, json!({})).await), (204, 204));
    assert_eq!(read(&h, "sys/locked-users").await.at("/data/total"), 0);
    assert_eq!(write(&h, "sys/locked-users/nope/unlock/bob", json!({})).await, 400);
    Ok(())
}

#[tokio::test]
async fn password_policies_and_tools_answer() {
    let h = start().await;
    let policy = "length = 8\nrule \"charset\" { charset = \"z\" }";
    assert_eq!(write(&h, "sys/policies/password/p", json!({"policy": policy})).await, 204);
    assert_eq!(read(&h, "sys/policies/password/p/generate").await.at("/data/password"), "zzzzzzzz");
    assert_eq!(write(&h, "sys/policies/password/p", json!({"policy": "length = 2"})).await, 400);
    assert_eq!(read(&h, "sys/policies/password/none").await.status, 404);

    let random = |path: &'static str, body: Value| h.call(Operation::Update, path, body);
    let bytes = random("sys/tools/random/5", json!({"format": "hex"})).await;
    assert_eq!(bytes.at("/data/random_bytes").as_str().map(str::len), Some(10));
    let bytes = random("sys/tools/random/seal", json!({"bytes": "6", "format": "hex"})).await;
    assert_eq!(bytes.at("/data/random_bytes").as_str().map(str::len), Some(12));
    for bad in ["sys/tools/random/0", "sys/tools/random/131073", "sys/tools/random/mars/3"] {
        assert_eq!(random(bad, json!({})).await.status, 400, "{bad}");
    }
    assert_eq!(random("sys/tools/random", json!({"format": "dec"})).await.status, 400);
    assert_eq!(random("sys/tools/hash/md5", json!({"input": ""})).await.status, 400);
}

#[tokio::test]
async fn counts_and_catalog_are_honest() {
    let h = start().await;
    assert_eq!(read(&h, "sys/internal/counters/tokens").await.at("/data/counters/service_tokens/total"), 1);
    assert_eq!(read(&h, "sys/internal/counters/activity").await.status, 400);
    assert_eq!(list(&h, "sys/plugins/catalog/secret").await.at("/data/keys"), json!(["kv"]));
    assert_eq!(read(&h, "sys/plugins/catalog/secret/nosuch").await.status, 404);
    assert_eq!(read(&h, "sys/plugins/catalog/auth/userpass").await.at("/data/builtin"), json!(true));
    assert_eq!(write(&h, "sys/plugins/reload/backend", json!({})).await, 400);
    assert_eq!(list(&h, "sys/policies").await.status, 404);
}
