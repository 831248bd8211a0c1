//! The whole store replaced by a snapshot, and what goes wrong on the way.

use crate::fixture::World;
use strongroom_barrier::CommitError;
use strongroom_barrier::replace::{ReplaceError, Replaced};
use strongroom_barrier::snapshot::{Incoming, Restored};
use strongroom_storage as storage;

async fn snapshot(world: &World) -> Restored {
    let mut incoming = Incoming::new(&std::env::temp_dir());
    let mut chunks = world.barrier.snapshot().await.unwrap();
    while let Some(chunk) = chunks.recv().await {
        incoming.push(&chunk.unwrap()).await.unwrap();
    }
    incoming.finish().await.unwrap()
}

#[tokio::test]
async fn what_is_replaced_is_used_at_once() {
    let (world, _) = World::initialised(1, 1).await;
    world.put("root/a", "before").await.unwrap();
    let saved = snapshot(&world).await;
    world.put("root/a", "after").await.unwrap();
    world.barrier.rotate(world.barrier.key_status().unwrap().install_time).await.unwrap();
    assert_eq!(world.barrier.replace(saved, false).await.unwrap(), Replaced::Open);
    assert_eq!(world.get("root/a").await.unwrap().as_deref(), Some("before"));
    assert_eq!(world.barrier.key_status().unwrap().term, 1);
    world.put("root/b", "later").await.unwrap();
}

/// Nothing was written: the barrier goes on with what there is.
#[tokio::test]
async fn a_store_that_refuses_leaves_all_as_it_was() {
    let (world, _) = World::initialised(1, 1).await;
    world.put("root/a", "before").await.unwrap();
    let saved = snapshot(&world).await;
    world.put("root/a", "after").await.unwrap();
    world.faults.fail_commits(1, storage::CommitError::Unavailable("full".into()));
    let refused = world.barrier.replace(saved, false).await;
    assert!(matches!(refused, Err(ReplaceError::Commit(CommitError::Store(_)))), "{refused:?}");
    assert_eq!(world.get("root/a").await.unwrap().as_deref(), Some("after"));
    world.put("root/b", "later").await.unwrap();
}

/// Nobody knows which keyring is stored now. To go on with the one in memory could write entries that
/// nothing can ever read again.
#[tokio::test]
async fn a_store_that_lost_the_answer_leaves_the_barrier_closed() {
    let (world, shares) = World::initialised(1, 1).await;
    world.put("root/a", "before").await.unwrap();
    let saved = snapshot(&world).await;
    world.put("root/a", "after").await.unwrap();
    world.barrier.rotate(world.barrier.key_status().unwrap().install_time).await.unwrap();
    world.faults.lose_answers(1);
    let lost = world.barrier.replace(saved, false).await;
    assert!(matches!(lost, Err(ReplaceError::Commit(_))), "{lost:?}");
    assert!(world.barrier.is_sealed());
    assert!(world.put("root/b", "later").await.is_err());
    world.unseal(&shares).await;
    assert_eq!(world.get("root/a").await.unwrap().as_deref(), Some("before"));
    world.put("root/b", "later").await.unwrap();
}

/// What was encrypted since the snapshot is not counted in its keyring, so the key may not be used on.
#[tokio::test]
async fn the_key_changes_when_a_snapshot_of_other_keys_is_unsealed() {
    let (origin, shares) = World::initialised(1, 1).await;
    origin.put("root/a", "before").await.unwrap();
    let (world, _) = World::initialised(1, 1).await;
    assert_eq!(world.barrier.replace(snapshot(&origin).await, true).await.unwrap(), Replaced::Sealed);
    // A server that stops before it is unsealed forgets nothing.
    let world = world.restarted(|_| {});
    for _ in 0..2 {
        world.unseal(&shares).await;
        assert_eq!(world.barrier.key_status().unwrap().term, 2);
        assert_eq!(world.get("root/a").await.unwrap().as_deref(), Some("before"));
        world.barrier.seal().await;
    }
}
