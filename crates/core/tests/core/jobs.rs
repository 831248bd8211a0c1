use crate::lender::{
    HALF_DONE, Ledger, accessor, borrow, child, count, finish, furnish, is_good, log_into, plugs, start,
};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use strongroom_core::jobs::Job;
use strongroom_core::{Grant, Mount, Namespace, NamespaceId, Operation, keys};
use strongroom_storage::{CommitError, MemoryStore};
use strongroom_testkit::{FaultStore, Harness};

async fn enqueue(h: &Harness, job: Job) {
    let mut txn = h.core.txn();
    job.enqueue(&mut txn, h.core.random.as_ref()).unwrap();
    h.core.commit(txn).await.unwrap();
}

async fn revoke_prefix(h: &Harness, prefix: &str, force: bool) {
    let before = h.core.clock.now();
    let (namespace, prefix) = (NamespaceId::ROOT, prefix.to_owned());
    enqueue(h, Job::RevokePrefix { namespace, prefix, before, force }).await;
}

async fn disable(h: &Harness, full_path: &str) {
    let mount = h.core.mounts().at(full_path).unwrap().entry.clone();
    let mount = Mount { removed: true, ..mount };
    let mut txn = h.core.txn();
    txn.put(&mount.record_key(), &mount).unwrap();
    let before = h.core.clock.now();
    Job::RemoveMount { mount: Box::new(mount), before }.enqueue(&mut txn, h.core.random.as_ref()).unwrap();
    h.core.commit(txn).await.unwrap();
}

async fn is_lent(h: &Harness, id: &str) -> bool {
    h.core.lease(&mut h.core.txn(), id).await.unwrap().is_some()
}

#[tokio::test]
async fn a_prefix_is_revoked_with_its_commit() {
    let (h, _) = start().await;
    let token = log_into(&h, json!({})).await;
    let owner = h.token(&["lend"]).await.unwrap();
    let lease = borrow(&h, &owner).await;
    revoke_prefix(&h, "auth/door", false).await;
    revoke_prefix(&h, "db/creds", false).await;
    assert!(!is_good(&h, &token).await && !is_lent(&h, &lease).await);
    assert!(h.core.renew_lease(&mut h.core.txn(), &lease, 60).await.is_err());
    // What is given later is spared, before the job is done and after.
    h.clock.advance(jiff::SignedDuration::from_secs(1));
    let (later, lent_later) = (log_into(&h, json!({})).await, borrow(&h, &owner).await);
    for _ in 0..2 {
        assert!(is_good(&h, &later).await && is_lent(&h, &lent_later).await);
        finish(&h).await;
    }
    assert!(!is_good(&h, &token).await);
}

/// Root tokens and batch tokens have no lease to be revoked by: a prefix neither ends them nor lames
/// them for as long as its job takes.
#[tokio::test]
async fn a_prefix_does_not_touch_tokens_without_lease() {
    let (h, _) = start().await;
    let root = h
        .grant(Grant { policies: vec!["root".to_owned()], never_expires: true, ..Grant::default() })
        .await
        .unwrap();
    let expiring = h.token(&["lend"]).await.unwrap();
    revoke_prefix(&h, "auth/token/create", false).await;
    for done in [false, true] {
        assert!(is_good(&h, &root).await, "job done: {done}");
        assert!(!is_good(&h, &expiring).await, "job done: {done}");
        finish(&h).await;
    }
}

#[tokio::test]
async fn tombstones_hold_after_a_restart() {
    let ledger = Arc::new(Ledger::default());
    let (h, share) = Harness::start_over(plugs(&ledger), Arc::new(MemoryStore::new())).await;
    furnish(&h).await;
    let token = log_into(&h, json!({})).await;
    revoke_prefix(&h, "auth/door/login", false).await;
    h.core.seal().await;
    h.core.barrier.unseal(share).await.unwrap();
    h.core.after_unseal().await.unwrap();
    // The workers have not had their turn yet: it is the tombstone that refuses.
    assert!(!is_good(&h, &token).await);
    assert_eq!(count(&h, keys::JOB).await, 1);
    finish(&h).await;
    assert!(!is_good(&h, &token).await);
    h.core.seal().await;
}

/// A lease that the engine cannot undo used to be put off in a commit of its own, which made the job's
/// commit lose, for ever.
#[tokio::test]
async fn jobs_pass_leases_that_are_stuck() {
    let (h, ledger) = start().await;
    let owner = h.token(&["lend"]).await.unwrap();
    for _ in 0..300 {
        borrow(&h, &owner).await;
    }
    ledger.stuck.store(true, Ordering::SeqCst);
    revoke_prefix(&h, "db", false).await;
    finish(&h).await;
    assert_eq!((count(&h, keys::JOB).await, count(&h, keys::LEASE).await), (0, 301));
    assert!(!h.core.txn().exists(HALF_DONE).await.unwrap());
    let id = h.core.txn().names(&keys::core(keys::LEASE, "db/")).await.unwrap().swap_remove(0);
    let info = h.core.lease(&mut h.core.txn(), &format!("db/{id}")).await.unwrap().unwrap();
    assert_eq!(info.trouble, Some((1, "400: the engine is stuck".to_owned())));
    // The same for the leases of a token that ends.
    let mut txn = h.core.txn();
    h.core.revoke_token(&mut txn, &accessor(&h, &owner)).await.unwrap();
    h.core.commit(txn).await.unwrap();
    finish(&h).await;
    assert_eq!((count(&h, keys::OWNED).await, count(&h, keys::LEASE).await), (0, 300));
    // They are tried again by and by, and one day succeed.
    ledger.stuck.store(false, Ordering::SeqCst);
    h.clock.advance(jiff::SignedDuration::from_hours(2));
    while h.core.expire_due().await.unwrap().0 > 0 {}
    assert_eq!((count(&h, keys::LEASE).await, count(&h, keys::EXPIRY).await), (0, 0));
    assert_eq!(ledger.undone.load(Ordering::SeqCst), 300);
}

/// A mount on its way out is not routed to, but what it lent is still undone by its engine.
#[tokio::test]
async fn what_a_disabled_mount_has_lent_is_undone() {
    let (h, ledger) = start().await;
    let owner = h.token(&["lend"]).await.unwrap();
    for _ in 0..200 {
        borrow(&h, &owner).await;
    }
    disable(&h, "db/").await;
    assert_eq!(h.call_as(Some(&owner), Operation::Read, "db/creds/a", Value::Null).await.status, 404);
    finish(&h).await;
    assert_eq!(ledger.undone.load(Ordering::SeqCst), 200);
    assert_eq!((count(&h, keys::JOB).await, count(&h, keys::OWNED).await), (0, 0));
    assert!(h.core.txn().names(&keys::core(keys::LEASE, "db/")).await.unwrap().is_empty());
}

/// Leases of a mount that is gone altogether cannot be undone by anybody: they end with their time.
#[tokio::test]
async fn leases_of_a_mount_that_is_gone_end() {
    let (h, _) = start().await;
    let owner = h.token(&["lend"]).await.unwrap();
    let lease = borrow(&h, &owner).await;
    let mount = h.core.mounts().at("db/").unwrap().entry.clone();
    let mut txn = h.core.txn();
    txn.delete(&mount.record_key());
    h.core.commit(txn).await.unwrap();
    h.clock.advance(jiff::SignedDuration::from_secs(601));
    assert_eq!(h.core.expire_due().await.unwrap().0, 1);
    assert!(!is_lent(&h, &lease).await);
}

#[tokio::test]
async fn a_job_goes_on_after_a_crash_half_way() {
    let ledger = Arc::new(Ledger::default());
    let store = Arc::new(FaultStore::new(Arc::new(MemoryStore::new())));
    let (h, _) = Harness::start_over(plugs(&ledger), store.clone()).await;
    furnish(&h).await;
    let head = h.token(&["lend"]).await.unwrap();
    for _ in 0..500 {
        child(&h, &head).await;
    }
    let mut txn = h.core.txn();
    h.core.revoke_token(&mut txn, &accessor(&h, &head)).await.unwrap();
    h.core.commit(txn).await.unwrap();
    assert!(!h.core.work_off(2).await.unwrap());
    let left = count(&h, keys::TOKEN).await;
    assert!((200..400).contains(&left), "{left} tokens are left");
    // The store fails, then does what it is told without saying so.
    store.fail_commits(1, CommitError::Unavailable("the disk is full".to_owned()));
    assert!(h.core.work_off(1).await.is_err());
    assert_eq!(count(&h, keys::TOKEN).await, left);
    store.lose_answers(1);
    assert!(h.core.work_off(1).await.is_err());
    finish(&h).await;
    // The root token is all that is left.
    assert_eq!((count(&h, keys::TOKEN).await, count(&h, keys::CHILD).await), (1, 0));
}

/// A job that cannot go on does not keep the others waiting.
#[tokio::test]
async fn a_job_that_fails_does_not_stop_the_others() {
    let (h, _) = start().await;
    let owner = h.token(&["lend"]).await.unwrap();
    let lease = borrow(&h, &owner).await;
    let damaged = borrow(&h, &owner).await;
    // Of a format that is not known: reading it fails.
    let mut txn = h.core.txn();
    txn.put(&keys::core(keys::LEASE, &damaged), &Newer { word: "?".to_owned() }).unwrap();
    h.core.commit(txn).await.unwrap();
    let (first, second) = (h.token(&["lend"]).await.unwrap(), h.token(&["lend"]).await.unwrap());
    for parent in [&first, &second] {
        child(&h, parent).await;
    }
    revoke_prefix(&h, "db", false).await;
    for parent in [&first, &second] {
        let mut txn = h.core.txn();
        h.core.revoke_token(&mut txn, &accessor(&h, parent)).await.unwrap();
        h.core.commit(txn).await.unwrap();
    }
    let failed = h.core.work_off(64).await;
    assert!(failed.is_err(), "{failed:?}");
    assert_eq!((count(&h, keys::CHILD).await, count(&h, keys::JOB).await), (0, 1));
    assert!(!h.core.txn().exists(&keys::core(keys::LEASE, &lease)).await.unwrap());
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Newer {
    word: String,
}

impl strongroom_core::Record for Newer {
    const VERSION: u8 = 9;
}

/// A namespace is gone with the commit that deletes it, and nothing stays of it, though the server fails
/// half-way and is started anew.
#[tokio::test]
async fn a_namespace_is_removed_across_a_crash() {
    let ledger = Arc::new(Ledger::default());
    let store: Arc<MemoryStore> = Arc::new(MemoryStore::new());
    let (h, share) = Harness::start_over(plugs(&ledger), store.clone()).await;
    let namespace = Namespace {
        id: NamespaceId::new("aB3dE6"),
        uuid: "u".to_owned(),
        path: "team/".to_owned(),
        ..Namespace::default()
    };
    let mut txn = h.core.txn();
    txn.put(&namespace.record_key(), &namespace).unwrap();
    h.core.commit(txn).await.unwrap();
    let owner = settle(&h, &namespace).await;
    for _ in 0..300 {
        let lent = h.call_as(Some(&owner), Operation::Read, "team/db/creds/a", Value::Null).await;
        assert!(lent.at("/lease_id").as_str().is_some_and(|id| id.ends_with(".aB3dE6")), "{lent:?}");
    }
    let mut txn = h.core.txn();
    txn.delete(&namespace.record_key());
    let job = Job::RemoveNamespace { namespace: Box::new(namespace.clone()) };
    job.enqueue(&mut txn, h.core.random.as_ref()).unwrap();
    h.core.commit(txn).await.unwrap();
    let asked = h.call_as(Some(&owner), Operation::Read, "team/db/creds/a", Value::Null).await;
    assert_eq!((asked.status, is_good(&h, &owner).await), (403, false));
    assert!(!h.core.work_off(1).await.unwrap());
    assert!((1..300).contains(&ledger.undone.load(Ordering::SeqCst)));
    // The process ends here. Another one finds the job.
    let again = Harness::restart(plugs(&ledger), store, share).await;
    assert!(again.core.realm().at("team/").is_none());
    finish(&again).await;
    assert_eq!(ledger.undone.load(Ordering::SeqCst), 300);
    assert!(again.core.txn().names(&keys::all_of("aB3dE6")).await.unwrap().is_empty());
    for kind in [keys::JOB, keys::JOB_PLACE, keys::EXPIRY, keys::LEASE, keys::CHILD] {
        assert_eq!(count(&again, kind).await, 0, "{kind}");
    }
}

/// A lender's mount in a namespace, and a token there that may borrow; a child of the root token.
async fn settle(h: &Harness, namespace: &Namespace) -> String {
    let mut mount = h.mount(strongroom_core::Class::Secret, "db/", "lender", &[]).await.unwrap();
    let mut txn = h.core.txn_in(namespace);
    txn.delete(&mount.record_key());
    mount.namespace = namespace.id.clone();
    txn.put(&mount.record_key(), &mount).unwrap();
    let text = "path \"db/*\" { capabilities = [\"read\"] }";
    let policy = strongroom_core::policies::PolicyRecord::new("lend", text).unwrap();
    let key = txn.key(keys::POLICY, "lend");
    txn.put(&key, &policy).unwrap();
    h.core.commit(txn).await.unwrap();
    let table = h.core.space(&namespace.id).unwrap();
    let parent = Some(accessor(h, &h.root));
    let grant = Grant { policies: vec!["lend".to_owned()], ttl: 600, parent, ..Grant::default() };
    let mut txn = h.core.txn_in(namespace);
    let mount = &table.at("auth/token/").unwrap().entry;
    let made = h.core.make_token(&mut txn, mount, "auth/token/create", grant).await.unwrap();
    h.core.commit(txn).await.unwrap();
    made.token.expose().clone()
}
