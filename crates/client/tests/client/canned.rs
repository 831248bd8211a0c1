//! A server that answers what a test tells it to, and remembers what it was asked.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncRead, AsyncWrite};

/// A request that arrived.
#[derive(Clone)]
pub(crate) struct Seen {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: String,
}
impl Seen {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }

    /// Method and target, as in `GET /v1/x`.
    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.method, self.target)
    }
}

/// Status, headers, body.
pub(crate) type Reply = (u16, Vec<(&'static str, String)>, String);

type Answer = Arc<dyn Fn(&Seen) -> Reply + Send + Sync>;

/// What the server has seen so far.
pub(crate) type Log = Arc<Mutex<Vec<Seen>>>;

pub(crate) struct Canned {
    pub(crate) address: String,
    pub(crate) seen: Log,
    _stop: tokio::sync::oneshot::Sender<()>,
}

impl Canned {
    pub(crate) fn start(answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        let (seen, answer): (Log, Answer) = (Log::default(), Arc::new(answer));
        let log = Arc::clone(&seen);
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                let accept = async {
                    loop {
                        let (stream, _) = listener.accept().await.unwrap();
                        tokio::spawn(serve(stream, Arc::clone(&answer), Arc::clone(&log)));
                    }
                };
                tokio::select! { () = accept => {}, _ = stopped => {} }
            });
        });
        Self { address, seen, _stop: stop }
    }

    /// The requests so far, as lines.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.seen.lock().unwrap().iter().map(Seen::line).collect()
    }
}

pub(crate) async fn serve<S>(stream: S, answer: Answer, log: Log)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request: http::Request<Incoming>| {
        let (answer, log) = (Arc::clone(&answer), Arc::clone(&log));
        async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            let seen = Seen {
                method: parts.method.to_string(),
                target: parts.uri.to_string(),
                headers: parts.headers,
                body: String::from_utf8(body.to_vec()).unwrap(),
            };
            let (status, headers, body) = answer(&seen);
            log.lock().unwrap().push(seen);
            let mut response = http::Response::builder().status(status);
            for (name, value) in headers {
                response = response.header(name, value);
            }
            Ok::<_, Infallible>(response.body(Full::new(Bytes::from(body))).unwrap())
        }
    });
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

pub(crate) fn json(status: u16, body: &str) -> Reply {
    (status, vec![("content-type", "application/json".to_owned())], body.to_owned())
}
