//! The cache never contradicts what was acknowledged.

use crate::fixture::{World, writes};
use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use strongroom_barrier::{CommitError, PlainBatch};

/// The last step of a key that was begun, and the last that was acknowledged.
#[derive(Default)]
struct Steps {
    begun: AtomicU64,
    acknowledged: AtomicU64,
}

/// Every third step deletes.
fn deletes(step: u64) -> bool {
    step.is_multiple_of(3)
}

async fn write_steps(world: Arc<World>, key: String, steps: Arc<Steps>) {
    for step in 1..=300 {
        steps.begun.store(step, Ordering::SeqCst);
        let text = step.to_string();
        let value = (!deletes(step)).then_some(text.as_str());
        world.barrier.commit(writes([(key.as_str(), value)])).await.unwrap();
        steps.acknowledged.store(step, Ordering::SeqCst);
    }
}

async fn check_steps(world: Arc<World>, keys: Vec<(String, Arc<Steps>)>, done: Arc<AtomicBool>) -> usize {
    let mut reads = 0;
    while !done.load(Ordering::SeqCst) {
        for (key, steps) in &keys {
            let oldest = steps.acknowledged.load(Ordering::SeqCst);
            let found = world.get(key).await.unwrap();
            let newest = steps.begun.load(Ordering::SeqCst);
            let possible = oldest..=newest;
            match found {
                Some(text) => {
                    assert!(possible.contains(&text.parse().unwrap()), "{key}: {text} not in {possible:?}")
                }
                None => assert!(possible.clone().any(deletes), "{key}: absent, not in {possible:?}"),
            }
            reads += 1;
        }
        tokio::task::yield_now().await;
    }
    reads
}

async fn readers_see_what_was_acknowledged(cache_bytes: usize) {
    let world = World::with(|options| options.cache_bytes = cache_bytes);
    world.barrier.init(strongroom_barrier::SealConfig::new(1, 1).unwrap()).await.unwrap();
    world.bent.dawdle();
    let world = Arc::new(world);
    let keys: Vec<(String, Arc<Steps>)> = (0..16).map(|n| (format!("root/{n}"), Arc::default())).collect();
    let done = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> =
        (0..8).map(|_| tokio::spawn(check_steps(world.clone(), keys.clone(), done.clone()))).collect();
    let writers: Vec<_> = keys
        .iter()
        .map(|(key, steps)| tokio::spawn(write_steps(world.clone(), key.clone(), steps.clone())))
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    done.store(true, Ordering::SeqCst);
    for reader in readers {
        assert!(reader.await.unwrap() > 0);
    }
    for (key, _) in &keys {
        assert_eq!(world.get(key).await, Ok(None), "step 300 deletes");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn readers_see_what_was_acknowledged_with_room_for_all() {
    readers_see_what_was_acknowledged(1 << 20).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn readers_see_what_was_acknowledged_with_room_for_few() {
    // One small entry in each shard.
    readers_see_what_was_acknowledged(64 * 300).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn increments_that_check_what_they_read_are_never_lost() {
    let (world, _) = World::initialised(1, 1).await;
    world.bent.dawdle();
    let world = Arc::new(world);
    let key = Bytes::from("root/counter");
    let writers: Vec<_> = (0..8)
        .map(|_| {
            let (world, key) = (world.clone(), key.clone());
            tokio::spawn(async move {
                let mut left = 50;
                while left > 0 {
                    let found = world.barrier.get(&key).await.unwrap();
                    let version = found.as_ref().map_or(0, |f| f.version);
                    let count =
                        found.map_or(0, |f| std::str::from_utf8(f.plain()).unwrap().parse::<u64>().unwrap());
                    let text = (count + 1).to_string();
                    let batch = PlainBatch {
                        reads: vec![(key.clone(), version)],
                        ..writes([("root/counter", Some(text.as_str()))])
                    };
                    match world.barrier.commit(batch).await {
                        Ok(_) => left -= 1,
                        Err(CommitError::Conflict) => {}
                        Err(e) => panic!("{e}"),
                    }
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(world.get("root/counter").await, Ok(Some("400".to_owned())));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rotating_meanwhile_disturbs_nobody() {
    let world = World::with(|options| {
        options.cache_bytes = 0;
        options.reserve = 3;
    });
    world.barrier.init(strongroom_barrier::SealConfig::new(1, 1).unwrap()).await.unwrap();
    world.bent.dawdle();
    let world = Arc::new(world);
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let world = world.clone();
            tokio::spawn(async move {
                for n in 0..100 {
                    let (key, value) = (format!("root/{writer}"), n.to_string());
                    world.put(&key, &value).await.unwrap();
                    assert_eq!(world.get(&key).await, Ok(Some(value)));
                }
            })
        })
        .collect();
    for _ in 0..30 {
        world.barrier.rotate(jiff::Timestamp::UNIX_EPOCH).await.unwrap();
    }
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(world.barrier.key_status().unwrap().term, 31);
}

#[tokio::test]
async fn a_commit_that_nobody_waits_for_any_more_still_reaches_the_cache() {
    let (world, _) = World::initialised(1, 1).await;
    world.put("root/a", "old").await.unwrap();
    world.faults.pause();
    {
        let commit = world.barrier.commit(writes([("root/a", Some("new"))]));
        tokio::select! {
            biased;
            _ = commit => panic!("the store was paused"),
            () = tokio::task::yield_now() => {}
        }
    }
    assert_eq!(world.get("root/a").await, Ok(Some("old".to_owned())));
    world.faults.resume();
    let arrives = async {
        while world.get("root/a").await != Ok(Some("new".to_owned())) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(5), arrives).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sealing_in_the_middle_leaves_no_plaintext() {
    let (world, shares) = World::initialised(1, 1).await;
    world.bent.dawdle();
    let world = Arc::new(world);
    for round in 0..20 {
        let work: Vec<_> = (0..8)
            .map(|n| {
                let world = world.clone();
                tokio::spawn(async move {
                    let key = format!("root/{n}");
                    let _ = world.put(&key, "plain").await;
                    let _ = world.get(&key).await;
                })
            })
            .collect();
        for _ in 0..round {
            tokio::task::yield_now().await;
        }
        world.barrier.seal().await;
        for task in work {
            task.await.unwrap();
        }
        let reads = world.faults.reads();
        world.unseal(&shares).await;
        let opening = world.faults.reads() - reads;
        let reads = world.faults.reads();
        for n in 0..8 {
            let _ = world.get(&format!("root/{n}")).await;
        }
        assert_eq!(world.faults.reads() - reads, 8, "round {round}: something outlived the sealing");
        assert!(opening > 0);
    }
}
