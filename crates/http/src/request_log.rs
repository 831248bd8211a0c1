//! A line in the log for each request: `log_requests_level` of Vault's configuration. Never anything of what
//! a request carries.

use crate::exchange::Line;
use http::{Method, Request};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Instant;
use strongroom_core::loggers::Level;

/// At which level requests are logged, if at all. It may change while the server runs, for all that share it.
#[derive(Debug, Clone, Default)]
pub struct RequestLog(Arc<AtomicU8>);

/// A request that leaves a line when it has been answered.
pub(crate) struct Watched {
    level: Level,
    began: Instant,
    method: Method,
    path: String,
    client: IpAddr,
}

impl RequestLog {
    /// Logs requests at a level from now on; none ends it.
    pub fn set(&self, level: Option<Level>) {
        self.0.store(level.map_or(0, |level| level as u8 + 1), Ordering::Relaxed);
    }

    fn level(&self) -> Option<Level> {
        use Level::{Debug, Error, Info, Trace, Warn};
        let place = self.0.load(Ordering::Relaxed).checked_sub(1)?;
        [Trace, Debug, Info, Warn, Error].get(usize::from(place)).copied()
    }

    /// Remembers what the line will say; none where requests are not logged.
    pub(crate) fn watch<B>(&self, line: &Line, request: &Request<B>) -> Option<Watched> {
        let level = self.level()?;
        let forwarded = line.settings.forwarded.as_ref();
        let client = forwarded.and_then(|rules| rules.client(request.headers(), line.peer).ok());
        Some(Watched {
            level,
            began: now(),
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            client: client.unwrap_or(line.peer).address,
        })
    }
}

impl Watched {
    /// Writes the line.
    pub(crate) fn log(self, status: u16) {
        let Self { level, began, method, path, client } = self;
        let duration = now().duration_since(began);
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(%method, path, status, ?duration, %client, "completed_request")
            };
        }
        match level {
            Level::Trace => line!(trace),
            Level::Debug => line!(debug),
            Level::Info => line!(info),
            Level::Warn => line!(warn),
            Level::Error => line!(error),
        }
    }
}

/// How long a request took depends on no clock that can be set.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_comes_back_and_off_is_off() {
        let log = RequestLog::default();
        assert_eq!(log.level(), None);
        for level in [Level::Trace, Level::Debug, Level::Info, Level::Warn, Level::Error] {
            log.clone().set(Some(level));
            assert_eq!(log.level(), Some(level));
        }
        log.set(None);
        assert_eq!(log.level(), None);
    }
}
