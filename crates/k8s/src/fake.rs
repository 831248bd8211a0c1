//! An API server for tests: objects by path, versions, and conflicts.

use crate::api::{Api, set, text};
use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use strongroom_wire::Clock;
use tokio::net::TcpListener;

/// The objects, and what was written.
#[derive(Default)]
pub(crate) struct Fake {
    objects: Mutex<BTreeMap<String, Value>>,
    /// Method and path of each write that was done.
    pub(crate) writes: Mutex<Vec<String>>,
    version: Mutex<u64>,
    address: Mutex<String>,
}

impl Fake {
    /// Starts one, with these objects.
    pub(crate) async fn start(objects: &[(&str, Value)]) -> (Arc<Self>, Api) {
        let fake = Arc::new(Self::default());
        for (path, object) in objects {
            fake.put(path, object.clone());
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        fake.address.lock().unwrap().clone_from(&address);
        let serving = Arc::clone(&fake);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let fake = Arc::clone(&serving);
                tokio::spawn(async move {
                    let service = service_fn(move |request| {
                        let fake = Arc::clone(&fake);
                        async move { Ok::<_, Infallible>(fake.answer(request).await) }
                    });
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        let api = Api::new(&address, Some("none".into()), None).unwrap();
        (fake, api)
    }

    /// Where it is.
    pub(crate) fn address(&self) -> String {
        self.address.lock().unwrap().clone()
    }

    /// An object as it is.
    pub(crate) fn get(&self, path: &str) -> Value {
        self.objects.lock().unwrap().get(path).cloned().unwrap_or_default()
    }

    /// Puts an object there.
    pub(crate) fn put(&self, path: &str, mut object: Value) {
        let mut version = self.version.lock().unwrap();
        *version += 1;
        set(&mut object, &["metadata", "resourceVersion"], json!(version.to_string()));
        self.objects.lock().unwrap().insert(path.to_owned(), object);
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let body = request.into_body().collect().await.unwrap().to_bytes();
        let (status, answer) = if method == Method::GET {
            match self.get(&path) {
                Value::Null => (404, json!({"message": "not found"})),
                object => (200, object),
            }
        } else {
            self.write(&method, &path, &body)
        };
        let mut response = Response::new(Full::new(Bytes::from(answer.to_string())));
        *response.status_mut() = http::StatusCode::from_u16(status).unwrap();
        response
    }

    fn write(&self, method: &Method, path: &str, body: &[u8]) -> (u16, Value) {
        let object: Value = serde_json::from_slice(body).unwrap();
        let stored = self.get(path);
        let version = "/metadata/resourceVersion";
        if *method == Method::PUT && text(&stored, version) != text(&object, version) {
            return (409, json!({"message": "the object has been modified"}));
        }
        self.writes.lock().unwrap().push(format!("{method} {path}"));
        self.put(path, object);
        (200, self.get(path))
    }
}

/// A server whose answers a function makes from its own address and the request: status, headers, body. Returns the
/// address.
pub(crate) async fn answers<F>(answer: F) -> String
where
    F: Fn(&str, Request<Incoming>) -> (u16, Vec<(&'static str, String)>, Value) + Send + Sync + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (answer, own) = (Arc::new(answer), address.clone());
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (answer, own) = (Arc::clone(&answer), own.clone());
            tokio::spawn(async move {
                let service = service_fn(move |request| {
                    let (status, headers, body) = answer(&own, request);
                    let mut response = Response::builder().status(status);
                    for (name, value) in headers {
                        response = response.header(name, value);
                    }
                    let response = response.body(Full::new(Bytes::from(body.to_string()))).unwrap();
                    async move { Ok::<_, Infallible>(response) }
                });
                let _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    });
    address
}

/// A kubelet that says `metrics` to whoever has the token "t". Returns its port and the authority of its certificate.
pub(crate) async fn kubelet(metrics: &'static str) -> (u16, String) {
    let pair = crate::webhook::Pair::make(
        &["127.0.0.1".to_owned()],
        strongroom_wire::SystemClock.now(),
        SignedDuration::from_hours(1),
    )
    .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(pair.server_config().unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(stream) = acceptor.accept(stream).await else { continue };
            let service = service_fn(move |request: Request<Incoming>| async move {
                assert_eq!(
                    (request.uri().path(), &request.headers()["authorization"]),
                    ("/metrics", &"Bearer t".parse().unwrap())
                );
                Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(metrics))))
            });
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        }
    });
    (port, pair.authority)
}

/// A clock that stands still until it is moved.
pub(crate) struct StillClock(Mutex<Timestamp>);

impl StillClock {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Timestamp::from_second(1_790_000_000).unwrap())))
    }

    pub(crate) fn advance(&self, by: SignedDuration) {
        *self.0.lock().unwrap() += by;
    }
}

impl Clock for StillClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}
