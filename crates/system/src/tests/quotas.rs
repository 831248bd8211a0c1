//! Limits of leases, with tokens as the leases.

use super::{delete, list, read, write};
use crate::{System, TokenMethod};
use serde_json::{Value, json};
use std::sync::Arc;
use strongroom_core::core::Plugs;
use strongroom_core::{Grant, Operation};
use strongroom_testkit::Harness;

async fn start() -> (Harness, String) {
    let plugs = Plugs::default().engine(Arc::new(System::new())).auth(Arc::new(TokenMethod));
    let h = Harness::start(plugs).await;
    let rules = "path \"auth/token/*\" { capabilities = [\"create\", \"update\", \"sudo\"] }";
    h.policy("maker", rules).await.unwrap();
    let maker = h.grant(Grant { policies: vec!["maker".to_owned()], ttl: 90_000, ..Grant::default() });
    let maker = maker.await.unwrap();
    (h, maker)
}

/// Makes a token as somebody; its status and accessor.
async fn make(h: &Harness, token: &str, body: Value) -> (u16, String) {
    let reply = h.call_as(Some(token), Operation::Update, "auth/token/create", body).await;
    (reply.status, reply.at("/auth/accessor").as_str().unwrap_or_default().to_owned())
}

async fn counter(h: &Harness, name: &str) -> Value {
    read(h, &format!("sys/quotas/lease-count/{name}")).await.at("/data/counter")
}

#[tokio::test]
async fn no_more_leases_are_made_than_a_limit_allows() {
    let (h, maker) = start().await;
    // One there already, and one that is no lease.
    let (_, first) = make(&h, &maker, json!({})).await;
    make(&h, &maker, json!({"type": "batch"})).await;
    let limit = json!({"path": "auth/token", "max_leases": 3});
    assert_eq!(write(&h, "sys/quotas/lease-count/q", limit).await, 204);
    // The maker's own token has a path of its own.
    let shown = read(&h, "sys/quotas/lease-count/q").await.at("/data");
    let taken = shown["counter"].as_u64().unwrap();
    assert_eq!((&shown["path"], &shown["max_leases"]), (&json!("auth/token/"), &json!(3)));
    assert_eq!((&shown["type"], &shown["inheritable"]), (&json!("lease-count"), &json!(false)));
    for _ in taken..3 {
        assert_eq!(make(&h, &maker, json!({})).await.0, 200);
    }
    let (status, _) = make(&h, &maker, json!({})).await;
    assert_eq!((status, counter(&h, "q").await), (429, json!(3)));
    assert_eq!(make(&h, &maker, json!({"type": "batch"})).await.0, 200, "no lease");
    assert_eq!(
        make(&h, &h.root, json!({"policies": ["p"]})).await.0,
        200,
        "somebody must be able to make room"
    );
    assert_eq!(counter(&h, "q").await, json!(4));
    // Ended in whichever way, they make room.
    for _ in 0..2 {
        let mut txn = h.core.txn();
        h.core.revoke_token(&mut txn, &first).await.unwrap();
        h.core.commit(txn).await.unwrap();
    }
    assert_eq!(counter(&h, "q").await, json!(3));
    h.clock.advance(jiff::SignedDuration::from_hours(24 * 40));
    while h.core.expire_due().await.unwrap().0 > 0 {}
    assert_eq!(counter(&h, "q").await, json!(0));
}

/// Otherwise every namespace that is deleted would make the server's limit a little smaller for good.
#[tokio::test]
async fn leases_of_a_namespace_that_is_gone_count_no_more() {
    let (h, _) = start().await;
    assert_eq!(write(&h, "sys/namespaces/t1", json!({})).await, 200);
    assert_eq!(write(&h, "sys/quotas/lease-count/all", json!({"max_leases": 1000})).await, 204);
    let before = counter(&h, "all").await.as_u64().unwrap();
    for _ in 0..3 {
        assert_eq!(write(&h, "t1/auth/token/create", json!({"policies": "default"})).await, 200);
    }
    assert_eq!(counter(&h, "all").await, json!(before + 3));
    assert_eq!(delete(&h, "sys/namespaces/t1").await, 204);
    assert_eq!(counter(&h, "all").await, json!(before));
    while !h.core.work_off(64).await.unwrap() {}
    assert_eq!(counter(&h, "all").await, json!(before));
}

#[tokio::test]
async fn many_at_once_do_not_pass_together() {
    let (h, maker) = start().await;
    let limit = json!({"path": "auth/token", "max_leases": 10});
    write(&h, "sys/quotas/lease-count/q", limit).await;
    let before = counter(&h, "q").await.as_u64().unwrap();
    let tries = (0..40).map(|_| make(&h, &maker, json!({})));
    let mut made = 0;
    let mut running: Vec<_> = tries.map(Box::pin).collect();
    std::future::poll_fn(|cx| {
        running.retain_mut(|one| match one.as_mut().poll(cx) {
            std::task::Poll::Ready((200, _)) => {
                made += 1;
                false
            }
            std::task::Poll::Ready(_) => false,
            std::task::Poll::Pending => true,
        });
        if running.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    assert_eq!((made, counter(&h, "q").await), (10 - before, json!(10)));
}

#[tokio::test]
async fn the_most_specific_limit_counts_and_refuses() {
    let (h, maker) = start().await;
    assert_eq!(write(&h, "sys/quotas/lease-count/all", json!({"max_leases": 1})).await, 204);
    let own = json!({"path": "auth/token/", "max_leases": 100});
    assert_eq!(write(&h, "sys/quotas/lease-count/own", own).await, 204);
    for _ in 0..5 {
        assert_eq!(make(&h, &maker, json!({})).await.0, 200);
    }
    let (all, own) = (counter(&h, "all").await.as_u64().unwrap(), counter(&h, "own").await.as_u64().unwrap());
    assert!(own >= 5 && all <= 1, "{own} {all}");
    // Without it, all of them are the other's.
    assert_eq!(delete(&h, "sys/quotas/lease-count/own").await, 204);
    assert_eq!(counter(&h, "all").await, json!(own + all));
    assert_eq!(make(&h, &maker, json!({})).await.0, 429);
    assert_eq!(list(&h, "sys/quotas/lease-count").await.at("/data/keys"), json!(["all"]));
}

/// What is counted while it is made and ended is counted once.
#[tokio::test]
async fn counting_and_changing_at_once_agree() {
    let (h, maker) = start().await;
    let mut accessors = Vec::new();
    for _ in 0..3000 {
        let grant = Grant { ttl: 9000, path: Some("auth/token/create".to_owned()), ..Grant::default() };
        let token = h.grant(grant).await.unwrap();
        accessors.push(h.core.find_token(&token).await.unwrap().unwrap().accessor.clone());
    }
    write(&h, "sys/quotas/lease-count/q", json!({"path": "auth/token/", "max_leases": 100_000})).await;
    let counting = async { h.core.leases_of_limit("q").await.unwrap().unwrap() };
    let changing = async {
        for slice in accessors.chunks(10).take(100) {
            let mut txn = h.core.txn();
            for accessor in slice {
                h.core.revoke_token(&mut txn, accessor).await.unwrap();
            }
            h.core.commit(txn).await.unwrap();
            make(&h, &maker, json!({})).await;
            tokio::task::yield_now().await;
        }
    };
    tokio::join!(counting, changing);
    let counted = h.core.leases_of_limit("q").await.unwrap().unwrap();
    // Counted anew, with nobody in between.
    write(&h, "sys/quotas/lease-count/q", json!({"path": "auth/token/", "max_leases": 100_001})).await;
    assert_eq!(h.core.leases_of_limit("q").await.unwrap(), Some(counted));
    assert!((2100..2105).contains(&counted), "{counted}");
}

#[tokio::test]
async fn limits_are_checked() {
    let (h, _) = start().await;
    for bad in [
        json!({}),
        json!({"max_leases": 0}),
        json!({"max_leases": -1}),
        json!({"max_leases": 5, "path": "nowhere/"}),
        json!({"max_leases": 5, "role": "r"}),
        json!({"max_leases": 5, "path": "auth/token/", "inheritable": true}),
    ] {
        assert_eq!(write(&h, "sys/quotas/lease-count/q", bad.clone()).await, 400, "{bad}");
    }
    assert_eq!(write(&h, "sys/quotas/lease-count/a", json!({"max_leases": 5})).await, 204);
    assert_eq!(write(&h, "sys/quotas/lease-count/b", json!({"max_leases": 6})).await, 400, "the same path");
    assert_eq!(read(&h, "sys/quotas/lease-count/b").await.status, 404);
}
