//! A policy is looked over and tried before it is written.

use super::{start, write};
use serde_json::{Value, json};
use strongroom_core::{Fault, Operation};
use strongroom_testkit::{Harness, Reply};

async fn post(h: &Harness, token: &str, path: &str, body: Value) -> Reply {
    h.call_as(Some(token), Operation::Update, path, body).await
}

fn kinds(reply: &Reply) -> Vec<String> {
    let findings = reply.at("/data/findings");
    let kinds = findings.as_array().into_iter().flatten().filter_map(|f| f["kind"].as_str());
    kinds.map(str::to_owned).collect()
}

#[tokio::test]
async fn mounts_count_as_far_as_the_caller_sees_them() -> Result<(), Fault> {
    let h = start().await;
    assert_eq!(write(&h, "sys/mounts/mine", json!({"type": "kv"})).await, 204);
    assert_eq!(write(&h, "sys/mounts/other", json!({"type": "kv"})).await, 204);
    let rules =
        r#"path "sys/policies/lint" { capabilities = ["update"] } path "mine/*" { capabilities = ["read"] }"#;
    h.policy("linter", rules).await?;
    let token = h.token(&["linter"]).await?;
    let lint = async |token: &str, text: &str| {
        let reply = post(&h, token, "sys/policies/lint", json!({"policy": text})).await;
        assert_eq!(reply.status, 200);
        kinds(&reply)
    };
    let both = r#"path "mine/a" { capabilities = ["read"] } path "other/a" { capabilities = ["read"] }"#;
    assert_eq!(lint(&h.root, both).await, Vec::<String>::new());
    assert_eq!(lint(&token, both).await, ["dangling"]);
    assert_eq!(lint(&token, r#"path "none/a" { capabilities = ["read"] }"#).await, ["dangling"]);
    assert_eq!(lint(&token, r#"path "sys/health" { capabilities = ["raed"] }"#).await, ["error"]);
    assert_eq!(post(&h, &token, "sys/policies/lint", json!({})).await.status, 400);
    let nobody = h.token(&["default"]).await?;
    assert_eq!(post(&h, &nobody, "sys/policies/lint", json!({"policy": both})).await.status, 403);
    Ok(())
}

#[tokio::test]
async fn a_draft_is_tried_without_being_written() -> Result<(), Fault> {
    let h = start().await;
    let draft = r#"path "sys/mounts/*" { capabilities = ["read"] }"#;
    let test = async |operation: &str, path: &str| {
        let body = json!({"policy": draft, "operation": operation, "path": path});
        post(&h, &h.root, "sys/policies/test", body).await.at("/data/allowed")
    };
    assert_eq!(test("read", "sys/mounts/a").await, json!(true));
    assert_eq!(test("update", "sys/mounts/a").await, json!(false));
    assert_eq!(test("read", "sys/health").await, json!(true));
    assert_eq!(
        h.call(Operation::List, "sys/policies/acl", Value::Null).await.at("/data/keys"),
        json!(["default", "root"])
    );
    let broken = json!({"policy": "path", "operation": "read", "path": "a"});
    assert_eq!(post(&h, &h.root, "sys/policies/test", broken).await.status, 400);
    Ok(())
}
