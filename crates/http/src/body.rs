//! Reading bodies, within bounds of size, time and memory.

use crate::refusal::Refusal;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Body;
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

/// A body up to this size needs no share where a connection carries one at a time: so much is bounded by
/// the number of connections. Where it carries many at a time, each needs one.
const FREE: usize = 64 << 10;
const KIBIBYTE: usize = 1024;
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

    /// The whole body, of at most `limit` bytes, within `patience`. `multiplexed` tells that the connection
    /// carries many at a time.
    pub(crate) async fn read<B: Body<Data = Bytes> + Unpin>(
        &self,
        body: B,
        limit: u64,
        patience: Duration,
        multiplexed: bool,
    ) -> Result<Read, Refusal> {
        if body.is_end_stream() {
            return Ok(Read::default());
        }
        let free = if multiplexed { 0 } else { FREE };
        within(patience, self.collect(body, limit, Some(free))).await
    }

    /// An upload, of at most `limit` bytes.
    pub(crate) async fn upload<B: Body<Data = Bytes> + Unpin>(
        &self,
        body: B,
        limit: u64,
        patience: Duration,
    ) -> Result<Read, Refusal> {
        let turn = self.uploads.clone().try_acquire_owned().map_err(|_| busy())?;
        let mut read = within(patience, self.collect(body, limit, None)).await?;
        read._shares.push(turn);
        Ok(read)
    }

    /// Up to `free` bytes need no share; without it, nothing does.
    async fn collect<B: Body<Data = Bytes> + Unpin>(
        &self,
        mut body: B,
        limit: u64,
        free: Option<usize>,
    ) -> Result<Read, Refusal> {
        if body.size_hint().lower() > limit {
            return Err(too_large(body, limit).await);
        }
        let mut first = Bytes::new();
        let mut rest = BytesMut::new();
        let (mut shares, mut shared) = (Vec::new(), free.unwrap_or(0).div_ceil(KIBIBYTE));
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| Refusal::invalid("the request's body ended early"))?;
            let Ok(data) = frame.into_data() else { continue };
            let held = first.len() + rest.len();
            if (held + data.len()) as u64 > limit {
                return Err(too_large(body, limit).await);
            }
            // By what there is in all: a body in many small pieces costs no more than in one.
            let wanted = (held + data.len()).div_ceil(KIBIBYTE);
            if free.is_some() && wanted > shared {
                shares.push(self.share(wanted - shared)?);
                shared = wanted;
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

    fn share(&self, kibibytes: usize) -> Result<OwnedSemaphorePermit, Refusal> {
        let wanted = u32::try_from(kibibytes).unwrap_or(u32::MAX);
        self.kibibytes.clone().try_acquire_many_owned(wanted).map_err(|_| busy())
    }
}

/// Many clients look for an answer only when they have sent everything, and an early end of the
/// connection would tell them nothing. So for a while, and as much again, what they send is thrown away.
async fn too_large<B: Body<Data = Bytes> + Unpin>(mut body: B, limit: u64) -> Refusal {
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

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::Full;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    /// A body that comes byte by byte.
    struct Dribble(usize);

    impl Body for Dribble {
        type Data = Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _cx: &mut Context<'_>,
        ) -> Poll<Option<Result<hyper::body::Frame<Bytes>, Self::Error>>> {
            let left = self.0.checked_sub(1);
            self.0 = left.unwrap_or(0);
            Poll::Ready(left.map(|_| Ok(hyper::body::Frame::data(Bytes::from_static(b"x")))))
        }
    }

    fn budget(kibibytes: usize) -> Budget {
        Budget { kibibytes: Arc::new(Semaphore::new(kibibytes)), uploads: Arc::new(Semaphore::new(1)) }
    }

    fn body(bytes: usize) -> Full<Bytes> {
        Full::new(Bytes::from(vec![b'x'; bytes]))
    }

    const PATIENCE: Duration = Duration::from_secs(5);

    /// Denial of service by big bodies: on a connection that carries many requests at a time, small ones
    /// add up too.
    #[tokio::test]
    async fn bodies_of_one_connection_share_the_budget() {
        let budget = budget(4);
        let first = budget.read(body(3000), 9000, PATIENCE, true).await.unwrap();
        assert!(matches!(budget.read(body(3000), 9000, PATIENCE, true).await, Err(Refusal::Error(503, _))));
        assert_eq!(budget.read(body(3000), 9000, PATIENCE, false).await.unwrap().bytes.len(), 3000);
        drop(first);
        assert!(budget.read(body(4096), 9000, PATIENCE, true).await.is_ok());
        assert_eq!(budget.kibibytes.available_permits(), 4);
    }

    #[tokio::test]
    async fn small_pieces_cost_no_more_than_they_hold() {
        let budget = budget(4);
        let read = budget.read(Dribble(4096), 9000, PATIENCE, true).await.unwrap();
        assert_eq!((read.bytes.len(), budget.kibibytes.available_permits()), (4096, 0));
        drop(read);
        let refused = budget.read(Dribble(4097), 9000, PATIENCE, true).await;
        assert!(matches!(refused, Err(Refusal::Error(503, _))));
        let refused = budget.read(Dribble(10_000), 9000, PATIENCE, false).await;
        assert!(matches!(refused, Err(Refusal::Error(413, _))));
        let large = budget.read(body(FREE + 1), FREE as u64 * 2, PATIENCE, false).await.unwrap();
        assert_eq!(budget.kibibytes.available_permits(), 3);
        drop(large);
    }
}
