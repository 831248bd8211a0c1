//! Snapshot files and copies of whole stores. Values stay encrypted as they are stored.
//!
//! A snapshot file is, all numbers little endian:
//!
//! | bytes | what |
//! |---|---|
//! | 8 | `89 53 52 53 4E 41 50 0A` (a byte that text cannot have, `SRSNAP`, a newline) |
//! | 4 | format, 1 |
//! | 8 | the store's revision |
//! | 4 + 4 + n + m | for each entry: lengths of key and value, key, value; keys rise |
//! | 4 | `FF FF FF FF`: no more entries |
//! | 8 | how many entries there were |
//! | 32 | SHA-256 of all of the above |

mod entries;
mod migrate;
mod restore;
#[cfg(test)]
mod tests;

pub use migrate::{MigrateError, Migrated, is_unfinished, migrate};
pub use restore::{Incoming, RestoreError, Restored};

use bytes::{BufMut, Bytes, BytesMut};
use strongroom_crypto::digest::Sha256;
use strongroom_storage::{ReadError, Snapshot};
use tokio::sync::mpsc;

const MAGIC: [u8; 8] = *b"\x89SRSNAP\n";
const FORMAT: u32 = 1;
const HEADER: usize = 8 + 4 + 8;
const END: u32 = u32::MAX;
const DIGEST: usize = 32;

/// Entries that are asked for at a time, and the bytes that make a chunk.
const PAGE: usize = 256;
const CHUNK: usize = 256 << 10;

/// Writes a snapshot file: its chunks, in order. An error is the last of them; what came before it is
/// then no snapshot, and lacks the trailer that would make it one. Whoever drops the receiver stops
/// the writing.
pub fn write(source: Box<dyn Snapshot>) -> mpsc::Receiver<Result<Bytes, ReadError>> {
    let (chunks, written) = mpsc::channel(4);
    tokio::spawn(async move {
        let mut file = Outgoing { chunks, pending: BytesMut::new(), digest: Sha256::new() };
        if let Err(Stopped::Source(e)) = file.write(&*source).await {
            // Nobody may be listening any more, which is as well.
            let _ = file.chunks.send(Err(e)).await;
        }
    });
    written
}

struct Outgoing {
    chunks: mpsc::Sender<Result<Bytes, ReadError>>,
    pending: BytesMut,
    digest: Sha256,
}

enum Stopped {
    Source(ReadError),
    Receiver,
}

impl Outgoing {
    async fn write(&mut self, source: &dyn Snapshot) -> Result<(), Stopped> {
        self.pending.put_slice(&MAGIC);
        self.pending.put_u32_le(FORMAT);
        self.pending.put_u64_le(source.revision());
        let (mut after, mut count) = (None::<Bytes>, 0);
        loop {
            let page = source.entries(after.as_deref(), PAGE).await.map_err(Stopped::Source)?;
            let Some((last, _)) = page.last() else { break };
            after = Some(last.clone());
            for (key, found) in &page {
                self.pending.put_u32_le(length(key)?);
                self.pending.put_u32_le(length(&found.value)?);
                self.pending.put_slice(key);
                self.pending.put_slice(&found.value);
                count += 1;
                if self.pending.len() >= CHUNK {
                    self.flush().await?;
                }
            }
        }
        self.pending.put_u32_le(END);
        self.pending.put_u64_le(count);
        self.flush().await?;
        let digest = std::mem::take(&mut self.digest).finish();
        self.send(Bytes::copy_from_slice(&digest)).await
    }

    async fn flush(&mut self) -> Result<(), Stopped> {
        let chunk = self.pending.split().freeze();
        self.digest.update(&chunk);
        self.send(chunk).await
    }

    async fn send(&self, chunk: Bytes) -> Result<(), Stopped> {
        self.chunks.send(Ok(chunk)).await.map_err(|_| Stopped::Receiver)
    }
}

fn length(part: &Bytes) -> Result<u32, Stopped> {
    let too_long = || Stopped::Source(ReadError::Corrupt("an entry is too long for a snapshot".into()));
    u32::try_from(part.len()).ok().filter(|length| *length != END).ok_or_else(too_long)
}
