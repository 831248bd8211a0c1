//! What the disk and a bare redb database give, as a line of JSON:
//!
//!     disk FOLDER SECRETS SECONDS       SECONDS for each of the four measurements
//!
//! One thread's write + fdatasync, and redb commits of 1, 32 and 256 pairs of neighbouring 400-byte
//! entries with the server's settings. The database is filled the first time and kept in FOLDER.

use redb::{Database, TableDefinition};
use serde_json::json;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use strongroom_bench::{Failed, SECRET_LEN, argument};
use strongroom_storage::Options;

const ENTRIES: TableDefinition<'static, &'static [u8], &'static [u8]> = TableDefinition::new("entries");
const VALUE: [u8; SECRET_LEN] = [7; SECRET_LEN];

fn main() -> Result<(), Failed> {
    let folder = PathBuf::from(argument(1, "a folder")?);
    let secrets: u64 = argument(2, "the number of secrets")?.parse()?;
    let time = Duration::from_secs_f64(argument(3, "seconds")?.parse()?);
    let bare = bare_database(&folder.join("bare.redb"), secrets)?;
    let start = u64::from(std::process::id()) << 20;
    println!(
        "{}",
        json!({
            "fdatasync": synced_writes(&folder.join("log"), time)?,
            "redb1": bare_commits(&bare, secrets, start, 1, time)?,
            "redb32": bare_commits(&bare, secrets, start, 32, time)?,
            "redb256": bare_commits(&bare, secrets, start, 256, time)?,
        })
    );
    Ok(())
}

/// A scattered number below `secrets`; the same sequence every time.
fn pick(turn: u64, secrets: u64) -> u64 {
    turn.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29).wrapping_mul(0xBF58_476D_1CE4_E5B9) % secrets
}

fn bare_database(path: &Path, secrets: u64) -> Result<Database, Failed> {
    let filled = path.exists();
    let database = Database::builder().set_cache_size(Options::default().cache_bytes).create(path)?;
    if !filled {
        let all: Vec<u64> = (0..secrets).collect();
        for part in all.chunks(1000) {
            bare_commit(&database, part.iter().copied())?;
        }
    }
    Ok(database)
}

fn bare_commits(
    database: &Database,
    secrets: u64,
    start: u64,
    batch: u64,
    time: Duration,
) -> Result<f64, Failed> {
    let (begun, mut turn) = (Instant::now(), start);
    while begun.elapsed() < time {
        bare_commit(database, (turn..turn + batch).map(|turn| pick(turn, secrets)))?;
        turn += batch;
    }
    Ok((turn - start) as f64 / begun.elapsed().as_secs_f64())
}

fn bare_commit(database: &Database, secrets: impl Iterator<Item = u64>) -> Result<(), Failed> {
    let mut txn = database.begin_write()?;
    txn.set_quick_repair(true);
    let mut entries = txn.open_table(ENTRIES)?;
    for secret in secrets {
        let secret = pick(secret, u64::MAX);
        for key in [format!("root/kv/{secret:016x}/m"), format!("root/kv/{secret:016x}/v/1")] {
            entries.insert(key.as_bytes(), VALUE.as_slice())?;
        }
    }
    drop(entries);
    txn.commit()?;
    Ok(())
}

fn synced_writes(path: &Path, time: Duration) -> Result<f64, Failed> {
    let mut file = File::create(path)?;
    let (begun, mut turns) = (Instant::now(), 0_u32);
    while begun.elapsed() < time {
        file.write_all(&VALUE)?;
        file.write_all(&VALUE)?;
        file.sync_data()?;
        turns += 1;
    }
    Ok(f64::from(turns) / begun.elapsed().as_secs_f64())
}
