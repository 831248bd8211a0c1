use crate::lender::{borrow, count, is_good, start};
use serde_json::{Value, json};
use std::sync::Arc;
use strongroom_core::{Grant, Operation, keys};

/// However many come at once, a token is good for as many requests as it was given, and no more.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn uses_are_counted_under_concurrency() {
    let (h, _) = start().await;
    let h = Arc::new(h);
    for uses in [1, 7] {
        let grant = Grant { policies: vec!["lend".to_owned()], num_uses: uses, ttl: 600, ..Grant::default() };
        let token = h.grant(grant).await.unwrap();
        let asking: Vec<_> = (0..40)
            .map(|_| {
                let (h, token) = (h.clone(), token.clone());
                tokio::spawn(async move {
                    h.call_as(Some(&token), Operation::Update, "db/creds/a", json!({})).await.status
                })
            })
            .collect();
        let mut granted = 0;
        for asked in asking {
            match asked.await.unwrap() {
                200 => granted += 1,
                status => assert_eq!(status, 403),
            }
        }
        assert_eq!(granted, uses);
        assert!(!is_good(&h, &token).await);
    }
    // What the tokens borrowed went with them.
    assert_eq!(count(&h, keys::OWNED).await, 0);
}

/// A request that is refused has used the token all the same.
#[tokio::test]
async fn a_refused_request_counts_as_a_use() {
    let (h, _) = start().await;
    let grant = Grant { policies: vec!["lend".to_owned()], num_uses: 2, ttl: 600, ..Grant::default() };
    let token = h.grant(grant).await.unwrap();
    assert_eq!(h.call_as(Some(&token), Operation::Read, "sys/nothing", Value::Null).await.status, 403);
    borrow(&h, &token).await;
    assert_eq!(h.call_as(Some(&token), Operation::Read, "db/creds/a", Value::Null).await.status, 403);
}
