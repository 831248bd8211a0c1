//! Initialising, unsealing and sealing.

use crate::fixture::{Share, World};
use strongroom_barrier::init::InitError;
use strongroom_barrier::unseal::UnsealError;
use strongroom_barrier::{GetError, SealConfig, ShareError};
use strongroom_crypto::{Secret, shamir};
use strongroom_storage as storage;

fn config(shares: i64, threshold: i64) -> SealConfig {
    SealConfig::new(shares, threshold).unwrap()
}

#[tokio::test]
async fn init_happens_once_and_leaves_it_open() {
    let world = World::new();
    assert_eq!(world.barrier.is_initialized().await, Ok(false));
    let status = world.barrier.seal_status().await.unwrap();
    assert_eq!((status.kind.as_str(), status.initialized, status.sealed), ("shamir", false, true));
    assert_eq!((status.threshold, status.shares), (0, 0));
    assert_eq!(world.barrier.unseal(Secret::new(vec![1; 33])).await, Err(UnsealError::NotInitialized));

    let shares = world.barrier.init(config(5, 3)).await.unwrap();
    assert_eq!(shares.len(), 5);
    assert!(shares.iter().all(|s| s.expose().len() == 33));
    assert!(!world.barrier.is_sealed());
    assert_eq!(world.barrier.init(config(1, 1)).await.unwrap_err(), InitError::AlreadyInitialized);
    let status = world.barrier.seal_status().await.unwrap();
    assert_eq!((status.initialized, status.sealed, status.threshold, status.shares), (true, false, 3, 5));
    world.barrier.seal().await;
    assert_eq!(world.barrier.is_initialized().await, Ok(true));
    assert_eq!(world.barrier.init(config(1, 1)).await.unwrap_err(), InitError::AlreadyInitialized);
}

#[tokio::test]
async fn init_that_fails_leaves_nothing() {
    let world = World::new();
    world.faults.fail_commits(1, storage::CommitError::Unavailable("full".to_owned()));
    assert!(matches!(world.barrier.init(config(1, 1)).await, Err(InitError::Commit(_))));
    assert!(world.barrier.is_sealed());
    assert!(world.bent.entries().await.is_empty());
    assert!(world.barrier.init(config(1, 1)).await.is_ok());
}

#[tokio::test]
async fn init_does_not_replace_keys_whose_configuration_was_lost() {
    let (world, _) = World::initialised(1, 1).await;
    world.barrier.seal().await;
    world.bent.commit_behind("barrier/seal-config", None).await;
    assert_eq!(world.barrier.init(config(1, 1)).await.unwrap_err(), InitError::AlreadyInitialized);
}

#[tokio::test]
async fn a_single_share_is_the_key_itself() {
    let (world, shares) = World::initialised(1, 1).await;
    assert_eq!(shares[0].expose().len(), 32);
    world.put("a", "1").await.unwrap();
    world.barrier.seal().await;
    world.unseal(&shares).await;
    assert_eq!(world.get("a").await, Ok(Some("1".to_owned())));
}

#[tokio::test]
async fn enough_different_shares_open_it() {
    let (world, shares) = World::initialised(5, 3).await;
    world.put("a", "1").await.unwrap();
    world.barrier.seal().await;
    let first = world.barrier.unseal(shares[4].clone()).await.unwrap();
    assert_eq!((first.sealed, first.progress, first.nonce.len()), (true, 1, 36));
    let again = world.barrier.unseal(shares[4].clone()).await.unwrap();
    assert_eq!((again.progress, &again.nonce), (1, &first.nonce), "a share counted twice");
    assert_eq!(world.barrier.unseal(shares[0].clone()).await.unwrap().progress, 2);
    let open = world.barrier.unseal(shares[2].clone()).await.unwrap();
    assert_eq!((open.sealed, open.progress, open.nonce.as_str()), (false, 0, ""));
    // Anything given to an open barrier has no effect.
    let still = world.barrier.unseal(Secret::new(vec![1, 2])).await.unwrap();
    assert_eq!(still, open);
    assert_eq!(world.get("a").await, Ok(Some("1".to_owned())));
}

#[tokio::test]
async fn a_wrong_set_is_refused_and_has_to_be_given_again() {
    let (world, shares) = World::initialised(5, 3).await;
    let strangers = World::initialised(5, 3).await.1;
    world.barrier.seal().await;
    world.barrier.unseal(shares[0].clone()).await.unwrap();
    world.barrier.unseal(shares[1].clone()).await.unwrap();
    let refused = world.barrier.unseal(strangers[2].clone()).await;
    assert_eq!(refused, Err(UnsealError::Share(ShareError::Wrong)));
    assert_eq!(world.barrier.seal_status().await.unwrap().progress, 0);
    // The same coordinate with another value can never combine.
    let mut twisted = shares[0].expose().clone();
    twisted[0] ^= 1;
    world.barrier.unseal(shares[0].clone()).await.unwrap();
    world.barrier.unseal(Secret::new(twisted)).await.unwrap();
    let refused = world.barrier.unseal(shares[1].clone()).await;
    assert_eq!(refused, Err(UnsealError::Share(ShareError::Wrong)));
    world.unseal(&shares[2..]).await;
}

#[tokio::test]
async fn a_share_of_another_length_does_not_disturb_the_others() {
    let (world, shares) = World::initialised(3, 2).await;
    world.barrier.seal().await;
    let short = Secret::new(vec![1; 32]);
    let length = UnsealError::Share(ShareError::Length { expected: 33, given: 32 });
    assert_eq!(world.barrier.unseal(short.clone()).await, Err(length.clone()));
    assert_eq!(world.barrier.seal_status().await.unwrap().nonce, "", "no attempt was begun");
    world.barrier.unseal(shares[0].clone()).await.unwrap();
    assert_eq!(world.barrier.unseal(short).await, Err(length));
    assert!(!world.barrier.unseal(shares[1].clone()).await.unwrap().sealed);
}

#[tokio::test]
async fn reset_forgets_what_was_given() {
    let (world, shares) = World::initialised(3, 2).await;
    world.barrier.seal().await;
    let before = world.barrier.unseal(shares[0].clone()).await.unwrap();
    let reset = world.barrier.reset_unseal().await.unwrap();
    assert_eq!((reset.progress, reset.nonce.as_str()), (0, ""));
    let after = world.barrier.unseal(shares[1].clone()).await.unwrap();
    assert_eq!(after.progress, 1);
    assert_ne!(before.nonce, after.nonce);
}

#[tokio::test]
async fn a_store_that_cannot_be_read_is_not_a_wrong_share() {
    let (world, shares) = World::initialised(3, 2).await;
    world.barrier.seal().await;
    world.barrier.unseal(shares[0].clone()).await.unwrap();
    let down = storage::ReadError::Unavailable("down".to_owned());
    world.faults.fail_reads(1, down.clone());
    assert_eq!(world.barrier.unseal(shares[1].clone()).await, Err(UnsealError::Get(GetError::Store(down))));
    assert_eq!(world.barrier.seal_status().await.unwrap().progress, 1);
    assert!(!world.barrier.unseal(shares[1].clone()).await.unwrap().sealed);
}

#[tokio::test]
async fn shares_given_at_the_same_time_open_it_once() {
    let (world, shares) = World::initialised(8, 4).await;
    world.barrier.seal().await;
    world.bent.dawdle();
    let given = shares.iter().map(|share: &Share| {
        let (barrier, share) = (world.barrier.clone(), share.clone());
        tokio::spawn(async move { barrier.unseal(share).await.unwrap() })
    });
    for task in given.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    assert!(!world.barrier.is_sealed());
    world.put("a", "1").await.unwrap();
}

#[tokio::test]
async fn every_number_of_shares_works() {
    for (shares, threshold) in [(2, 2), (255, 2), (255, 255)] {
        let (world, shares) = World::initialised(shares, threshold).await;
        world.barrier.seal().await;
        world.unseal(&shares[shares.len() - usize::try_from(threshold).unwrap()..]).await;
    }
}

#[tokio::test]
async fn the_shares_combine_to_the_seal_key_outside_too() {
    let (_, shares) = World::initialised(5, 3).await;
    let raw: Vec<&[u8]> = shares.iter().map(|s| s.expose().as_slice()).collect();
    let key = shamir::combine(&raw[..3]).unwrap();
    assert_eq!(key, shamir::combine(&raw[2..]).unwrap());
    assert_eq!(key.expose().len(), 32);
}
