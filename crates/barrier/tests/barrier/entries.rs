//! Reading, listing and committing.

use crate::fixture::{World, writes};
use bytes::Bytes;
use strongroom_barrier::{CommitError, GetError, PlainBatch};
use strongroom_storage as storage;

#[tokio::test]
async fn what_is_written_is_read_and_never_stored_in_the_clear() {
    let (world, _) = World::initialised(1, 1).await;
    world.put("root/a", "canary-value").await.unwrap();
    assert_eq!(world.get("root/a").await, Ok(Some("canary-value".to_owned())));
    assert_eq!(world.get("root/b").await, Ok(None));
    for (_, value) in world.bent.entries().await {
        assert!(!value.windows(6).any(|w| w == b"canary"));
    }
    world.barrier.commit(writes([("root/a", None)])).await.unwrap();
    assert_eq!(world.get("root/a").await, Ok(None));
}

#[tokio::test]
async fn hits_do_not_ask_the_store_and_share_the_decoded_record() {
    let (world, _) = World::initialised(1, 1).await;
    let version = world.put("root/a", "1").await.unwrap();
    let reads = world.faults.reads();
    let first = world.barrier.get(b"root/a").await.unwrap().unwrap();
    let again = world.barrier.get(b"root/a").await.unwrap().unwrap();
    assert_eq!((first.version, again.version), (version, version));
    let parse = |plain: &bytes::Bytes| std::str::from_utf8(plain).unwrap().parse::<u32>();
    let record = first.decode(parse).unwrap();
    let shared = again.decode(|_| -> Result<u32, ()> { panic!("it was decoded already") }).unwrap();
    assert!(std::sync::Arc::ptr_eq(&record, &shared));
    assert_eq!(again.decode(|plain| Ok::<_, ()>(plain.to_vec())).unwrap().as_slice(), b"1");
    assert_eq!(world.faults.reads(), reads);
    // Absences are known too, once they were asked for.
    assert_eq!(world.get("root/none").await, Ok(None));
    assert_eq!(world.get("root/none").await, Ok(None));
    assert_eq!(world.faults.reads(), reads + 1);
}

#[tokio::test]
async fn a_sealed_barrier_refuses_everything_and_forgets_plaintext() {
    let (world, shares) = World::initialised(1, 1).await;
    world.put("root/a", "v").await.unwrap();
    world.barrier.seal().await;
    assert!(world.barrier.is_sealed());
    assert_eq!(world.get("root/a").await, Err(GetError::Sealed));
    assert_eq!(world.barrier.list(b"root/", None, 10).await, Err(GetError::Sealed));
    assert_eq!(world.put("root/a", "w").await, Err(CommitError::Sealed));
    assert_eq!(world.barrier.key_status(), Err(CommitError::Sealed));
    assert_eq!(world.barrier.rotate_if_due(jiff::Timestamp::UNIX_EPOCH).await, Ok(false));
    world.unseal(&shares).await;
    let reads = world.faults.reads();
    assert_eq!(world.get("root/a").await, Ok(Some("v".to_owned())));
    assert_eq!(world.faults.reads(), reads + 1, "the plaintext was kept while sealed");
}

#[tokio::test]
async fn its_own_records_are_out_of_reach() {
    let (world, _) = World::initialised(1, 1).await;
    for key in ["barrier/keyring", "barrier/root-key", "barrier/seal-config", "barrier/"] {
        assert_eq!(world.get(key).await, Err(GetError::Reserved));
        assert_eq!(world.put(key, "x").await, Err(CommitError::Reserved));
        assert_eq!(
            world.barrier.commit(writes([("a", Some("b")), (key, None)])).await,
            Err(CommitError::Reserved)
        );
    }
    for prefix in ["", "b", "barrier/", "barrier/k"] {
        assert_eq!(world.barrier.list(prefix.as_bytes(), None, 9).await, Err(GetError::Reserved), "{prefix}");
    }
    assert_eq!(world.get("a").await, Ok(None));
    assert!(world.put("barriers", "x").await.is_ok());
}

#[tokio::test]
async fn lists_keys_in_order() {
    let (world, _) = World::initialised(1, 1).await;
    let batch = writes([("root/b", Some("1")), ("root/a", Some("2")), ("other", Some("3"))]);
    world.barrier.commit(batch).await.unwrap();
    let page = world.barrier.list(b"root/", None, 1).await.unwrap();
    assert_eq!((page.keys, page.more), (vec![Bytes::from("root/a")], true));
    let page = world.barrier.list(b"root/", Some(b"root/a"), 5).await.unwrap();
    assert_eq!((page.keys, page.more), (vec![Bytes::from("root/b")], false));
}

#[tokio::test]
async fn a_conflict_forgets_what_was_read() {
    let (world, _) = World::initialised(1, 1).await;
    let version = world.put("root/a", "old").await.unwrap();
    assert_eq!(world.get("root/b").await, Ok(None));
    world.bent.commit_behind("root/a", None).await;
    assert_eq!(world.get("root/a").await, Ok(Some("old".to_owned())), "still from memory");
    let batch = PlainBatch {
        reads: vec![(Bytes::from("root/a"), version), (Bytes::from("root/b"), 0)],
        ..writes([("root/c", Some("x"))])
    };
    assert_eq!(world.barrier.commit(batch).await, Err(CommitError::Conflict));
    assert_eq!(world.get("root/a").await, Ok(None));
    assert_eq!(world.get("root/c").await, Ok(None));
}

#[tokio::test]
async fn a_failed_commit_changes_nothing_and_one_of_unknown_end_is_looked_up() {
    let (world, _) = World::initialised(1, 1).await;
    world.put("root/a", "old").await.unwrap();
    let failure = storage::CommitError::Unavailable("full".to_owned());
    world.faults.fail_commits(1, failure.clone());
    assert_eq!(world.put("root/a", "new").await, Err(CommitError::Store(failure)));
    assert_eq!(world.get("root/a").await, Ok(Some("old".to_owned())));
    world.faults.lose_answers(1);
    assert!(matches!(
        world.put("root/a", "new").await,
        Err(CommitError::Store(storage::CommitError::Unknown(_)))
    ));
    assert_eq!(world.get("root/a").await, Ok(Some("new".to_owned())));
}

#[tokio::test]
async fn a_deposed_leader_seals_itself() {
    let (old, shares) = World::initialised(1, 1).await;
    old.put("root/a", "1").await.unwrap();
    let new = old.restarted(|_| {});
    new.unseal(&shares).await;
    assert_eq!(old.put("root/a", "2").await, Err(CommitError::Store(storage::CommitError::Fenced)));
    assert!(old.barrier.is_sealed());
    assert_eq!(old.get("root/a").await, Err(GetError::Sealed));
    assert_eq!(new.get("root/a").await, Ok(Some("1".to_owned())));
    new.put("root/a", "3").await.unwrap();
}
