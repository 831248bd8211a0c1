//! HTTP out: requests that the server makes of others, over connections that are kept for a while.
//!
//! HTTP/1.1, TLS 1.2 or later. Redirects are not followed, answers are read up to the length that the
//! request allows, and one limit of time holds for all of it. Proxies are not used.

mod named;
mod pool;
mod trust;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST, HeaderValue};
use http::{Request, Uri};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use pool::{Origin, Pool};
use rustls::pki_types::ServerName;
use strongroom_core::BoxFuture;
use strongroom_core::outbound::{OutError, OutRequest, OutResponse, Outbound};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use trust::Trust;

/// Sends requests to other servers.
#[derive(Debug, Default)]
pub struct HttpOut {
    trust: Trust,
    pool: Pool,
}

impl Outbound for HttpOut {
    fn send(&self, request: OutRequest) -> BoxFuture<'_, Result<OutResponse, OutError>> {
        Box::pin(async move {
            let patience = request.timeout;
            tokio::time::timeout(patience, self.exchange(request)).await.map_err(|_| OutError::Timeout)?
        })
    }
}

impl HttpOut {
    async fn exchange(&self, request: OutRequest) -> Result<OutResponse, OutError> {
        let uri: Uri =
            request.url.parse().map_err(|_| OutError::Request("the address is none".to_owned()))?;
        let origin = Origin::of(&uri, request.ca_pem.as_deref())?;
        let sent = prepare(&uri, &request)?;
        // The other side may have closed a kept connection meanwhile; only a fresh one says what is wrong.
        if let Some(kept) = self.pool.take(&origin)
            && let Ok(answer) = self.ask(kept, &origin, sent.clone(), request.max_bytes).await
        {
            return Ok(answer);
        }
        let fresh = self.connect(&origin).await?;
        self.ask(fresh, &origin, sent, request.max_bytes).await
    }

    async fn ask(
        &self,
        mut sender: SendRequest<Full<Bytes>>,
        origin: &Origin,
        request: Request<Full<Bytes>>,
        max_bytes: usize,
    ) -> Result<OutResponse, OutError> {
        let answer = sender.send_request(request).await.map_err(|e| OutError::Exchange(e.to_string()))?;
        let status = answer.status().as_u16();
        let body = Limited::new(answer.into_body(), max_bytes).collect().await.map_err(|e| {
            if e.is::<LengthLimitError>() { OutError::TooLarge } else { OutError::Exchange(e.to_string()) }
        })?;
        self.pool.keep(origin, sender);
        Ok(OutResponse { status, body: body.to_bytes() })
    }

    async fn connect(&self, origin: &Origin) -> Result<SendRequest<Full<Bytes>>, OutError> {
        let failed = |e: std::io::Error| OutError::Connect(e.to_string());
        let tcp = TcpStream::connect((origin.host.as_str(), origin.port)).await.map_err(failed)?;
        tcp.set_nodelay(true).map_err(failed)?;
        if !origin.tls {
            return handshake(tcp).await;
        }
        let config = self.trust.config(origin.ca_pem.as_deref()).await?;
        let name = ServerName::try_from(origin.host.clone())
            .map_err(|_| OutError::Request("the host is no name or address".to_owned()))?;
        handshake(TlsConnector::from(config).connect(name, tcp).await.map_err(failed)?).await
    }
}

async fn handshake<S>(stream: S) -> Result<SendRequest<Full<Bytes>>, OutError>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|e| OutError::Connect(e.to_string()))?;
    tokio::spawn(async move {
        // What goes wrong here is told to whoever waits for the answer.
        let _ = connection.await;
    });
    Ok(sender)
}

fn prepare(uri: &Uri, request: &OutRequest) -> Result<Request<Full<Bytes>>, OutError> {
    let refused = |what: &str| OutError::Request(format!("{what} cannot be sent"));
    let path = uri.path_and_query().map_or("/", |p| p.as_str());
    let authority = uri.authority().map_or("", |a| a.as_str());
    let mut sent = Request::builder()
        .method(request.method.clone())
        .uri(path)
        .body(Full::new(request.body.clone()))
        .map_err(|_| refused("the path"))?;
    let headers = sent.headers_mut();
    headers.insert(HOST, HeaderValue::try_from(authority).map_err(|_| refused("the host"))?);
    headers.insert(CONTENT_LENGTH, HeaderValue::from(request.body.len()));
    for (name, value) in &request.headers {
        let mut value = HeaderValue::try_from(value).map_err(|_| refused(name.as_str()))?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(sent)
}
