use super::{delete, read, start, write};
use serde_json::{Value, json};
use strongroom_core::keys;

#[tokio::test]
async fn devices_are_enabled_listed_and_disabled() {
    let h = start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("audit.log");
    let device = json!({ "type": "file", "description": "d", "options": { "file_path": file } });
    assert_eq!(write(&h, "sys/audit/one", device.clone()).await, 204);
    assert_eq!(write(&h, "sys/audit/one", device.clone()).await, 400);
    let listed = read(&h, "sys/audit").await;
    assert_eq!(listed.at("/data/one~1/type"), json!("file"));
    assert_eq!(listed.at("/one~1/options/file_path"), json!(file));
    assert_eq!(read(&h, "sys/audit/one").await.at("/data/path"), json!("one/"));
    assert!(h.core.txn().exists(&keys::core(keys::AUDIT, "one")).await.unwrap());
    let hash =
        h.call(strongroom_core::Operation::Update, "sys/audit-hash/one", json!({ "input": "x" })).await;
    assert!(hash.at("/data/hash").as_str().unwrap().starts_with("hmac-sha256:"));
    assert!(std::fs::read_to_string(&file).unwrap().contains("sys/audit-hash/one"));
    assert_eq!(delete(&h, "sys/audit/one").await, 204);
    assert_eq!(delete(&h, "sys/audit/one").await, 204);
    assert_eq!(read(&h, "sys/audit").await.at("/data"), json!({}));
    assert!(!h.core.txn().exists(&keys::core(keys::AUDIT, "one")).await.unwrap());
}

#[tokio::test]
async fn what_cannot_work_leaves_nothing_behind() {
    let h = start().await;
    for refused in [
        json!({}),
        json!({ "type": "nosuch" }),
        json!({ "type": "syslog" }),
        json!({ "type": "file" }),
        json!({ "type": "file", "options": { "file_path": "/proc/no/such/place" } }),
    ] {
        assert_eq!(write(&h, "sys/audit/bad", refused.clone()).await, 400, "{refused}");
        assert!(h.core.audit.is_idle());
        assert!(!h.core.txn().exists(&keys::core(keys::AUDIT, "bad")).await.unwrap());
    }
    assert_eq!(write(&h, "sys/audit-hash/none", json!({ "input": "x" })).await, 400);
    assert_eq!(read(&h, "sys/audit/none").await.status, 404);
}

/// What was wrapped reaches the trail hashed when it is unwrapped, and never in the clear.
#[tokio::test]
async fn an_unwrapped_answer_is_audited_hashed() {
    let h = start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("audit.log");
    write(&h, "sys/audit/one", json!({ "type": "file", "options": { "file_path": file } })).await;
    let body = json!({ "word": "canary-7391" });
    let mut request = h.request(Some(&h.root), strongroom_core::Operation::Update, "sys/wrapping/wrap", body);
    request.wrap_ttl = Some(60);
    let token = h.send(request).await.at("/wrap_info/token");
    let unwrap =
        h.request(token.as_str(), strongroom_core::Operation::Update, "sys/wrapping/unwrap", Value::Null);
    assert_eq!(h.send(unwrap).await.at("/data/word"), json!("canary-7391"));
    let trail = std::fs::read_to_string(&file).unwrap();
    assert!(!trail.contains("canary-7391") && !trail.contains(token.as_str().unwrap()));
    let answer = trail.lines().last().unwrap();
    let answer: Value = serde_json::from_str(answer).unwrap();
    let hash = h.core.audit.hash("one", b"canary-7391").unwrap();
    assert_eq!(answer.pointer("/response/data/word"), Some(&json!(hash)));
}
