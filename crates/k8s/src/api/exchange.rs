//! HTTP/1.1 over connections that are kept, to one origin.

use bytes::Bytes;
use http::{HeaderMap, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use strongroom_client::{Address, Endpoint, Tls, client_config};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

type Sender = SendRequest<Full<Bytes>>;

/// Whose certificates are taken.
#[derive(Clone)]
pub(crate) enum Trust {
    /// Those that the authorities in a file have signed. It is read for each connection, as it may be replaced.
    File(PathBuf),
    /// Those that the machine's own list of authorities has signed.
    System,
    /// What these settings say.
    #[cfg(test)]
    Ready(Arc<ClientConfig>),
}

impl Trust {
    async fn config(&self) -> Result<Arc<ClientConfig>, String> {
        let tls = match self {
            #[cfg(test)]
            Self::Ready(config) => return Ok(Arc::clone(config)),
            Self::System => Tls::default(),
            Self::File(file) => {
                let read = tokio::fs::read_to_string(file).await;
                let pem = read.map_err(|error| format!("cannot read {}: {error}", file.display()))?;
                Tls { ca_cert_pem: Some(pem), ..Tls::default() }
            }
        };
        let making = tokio::task::spawn_blocking(move || client_config(&tls));
        let made = making.await.map_err(|_| "the authorities could not be read".to_owned())?;
        made.map_err(|error| error.to_string())
    }
}

/// One origin, and idle connections to it.
pub(crate) struct Origin {
    address: Address,
    trust: Trust,
    idle: Mutex<Vec<Sender>>,
}

/// An answer, whole.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Idle connections that are kept.
const KEPT: usize = 8;

impl Origin {
    pub(crate) fn new(address: &str, trust: Trust) -> Result<Self, String> {
        let address = Address::parse(address).map_err(|error| error.to_string())?;
        Ok(Self { address, trust, idle: Mutex::default() })
    }

    /// Sends a request and reads the answer, of at most `limit` bytes.
    pub(crate) async fn send(
        &self,
        request: http::request::Builder,
        body: Bytes,
        limit: usize,
        patience: Duration,
    ) -> Result<Answer, String> {
        let request = request.header(header::HOST, self.address.authority());
        let request = request.header(header::USER_AGENT, concat!("strongroom/", env!("CARGO_PKG_VERSION")));
        let request = request.body(Full::new(body)).map_err(|error| format!("cannot be asked: {error}"))?;
        let work = async {
            let (response, sender) = self.exchange(request).await?;
            let (parts, body) = response.into_parts();
            let body = Limited::new(body, limit).collect().await;
            let body = body.map_err(|error| format!("{}: {error}", self.address))?.to_bytes();
            self.keep(sender);
            Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body })
        };
        let late = |_| format!("{} did not answer within {} s", self.address, patience.as_secs());
        tokio::time::timeout(patience, work).await.map_err(late)?
    }

    /// A kept connection that was closed meanwhile is replaced, as long as the request has not left.
    async fn exchange(
        &self,
        mut request: http::Request<Full<Bytes>>,
    ) -> Result<(http::Response<hyper::body::Incoming>, Sender), String> {
        let broken = |error: hyper::Error| format!("{}: {error}", self.address);
        while let Some(mut sender) = self.take() {
            if sender.ready().await.is_err() {
                continue;
            }
            match sender.try_send_request(request).await {
                Ok(response) => return Ok((response, sender)),
                Err(mut error) => match error.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(broken(error.into_error())),
                },
            }
        }
        let mut sender = self.open().await?;
        let response = sender.send_request(request).await.map_err(broken)?;
        Ok((response, sender))
    }

    fn take(&self) -> Option<Sender> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn keep(&self, sender: Sender) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if !sender.is_closed() && idle.len() < KEPT {
            idle.push(sender);
        }
    }

    async fn open(&self) -> Result<Sender, String> {
        let failed = |error: std::io::Error| format!("no connection to {}: {error}", self.address);
        let Endpoint::Network { tls, host, port, .. } = &self.address.endpoint else {
            return Err(format!("{} is a unix socket", self.address));
        };
        let stream = TcpStream::connect((host.as_str(), *port)).await.map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        if !tls {
            return start(stream).await.map_err(failed);
        }
        let name = ServerName::try_from(host.clone());
        let name = name.map_err(|_| format!("{host:?} cannot be the name in a certificate"))?;
        let connector = TlsConnector::from(self.trust.config().await?);
        start(connector.connect(name, stream).await.map_err(failed)?).await.map_err(failed)
    }
}

async fn start<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(stream: S) -> std::io::Result<Sender> {
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(std::io::Error::other)?;
    // What fails here shows in the request that was under way.
    tokio::spawn(async move {
        let _ = connection.await;
    });
    Ok(sender)
}
