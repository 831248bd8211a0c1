use crate::lender::{accessor, borrow, child, count, finish, is_good, log_into, start};
use serde_json::json;
use std::sync::atomic::Ordering;
use strongroom_core::lease::Mark;
use strongroom_core::token::Kind;
use strongroom_core::{Fault, Grant, keys};
use strongroom_testkit::Harness;

async fn revoke(h: &Harness, token: &str) {
    let mut txn = h.core.txn();
    h.core.revoke_token(&mut txn, &accessor(h, token)).await.unwrap();
    h.core.commit(txn).await.unwrap();
}

/// Of a page that a transaction deleted from, the next entries take the empty places. A job that looked
/// for what is left used to see nothing, and forgot all beyond its first commit.
#[tokio::test]
async fn a_listing_fills_the_places_of_what_was_deleted() {
    let (h, _) = start().await;
    let key = |n: usize| format!("root/list/{n:03}").into_bytes();
    let mut txn = h.core.txn();
    (0..20).for_each(|n| txn.put(&key(n), &Mark {}).unwrap());
    h.core.commit(txn).await.unwrap();
    let mut txn = h.core.txn();
    (0..10).for_each(|n| txn.delete(&key(n)));
    txn.delete(&key(12));
    txn.put(b"root/list/010a", &Mark {}).unwrap();
    assert_eq!(txn.list(b"root/list/", None, 1).await.unwrap(), [key(10)]);
    assert_eq!(
        txn.list(b"root/list/", Some(&key(8)), 4).await.unwrap(),
        [key(10), b"root/list/010a".to_vec(), key(11), key(13)]
    );
    assert_eq!(txn.list(b"root/list/", None, 100).await.unwrap().len(), 10);
    assert_eq!(txn.names(b"root/list/").await.unwrap().len(), 10);
}

#[tokio::test]
async fn a_family_of_three_thousand_ends_with_its_head() {
    let (h, ledger) = start().await;
    let head = h.token(&["lend"]).await.unwrap();
    let before = count(&h, keys::TOKEN).await;
    let mut last = String::new();
    for n in 0..3000 {
        last = child(&h, &head).await;
        if n % 100 == 0 {
            child(&h, &last).await;
        }
    }
    for _ in 0..300 {
        borrow(&h, &last).await;
    }
    revoke(&h, &head).await;
    // At once, though nothing is cleaned up yet.
    assert!(!is_good(&h, &last).await);
    assert!(count(&h, keys::TOKEN).await > 3000);
    finish(&h).await;
    assert_eq!(count(&h, keys::TOKEN).await, before - 1);
    assert_eq!(ledger.undone.load(Ordering::SeqCst), 300);
    for kind in [keys::CHILD, keys::OWNED, keys::EXPIRY, keys::LEASE, keys::JOB, keys::JOB_PLACE] {
        assert_eq!(count(&h, kind).await, 0, "{kind} entries are left");
    }
}

#[tokio::test]
async fn descendants_of_what_ended_are_refused_to_the_last_generation() {
    let (h, _) = start().await;
    let head = h.token(&["lend"]).await.unwrap();
    let mut line = vec![head];
    for _ in 0..40 {
        line.push(child(&h, line.last().unwrap()).await);
    }
    assert!(is_good(&h, line.last().unwrap()).await);
    revoke(&h, &line[20]).await;
    for (n, token) in line.iter().enumerate() {
        assert_eq!(is_good(&h, token).await, n < 20, "generation {n}");
    }
}

/// A batch token is not kept, so it lives as long as its parent does and no longer.
#[tokio::test]
async fn a_batch_token_ends_with_its_parent() {
    let (h, _) = start().await;
    let parent = h.token(&["lend"]).await.unwrap();
    let parent_accessor = Some(accessor(&h, &parent));
    let grant = Grant { kind: Kind::Batch, parent: parent_accessor, ttl: 3600, ..Grant::default() };
    let batch = h.grant(grant).await.unwrap();
    assert!(is_good(&h, &batch).await);
    revoke(&h, &parent).await;
    assert!(!is_good(&h, &batch).await);
}

/// CVE-2020-25816: neither at first nor by renewal does a lease pass the end of the batch token that it
/// was given to.
#[tokio::test]
async fn batch_leases_do_not_outlive_their_token() {
    let (h, _) = start().await;
    let grant = Grant { kind: Kind::Batch, policies: vec!["lend".to_owned()], ttl: 700, ..Grant::default() };
    let batch = h.grant(grant).await.unwrap();
    h.clock.advance(jiff::SignedDuration::from_secs(200));
    let reply = h.call_as(Some(&batch), strongroom_core::Operation::Read, "db/creds/a", json!(null)).await;
    assert_eq!(reply.at("/lease_duration"), json!(500));
    let id = reply.at("/lease_id").as_str().unwrap().to_owned();
    h.clock.advance(jiff::SignedDuration::from_secs(100));
    let mut txn = h.core.txn();
    let (ttl, ..) = h.core.renew_lease(&mut txn, &id, 5000).await.unwrap();
    assert_eq!(ttl, 400);
    h.core.commit(txn).await.unwrap();
    h.clock.advance(jiff::SignedDuration::from_secs(400));
    assert!(!is_good(&h, &batch).await);
    // The index of what ends holds milliseconds, rounded up.
    h.clock.advance(jiff::SignedDuration::from_millis(1));
    h.core.expire_due().await.unwrap();
    assert!(h.core.lease(&mut h.core.txn(), &id).await.unwrap().is_none());
}

/// A token that is revoked while its request is under way gets nothing that would outlive it.
#[tokio::test]
async fn nothing_is_granted_to_a_token_that_was_revoked_meanwhile() {
    let (h, _) = start().await;
    let owner = h.token(&["lend"]).await.unwrap();
    let mounts = h.core.mounts();
    let mount = &mounts.at("auth/token/").unwrap().entry;
    let grant = || Grant { parent: Some(accessor(&h, &owner)), ttl: 60, ..Grant::default() };
    let mut overtaken = h.core.txn();
    h.core.make_token(&mut overtaken, mount, "auth/token/create", grant()).await.unwrap();
    revoke(&h, &owner).await;
    assert!(matches!(h.core.commit(overtaken).await, Err(Fault::Conflict)));
    let again = h.core.make_token(&mut h.core.txn(), mount, "auth/token/create", grant()).await;
    assert!(matches!(again, Err(Fault::Denied)));
    assert_eq!(count(&h, keys::CHILD).await, 0);
}

#[tokio::test]
async fn nobody_gets_in_by_a_method_that_was_disabled_meanwhile() {
    let (h, _) = start().await;
    let token = log_into(&h, json!({})).await;
    assert!(is_good(&h, &token).await);
    let batch = log_into(&h, json!({ "batch": true })).await;
    let before = count(&h, keys::TOKEN).await;
    let late = h
        .call_as(None, strongroom_core::Operation::Update, "auth/door/login/ann", json!({ "too late": 1 }))
        .await;
    assert_eq!(late.status, 404, "{late:?}");
    assert_eq!(count(&h, keys::TOKEN).await, before);
    // Nothing is kept of it, but its mount is.
    assert!(!is_good(&h, &batch).await);
}
