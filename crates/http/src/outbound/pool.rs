//! Connections that are kept for the next request to the same place under the same trust.

use bytes::Bytes;
use http::Uri;
use http_body_util::Full;
use hyper::client::conn::http1::SendRequest;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use strongroom_core::outbound::OutError;
use tokio::time::Instant;

/// Where a connection leads and who vouches for the other side.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Origin {
    pub(super) tls: bool,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) ca_pem: Option<String>,
}

#[derive(Default)]
pub(super) struct Pool(Mutex<HashMap<Origin, Vec<Kept>>>);

struct Kept {
    sender: SendRequest<Full<Bytes>>,
    since: Instant,
}

/// Kept connections per origin.
const MAX_KEPT: usize = 16;
/// Origins with kept connections.
const MAX_ORIGINS: usize = 64;
/// How long a connection is kept.
const MAX_IDLE: Duration = Duration::from_secs(30);

impl Origin {
    pub(super) fn of(uri: &Uri, ca_pem: Option<&str>) -> Result<Self, OutError> {
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => {
                return Err(OutError::Request(
                    "the address begins neither with https nor with http".to_owned(),
                ));
            }
        };
        let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() {
            return Err(OutError::Request("the address names no host".to_owned()));
        }
        let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
        Ok(Self { tls, host: host.to_owned(), port, ca_pem: ca_pem.filter(|_| tls).map(str::to_owned) })
    }
}

impl Pool {
    /// A connection that was used lately and is still open.
    pub(super) fn take(&self, origin: &Origin) -> Option<SendRequest<Full<Bytes>>> {
        let mut pool = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = pool.get_mut(origin)?;
        while let Some(Kept { sender, since }) = kept.pop() {
            if sender.is_ready() && since.elapsed() < MAX_IDLE {
                return Some(sender);
            }
        }
        pool.remove(origin);
        None
    }

    /// Keeps a connection that has answered.
    pub(super) fn keep(&self, origin: &Origin, sender: SendRequest<Full<Bytes>>) {
        if sender.is_closed() {
            return;
        }
        let mut pool = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pool.retain(|_, kept| {
            kept.retain(|k| !k.sender.is_closed() && k.since.elapsed() < MAX_IDLE);
            !kept.is_empty()
        });
        if pool.len() >= MAX_ORIGINS && !pool.contains_key(origin) {
            return;
        }
        let kept = pool.entry(origin.clone()).or_default();
        if kept.len() < MAX_KEPT {
            kept.push(Kept { sender, since: Instant::now() });
        }
    }
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pool")
    }
}
