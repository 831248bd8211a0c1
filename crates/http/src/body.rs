//! Reading bodies, within bounds of size, time and memory.

use crate::refusal::Refusal;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The memory that the bodies of all requests may take together. Bodies are read before anybody's
/// token is looked at, so without it a crowd of strangers could take what there is.
#[derive(Debug, Clone)]
pub(crate) struct Budget {
    kibibytes: Arc<Semaphore>,
    uploads: Arc<Semaphore>,
}

/// A body that was read, with its share of the budget.
#[derive(Debug, Default)]
pub(crate) struct Read {
    pub(crate) bytes: Bytes,
    _shares: Vec<OwnedSemaphorePermit>,
}

/// A body up to this size needs no share: so much is bounded by the number of connections.
const FREE: usize = 64 << 10;
const TOTAL_KIBIBYTES: usize = 512 << 10;
/// How long a body that is too large is thrown away.
const DISCARD: Duration = Duration::from_secs(2);
/// Uploads, which may be much larger, at a time.
const UPLOADS: usize = 1;

impl Budget {
    pub(crate) fn new() -> Self {
        Self {
            kibibytes: Arc::new(Semaphore::new(TOTAL_KIBIBYTES)),
            uploads: Arc::new(Semaphore::new(UPLOADS)),
        }
    }

    /// The whole body, of at most `limit` bytes, within `patience`.
    pub(crate) async fn read(&self, body: Incoming, limit: u64, patience: Duration) -> Result<Read, Refusal> {
        if body.is_end_stream() {
            return Ok(Read::default());
        }
        within(patience, self.collect(body, limit, true)).await
    }

    /// An upload, of at most `limit` bytes.
    pub(crate) async fn upload(
        &self,
        body: Incoming,
        limit: u64,
        patience: Duration,
    ) -> Result<Read, Refusal> {
        let turn = self.uploads.clone().try_acquire_owned().map_err(|_| busy())?;
        let mut read = within(patience, self.collect(body, limit, false)).await?;
        read._shares.push(turn);
        Ok(read)
    }

    async fn collect(&self, mut body: Incoming, limit: u64, shared: bool) -> Result<Read, Refusal> {
        if body.size_hint().lower() > limit {
            return Err(too_large(body, limit).await);
        }
        let mut first = Bytes::new();
        let mut rest = BytesMut::new();
        let mut shares = Vec::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| Refusal::invalid("the request's body ended early"))?;
            let Ok(data) = frame.into_data() else { continue };
            let held = first.len() + rest.len();
            if (held + data.len()) as u64 > limit {
                return Err(too_large(body, limit).await);
            }
            if shared && held + data.len() > FREE {
                shares.push(self.share(data.len())?);
            }
            if held == 0 {
                first = data;
                continue;
            }
            if rest.is_empty() {
                rest.reserve(first.len() + data.len());
                rest.extend_from_slice(&std::mem::take(&mut first));
            }
            rest.extend_from_slice(&data);
        }
        Ok(Read { bytes: if rest.is_empty() { first } else { rest.freeze() }, _shares: shares })
    }

    fn share(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Refusal> {
        let wanted = u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX);
        self.kibibytes.clone().try_acquire_many_owned(wanted).map_err(|_| busy())
    }
}

/// Many clients look for an answer only when they have sent everything, and an early end of the
/// connection would tell them nothing. So for a while, and as much again, what they send is thrown away.
async fn too_large(mut body: Incoming, limit: u64) -> Refusal {
    let discard = async {
        let mut left = limit;
        while let Some(Ok(frame)) = body.frame().await {
            let size = frame.data_ref().map_or(0, |data| data.len() as u64);
            left = left.saturating_sub(size);
            if left == 0 {
                break;
            }
        }
    };
    let _ = tokio::time::timeout(DISCARD, discard).await;
    Refusal::Error(413, format!("the request's body is larger than {limit} bytes").into())
}

fn busy() -> Refusal {
    Refusal::Error(503, "too many large requests at once; try again".into())
}

async fn within<T>(patience: Duration, read: impl Future<Output = Result<T, Refusal>>) -> Result<T, Refusal> {
    let late = |_| Refusal::Error(408, "the request's body did not arrive in time".into());
    tokio::time::timeout(patience, read).await.map_err(late)?
}
