//! The store is not trusted: whatever it gives back, no wrong plaintext comes out.

use crate::fixture::{Share, World};
use strongroom_barrier::GetError;

/// Several entries under several terms.
async fn filled() -> (World, Vec<Share>) {
    let (world, shares) = World::initialised(3, 2).await;
    world.put("root/first", "value of the first term").await.unwrap();
    world.barrier.rotate(jiff::Timestamp::UNIX_EPOCH).await.unwrap();
    world.put("root/second", "value of the second term").await.unwrap();
    world.put("root/empty", "").await.unwrap();
    (world, shares)
}

fn is_own(key: &[u8]) -> bool {
    key.starts_with(b"barrier/")
}

#[tokio::test]
async fn any_flipped_bit_of_an_entry_is_detected_and_never_served() {
    let (world, shares) = filled().await;
    let uncached = world.restarted(|options| options.cache_bytes = 0);
    uncached.unseal(&shares[..2]).await;
    let mut checked = 0;
    for (key, value) in world.bent.entries().await.into_iter().filter(|(key, _)| !is_own(key)) {
        for bit in 0..value.len() * 8 {
            let mut changed = value.to_vec();
            changed[bit / 8] ^= 1 << (bit % 8);
            world.bent.lie(&key, &changed);
            let read = uncached.barrier.get(&key).await;
            assert!(matches!(read.map(|_| ()), Err(GetError::Damaged(_))), "bit {bit} of {key:?}");
            checked += 1;
        }
        for length in 0..value.len() {
            world.bent.lie(&key, &value[..length]);
            assert!(matches!(uncached.barrier.get(&key).await.map(|_| ()), Err(GetError::Damaged(_))));
        }
        world.bent.be_honest();
        assert!(uncached.barrier.get(&key).await.is_ok());
    }
    assert!(checked > 3 * 33 * 8);
}

#[tokio::test]
async fn entries_that_change_places_are_refused() {
    let (world, shares) = filled().await;
    let uncached = world.restarted(|options| options.cache_bytes = 0);
    uncached.unseal(&shares[..2]).await;
    let entries = world.bent.entries().await;
    for (key, _) in entries.iter().filter(|(key, _)| !is_own(key)) {
        for (_, value) in entries.iter().filter(|(other, _)| other != key) {
            world.bent.lie(key, value);
            assert!(matches!(uncached.barrier.get(key).await.map(|_| ()), Err(GetError::Damaged(_))));
        }
        world.bent.be_honest();
    }
}

#[tokio::test]
async fn the_barrier_does_not_open_on_damaged_or_exchanged_records() {
    let (world, shares) = filled().await;
    world.barrier.seal().await;
    let entries = world.bent.entries().await;
    let own: Vec<_> = entries.iter().filter(|(key, _)| is_own(key)).collect();
    assert_eq!(own.len(), 3);
    for (key, value) in &own {
        let flipped = (0..value.len() * 8).map(|bit| {
            let mut changed = value.to_vec();
            changed[bit / 8] ^= 1 << (bit % 8);
            changed
        });
        let exchanged = own.iter().filter(|(other, _)| other != key).map(|(_, value)| value.to_vec());
        for changed in flipped.chain(exchanged) {
            world.bent.lie(key, &changed);
            let mut opened = Ok(());
            for share in &shares[..2] {
                opened = opened.and(world.barrier.unseal(share.clone()).await.map(|_| ()));
            }
            assert!(opened.is_err() && world.barrier.is_sealed(), "{key:?}");
            world.bent.be_honest();
            world.barrier.reset_unseal().await.unwrap();
        }
    }
    world.unseal(&shares[1..]).await;
    assert_eq!(world.get("root/first").await, Ok(Some("value of the first term".to_owned())));
}

#[tokio::test]
async fn a_seal_configuration_forged_with_its_digest_does_not_open() {
    let (world, shares) = World::initialised(3, 2).await;
    world.barrier.seal().await;
    let other = World::initialised(5, 2).await.0;
    let forged = other.bent.entries().await.into_iter().find(|(key, _)| &key[..] == b"barrier/seal-config");
    world.bent.lie(b"barrier/seal-config", &forged.unwrap().1);
    assert!(world.barrier.unseal(shares[0].clone()).await.is_ok());
    assert!(world.barrier.unseal(shares[1].clone()).await.is_err());
    assert!(world.barrier.is_sealed());
}
