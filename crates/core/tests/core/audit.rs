use crate::lender::{borrow, count, finish, start};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::Ordering;
use strongroom_audit::DeviceConfig;
use strongroom_core::{Operation, keys};
use strongroom_testkit::Harness;

fn device(path: &Path) -> DeviceConfig {
    let options = BTreeMap::from([("file_path".to_owned(), path.display().to_string())]);
    DeviceConfig::new("file", "", options, false)
}

async fn send(h: &Harness, token: Option<&str>, operation: Operation, path: &str, wrap: Option<u64>) -> u16 {
    let mut request = h.request(token, operation, path, json!({}));
    request.wrap_ttl = wrap;
    h.send(request).await.status
}

/// Fails closed, for every kind of request: what cannot be written down is not answered, whatever the
/// answer would have been.
#[tokio::test]
async fn nothing_is_answered_that_cannot_be_audited() {
    let (h, _) = start().await;
    let token = h.token(&["lend"]).await.unwrap();
    let lease = borrow(&h, &token).await;
    h.core.audit.restore("full", device(Path::new("/dev/full"))).await.unwrap();
    let before = (count(&h, keys::TOKEN).await, count(&h, keys::LEASE).await);
    use Operation::{Delete, Help, List, Patch, Read, Update};
    let (root, own) = (Some(h.root.as_str()), Some(token.as_str()));
    for (who, operation, path) in [
        (root, Read, "db/creds/a"),
        (root, Update, "db/creds/a"),
        (root, Help, "db/creds/a"),
        (root, List, "db/creds"),
        (root, Patch, "db/creds/a"),
        (root, Delete, "no/such/mount"),
        (root, Read, "db/no/such/route"),
        (root, Update, "db/creds/a/"),
        (own, Read, "db/creds/a"),
        (own, Read, "sys/no/permission"),
        (Some("no-such-token"), Read, "db/creds/a"),
        (Some("hvb.no-such-token"), Read, "db/creds/a"),
        (None, Read, "db/creds/a"),
        (None, Read, "db/open/a"),
        (None, Update, "auth/door/login/ann"),
    ] {
        for wrap in [None, Some(60)] {
            let status = send(&h, who, operation, path, wrap).await;
            assert_eq!(status, 500, "{operation:?} {path} with {who:?}");
        }
    }
    finish(&h).await;
    assert_eq!((count(&h, keys::TOKEN).await, count(&h, keys::LEASE).await), before);
    assert!(h.core.lease(&mut h.core.txn(), &lease).await.unwrap().is_some());
}

/// If the entry of an answer cannot be written, the answer is withheld, and what it granted is taken back:
/// the token, the lease, and the token that keeps a wrapped answer.
#[tokio::test]
async fn what_was_granted_is_taken_back_if_the_answer_cannot_be_audited() {
    let (h, ledger) = start().await;
    let before = (count(&h, keys::TOKEN).await, count(&h, keys::LEASE).await);
    for (path, wrap) in [
        ("auth/door/login/ann", None),
        ("auth/door/login/ann", Some(60)),
        ("db/creds/a", None),
        ("db/creds/a", Some(60)),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("trail"), folder.path().join("link"));
        std::fs::write(&file, "").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        h.core.audit.enable("one", device(&link)).await.unwrap();
        let undone = ledger.undone.load(Ordering::SeqCst);
        let mut request = h.request(Some(&h.root), Operation::Update, path, json!({ "cut": link }));
        request.wrap_ttl = wrap;
        let reply = h.send(request).await;
        assert_eq!((reply.status, reply.at("/auth"), reply.at("/data")), (500, Value::Null, Value::Null));
        // The request was written, its answer was not.
        let trail = std::fs::read_to_string(&file).unwrap();
        assert!(trail.lines().last().unwrap().contains(path), "{trail}");
        assert!(!trail.contains("\"type\":\"response\""), "{trail}");
        h.core.audit.disable("one").await;
        finish(&h).await;
        assert_eq!((count(&h, keys::TOKEN).await, count(&h, keys::LEASE).await), before, "{path} {wrap:?}");
        let lent = u32::from(path.starts_with("db/")) as usize;
        assert_eq!(ledger.undone.load(Ordering::SeqCst), undone + lent, "{path} {wrap:?}");
    }
    assert_eq!((count(&h, keys::EXPIRY).await, count(&h, keys::OWNED).await), (0, 0));
}
