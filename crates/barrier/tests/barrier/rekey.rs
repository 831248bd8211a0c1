//! New shares by agreement.

use crate::fixture::{Share, World};
use std::collections::BTreeMap;
use strongroom_barrier::rekey::{RekeyError as Refused, RekeyStep as Step, RekeyVerifyStep as VerifyStep};
use strongroom_barrier::unseal::UnsealError;
use strongroom_barrier::{CommitError, GetError, SealConfig, ShareError};
use strongroom_crypto::Secret;
use strongroom_storage as storage;

fn config(shares: i64, threshold: i64) -> SealConfig {
    SealConfig::new(shares, threshold).unwrap()
}

/// Gives old shares until the new ones come out.
async fn new_shares(world: &World, nonce: &str, old: &[Share]) -> (Vec<Share>, Option<String>) {
    for share in old {
        let step = world.barrier.rekey_provide(nonce, share.clone()).await.unwrap();
        if let Step::Done { shares, verification_nonce, nonce: done } = step {
            assert_eq!(done, nonce);
            return (shares, verification_nonce);
        }
    }
    panic!("there were not enough shares");
}

async fn opens_with(world: &World, shares: &[Share]) -> bool {
    let restarted = world.restarted(|_| {});
    for share in shares {
        if restarted.barrier.unseal(share.clone()).await.is_err() {
            return false;
        }
    }
    !restarted.barrier.is_sealed()
}

#[tokio::test]
async fn new_shares_replace_the_old_ones_and_no_data_is_rewritten() {
    let (world, old) = World::initialised(5, 3).await;
    world.put("root/a", "1").await.unwrap();
    let before: BTreeMap<_, _> = world.bent.entries().await.into_iter().collect();
    let status = world.barrier.rekey_start(config(4, 2), false).await.unwrap();
    assert_eq!((status.started, status.threshold, status.shares, status.required), (true, 2, 4, 3));
    assert_eq!((status.progress, status.verification_required), (0, false));
    let first = world.barrier.rekey_provide(&status.nonce, old[1].clone()).await.unwrap();
    assert!(matches!(first, Step::Progress(s) if s.progress == 1));
    let (new, verification) = new_shares(&world, &status.nonce, &old[1..]).await;
    assert_eq!((new.len(), verification), (4, None));

    let status = world.barrier.rekey_status().await.unwrap();
    assert_eq!((status.started, status.nonce.as_str(), status.required), (false, "", 2));
    let after: BTreeMap<_, _> = world.bent.entries().await.into_iter().collect();
    let changed: Vec<_> =
        after.iter().filter(|(key, v)| before.get(*key) != Some(v)).map(|(key, _)| key).collect();
    assert_eq!(changed, ["barrier/root-key", "barrier/seal-config"]);
    let status = world.barrier.seal_status().await.unwrap();
    assert_eq!((status.threshold, status.shares), (2, 4));
    world.put("root/b", "2").await.unwrap();

    assert!(!opens_with(&world, &old[..2]).await);
    world.barrier.seal().await;
    assert!(opens_with(&world, &new[2..]).await);
    assert!(opens_with(&world, &new[..2]).await);
}

#[tokio::test]
async fn from_one_share_to_many_and_back() {
    let (world, one) = World::initialised(1, 1).await;
    let nonce = world.barrier.rekey_start(config(255, 255), false).await.unwrap().nonce;
    let (many, _) = new_shares(&world, &nonce, &one).await;
    let nonce = world.barrier.rekey_start(config(1, 1), false).await.unwrap().nonce;
    let (back, _) = new_shares(&world, &nonce, &many).await;
    assert_eq!(back.len(), 1);
    assert!(!opens_with(&world, &one).await);
    assert!(opens_with(&world, &back).await);
}

#[tokio::test]
async fn wrong_shares_change_nothing() {
    let (world, old) = World::initialised(3, 2).await;
    let strangers = World::initialised(3, 2).await.1;
    let nonce = world.barrier.rekey_start(config(1, 1), false).await.unwrap().nonce;
    world.barrier.rekey_provide(&nonce, strangers[0].clone()).await.unwrap();
    let refused = world.barrier.rekey_provide(&nonce, old[0].clone()).await;
    assert_eq!(refused, Err(Refused::Share(ShareError::Wrong)));
    let status = world.barrier.rekey_status().await.unwrap();
    assert_eq!((status.started, status.progress), (true, 0));
    let refused = world.barrier.rekey_provide(&nonce, Secret::new(vec![])).await;
    assert_eq!(refused, Err(Refused::Share(ShareError::Length { expected: 33, given: 0 })));
    assert!(opens_with(&world, &old[..2]).await);
}

#[tokio::test]
async fn a_store_that_refuses_leaves_the_old_shares() {
    let (world, old) = World::initialised(3, 2).await;
    let nonce = world.barrier.rekey_start(config(2, 2), false).await.unwrap().nonce;
    world.barrier.rekey_provide(&nonce, old[0].clone()).await.unwrap();
    let full = storage::CommitError::Unavailable("full".to_owned());
    world.faults.fail_commits(1, full.clone());
    let refused = world.barrier.rekey_provide(&nonce, old[1].clone()).await;
    assert_eq!(refused, Err(Refused::Commit(CommitError::Store(full))));
    // It is still under way and succeeds when the old shares are given again.
    let (new, _) = new_shares(&world, &nonce, &old[..2]).await;
    assert!(opens_with(&world, &new).await);
}

#[tokio::test]
async fn steps_out_of_order_are_refused() {
    let (world, old) = World::initialised(3, 2).await;
    assert_eq!(world.barrier.rekey_provide("", old[0].clone()).await, Err(Refused::NotStarted));
    assert_eq!(world.barrier.rekey_verify("", old[0].clone()).await, Err(Refused::NotStarted));
    assert_eq!(world.barrier.rekey_verify_status().await, Err(Refused::NotStarted));
    assert_eq!(world.barrier.rekey_verify_restart(None), Err(Refused::NotStarted));
    assert_eq!(world.barrier.rekey_cancel(Some("anything")), Ok(()));
    let nonce = world.barrier.rekey_start(config(2, 2), true).await.unwrap().nonce;
    assert_eq!(world.barrier.rekey_start(config(2, 2), true).await, Err(Refused::AlreadyStarted));
    assert_eq!(world.barrier.rekey_provide("wrong", old[0].clone()).await, Err(Refused::WrongNonce));
    assert_eq!(world.barrier.rekey_verify(&nonce, old[0].clone()).await, Err(Refused::NotVerifying));
    assert_eq!(world.barrier.rekey_verify_restart(None), Err(Refused::NotVerifying));
    assert!(!world.barrier.rekey_verify_status().await.unwrap().started);
    world.barrier.seal().await;
    assert_eq!(world.barrier.rekey_status().await, Err(Refused::Get(GetError::Sealed)));
    assert_eq!(world.barrier.rekey_start(config(2, 2), true).await, Err(Refused::Get(GetError::Sealed)));
    world.unseal(&old[..2]).await;
    assert!(!world.barrier.rekey_status().await.unwrap().started, "sealing ends it");
}

#[tokio::test]
async fn verified_shares_count_only_after_they_came_back() {
    let (world, old) = World::initialised(3, 2).await;
    let nonce = world.barrier.rekey_start(config(5, 3), true).await.unwrap().nonce;
    let (new, verification) = new_shares(&world, &nonce, &old).await;
    let verification = verification.unwrap();
    let status = world.barrier.rekey_status().await.unwrap();
    assert_eq!((status.verification_required, &status.verification_nonce), (true, &verification));
    assert_eq!(world.barrier.rekey_provide(&nonce, old[0].clone()).await, Err(Refused::AwaitingVerification));
    assert_eq!(world.barrier.rekey_verify(&nonce, new[0].clone()).await, Err(Refused::WrongNonce));

    let step = world.barrier.rekey_verify(&verification, new[4].clone()).await.unwrap();
    let VerifyStep::Progress(status) = step else { panic!("one share was enough") };
    assert_eq!((status.started, status.progress, status.threshold, status.shares), (true, 1, 3, 5));
    world.barrier.rekey_verify(&verification, new[4].clone()).await.unwrap();
    world.barrier.rekey_verify(&verification, new[1].clone()).await.unwrap();
    assert_eq!(world.barrier.rekey_verify_status().await.unwrap().progress, 2);
    assert_eq!(world.barrier.seal_status().await.unwrap().shares, 3, "the old shares still count");

    let done = world.barrier.rekey_verify(&verification, new[0].clone()).await.unwrap();
    assert_eq!(done, VerifyStep::Done { nonce: verification });
    assert!(!world.barrier.rekey_status().await.unwrap().started);
    assert!(!opens_with(&world, &old[..2]).await);
    assert!(opens_with(&world, &new[..3]).await);
}

#[tokio::test]
async fn wrong_new_shares_are_noticed_and_verification_can_start_over() {
    let (world, old) = World::initialised(3, 2).await;
    let nonce = world.barrier.rekey_start(config(3, 2), true).await.unwrap().nonce;
    let (new, verification) = new_shares(&world, &nonce, &old).await;
    let verification = verification.unwrap();
    world.barrier.rekey_verify(&verification, new[0].clone()).await.unwrap();
    let refused = world.barrier.rekey_verify(&verification, old[1].clone()).await;
    assert_eq!(refused, Err(Refused::Share(ShareError::Wrong)));
    assert_eq!(world.barrier.rekey_verify_status().await.unwrap().progress, 0);

    world.barrier.rekey_verify(&verification, new[0].clone()).await.unwrap();
    assert_eq!(world.barrier.rekey_verify_restart(Some("wrong")), Err(Refused::WrongNonce));
    let restarted = world.barrier.rekey_verify_restart(Some(&verification)).unwrap();
    assert_eq!((restarted.started, restarted.progress), (true, 0));
    assert_ne!(restarted.nonce, verification);
    assert_eq!(world.barrier.rekey_verify(&verification, new[0].clone()).await, Err(Refused::WrongNonce));
    world.barrier.rekey_verify(&restarted.nonce, new[1].clone()).await.unwrap();
    world.barrier.rekey_verify(&restarted.nonce, new[2].clone()).await.unwrap();
    assert!(opens_with(&world, &new[..2]).await);
}

#[tokio::test]
async fn unverified_shares_are_void_after_cancelling_or_a_crash() {
    let (world, old) = World::initialised(3, 2).await;
    let nonce = world.barrier.rekey_start(config(3, 2), true).await.unwrap().nonce;
    let (new, verification) = new_shares(&world, &nonce, &old).await;
    // Advisory 2025-4656: nobody ends it who does not know it.
    assert_eq!(world.barrier.rekey_cancel(Some("wrong")), Err(Refused::WrongNonce));
    assert_eq!(world.barrier.rekey_cancel(Some(&nonce)), Ok(()));
    let late = world.barrier.rekey_verify(&verification.unwrap(), new[0].clone()).await;
    assert_eq!(late, Err(Refused::NotStarted));
    world.barrier.seal().await;
    world.barrier.unseal(new[0].clone()).await.unwrap();
    let refused = world.barrier.unseal(new[1].clone()).await;
    assert_eq!(refused, Err(UnsealError::Share(ShareError::Wrong)));
    world.unseal(&old[1..]).await;
}
