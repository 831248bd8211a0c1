//! Counting encryptions and changing keys.

use crate::fixture::{World, writes};
use jiff::{SignedDuration, Timestamp};
use strongroom_barrier::CommitError;
use strongroom_barrier::rotate::{MAX_OPERATIONS, RotateConfig, RotateConfigError};
use strongroom_storage as storage;
use strongroom_wire::Clock;

fn encryptions(world: &World) -> u64 {
    world.barrier.key_status().unwrap().encryptions
}

#[tokio::test]
async fn what_older_keys_sealed_stays_readable() {
    let (world, shares) = World::initialised(1, 1).await;
    for term in 1..=5 {
        let status = world.barrier.key_status().unwrap();
        assert_eq!((status.term, status.encryptions, status.install_time), (term, 0, world.clock.now()));
        world.put(&format!("root/{term}"), "v").await.unwrap();
        assert_eq!(encryptions(&world), 1);
        world.clock.advance(SignedDuration::from_secs(10));
        let rotated = world.barrier.rotate(world.clock.now()).await.unwrap();
        assert_eq!((rotated.term, rotated.encryptions), (term + 1, 0));
    }
    let restarted = world.restarted(|_| {});
    restarted.unseal(&shares).await;
    for term in 1..=5 {
        assert_eq!(restarted.get(&format!("root/{term}")).await, Ok(Some("v".to_owned())));
    }
    assert_eq!(restarted.barrier.key_status().unwrap().term, 6);
}

#[tokio::test]
async fn every_write_counts_and_deletions_do_not() {
    let (world, _) = World::initialised(1, 1).await;
    let batch = writes([("a", Some("1")), ("b", Some("2")), ("c", None)]);
    world.barrier.commit(batch).await.unwrap();
    assert_eq!(encryptions(&world), 2);
    world.barrier.commit(writes([("a", None)])).await.unwrap();
    assert_eq!(encryptions(&world), 2);
}

#[tokio::test]
async fn encryptions_are_reserved_before_use_and_a_crash_counts_all_of_them() {
    let (world, shares) = World::initialised(1, 1).await;
    let world = world.restarted(|options| options.reserve = 10);
    world.unseal(&shares).await;
    let before = world.faults.committed().len();
    for n in 0..10 {
        world.put(&format!("k{n}"), "v").await.unwrap();
    }
    assert_eq!(world.faults.committed().len() - before, 11, "one reservation for ten writes");
    assert_eq!(encryptions(&world), 10);
    world.put("k10", "v").await.unwrap();
    assert_eq!(encryptions(&world), 11);

    let crashed = world.restarted(|options| options.reserve = 10);
    crashed.unseal(&shares).await;
    assert_eq!(encryptions(&crashed), 20, "what was reserved may have been used");
    crashed.put("k", "v").await.unwrap();
    assert_eq!(encryptions(&crashed), 21);
    crashed.barrier.seal().await;
    crashed.unseal(&shares).await;
    assert_eq!(encryptions(&crashed), 21, "an orderly end gives back the rest");
}

#[tokio::test]
async fn without_a_reservation_nothing_is_sealed() {
    let (world, shares) = World::initialised(1, 1).await;
    let full = storage::CommitError::Unavailable("full".to_owned());
    world.faults.fail_commits(1, full.clone());
    assert_eq!(world.put("a", "1").await, Err(CommitError::Store(full)));
    assert_eq!((world.get("a").await, encryptions(&world)), (Ok(None), 0));
    // A reservation of unknown end is made again, not relied on.
    world.faults.lose_answers(1);
    assert!(world.put("a", "1").await.is_err());
    world.put("a", "1").await.unwrap();
    let crashed = world.restarted(|_| {});
    crashed.unseal(&shares).await;
    assert!(encryptions(&crashed) >= 1);
}

#[tokio::test]
async fn a_rotation_of_unknown_end_loses_nothing() {
    let (world, shares) = World::initialised(1, 1).await;
    world.put("a", "1").await.unwrap();
    world.faults.lose_answers(1);
    assert!(world.barrier.rotate(world.clock.now()).await.is_err());
    assert_eq!(world.barrier.key_status().unwrap().term, 1);
    world.put("b", "2").await.unwrap();
    assert_eq!(world.barrier.rotate(world.clock.now()).await.unwrap().term, 2);
    world.put("c", "3").await.unwrap();
    let crashed = world.restarted(|_| {});
    crashed.unseal(&shares).await;
    for (key, value) in [("a", "1"), ("b", "2"), ("c", "3")] {
        assert_eq!(crashed.get(key).await, Ok(Some(value.to_owned())));
    }
}

#[tokio::test]
async fn the_key_changes_by_itself_before_too_many_encryptions() {
    let (mut world, shares) = World::initialised(1, 1).await;
    let config = RotateConfig { enabled: true, max_operations: 1_000_000, interval_seconds: 0 };
    world.barrier.set_rotate_config(config).await.unwrap();
    // Each crash counts a whole block, an eighth of the bound.
    for crash in 1..=8 {
        world.put("a", "1").await.unwrap();
        world = world.restarted(|_| {});
        world.unseal(&shares).await;
        assert_eq!((world.barrier.key_status().unwrap().term, encryptions(&world)), (1, crash * 125_000));
    }
    world.clock.advance(SignedDuration::from_secs(60));
    world.put("a", "2").await.unwrap();
    let status = world.barrier.key_status().unwrap();
    assert_eq!((status.term, status.encryptions, status.install_time), (2, 1, world.clock.now()));
    assert_eq!(world.barrier.rotate_config(), Ok(config));
}

#[tokio::test]
async fn the_key_changes_by_itself_after_its_interval() {
    let (world, _) = World::initialised(1, 1).await;
    let day = SignedDuration::from_hours(24);
    world.clock.advance(day * 100);
    assert_eq!(world.barrier.rotate_if_due(world.clock.now()).await, Ok(false), "there is no interval yet");
    let config = RotateConfig { interval_seconds: 86_400 * 200, ..RotateConfig::default() };
    world.barrier.set_rotate_config(config).await.unwrap();
    assert_eq!(world.barrier.rotate_if_due(world.clock.now()).await, Ok(false));
    world.clock.advance(day * 100);
    assert_eq!(world.barrier.rotate_if_due(world.clock.now()).await, Ok(true));
    assert_eq!(world.barrier.rotate_if_due(world.clock.now()).await, Ok(false));
    assert_eq!(world.barrier.key_status().unwrap().term, 2);
    world.barrier.set_rotate_config(RotateConfig { enabled: false, ..config }).await.unwrap();
    world.clock.advance(day * 300);
    assert_eq!(world.barrier.rotate_if_due(world.clock.now()).await, Ok(false));
}

#[tokio::test]
async fn impossible_rules_are_refused() {
    let (world, _) = World::initialised(1, 1).await;
    let usual = RotateConfig::default();
    for max_operations in [0, 999_999, MAX_OPERATIONS + 1, u64::MAX] {
        let refused = world.barrier.set_rotate_config(RotateConfig { max_operations, ..usual }).await;
        assert_eq!(refused, Err(RotateConfigError::MaxOperations));
    }
    for interval_seconds in [1, 86_399] {
        let refused = world.barrier.set_rotate_config(RotateConfig { interval_seconds, ..usual }).await;
        assert_eq!(refused, Err(RotateConfigError::Interval));
    }
    let endless = RotateConfig { interval_seconds: u64::MAX, ..usual };
    world.barrier.set_rotate_config(endless).await.unwrap();
    assert_eq!(world.barrier.rotate_if_due(Timestamp::MAX).await, Ok(false));
    assert_eq!(world.barrier.rotate_config(), Ok(endless));
}
