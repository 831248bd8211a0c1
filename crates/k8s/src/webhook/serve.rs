//! The webhook's HTTPS server, and the operator's plain one.

use super::Shared;
use super::mutate::Entrypoints;
use super::review::{Decision, Review};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;

/// How long requests are still taken after the process was told to end.
pub(super) const GRACE: Duration = Duration::from_secs(3);
/// The largest review: the API server takes objects of 3 MiB, and sends the old one along.
const MAX_BODY: usize = 8 << 20;
/// For a handshake, a request's head, and its body.
const PATIENCE: Duration = Duration::from_secs(10);
const MAX_CONNECTIONS: usize = 1024;

/// A server that listens.
pub(super) struct Server {
    listener: TcpListener,
}

impl Server {
    pub(super) async fn bind(address: SocketAddr) -> Result<Self, String> {
        let listener = TcpListener::bind(address).await;
        Ok(Self { listener: listener.map_err(|error| format!("cannot listen on {address}: {error}"))? })
    }

    #[cfg(test)]
    pub(super) fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }

    /// Serves until `end` is true; requests under way are answered.
    pub(super) async fn run(self, shared: Arc<Shared>, mut end: watch::Receiver<bool>) {
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                _ = end.changed() => break,
            };
            let Ok((stream, _)) = accepted else {
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            let (shared, end) = (Arc::clone(&shared), end.clone());
            tokio::spawn(async move {
                connection(stream, shared, end).await;
                drop(place);
            });
        }
        let most = u32::try_from(MAX_CONNECTIONS).unwrap_or(u32::MAX);
        let _ = tokio::time::timeout(PATIENCE, places.acquire_many(most)).await;
    }
}

async fn connection(stream: TcpStream, shared: Arc<Shared>, end: watch::Receiver<bool>) {
    let _ = stream.set_nodelay(true);
    let acceptor = TlsAcceptor::from(shared.tls.load_full());
    match tokio::time::timeout(PATIENCE, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => {
            let answer = move |request| answer(Arc::clone(&shared), request);
            serve(stream, end, answer).await;
        }
        Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
        Err(_) => {}
    }
}

async fn serve<S, A, F>(stream: S, mut end: watch::Receiver<bool>, answer: A)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    A: Fn(Request<Incoming>) -> F,
    F: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    let service = service_fn(|request| {
        let answered = answer(request);
        async move { Ok::<_, Infallible>(answered.await) }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(PATIENCE * 6);
    builder.http2().timer(TokioTimer::new()).max_concurrent_streams(256);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let result = tokio::select! {
        result = connection.as_mut() => result,
        _ = end.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "a connection broke");
    }
}

async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> Response<Full<Bytes>> {
    match (request.method(), request.uri().path()) {
        (&Method::POST, "/mutate") => match mutate(&shared, request).await {
            Ok(body) => json(body),
            Err((status, why)) => {
                tracing::warn!(status = status.as_u16(), "a review was turned away: {why}");
                plain(status, why)
            }
        },
        (&Method::GET, "/health") => plain(StatusCode::OK, "alive\n"),
        (&Method::GET, "/ready") => match obstacle(&shared) {
            None => plain(StatusCode::OK, "ready\n"),
            Some(why) => plain(StatusCode::SERVICE_UNAVAILABLE, why),
        },
        (_, "/mutate" | "/health" | "/ready") => {
            let mut response =
                plain(StatusCode::METHOD_NOT_ALLOWED, "POST /mutate, GET /health, GET /ready\n");
            response.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static("GET, POST"));
            response
        }
        _ => plain(StatusCode::NOT_FOUND, "there are /mutate, /health and /ready\n"),
    }
}

/// Why this replica should not be sent reviews.
fn obstacle(shared: &Shared) -> Option<String> {
    let told = || shared.obstacle.load().as_ref().map(|why| why.as_str().to_owned());
    if shared.rules.load().is_none() {
        return Some(told().unwrap_or_else(|| "the settings have not been read yet".to_owned()));
    }
    if !shared.is_published.load(Ordering::Acquire) {
        return Some(
            told().unwrap_or_else(|| "the API server does not trust the certificate yet".to_owned()),
        );
    }
    None
}

async fn mutate(shared: &Shared, request: Request<Incoming>) -> Result<String, (StatusCode, String)> {
    let bad = |why: &str| (StatusCode::BAD_REQUEST, why.to_owned());
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        let why = format!("Content-Type is {kind:?}, not application/json");
        return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, why));
    }
    let reading = Limited::new(request.into_body(), MAX_BODY).collect();
    let late = |_| (StatusCode::REQUEST_TIMEOUT, "the body did not come in time".to_owned());
    let body = match tokio::time::timeout(PATIENCE, reading).await.map_err(late)? {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            let why = format!("the body is larger than {MAX_BODY} bytes");
            return Err((StatusCode::PAYLOAD_TOO_LARGE, why));
        }
        Err(_) => return Err(bad("the body did not come whole")),
    };
    let review = Review::read(&body).map_err(|why| bad(&why))?;
    let Some(rules) = shared.rules.load_full() else {
        let why = "the webhook has not read the cluster's settings yet";
        return Err((StatusCode::SERVICE_UNAVAILABLE, why.to_owned()));
    };
    let mut known = Entrypoints::new();
    // Each round knows what the one before did not.
    for _ in 0..2 {
        match review.decide(&rules, &known) {
            Decision::Answer(answer) => return Ok(answer.to_string()),
            Decision::Images(images) => {
                known.extend(shared.images.look(review.namespace(), review.object(), images).await);
            }
        }
    }
    Ok(review.refused("the images cannot be looked up").to_string())
}

/// Answers `GET /health` over plain HTTP, for as long as it is polled.
pub(crate) async fn health(address: SocketAddr) -> Result<(), String> {
    let listener = TcpListener::bind(address).await;
    let listener = listener.map_err(|error| format!("cannot listen on {address}: {error}"))?;
    let (_keep, end) = watch::channel(false);
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let end = end.clone();
        tokio::spawn(async move {
            let answer = |request: Request<Incoming>| {
                let is_health = request.uri().path() == "/health";
                async move {
                    match is_health {
                        true => plain(StatusCode::OK, "alive\n"),
                        false => plain(StatusCode::NOT_FOUND, "there is /health\n"),
                    }
                }
            };
            let serving = serve(stream, end, answer);
            let _ = tokio::time::timeout(Duration::from_secs(60), serving).await;
        });
    }
}

fn plain(status: StatusCode, text: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(text.into()));
    *response.status_mut() = status;
    let kind = header::HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

fn json(text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    let kind = header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
