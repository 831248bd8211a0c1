use crate::lender::{accessor, borrow, count, is_good, log_into, start};
use jiff::SignedDuration;
use serde_json::json;
use std::sync::atomic::Ordering;
use strongroom_core::{Grant, keys};

#[tokio::test]
async fn five_thousand_tokens_end_in_their_time() {
    let (h, _) = start().await;
    for n in 0..5000_u64 {
        h.grant(Grant { ttl: 100 + n % 50, ..Grant::default() }).await.unwrap();
    }
    let last = h.grant(Grant { ttl: 1000, ..Grant::default() }).await.unwrap();
    assert_eq!(h.core.expire_due().await.unwrap().0, 0);
    h.clock.advance(SignedDuration::from_millis(124_500));
    let mut ended = 0;
    loop {
        match h.core.expire_due().await.unwrap() {
            (0, next) => {
                let wait = next.unwrap().duration_since(h.core.clock.now());
                assert!((0..=501).contains(&wait.as_millis()), "{wait}");
                break;
            }
            (n, _) => ended += n,
        }
    }
    assert_eq!(ended, 2500);
    assert_eq!(count(&h, keys::TOKEN).await, 2502);
    h.clock.advance(SignedDuration::from_secs(26));
    while h.core.expire_due().await.unwrap().0 > 0 {}
    assert!(is_good(&h, &last).await);
    assert_eq!(
        (count(&h, keys::TOKEN).await, count(&h, keys::EXPIRY).await, count(&h, keys::LEASE).await),
        (2, 1, 1)
    );
}

/// What the worker has in its hands may have been renewed since it was listed.
#[tokio::test]
async fn what_is_renewed_at_the_last_moment_lives() {
    let (h, ledger) = start().await;
    let owner = h.grant(Grant { policies: vec!["lend".to_owned()], ttl: 90_000, ..Grant::default() });
    borrow(&h, &owner.await.unwrap()).await;
    h.clock.advance(SignedDuration::from_secs(1));
    let mut tokens = Vec::new();
    for _ in 0..100 {
        let grant = Grant { ttl: 600, renewable: true, ..Grant::default() };
        tokens.push(accessor(&h, &h.grant(grant).await.unwrap()));
    }
    // They end in the order of their accessors: the last one is far behind the lease.
    tokens.sort();
    let last = tokens.pop().unwrap();
    *ledger.renewed_meanwhile.lock().unwrap() = Some(last.clone());
    h.clock.advance(SignedDuration::from_secs(601));
    assert_eq!(h.core.expire_due().await.unwrap().0, 101);
    assert_eq!(ledger.undone.load(Ordering::SeqCst), 1);
    assert!(h.core.find_accessor(&last).await.unwrap().is_some(), "renewed, and ended all the same");
    for accessor in tokens {
        assert!(h.core.find_accessor(&accessor).await.unwrap().is_none());
    }
}

/// One that cannot be ended keeps neither its neighbours nor those behind it from ending.
#[tokio::test]
async fn what_fails_does_not_hold_up_the_rest() {
    let (h, ledger) = start().await;
    let owner = h.grant(Grant { policies: vec!["lend".to_owned()], ttl: 90_000, ..Grant::default() });
    let owner = owner.await.unwrap();
    for _ in 0..40 {
        borrow(&h, &owner).await;
    }
    ledger.stuck.store(true, Ordering::SeqCst);
    let damaged = h.grant(Grant { ttl: 500, ..Grant::default() }).await.unwrap();
    let mut txn = h.core.txn();
    txn.put(&keys::core(keys::TOKEN, &accessor(&h, &damaged)), &Newer {}).unwrap();
    h.core.commit(txn).await.unwrap();
    for _ in 0..10 {
        log_into(&h, json!({})).await;
    }
    let logins = count(&h, keys::TOKEN).await;
    h.clock.advance(SignedDuration::from_secs(4000));
    h.core.expire_due().await.unwrap();
    assert_eq!(count(&h, keys::TOKEN).await, logins - 10);
    assert_eq!(count(&h, keys::OWNED).await, 40);
    assert_eq!(h.core.expire_due().await.unwrap().0, 0, "what failed waits for a while");
    ledger.stuck.store(false, Ordering::SeqCst);
    h.clock.advance(SignedDuration::from_secs(61));
    h.core.expire_due().await.unwrap();
    assert_eq!((count(&h, keys::OWNED).await, ledger.undone.load(Ordering::SeqCst)), (0, 40));
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Newer {}

impl strongroom_core::Record for Newer {
    const VERSION: u8 = 9;
}

/// A clock that is set back ends nothing early and grants nothing beyond the maximum.
#[tokio::test]
async fn a_clock_that_goes_back_grants_no_more() {
    let (h, _) = start().await;
    let grant = Grant { ttl: 100, explicit_max_ttl: 150, renewable: true, ..Grant::default() };
    let token = h.grant(grant).await.unwrap();
    let end = h.core.clock.now() + SignedDuration::from_secs(150);
    h.clock.advance(SignedDuration::from_secs(-1000));
    assert!(is_good(&h, &token).await);
    let mut txn = h.core.txn();
    let (entry, ..) = h.core.renew_token(&mut txn, &accessor(&h, &token), 10_000, &[]).await.unwrap();
    h.core.commit(txn).await.unwrap();
    assert!(entry.expires.unwrap() <= end);
    h.clock.advance(SignedDuration::from_secs(1160));
    assert!(!is_good(&h, &token).await);
}

/// Times that do not fit are held at the end of time; nothing overflows.
#[tokio::test]
async fn the_longest_times_do_not_overflow() {
    let (h, _) = start().await;
    let most = u64::MAX;
    for grant in [
        Grant { ttl: most, max_ttl: most, explicit_max_ttl: most, ..Grant::default() },
        Grant { period: most, role_period: most, num_uses: most, ..Grant::default() },
        Grant { ttl: most, explicit_max_ttl: 1, ..Grant::default() },
    ] {
        let token = h.grant(grant).await.unwrap();
        assert!(is_good(&h, &token).await);
        let entry = h.core.find_token(&token).await.unwrap().unwrap();
        assert!(entry.ttl(h.core.clock.now()) <= 768 * 3600);
    }
}

/// An engine that is stuck keeps leases, but no token.
#[tokio::test]
async fn tokens_end_behind_any_number_of_stuck_leases() {
    let (h, ledger) = start().await;
    let owner = h.grant(Grant { policies: vec!["lend".to_owned()], ttl: 90_000, ..Grant::default() });
    let owner = owner.await.unwrap();
    for _ in 0..300 {
        borrow(&h, &owner).await;
    }
    let token = h.grant(Grant { ttl: 700, ..Grant::default() }).await.unwrap();
    ledger.stuck.store(true, Ordering::SeqCst);
    h.clock.advance(SignedDuration::from_secs(750));
    // One turn of each: the leases fill a page before the token.
    h.core.expire_due().await.unwrap();
    assert!(!is_good(&h, &token).await);
    assert_eq!(count(&h, keys::TOKEN).await, 2, "root and the owner");
    assert!((49..=50).contains(&h.core.metrics.tokens_behind.get()));
    assert!(h.core.metrics.leases_behind.get() >= 149 && h.core.metrics.revocation_failures.get() >= 256);
}
