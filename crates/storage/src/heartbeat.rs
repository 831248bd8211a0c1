//! The change feed of a store that one process owns: nobody else commits, so nothing is reported.

use crate::store::{BoxFuture, Change, ChangeFeed, ReadError};
use std::time::Duration;

/// Well within the second of silence after which a node takes its feed for dead.
const INTERVAL: Duration = Duration::from_millis(250);

/// Only ever beats.
pub(crate) struct Heartbeats;

impl ChangeFeed for Heartbeats {
    fn next(&mut self) -> BoxFuture<'_, Result<Change, ReadError>> {
        Box::pin(async {
            tokio::time::sleep(INTERVAL).await;
            Ok(Change::Heartbeat)
        })
    }
}
