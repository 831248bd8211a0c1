use super::keys::stranger;
use super::{start, write};
use serde_json::{Value, json};
use strongroom_core::{Fault, Operation};
use strongroom_testkit::{Harness, Reply};

async fn wrap(h: &Harness, body: Value) -> String {
    let mut request = h.request(Some(&h.root), Operation::Update, "sys/wrapping/wrap", body);
    request.wrap_ttl = Some(60);
    let wrapped = h.send(request).await;
    wrapped.at("/wrap_info/token").as_str().unwrap().to_owned()
}

async fn post(h: &Harness, token: Option<&str>, path: &str, body: Value) -> Reply {
    h.call_as(token, Operation::Update, path, body).await
}

#[tokio::test]
async fn a_wrapping_token_is_good_for_one_unwrapping_and_nothing_else() {
    let h = start().await;
    let token = wrap(&h, json!({ "a": "b" })).await;
    let own = Some(token.as_str());
    for (operation, path) in [
        (Operation::Read, "sys/key-status"),
        (Operation::Update, "sys/wrapping/wrap"),
        (Operation::Update, "sys/wrapping/rewrap"),
        (Operation::Update, "sys/leases/lookup"),
    ] {
        let fresh = wrap(&h, json!({})).await;
        assert_eq!(h.call_as(Some(&fresh), operation, path, json!({})).await.status, 403, "{path}");
    }
    for _ in 0..2 {
        assert_eq!(
            stranger(&h, Operation::Update, "sys/wrapping/lookup", json!({ "token": token })).await.status,
            200
        );
    }
    let unwrapped = post(&h, own, "sys/wrapping/unwrap", json!({})).await;
    assert_eq!((unwrapped.status, unwrapped.at("/data")), (200, json!({ "a": "b" })));
    assert_ne!(unwrapped.at("/request_id"), json!(""));
    assert_eq!(post(&h, own, "sys/wrapping/unwrap", json!({})).await.status, 400);
    assert_eq!(
        stranger(&h, Operation::Update, "sys/wrapping/lookup", json!({ "token": token })).await.status,
        400
    );
}

#[tokio::test]
async fn another_token_than_ones_own_takes_a_policy() -> Result<(), Fault> {
    let h = start().await;
    let token = wrap(&h, json!({ "a": 1 })).await;
    let given = json!({ "token": token });
    h.policy("deny", "path \"sys/wrapping/*\" { capabilities = [\"deny\"] }\npath \"sys/wrapping/unwrap\" { capabilities = [\"deny\"] }").await?;
    let denied = h.token(&["deny"]).await?;
    for who in [None, Some("nonsense"), Some(denied.as_str())] {
        assert_eq!(post(&h, who, "sys/wrapping/unwrap", given.clone()).await.status, 403);
    }
    assert_eq!(post(&h, None, "sys/wrapping/unwrap", json!({})).await.status, 403);
    for junk in ["", "x", "hvs.aaaaaaaaaaaaaaaaaaaaaaaa", h.root.as_str()] {
        assert_eq!(
            post(&h, Some(&h.root), "sys/wrapping/unwrap", json!({ "token": junk })).await.status,
            400
        );
    }
    let plain = h.token(&["default"]).await?;
    assert_eq!(post(&h, Some(&plain), "sys/wrapping/unwrap", given).await.status, 200);
    // The same token in both places is one's own.
    let token = wrap(&h, json!({ "a": 2 })).await;
    assert_eq!(post(&h, Some(&token), "sys/wrapping/unwrap", json!({ "token": token })).await.status, 200);
    Ok(())
}

#[tokio::test]
async fn rewrapping_ends_the_old_token_and_keeps_answer_path_and_time() {
    let h = start().await;
    let old = wrap(&h, json!({ "n": 1 })).await;
    let moved = post(&h, Some(&h.root), "sys/wrapping/rewrap", json!({ "token": old })).await;
    assert_eq!(moved.at("/wrap_info/creation_path"), json!("sys/wrapping/wrap"));
    assert_eq!(moved.at("/wrap_info/ttl"), json!(60));
    let new = moved.at("/wrap_info/token").as_str().unwrap().to_owned();
    assert_eq!(post(&h, Some(&old), "sys/wrapping/unwrap", json!({})).await.status, 400);
    assert_eq!(post(&h, Some(&new), "sys/wrapping/unwrap", json!({})).await.at("/data/n"), json!(1));
    assert_eq!(write(&h, "sys/wrapping/rewrap", json!({ "token": new })).await, 400);
}

#[tokio::test]
async fn wrapping_needs_a_time_and_ends_with_it() {
    let h = start().await;
    assert_eq!(write(&h, "sys/wrapping/wrap", json!({ "a": 1 })).await, 400);
    let token = wrap(&h, json!({ "a": 1 })).await;
    h.clock.advance(jiff::SignedDuration::from_secs(61));
    assert_eq!(post(&h, Some(&token), "sys/wrapping/unwrap", json!({})).await.status, 400);
}
