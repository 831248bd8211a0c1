use super::keys::{empty, set_up, stranger};
use super::{read, write};
use bytes::Bytes;
use serde_json::{Value, json};
use strongroom_core::Operation;
use strongroom_core::response::Body;
use strongroom_testkit::Harness;

async fn save(h: &Harness) -> Bytes {
    let request = h.request(Some(&h.root), Operation::Read, "sys/storage/raft/snapshot", Value::Null);
    let Body::Stream(mut chunks) = h.core.handle(request).await.body else { panic!("no stream") };
    let mut file = Vec::new();
    while let Some(chunk) = chunks.recv().await {
        file.extend_from_slice(&chunk.unwrap());
    }
    file.into()
}

async fn restore(h: &Harness, path: &str, file: Bytes) -> u16 {
    let mut request = h.request(Some(&h.root), Operation::Update, path, Value::Null);
    request.raw = Some(file);
    h.send(request).await.status
}

const PLAIN: &str = "sys/storage/raft/snapshot";
const FORCED: &str = "sys/storage/raft/snapshot-force";

#[tokio::test]
async fn a_snapshot_brings_back_what_was_and_takes_away_what_came_after() {
    let mut h = empty();
    let keys = set_up(&mut h, 1, 1).await;
    let rule = json!({ "policy": "path \"a\" { capabilities = [\"read\"] }" });
    write(&h, "sys/policies/acl/before", rule.clone()).await;
    let file = save(&h).await;
    write(&h, "sys/policies/acl/after", rule.clone()).await;
    write(&h, "sys/rotate", Value::Null).await;
    write(&h, "sys/policies/acl/after", rule.clone()).await;
    assert_eq!(restore(&h, PLAIN, file).await, 204);
    assert!(!h.core.barrier.is_sealed());
    assert_eq!(read(&h, "sys/policies/acl/before").await.status, 200);
    assert_eq!(read(&h, "sys/policies/acl/after").await.status, 404);
    // It is as good after a restart, and what is written now is readable then.
    assert_eq!(write(&h, "sys/policies/acl/later", rule).await, 204);
    write(&h, "sys/seal", Value::Null).await;
    stranger(&h, Operation::Update, "sys/unseal", json!({ "key": keys[0] })).await;
    assert_eq!(read(&h, "sys/policies/acl/later").await.status, 200);
}

#[tokio::test]
async fn what_is_no_snapshot_changes_nothing() {
    let mut h = empty();
    set_up(&mut h, 1, 1).await;
    let file = save(&h).await;
    let cut = file.slice(..file.len() - 1);
    for bad in [Bytes::new(), Bytes::from_static(b"no snapshot at all"), cut] {
        assert_eq!(restore(&h, PLAIN, bad).await, 400);
    }
    assert_eq!(read(&h, "sys/key-status").await.at("/term"), json!(1));
    assert_eq!(stranger(&h, Operation::Read, PLAIN, Value::Null).await.status, 403);
    assert_eq!(read(&h, "sys/storage/raft/configuration").await.status, 400);
}

#[tokio::test]
async fn a_snapshot_of_another_root_key_is_restored_only_by_force_and_seals() {
    let mut other = empty();
    // Another server: its bytes must not repeat the first one's.
    let mut skipped = [0; 64];
    other.core.random.fill(&mut skipped);
    let keys = set_up(&mut other, 3, 2).await;
    let file = save(&other).await;
    let mut h = empty();
    let own = set_up(&mut h, 1, 1).await;
    assert_eq!(restore(&h, PLAIN, file.clone()).await, 400);
    assert_eq!(read(&h, "sys/key-status").await.status, 200);
    assert_eq!(restore(&h, FORCED, file).await, 204);
    assert!(h.core.barrier.is_sealed());
    for key in own.iter().chain(&keys[..2]) {
        stranger(&h, Operation::Update, "sys/unseal", json!({ "key": key })).await;
    }
    assert!(!h.core.barrier.is_sealed());
    assert_eq!(read(&h, "sys/key-status").await.status, 403);
    h.root = other.root;
    assert_eq!(read(&h, "sys/key-status").await.status, 200);
}
