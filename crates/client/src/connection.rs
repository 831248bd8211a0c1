//! Connections to the server: opened when needed, kept for the next request.

use crate::address::{Address, Endpoint};
use crate::config::{ConfigError, Lookup, Tls};
use crate::error::Error;
use crate::tls;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

type Sender = SendRequest<Full<Bytes>>;
type Request = http::Request<Full<Bytes>>;

/// Idle connections by origin, and the TLS settings for new ones.
pub(crate) struct Connections {
    tls: Tls,
    lookup: Option<Lookup>,
    tls_config: OnceLock<Arc<ClientConfig>>,
    idle: Mutex<HashMap<String, Vec<Sender>>>,
}

/// Why a request got no answer.
pub(crate) enum SendError {
    /// Before anything was sent.
    Open(Error),
    /// Afterwards.
    Broken(String),
}

impl Connections {
    pub(crate) fn new(tls: Tls, lookup: Option<Lookup>) -> Self {
        Self { tls, lookup, tls_config: OnceLock::new(), idle: Mutex::new(HashMap::new()) }
    }

    /// Sends one request. A kept connection that the server closed meanwhile is replaced, as long
    /// as the request has not left.
    pub(crate) async fn send(
        &self,
        address: &Address,
        mut request: Request,
    ) -> Result<Answer<'_>, SendError> {
        let key = address.to_string();
        while let Some(mut sender) = self.take(&key) {
            if sender.ready().await.is_err() {
                continue;
            }
            match sender.try_send_request(request).await {
                Ok(response) => return Ok(Answer { response, sender, key, pool: self }),
                Err(mut e) => match e.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(SendError::Broken(describe(&e.into_error()))),
                },
            }
        }
        let mut sender = self.open(address).await.map_err(SendError::Open)?;
        let response = sender.send_request(request).await.map_err(|e| SendError::Broken(describe(&e)))?;
        Ok(Answer { response, sender, key, pool: self })
    }

    fn take(&self, key: &str) -> Option<Sender> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).get_mut(key)?.pop()
    }

    fn keep(&self, key: String, sender: Sender) {
        if !sender.is_closed() {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            let kept = idle.entry(key).or_default();
            if kept.len() < KEPT_PER_ORIGIN {
                kept.push(sender);
            }
        }
    }

    async fn open(&self, address: &Address) -> Result<Sender, Error> {
        let failed = |reason| Error::Connect { address: address.to_string(), reason };
        match &address.endpoint {
            Endpoint::Unix(path) => {
                start(UnixStream::connect(path).await.map_err(failed)?).await.map_err(failed)
            }
            Endpoint::Network { tls, host, port, .. } => {
                let tcp = self.reach(host, *port).await.map_err(failed)?;
                tcp.set_nodelay(true).map_err(failed)?;
                if !tls {
                    return start(tcp).await.map_err(failed);
                }
                let name = self.server_name(host)?;
                let failed = |reason| Error::Tls { address: address.to_string(), reason };
                let connector = TlsConnector::from(self.tls_config()?);
                start(connector.connect(name, tcp).await.map_err(failed)?).await.map_err(failed)
            }
        }
    }

    async fn reach(&self, host: &str, port: u16) -> std::io::Result<TcpStream> {
        match &self.lookup {
            None => TcpStream::connect((host, port)).await,
            Some(lookup) => TcpStream::connect(lookup(host.to_owned(), port).await?.as_slice()).await,
        }
    }

    fn server_name(&self, host: &str) -> Result<ServerName<'static>, ConfigError> {
        let name = self.tls.server_name.as_deref().unwrap_or(host).to_owned();
        ServerName::try_from(name.clone())
            .map_err(|_| ConfigError::Tls(format!("{name:?} cannot be the name in a certificate")))
    }

    fn tls_config(&self) -> Result<Arc<ClientConfig>, ConfigError> {
        if let Some(config) = self.tls_config.get() {
            return Ok(Arc::clone(config));
        }
        let config = tls::client_config(&self.tls)?;
        Ok(Arc::clone(self.tls_config.get_or_init(|| config)))
    }
}

/// An answer whose body is still on the way.
pub(crate) struct Answer<'a> {
    pub(crate) response: http::Response<Incoming>,
    sender: Sender,
    key: String,
    pool: &'a Connections,
}

impl<'a> Answer<'a> {
    /// The answer, and what keeps its connection once the body has been read.
    pub(crate) fn split(self) -> (http::Response<Incoming>, impl FnOnce() + use<'a>) {
        let Self { response, sender, key, pool } = self;
        (response, move || pool.keep(key, sender))
    }
}

/// Speaks HTTP/1.1 over an open stream.
async fn start<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(stream: S) -> std::io::Result<Sender> {
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(std::io::Error::other)?;
    // What fails here shows in the request that was under way.
    tokio::spawn(async move {
        let _ = connection.await;
    });
    Ok(sender)
}

/// hyper's message with what is behind it.
fn describe(e: &hyper::Error) -> String {
    let mut text = e.to_string();
    let mut source = std::error::Error::source(e);
    while let Some(inner) = source {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        source = inner.source();
    }
    text
}

const KEPT_PER_ORIGIN: usize = 8;
