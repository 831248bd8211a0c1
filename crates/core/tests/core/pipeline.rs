use crate::lender::{Ledger, accessor, count, furnish, is_good, plugs, start};
use serde_json::{Value, json};
use std::sync::Arc;
use strongroom_core::{Class, Operation, keys};
use strongroom_storage::{CommitError, MemoryStore};
use strongroom_testkit::{FaultStore, Harness};

/// Who may create only must not overwrite what somebody else has created between the check and the
/// commit.
#[tokio::test]
async fn a_creation_that_was_overtaken_is_an_update() {
    let (h, _) = start().await;
    let token = h.token(&["lend"]).await.unwrap();
    let note = async |token: &str, name: &str, body: Value| {
        h.call_as(Some(token), Operation::Update, &format!("db/notes/{name}"), body).await
    };
    assert_eq!(note(&token, "a", json!({})).await.at("/data/operation"), json!("create"));
    assert_eq!(note(&token, "a", json!({})).await.status, 403);
    assert_eq!(note(&token, "b", json!({ "overtaken": true })).await.status, 403);
    // Who may do both does the other.
    assert_eq!(note(&h.root, "c", json!({ "overtaken": true })).await.at("/data/operation"), json!("update"));
}

#[tokio::test]
async fn a_commit_that_loses_runs_the_handler_again() {
    let ledger = Arc::new(Ledger::default());
    let store = Arc::new(FaultStore::new(Arc::new(MemoryStore::new())));
    let (h, _) = Harness::start_over(plugs(&ledger), store.clone()).await;
    furnish(&h).await;
    store.fail_commits(5, CommitError::Conflict);
    assert_eq!(h.call(Operation::Update, "db/creds/a", json!({})).await.status, 200);
    assert_eq!((count(&h, keys::LEASE).await, count(&h, keys::OWNED).await), (1, 1));
    // Not for ever.
    store.fail_commits(1000, CommitError::Conflict);
    assert_eq!(h.call(Operation::Update, "db/creds/a", json!({})).await.status, 500);
    store.fail_commits(0, CommitError::Conflict);
    assert_eq!((count(&h, keys::LEASE).await, count(&h, keys::EXPIRY).await), (1, 1));
}

/// A failed operation grants nothing: CVE-2026-46405.
#[tokio::test]
async fn an_answer_with_an_error_grants_nothing() {
    let ledger = Arc::new(Ledger::default());
    let store = Arc::new(FaultStore::new(Arc::new(MemoryStore::new())));
    let (h, _) = Harness::start_over(plugs(&ledger), store.clone()).await;
    furnish(&h).await;
    let before = count(&h, keys::TOKEN).await;
    store.fail_commits(1, CommitError::Unavailable("the disk is full".to_owned()));
    let reply = h.call_as(None, Operation::Update, "auth/door/login/ann", json!({})).await;
    assert_eq!((reply.status, reply.at("/auth")), (500, Value::Null));
    assert_eq!(count(&h, keys::TOKEN).await, before);
    // Nor does one whose commit happened without anybody knowing.
    for path in ["auth/door/login/ann", "db/creds/a"] {
        store.lose_answers(1);
        assert_eq!(h.call(Operation::Update, path, json!({})).await.status, 500);
    }
    assert_eq!((count(&h, keys::TOKEN).await, count(&h, keys::LEASE).await), (before, 0));
    assert_eq!(ledger.undone.load(std::sync::atomic::Ordering::SeqCst), 1);
}

/// Mounts that are made at the same moment are all there afterwards: none puts the table as it was
/// before its neighbour in the place of a newer one.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn mounts_made_at_once_are_all_in_force() {
    let (h, _) = start().await;
    let h = Arc::new(h);
    let making: Vec<_> = (0..60)
        .map(|n| {
            let h = h.clone();
            tokio::spawn(async move {
                h.mount(Class::Secret, &format!("m{n}/"), "lender", &[]).await.unwrap();
            })
        })
        .collect();
    for made in making {
        made.await.unwrap();
    }
    let mounts = h.core.mounts();
    let missing: Vec<usize> = (0..60).filter(|n| mounts.at(&format!("m{n}/")).is_none()).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// What a wrapped answer granted lives, and what keeps it is good once.
#[tokio::test]
async fn a_wrapped_login_is_kept_for_one_look() {
    let (h, _) = start().await;
    let mut request = h.request(None, Operation::Update, "auth/door/login/ann", json!({}));
    request.wrap_ttl = Some(60);
    let reply = h.send(request).await;
    assert_eq!(reply.at("/auth"), Value::Null);
    let token = reply.at("/wrap_info/token").as_str().unwrap().to_owned();
    let wrapped = reply.at("/wrap_info/wrapped_accessor").as_str().unwrap().to_owned();
    assert!(h.core.find_accessor(&wrapped).await.unwrap().is_some());
    let entry = h.core.find_wrapping(&token).await.unwrap().unwrap();
    let (mut first, mut second) = (h.core.txn(), h.core.txn());
    let answer = h.core.unwrap(&mut first, &entry).await.unwrap();
    assert!(answer.contains(&wrapped));
    h.core.unwrap(&mut second, &entry).await.unwrap();
    h.core.commit(first).await.unwrap();
    assert!(matches!(h.core.commit(second).await, Err(strongroom_core::Fault::Conflict)));
    assert!(!is_good(&h, &token).await);
    assert!(h.core.unwrap(&mut h.core.txn(), &entry).await.is_err());
}

/// A commit whose answer is lost may have happened: what it revoked must be refused from then on, though
/// whoever asked for it was told of an error.
#[tokio::test]
async fn a_commit_in_doubt_takes_effect_if_it_happened() {
    let ledger = Arc::new(Ledger::default());
    let store = Arc::new(FaultStore::new(Arc::new(MemoryStore::new())));
    let (h, _) = Harness::start_over(plugs(&ledger), store.clone()).await;
    furnish(&h).await;
    let (first, second) = (h.token(&["lend"]).await.unwrap(), h.token(&["lend"]).await.unwrap());
    let status =
        async |token: &str| h.call_as(Some(token), Operation::Update, "db/creds/a", json!({})).await.status;
    assert_eq!((status(&first).await, status(&second).await), (200, 200));
    let mut txn = h.core.txn();
    h.core.revoke_token(&mut txn, &accessor(&h, &first)).await.unwrap();
    store.lose_answers(1);
    assert!(h.core.commit(txn).await.is_err());
    assert_eq!((status(&first).await, status(&second).await), (403, 200));
    let mut txn = h.core.txn();
    txn.delete(&keys::core(keys::POLICY, "lend"));
    store.lose_answers(1);
    assert!(h.core.commit(txn).await.is_err());
    assert_eq!(status(&second).await, 403);
    let mut txn = h.core.txn();
    txn.delete(&h.core.mounts().at("db/").unwrap().entry.record_key());
    store.lose_answers(1);
    assert!(h.core.commit(txn).await.is_err());
    assert!(h.core.mounts().at("db/").is_none());
}

/// Lockout: tries that are made all at once are no more than those made one after the other.
#[tokio::test]
async fn a_lock_that_comes_while_a_login_is_under_way_holds_for_it() {
    let (h, _) = start().await;
    let login = async |name: &str, wrong: u64| {
        let path = format!("auth/door/login/{name}");
        h.call_as(None, Operation::Update, &path, json!({ "meanwhile wrong": wrong })).await.status
    };
    assert_eq!(login("ann", 4).await, 200);
    let before = count(&h, keys::TOKEN).await;
    assert_eq!(login("bob", 5).await, 403);
    assert_eq!(login("bob", 0).await, 403);
    assert_eq!(count(&h, keys::TOKEN).await, before);
    assert_eq!(login("ann", 0).await, 200);
}
