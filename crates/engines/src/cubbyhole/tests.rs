use super::*;
use serde_json::{Value, json};
use strongroom_core::core::Plugs;
use strongroom_core::{Grant, token};
use strongroom_testkit::Harness;

use Operation::{Delete, List, Read, Update};

async fn server() -> Harness {
    Harness::start(Plugs::default().engine(Arc::new(Cubbyhole::default()))).await
}

#[tokio::test]
async fn each_token_sees_its_own_entries_only() {
    let harness = server().await;
    let (a, b) = (harness.token(&["default"]).await.unwrap(), harness.token(&["default"]).await.unwrap());
    for path in ["cubbyhole/x", "cubbyhole/d/y"] {
        assert_eq!(harness.call_as(Some(&a), Update, path, json!({"k": 1.10})).await.status, 204);
    }
    let mine = harness.call_as(Some(&a), Read, "cubbyhole/x", Value::Null).await;
    assert_eq!(
        (mine.status, mine.at("/data"), mine.at("/lease_duration")),
        (200, json!({"k": 1.10}), json!(0))
    );
    let listed = harness.call_as(Some(&a), List, "cubbyhole", Value::Null).await;
    assert_eq!(listed.at("/data/keys"), json!(["d/", "x"]));
    for other in [&b, &harness.root] {
        assert_eq!(harness.call_as(Some(other), Read, "cubbyhole/x", Value::Null).await.status, 404);
        assert_eq!(harness.call_as(Some(other), List, "cubbyhole", Value::Null).await.status, 404);
        assert_eq!(harness.call_as(Some(other), Delete, "cubbyhole/x", Value::Null).await.status, 204);
    }
    assert_eq!(harness.call_as(Some(&a), Read, "cubbyhole/x", Value::Null).await.status, 200);
    assert_eq!(harness.call_as(Some(&a), Delete, "cubbyhole/x", Value::Null).await.status, 204);
    assert_eq!(harness.call_as(Some(&a), Read, "cubbyhole/x", Value::Null).await.status, 404);
}

#[tokio::test]
async fn what_cannot_be_kept_is_refused() {
    let harness = server().await;
    let batch = Grant {
        kind: token::Kind::Batch,
        policies: vec!["default".to_owned()],
        ttl: 600,
        ..Grant::default()
    };
    let batch = harness.grant(batch).await.unwrap();
    for (operation, body) in
        [(Read, Value::Null), (List, Value::Null), (Update, json!({"a": 1})), (Delete, Value::Null)]
    {
        let refused = harness.call_as(Some(&batch), operation, "cubbyhole/x", body).await;
        assert_eq!(refused.status, 400, "{operation:?}: {refused:?}");
        assert_eq!(refused.at("/errors/0"), "cubbyhole operations are only supported by service tokens");
    }
    assert_eq!(harness.call(Update, "cubbyhole/x", json!({})).await.status, 400);
    assert_eq!(harness.call_as(None, Read, "cubbyhole/x", Value::Null).await.status, 403);
}
