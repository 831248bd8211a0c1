//! Root tokens by agreement.

use crate::fixture::{Share, World};
use strongroom_barrier::generate_root::{GenerateRootError as Refused, GenerateRootStep as Step};
use strongroom_barrier::{GetError, ShareError};
use strongroom_crypto::Secret;

async fn started(shares: i64, threshold: i64) -> (World, Vec<Share>, String) {
    let (world, shares) = World::initialised(shares, threshold).await;
    let status = world.barrier.generate_root_start(Secret::new("the-otp".to_owned())).await.unwrap();
    assert_eq!((status.started, status.progress, status.otp_length), (true, 0, 7));
    (world, shares, status.nonce)
}

fn progress(step: Result<Step, Refused>) -> usize {
    match step {
        Ok(Step::Progress(status)) => status.progress,
        other => panic!("expected progress: {other:?}"),
    }
}

#[tokio::test]
async fn the_holders_of_enough_shares_get_the_otp_back() {
    let (world, shares, nonce) = started(5, 3).await;
    assert_eq!(progress(world.barrier.generate_root_provide(&nonce, shares[3].clone()).await), 1);
    assert_eq!(progress(world.barrier.generate_root_provide(&nonce, shares[3].clone()).await), 1);
    assert_eq!(progress(world.barrier.generate_root_provide(&nonce, shares[0].clone()).await), 2);
    assert_eq!(world.barrier.generate_root_status().await.unwrap().progress, 2);
    let done = world.barrier.generate_root_provide(&nonce, shares[1].clone()).await.unwrap();
    let otp = Secret::new("the-otp".to_owned());
    assert_eq!(done, Step::Complete { nonce: nonce.clone(), required: 3, otp });
    let status = world.barrier.generate_root_status().await.unwrap();
    assert_eq!((status.started, status.nonce.as_str(), status.required), (false, "", 3));
    let late = world.barrier.generate_root_provide(&nonce, shares[2].clone()).await;
    assert_eq!(late, Err(Refused::NotStarted));
}

#[tokio::test]
async fn wrong_shares_get_nothing_and_start_over() {
    let (world, shares, nonce) = started(5, 2).await;
    let strangers = World::initialised(5, 2).await.1;
    world.barrier.generate_root_provide(&nonce, strangers[0].clone()).await.unwrap();
    let refused = world.barrier.generate_root_provide(&nonce, strangers[1].clone()).await;
    assert_eq!(refused, Err(Refused::Share(ShareError::Wrong)));
    let status = world.barrier.generate_root_status().await.unwrap();
    assert_eq!((status.started, status.progress, &status.nonce), (true, 0, &nonce));
    let short = world.barrier.generate_root_provide(&nonce, Secret::new(vec![0; 5])).await;
    assert_eq!(short, Err(Refused::Share(ShareError::Length { expected: 33, given: 5 })));
    world.barrier.generate_root_provide(&nonce, shares[0].clone()).await.unwrap();
    let done = world.barrier.generate_root_provide(&nonce, shares[1].clone()).await;
    assert!(matches!(done, Ok(Step::Complete { .. })));
}

#[tokio::test]
async fn works_with_the_single_share() {
    let (world, shares, nonce) = started(1, 1).await;
    let wrong = world.barrier.generate_root_provide(&nonce, Secret::new(vec![0; 32])).await;
    assert_eq!(wrong, Err(Refused::Share(ShareError::Wrong)));
    let done = world.barrier.generate_root_provide(&nonce, shares[0].clone()).await;
    assert!(matches!(done, Ok(Step::Complete { .. })));
}

#[tokio::test]
async fn steps_out_of_order_are_refused() {
    let (world, shares) = World::initialised(3, 2).await;
    let otp = || Secret::new("otp".to_owned());
    let early = world.barrier.generate_root_provide("", shares[0].clone()).await;
    assert_eq!(early, Err(Refused::NotStarted));
    assert_eq!(world.barrier.generate_root_cancel(None), Ok(()));
    assert_eq!(world.barrier.generate_root_cancel(Some("anything")), Ok(()));
    let first = world.barrier.generate_root_start(otp()).await.unwrap();
    assert_eq!(world.barrier.generate_root_start(otp()).await, Err(Refused::AlreadyStarted));
    for nonce in ["", "wrong", &first.nonce.to_uppercase()] {
        let refused = world.barrier.generate_root_provide(nonce, shares[0].clone()).await;
        assert_eq!(refused, Err(Refused::WrongNonce));
    }
    assert_eq!(world.barrier.generate_root_status().await.unwrap().progress, 0);
}

// Advisories 2025-4656 and 2026-5807: whoever reaches the server could end the others' operation.
#[tokio::test]
async fn cancelling_needs_the_nonce_or_an_authorised_caller() {
    let (world, shares, nonce) = started(3, 2).await;
    world.barrier.generate_root_provide(&nonce, shares[0].clone()).await.unwrap();
    for wrong in ["", "wrong"] {
        assert_eq!(world.barrier.generate_root_cancel(Some(wrong)), Err(Refused::WrongNonce));
    }
    assert_eq!(world.barrier.generate_root_status().await.unwrap().progress, 1);
    assert_eq!(world.barrier.generate_root_cancel(Some(&nonce)), Ok(()));
    assert!(!world.barrier.generate_root_status().await.unwrap().started);
    let again = world.barrier.generate_root_start(Secret::new("x".to_owned())).await.unwrap();
    assert_ne!(again.nonce, nonce);
    assert_eq!(world.barrier.generate_root_cancel(None), Ok(()));
    assert!(!world.barrier.generate_root_status().await.unwrap().started);
}

#[tokio::test]
async fn sealing_ends_it() {
    let (world, shares, nonce) = started(3, 2).await;
    world.barrier.generate_root_provide(&nonce, shares[0].clone()).await.unwrap();
    world.barrier.seal().await;
    assert_eq!(world.barrier.generate_root_status().await, Err(Refused::Get(GetError::Sealed)));
    let sealed = world.barrier.generate_root_start(Secret::new("x".to_owned())).await;
    assert_eq!(sealed, Err(Refused::Get(GetError::Sealed)));
    world.unseal(&shares[..2]).await;
    let gone = world.barrier.generate_root_provide(&nonce, shares[1].clone()).await;
    assert_eq!(gone, Err(Refused::NotStarted));
}
