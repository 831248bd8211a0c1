//! The inventory of tokens.

use super::{read, start, write};
use jiff::SignedDuration;
use serde_json::{Value, json};
use strongroom_core::{Grant, Operation};
use strongroom_testkit::{Harness, Reply};

async fn inventory(h: &Harness, query: Value) -> Reply {
    h.call(Operation::Read, "sys/tokens", query).await
}

async fn names(h: &Harness, query: Value) -> Vec<String> {
    let reply = inventory(h, query).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let tokens = reply.at("/data/tokens");
    let mut names: Vec<String> =
        tokens.as_array().unwrap().iter().map(|t| t["display_name"].as_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

async fn grant(h: &Harness, name: &str) -> String {
    let grant = Grant {
        display_name: name.to_owned(),
        policies: vec![format!("p-{name}")],
        role: format!("r-{name}"),
        ttl: 90_000,
        ..Grant::default()
    };
    h.grant(grant).await.unwrap()
}

#[tokio::test]
async fn tokens_are_shown_by_accessor_page_by_page() {
    let h = start().await;
    let mut tokens = vec![h.root.clone()];
    for n in 0..7 {
        tokens.push(grant(&h, &format!("t{n}")).await);
    }
    let (mut seen, mut after) = (Vec::new(), json!(""));
    loop {
        let page = inventory(&h, json!({"limit": 3, "after": after})).await;
        assert!(tokens.iter().all(|token| !page.body.to_string().contains(token.as_str())));
        let found = page.at("/data/tokens").as_array().unwrap().clone();
        assert!(found.len() <= 3);
        seen.extend(found.iter().map(|t| t["accessor"].as_str().unwrap().to_owned()));
        after = page.at("/data/next");
        if after == json!("") {
            break;
        }
    }
    let count = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!((count, seen.len()), (8, 8));
    let of_one = inventory(&h, json!({"role": "r-t3"})).await.at("/data/tokens/0");
    assert_eq!((&of_one["display_name"], &of_one["ttl"]), (&json!("t3"), &json!(90_000)));
    assert_eq!(names(&h, json!({"policy": "p-t1"})).await, ["t1"]);
    for bad in [json!({"limit": 0}), json!({"limit": 5000}), json!({"older_than": "soon"})] {
        assert_eq!(inventory(&h, bad).await.status, 400);
    }
}

#[tokio::test]
async fn the_last_use_is_known_to_the_hour_and_kept() {
    let h = start().await;
    let (used, _idle) = (grant(&h, "used").await, grant(&h, "idle").await);
    h.clock.advance(SignedDuration::from_hours(5));
    for _ in 0..3 {
        h.call_as(Some(&used), Operation::Read, "sys/mounts", Value::Null).await;
    }
    let use_of = async |name: &str| {
        inventory(&h, json!({ "display_name": name })).await.at("/data/tokens/0/last_use_hour")
    };
    assert_eq!((use_of("used").await, use_of("idle").await), (json!("2026-01-02T08:00:00Z"), Value::Null));
    assert!(h.core.write_last_uses().await.unwrap() >= 1);
    assert_eq!(
        (use_of("used").await, h.core.write_last_uses().await.unwrap()),
        (json!("2026-01-02T08:00:00Z"), 0)
    );
    assert_eq!(names(&h, json!({"unused_for": "3h", "younger_than": "6h"})).await, ["idle"]);
    h.clock.advance(SignedDuration::from_hours(1));
    h.call_as(Some(&used), Operation::Read, "sys/mounts", Value::Null).await;
    assert_eq!(use_of("used").await, json!("2026-01-02T09:00:00Z"));
    // A token that is gone leaves no use behind.
    h.core.write_last_uses().await.unwrap();
    h.call_as(Some(&used), Operation::Read, "sys/mounts", Value::Null).await;
    h.clock.advance(SignedDuration::from_hours(24 * 40));
    while h.core.expire_due().await.unwrap().0 > 0 {}
    h.core.write_last_uses().await.unwrap();
    let left = h.core.txn().names(b"root/core/last-use/").await.unwrap();
    assert_eq!(left.len(), 1, "only root's: {left:?}");
}

#[tokio::test]
async fn many_are_revoked_but_neither_root_nor_the_own_line() {
    let h = start().await;
    h.policy("ops", "path \"sys/tokens*\" { capabilities = [\"read\", \"update\", \"sudo\"] }")
        .await
        .unwrap();
    let above = grant(&h, "above").await;
    let parent = h.core.find_token(&above).await.unwrap().unwrap().accessor.clone();
    let own = Grant {
        display_name: "own".to_owned(),
        policies: vec!["ops".to_owned()],
        parent: Some(parent),
        ttl: 9000,
        ..Grant::default()
    };
    let own = h.grant(own).await.unwrap();
    for n in 0..100 {
        grant(&h, &format!("t{n}")).await;
    }
    h.clock.advance(SignedDuration::from_hours(1));
    let late = grant(&h, "late").await;
    let revoke =
        async |body: Value| h.call_as(Some(&own), Operation::Update, "sys/tokens/revoke", body).await;
    assert_eq!(revoke(json!({})).await.status, 400, "a filter is needed");
    let query = json!({"older_than": "30m", "limit": 1000, "dry_run": true});
    let told = revoke(query).await;
    assert_eq!(
        (told.at("/data/accessors").as_array().unwrap().len(), told.at("/data/spared")),
        (100, json!(3))
    );
    assert_eq!(names(&h, json!({"limit": 1000})).await.len(), 104);
    let done = revoke(json!({"older_than": "30m", "limit": 1000})).await;
    assert_eq!((done.status, done.at("/data/next")), (200, json!("")));
    let left = names(&h, json!({})).await;
    assert_eq!(left, ["above", "late", "own", "root"]);
    assert!(h.core.find_token(&late).await.unwrap().is_some());
    let with_root = json!({"display_name": "root", "include_root": true});
    assert_eq!(revoke(with_root).await.at("/data/accessors").as_array().unwrap().len(), 1);
    assert_eq!(read(&h, "sys/tokens").await.status, 403);
    assert_eq!(write(&h, "sys/tokens/revoke", json!({"role": "r"})).await, 403);
}
