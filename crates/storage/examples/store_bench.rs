//! Measures the embedded store against what it is made of:
//!
//!     cargo run --release -p strongroom-storage --example store_bench [FOLDER [SECRETS]]
//!
//! Durable commits of two neighbouring 400-byte entries by 1, 32 and 256 writers, beside a bare redb
//! loop with the same entries, settings and batches, and beside one thread's write + fdatasync; then
//! reads, direct and on a blocking thread; then opening, with and without the integrity check.

use bytes::Bytes;
use redb::{Database, TableDefinition};
use std::error::Error;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use strongroom_storage::{Batch, Options, RedbStore, Store};

type Failed = Box<dyn Error + Send + Sync>;

const ENTRIES: TableDefinition<'static, &'static [u8], &'static [u8]> = TableDefinition::new("entries");
/// Each measurement is split into rounds that take turns, so that a busy machine troubles all alike.
const ROUNDS: u32 = 6;
const ROUND: Duration = Duration::from_millis(700);
const VALUE: [u8; 400] = [7; 400];

#[tokio::main(flavor = "multi_thread", worker_threads = 1)]
async fn main() -> Result<(), Failed> {
    let mut arguments = std::env::args().skip(1);
    let folder = match arguments.next() {
        Some(folder) => tempfile::tempdir_in(folder)?,
        None => tempfile::tempdir()?,
    };
    let secrets: u64 = arguments.next().map_or(Ok(100_000), |number| number.parse())?;
    let path = folder.path().join("store");
    let store = Arc::new(RedbStore::open(&path, Options::default())?);
    let epoch = store.lead().await?.epoch;
    fill(&store, epoch, secrets).await?;
    let bare = bare_database(&folder.path().join("bare.redb"), secrets)?;
    for writers in [1, 32, 256] {
        let (mut synced, mut alone, mut ours) = (0.0, 0.0, 0.0);
        for _ in 0..ROUNDS {
            synced += synced_writes(&folder.path().join("log"))? / f64::from(ROUNDS);
            alone += bare_commits(&bare, secrets, writers)? / f64::from(ROUNDS);
            ours += commits(&store, epoch, secrets, writers).await? / f64::from(ROUNDS);
        }
        println!(
            "{writers:>3} writers: {ours:>6.0} commits/s, {:.2} x a bare redb loop ({alone:.0}), \
             {:.2} x write+fdatasync ({synced:.0})",
            ours / alone,
            ours / synced
        );
    }
    reads(store.clone(), secrets).await?;
    store.close().await;
    let bytes = std::fs::metadata(path.join("strongroom.redb"))?.len();
    for check_up_to in [0, u64::MAX] {
        let begun = Instant::now();
        RedbStore::open(&path, Options { check_up_to, ..Options::default() })?.close().await;
        println!("open and close {} MB, checked up to {check_up_to}: {:?}", bytes >> 20, begun.elapsed());
    }
    Ok(())
}

/// A scattered number below `secrets`; the same sequence every time.
fn pick(turn: u64, secrets: u64) -> u64 {
    turn.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29).wrapping_mul(0xBF58_476D_1CE4_E5B9) % secrets
}

/// A secret's metadata and its version, neighbours.
fn keys(secret: u64) -> [Bytes; 2] {
    let secret = pick(secret, u64::MAX);
    [Bytes::from(format!("root/kv/{secret:016x}/m")), Bytes::from(format!("root/kv/{secret:016x}/v/1"))]
}

async fn fill(store: &RedbStore, epoch: u64, secrets: u64) -> Result<(), Failed> {
    let all: Vec<u64> = (0..secrets).collect();
    for part in all.chunks(1000) {
        let value = Some(Bytes::from_static(&VALUE));
        let writes = part.iter().flat_map(|secret| keys(*secret)).map(|key| (key, value.clone())).collect();
        store.commit(epoch, Batch { writes, ..Batch::default() }).await?;
    }
    Ok(())
}

async fn commits(store: &Arc<RedbStore>, epoch: u64, secrets: u64, writers: u64) -> Result<f64, Failed> {
    let turns = Arc::new(AtomicU64::new(0));
    let begun = Instant::now();
    let tasks: Vec<_> = (0..writers)
        .map(|_| {
            let (store, turns) = (store.clone(), turns.clone());
            tokio::spawn(async move {
                while begun.elapsed() < ROUND {
                    let turn = turns.fetch_add(1, Ordering::Relaxed);
                    let value = Some(Bytes::from_static(&VALUE));
                    let writes =
                        keys(pick(turn, secrets)).into_iter().map(|key| (key, value.clone())).collect();
                    store.commit(epoch, Batch { writes, ..Batch::default() }).await?;
                }
                Ok::<_, Failed>(())
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    Ok(turns.load(Ordering::Relaxed) as f64 / begun.elapsed().as_secs_f64())
}

fn bare_database(path: &Path, secrets: u64) -> Result<Database, Failed> {
    let database = Database::builder().set_cache_size(Options::default().cache_bytes).create(path)?;
    let all: Vec<u64> = (0..secrets).collect();
    for part in all.chunks(1000) {
        bare_commit(&database, part.iter().copied())?;
    }
    Ok(database)
}

fn bare_commits(database: &Database, secrets: u64, batch: u64) -> Result<f64, Failed> {
    let (begun, mut turn) = (Instant::now(), 0);
    while begun.elapsed() < ROUND {
        bare_commit(database, (turn..turn + batch).map(|turn| pick(turn, secrets)))?;
        turn += batch;
    }
    Ok(turn as f64 / begun.elapsed().as_secs_f64())
}

fn bare_commit(database: &Database, secrets: impl Iterator<Item = u64>) -> Result<(), Failed> {
    let mut txn = database.begin_write()?;
    txn.set_quick_repair(true);
    let mut entries = txn.open_table(ENTRIES)?;
    for secret in secrets {
        for key in keys(secret) {
            entries.insert(key.as_ref(), VALUE.as_slice())?;
        }
    }
    drop(entries);
    txn.commit()?;
    Ok(())
}

fn synced_writes(path: &Path) -> Result<f64, Failed> {
    let mut file = File::create(path)?;
    let (begun, mut turns) = (Instant::now(), 0);
    while begun.elapsed() < ROUND {
        file.write_all(&VALUE)?;
        file.write_all(&VALUE)?;
        file.sync_data()?;
        turns += 1;
    }
    Ok(f64::from(turns) / begun.elapsed().as_secs_f64())
}

async fn reads(store: Arc<RedbStore>, secrets: u64) -> Result<(), Failed> {
    let mut turn = 0;
    let mut next = move || {
        turn += 1;
        keys(pick(turn, secrets))
    };
    let [key, _] = next();
    rate("get of one key, direct", async || Ok(store.get(&key).await.map(drop)?)).await?;
    rate("get of one key, on a blocking thread", async || {
        let (store, key, runtime) = (store.clone(), key.clone(), tokio::runtime::Handle::current());
        tokio::task::spawn_blocking(move || runtime.block_on(store.get(&key)).map(drop)).await??;
        Ok(())
    })
    .await?;
    rate("get of random keys, direct", async || {
        let [key, _] = next();
        Ok(store.get(&key).await.map(drop)?)
    })
    .await?;
    for limit in [10, 100, 256] {
        rate(&format!("list of {limit}"), async || {
            let [key, _] = next();
            Ok(store.list(b"root/kv/", Some(&key), limit).await.map(drop)?)
        })
        .await?;
    }
    Ok(())
}

async fn rate(what: &str, mut read: impl AsyncFnMut() -> Result<(), Failed>) -> Result<(), Failed> {
    let (begun, mut turns) = (Instant::now(), 0_u32);
    while begun.elapsed() < ROUND {
        for _ in 0..100 {
            read().await?;
        }
        turns += 100;
    }
    println!("{what}: {:.2} µs", begun.elapsed().as_secs_f64() * 1e6 / f64::from(turns));
    Ok(())
}
