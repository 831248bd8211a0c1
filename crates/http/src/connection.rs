//! One connection: TLS, the choice of protocol, and its requests.

use crate::api::Api;
use crate::body::Budget;
use crate::connections::{Connections, Patience};
use crate::exchange::{Line, exchange};
use crate::pulse::{Pulse, Watched};
use crate::settings::Settings;
use crate::tls::Tls;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use strongroom_core::Remote;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::error::Elapsed;
use tokio_rustls::server::TlsStream;

/// What all connections of a listener have in common.
pub(crate) struct Listener<A> {
    pub(crate) api: Arc<A>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) tls: Option<Arc<Tls>>,
    pub(crate) budget: Budget,
    pub(crate) connections: Arc<Connections>,
}

/// Who is at the other end of a connection, and how they speak.
struct Origin {
    peer: Remote,
    certificates: Vec<Vec<u8>>,
    tls: bool,
    multiplexed: bool,
}

/// Bytes of a request's head.
const MAX_HEAD: usize = 64 << 10;
/// Bytes that are buffered for one connection.
const MAX_BUFFER: usize = 128 << 10;
/// Requests of one HTTP/2 connection at a time.
const MAX_STREAMS: u32 = 128;
/// How a client begins that speaks HTTP/2 without TLS.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// What a client is told that speaks plain HTTP to a listener with TLS. Go's clients look for this text.
const PLAIN_ON_TLS: &[u8] =
    b"HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";

impl<A: Api> Listener<A> {
    /// Serves a TCP connection until it ends.
    pub(crate) async fn tcp(self: Arc<Self>, stream: TcpStream, peer: Remote) {
        // Without it, a short answer would wait for more to come.
        let _ = stream.set_nodelay(true);
        let header = self.settings.timeouts.header;
        let shaken = match self.tls.clone() {
            Some(tls) => tokio::time::timeout(header, handshake(stream, &tls)).await,
            None => {
                let multiplexed = tokio::time::timeout(header, begins_http2(&stream)).await;
                let Ok(Ok(multiplexed)) = multiplexed else { return };
                return self
                    .serve(stream, Origin { peer, certificates: Vec::new(), tls: false, multiplexed })
                    .await;
            }
        };
        self.shaken(shaken, peer).await;
    }

    /// Serves a connection to a unix socket until it ends.
    pub(crate) async fn unix(self: Arc<Self>, stream: UnixStream) {
        let peer = Remote { address: std::net::Ipv4Addr::LOCALHOST.into(), port: 0 };
        let Some(tls) = self.tls.clone() else {
            let origin = Origin { peer, certificates: Vec::new(), tls: false, multiplexed: false };
            return self.serve(stream, origin).await;
        };
        let accepting = async { tls.acceptor().accept(stream).await.map(Some) };
        let shaken = tokio::time::timeout(self.settings.timeouts.header, accepting).await;
        self.shaken(shaken, peer).await;
    }

    /// Goes on after a handshake, if there was one.
    async fn shaken<S>(
        self: Arc<Self>,
        shaken: Result<io::Result<Option<TlsStream<S>>>, Elapsed>,
        peer: Remote,
    ) where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        match shaken {
            Ok(Ok(Some(stream))) => {
                let (_, session) = stream.get_ref();
                let multiplexed = session.alpn_protocol() == Some(b"h2");
                let shown = session.peer_certificates().unwrap_or(&[]);
                let certificates = shown.iter().map(|c| c.to_vec()).collect();
                self.serve(stream, Origin { peer, certificates, tls: true, multiplexed }).await;
            }
            Ok(Err(error)) => tracing::debug!(remote = %peer.address, %error, "a TLS handshake failed"),
            Ok(Ok(None)) | Err(_) => {}
        }
    }

    async fn serve<S>(self: Arc<Self>, stream: S, origin: Origin)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Origin { peer, certificates, tls, multiplexed } = origin;
        let pulse = Arc::new(Pulse::new(self.connections.ticks.clone(), multiplexed));
        let line = Arc::new(Line {
            settings: self.settings.clone(),
            budget: self.budget.clone(),
            peer,
            certificates,
            tls,
            pulse: pulse.clone(),
        });
        let api = self.api.clone();
        let service = service_fn(move |request| exchange(api.clone(), line.clone(), request));
        let patience = Patience {
            idle: seconds(self.settings.timeouts.idle),
            header: seconds(self.settings.timeouts.header),
        };
        let io = Watched { inner: TokioIo::new(stream), pulse: pulse.clone() };
        if multiplexed {
            let connection = pin!(two().serve_connection(io, service));
            self.connections.drive(connection, &pulse, patience, |c| c.graceful_shutdown()).await;
        } else {
            let connection = pin!(one().serve_connection(io, service));
            self.connections.drive(connection, &pulse, patience, |c| c.graceful_shutdown()).await;
        }
    }
}

fn one() -> http1::Builder {
    let mut builder = http1::Builder::new();
    // The timeouts are ours, see `pulse`.
    builder.header_read_timeout(None).max_header_size(MAX_HEAD).max_buf_size(MAX_BUFFER);
    // Otherwise the socket is read, in vain, each time a request that is being answered is looked at.
    builder.half_close(true);
    builder
}

fn two() -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(u32::try_from(MAX_HEAD).unwrap_or(u32::MAX));
    builder
}

/// Shakes hands, or answers and returns none if the client does not speak TLS.
async fn handshake(mut stream: TcpStream, tls: &Tls) -> io::Result<Option<TlsStream<TcpStream>>> {
    let mut first = [0];
    if stream.peek(&mut first).await? == 1 && first.first().is_some_and(u8::is_ascii_uppercase) {
        stream.write_all(PLAIN_ON_TLS).await?;
        stream.shutdown().await?;
        return Ok(None);
    }
    tls.acceptor().accept(stream).await.map(Some)
}

/// Whether a client begins with HTTP/2's preface. Takes nothing off the stream.
async fn begins_http2(stream: &TcpStream) -> io::Result<bool> {
    let mut seen = [0_u8; PREFACE.len()];
    loop {
        let count = stream.peek(&mut seen).await?;
        let begun = seen.get(..count).unwrap_or(&[]);
        if begun.is_empty() || !PREFACE.starts_with(begun) {
            return Ok(false);
        }
        if begun.len() == PREFACE.len() {
            return Ok(true);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn seconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_secs()).unwrap_or(u32::MAX)
}
