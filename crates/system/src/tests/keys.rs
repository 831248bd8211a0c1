//! From an empty store to new shares and new root tokens.

use super::{delete, read, write};
use crate::System;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::{Value, json};
use std::sync::Arc;
use strongroom_core::core::Plugs;
use strongroom_core::{Fault, Grant, Operation};
use strongroom_testkit::{Harness, Reply};

pub(super) fn empty() -> Harness {
    Harness::empty(Plugs::default().engine(Arc::new(System::new())))
}

/// Somebody without a token.
pub(super) async fn stranger(h: &Harness, operation: Operation, path: &str, body: Value) -> Reply {
    h.call_as(None, operation, path, body).await
}

async fn put(h: &Harness, path: &str, body: Value) -> Reply {
    stranger(h, Operation::Update, path, body).await
}

/// Initialises over the API, unseals, and gives the shares.
pub(super) async fn set_up(h: &mut Harness, shares: u8, threshold: u8) -> Vec<String> {
    let made = put(h, "sys/init", json!({ "secret_shares": shares, "secret_threshold": threshold })).await;
    assert_eq!(made.status, 200, "{:?}", made.body);
    h.root = made.at("/root_token").as_str().unwrap().to_owned();
    let keys = texts(&made.at("/keys"));
    for key in keys.iter().take(threshold.into()) {
        put(h, "sys/unseal", json!({ "key": key })).await;
    }
    assert!(!h.core.barrier.is_sealed());
    keys
}

pub(super) fn texts(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|k| k.as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn is_initialised_once_and_sealed_afterwards() {
    let mut h = empty();
    assert_eq!(
        stranger(&h, Operation::Read, "sys/init", Value::Null).await.body,
        json!({ "initialized": false })
    );
    assert_eq!(stranger(&h, Operation::Read, "sys/health", Value::Null).await.status, 501);
    assert_eq!(put(&h, "sys/unseal", json!({ "key": "aabb" })).await.status, 400);
    for refused in [
        json!({}),
        json!({ "secret_shares": 3, "secret_threshold": 1 }),
        json!({ "secret_shares": 1, "secret_threshold": 1, "pgp_keys": ["k"] }),
        json!({ "secret_shares": 1, "secret_threshold": 1, "root_token_pgp_key": "k" }),
        json!({ "secret_shares": 1, "secret_threshold": 1, "stored_shares": 1 }),
        json!({ "secret_shares": 1, "secret_threshold": 1, "recovery_shares": 1 }),
    ] {
        assert_eq!(put(&h, "sys/init", refused.clone()).await.status, 400, "{refused}");
    }
    assert_eq!(
        stranger(&h, Operation::Read, "sys/init", Value::Null).await.body,
        json!({ "initialized": false })
    );
    let body = json!({ "secret_shares": 3, "secret_threshold": 2, "pgp_keys": null, "recovery_shares": 0 });
    let made = put(&h, "sys/init", body).await;
    h.root = made.at("/root_token").as_str().unwrap().to_owned();
    let keys = texts(&made.at("/keys"));
    assert_eq!((keys.len(), texts(&made.at("/keys_base64")).len()), (3, 3));
    assert!(h.core.barrier.is_sealed());
    assert_eq!(stranger(&h, Operation::Read, "sys/health", Value::Null).await.status, 503);
    assert_eq!(read(&h, "sys/key-status").await.status, 503);
    assert_eq!(put(&h, "sys/init", json!({ "secret_shares": 1, "secret_threshold": 1 })).await.status, 400);

    let first = put(&h, "sys/unseal", json!({ "key": keys[0] })).await;
    assert_eq!((first.at("/sealed"), first.at("/progress")), (json!(true), json!(1)));
    assert_eq!(put(&h, "sys/unseal", json!({ "reset": true })).await.at("/progress"), json!(0));
    put(&h, "sys/unseal", json!({ "key": keys[0] })).await;
    let base64 = texts(&made.at("/keys_base64"))[1].clone();
    assert_eq!(put(&h, "sys/unseal", json!({ "key": base64 })).await.at("/sealed"), json!(false));
    assert_eq!(read(&h, "sys/key-status").await.at("/term"), json!(1));

    assert_eq!(put(&h, "sys/seal", Value::Null).await.status, 403);
    assert_eq!(write(&h, "sys/seal", Value::Null).await, 204);
    assert!(h.core.barrier.is_sealed());
}

#[tokio::test]
async fn no_state_of_health_has_a_null() {
    let mut h = empty();
    for _ in 0..3 {
        let health = stranger(&h, Operation::Read, "sys/health", Value::Null).await;
        assert!(health.body.as_object().unwrap().values().all(|v| !v.is_null()), "{:?}", health.body);
        let uninit = json!({ "uninitcode": "298", "sealedcode": "298", "activecode": "298" });
        assert_eq!(stranger(&h, Operation::Read, "sys/health", uninit).await.status, 298);
        if h.root.is_empty() {
            set_up(&mut h, 1, 1).await;
        } else {
            write(&h, "sys/seal", Value::Null).await;
        }
    }
}

#[tokio::test]
async fn rekeying_replaces_the_shares_and_only_when_verified() {
    let mut h = empty();
    let old = set_up(&mut h, 3, 2).await;
    let target = json!({ "secret_shares": 2, "secret_threshold": 2, "require_verification": true });
    let started = put(&h, "sys/rekey/init", target.clone()).await;
    assert_eq!(put(&h, "sys/rekey/init", target).await.status, 400);
    let nonce = started.at("/nonce");
    assert_eq!(put(&h, "sys/rekey/update", json!({ "key": old[0], "nonce": "other" })).await.status, 400);
    let step = put(&h, "sys/rekey/update", json!({ "key": old[0], "nonce": nonce })).await;
    assert_eq!((step.at("/progress"), step.at("/complete")), (json!(1), Value::Null));
    let done = put(&h, "sys/rekey/update", json!({ "key": old[1], "nonce": nonce })).await;
    assert_eq!((done.at("/complete"), done.at("/verification_required")), (json!(true), json!(true)));
    let new = texts(&done.at("/keys"));
    let first = stranger(&h, Operation::Read, "sys/rekey/verify", Value::Null).await.at("/nonce");
    assert_eq!(first, done.at("/verification_nonce"));
    let again = h.call(Operation::Delete, "sys/rekey/verify", Value::Null).await;
    assert_ne!(again.at("/nonce"), first);
    let verification = again.at("/nonce");
    put(&h, "sys/rekey/verify", json!({ "key": new[0], "nonce": verification })).await;
    let verified = put(&h, "sys/rekey/verify", json!({ "key": new[1], "nonce": verification })).await;
    assert_eq!(verified.at("/complete"), json!(true));
    write(&h, "sys/seal", Value::Null).await;
    for key in &old[..2] {
        put(&h, "sys/unseal", json!({ "key": key })).await;
    }
    assert!(h.core.barrier.is_sealed());
    for key in &new {
        put(&h, "sys/unseal", json!({ "key": key })).await;
    }
    assert!(!h.core.barrier.is_sealed());
    let backup = read(&h, "sys/rekey/backup").await;
    assert!(backup.status == 400 && backup.body.to_string().contains("no backed-up keys found"));
    for body in [json!({ "pgp_keys": ["k"] }), json!({ "backup": true }), json!({ "secret_threshold": 2 })] {
        assert_eq!(put(&h, "sys/rekey/init", body).await.status, 400);
    }
}

#[tokio::test]
async fn shares_make_a_root_token_that_only_the_password_uncovers() {
    let mut h = empty();
    let keys = set_up(&mut h, 3, 2).await;
    assert_eq!(put(&h, "sys/generate-root/attempt", json!({ "otp": "short" })).await.status, 400);
    assert_eq!(put(&h, "sys/generate-root/attempt", json!({ "pgp_key": "k" })).await.status, 400);
    let started = put(&h, "sys/generate-root/attempt", json!({})).await;
    let (nonce, otp) = (started.at("/nonce"), started.at("/otp").as_str().unwrap().to_owned());
    let shown = stranger(&h, Operation::Read, "sys/generate-root/attempt", Value::Null).await;
    assert_eq!((shown.at("/otp"), shown.at("/otp_length")), (json!(""), json!(otp.len())));
    let update = "sys/generate-root/update";
    assert_eq!(
        put(&h, update, json!({ "key": keys[0], "nonce": nonce })).await.at("/complete"),
        json!(false)
    );
    let done = put(&h, update, json!({ "key": keys[2], "nonce": nonce })).await;
    let covered = STANDARD_NO_PAD.decode(done.at("/encoded_token").as_str().unwrap()).unwrap();
    let token: Vec<u8> = covered.iter().zip(otp.bytes()).map(|(c, o)| c ^ o).collect();
    let token = String::from_utf8(token).unwrap();
    assert_eq!(h.call_as(Some(&token), Operation::Read, "sys/key-status", Value::Null).await.status, 200);
    assert_eq!(put(&h, update, json!({ "key": keys[0], "nonce": nonce })).await.status, 400);
    for refused in ["sys/generate-recovery-token/attempt", "sys/rekey-recovery-key/init"] {
        assert_eq!(put(&h, refused, json!({})).await.status, 400);
    }
}

/// The class of CVE-2025-4656: whoever merely reaches the server must not disturb the others' work.
#[tokio::test]
async fn nobody_cancels_what_is_not_his() -> Result<(), Fault> {
    let mut h = empty();
    set_up(&mut h, 3, 2).await;
    h.policy("plain", "path \"sys/*\" { capabilities = [\"delete\", \"update\"] }").await?;
    let plain = h.token(&["plain"]).await?;
    for (path, body) in [
        ("sys/rekey/init", json!({ "secret_shares": 1, "secret_threshold": 1 })),
        ("sys/generate-root/attempt", json!({})),
    ] {
        let nonce = stranger(&h, Operation::Update, path, body).await.at("/nonce");
        let cancel = |nonce: Value| json!({ "nonce": nonce });
        let began = || async { stranger(&h, Operation::Read, path, Value::Null).await.at("/started") };
        assert_eq!(stranger(&h, Operation::Delete, path, Value::Null).await.status, 403);
        assert_eq!(h.call_as(Some("nonsense"), Operation::Delete, path, Value::Null).await.status, 403);
        assert_eq!(h.call_as(Some(&plain), Operation::Delete, path, Value::Null).await.status, 403);
        assert_eq!(stranger(&h, Operation::Delete, path, cancel(json!("guess"))).await.status, 400);
        assert_eq!(began().await, json!(true));
        assert_eq!(stranger(&h, Operation::Delete, path, cancel(nonce)).await.status, 204);
        assert_eq!(began().await, json!(false));
        assert_eq!(delete(&h, path).await, 204);
    }
    Ok(())
}

/// A token with uses left to count is not a way around its limit on routes that anybody may call.
#[tokio::test]
async fn cancelling_counts_as_a_use() -> Result<(), Fault> {
    let mut h = empty();
    set_up(&mut h, 1, 1).await;
    let once = h
        .grant(Grant { policies: vec!["root".to_owned()], num_uses: 1, ttl: 60, ..Grant::default() })
        .await?;
    let path = "sys/rekey/init";
    assert_eq!(h.call_as(Some(&once), Operation::Delete, path, Value::Null).await.status, 204);
    assert_eq!(h.call_as(Some(&once), Operation::Delete, path, Value::Null).await.status, 403);
    Ok(())
}

#[tokio::test]
async fn rotation_is_set_within_bounds() {
    let mut h = empty();
    set_up(&mut h, 1, 1).await;
    assert_eq!(write(&h, "sys/rotate", Value::Null).await, 204);
    assert_eq!(read(&h, "sys/key-status").await.at("/data/term"), json!(2));
    assert_eq!(
        write(&h, "sys/rotate/config", json!({ "interval": "48h", "max_operations": "2000000" })).await,
        204
    );
    let config = read(&h, "sys/rotate/config").await.at("/data");
    assert_eq!(config, json!({ "enabled": true, "interval": "48h0m0s", "max_operations": 2_000_000 }));
    for refused in
        [json!({ "interval": "1h" }), json!({ "max_operations": 5 }), json!({ "max_operations": -1 })]
    {
        assert_eq!(write(&h, "sys/rotate/config", refused).await, 400);
    }
    assert_eq!(read(&h, "sys/rotate/config").await.at("/data"), config);
}

#[tokio::test]
async fn an_open_barrier_is_not_enough_to_let_requests_in() {
    let h = super::start().await;
    h.core.hold();
    assert_eq!(read(&h, "sys/mounts").await.status, 503);
    assert_eq!(read(&h, "auth/token/lookup-self").await.status, 503);
    assert_eq!(stranger(&h, Operation::Read, "sys/health", Value::Null).await.status, 503);
    let status = stranger(&h, Operation::Read, "sys/seal-status", Value::Null).await;
    assert_eq!((status.status, status.at("/sealed")), (200, json!(true)));
    assert_eq!(status.at("/cluster_id"), Value::Null);
    h.core.after_unseal().await.unwrap();
    assert_eq!(read(&h, "sys/mounts").await.status, 200);
    assert_eq!(stranger(&h, Operation::Read, "sys/health", Value::Null).await.status, 200);
}

/// CVE-2026-46405: an error mints no token. Here the answer that holds it cannot be written to the trail,
/// whose only device takes datagrams: the request's entry just fits one, the answer's does not.
#[tokio::test]
async fn a_root_token_whose_answer_is_withheld_is_taken_back() {
    const LONGEST: usize = 65_507;
    let mut h = empty();
    let keys = set_up(&mut h, 1, 1).await;
    let trail = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    trail.set_read_timeout(Some(std::time::Duration::from_secs(10))).unwrap();
    let address = trail.local_addr().unwrap().to_string();
    let options = json!({ "address": address, "socket_type": "udp" });
    assert_eq!(write(&h, "sys/audit/udp", json!({ "type": "socket", "options": options })).await, 204);
    let heard = || {
        let mut entry = vec![0; LONGEST];
        let length = trail.recv(&mut entry).unwrap();
        String::from_utf8_lossy(&entry[..length]).into_owned()
    };
    // Enabling it is heard of, or not, before the first of these.
    let next = |kind: &str| loop {
        let entry = heard();
        if entry.contains("generate-root/update") && entry.contains(kind) {
            break entry;
        }
    };
    let started = put(&h, "sys/generate-root/attempt", json!({})).await;
    let nonce = started.at("/nonce").as_str().unwrap().to_owned();
    let body = |nonce: &str, padding: usize| {
        let mut body = json!({ "key": keys[0], "nonce": nonce });
        body["p".repeat(padding)] = json!(1);
        body
    };
    let other = nonce.chars().rev().collect::<String>();
    assert_eq!(put(&h, "sys/generate-root/update", body(&other, 1)).await.status, 400);
    let padding = LONGEST - next("\"type\":\"request\"").len() - 20;
    let before = read(&h, "sys/internal/counters/tokens").await.at("/data/counters/service_tokens/total");
    let withheld = put(&h, "sys/generate-root/update", body(&nonce, padding)).await;
    assert_eq!((withheld.status, withheld.at("/encoded_token")), (500, Value::Null));
    while next("\"type\":\"request\"").len() < LONGEST - 100 {}
    let after = read(&h, "sys/internal/counters/tokens").await.at("/data/counters/service_tokens/total");
    assert!(before.is_u64() && before == after, "{before} {after}");
}
