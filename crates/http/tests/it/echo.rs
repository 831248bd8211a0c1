//! A server that answers what it was asked, and a client that says exactly what it is told.

use bytes::Bytes;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use strongroom_core::cors::CorsConfig;
use strongroom_core::{Answer, Body, BodyForm, Fault, Path, Remote, Request};
use strongroom_http::{Api, Bind, Running, Settings};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

#[derive(Default)]
pub(crate) struct Echo {
    pub(crate) handled: AtomicU64,
}

impl Api for Echo {
    fn admit(&self, _namespace: &str, path: &Path, _from: Remote) -> Result<(), Fault> {
        if path.as_str() == "limited" { Err(Fault::TooMany("too many".into())) } else { Ok(()) }
    }

    fn body_form(&self, _namespace: &str, path: &Path) -> BodyForm {
        if path.as_str() == "raw" { BodyForm::Raw } else { BodyForm::Fields }
    }

    fn cors(&self) -> Arc<CorsConfig> {
        Arc::new(CorsConfig {
            enabled: true,
            allowed_origins: vec!["https://page.example".into()],
            ..CorsConfig::default()
        })
    }

    fn request_id(&self) -> String {
        "id".into()
    }

    async fn handle(self: Arc<Self>, request: Request) -> Answer {
        self.handled.fetch_add(1, Ordering::Relaxed);
        match request.path.as_str() {
            "panic" => panic!("as asked"),
            "slow" => tokio::time::sleep(Duration::from_millis(600)).await,
            "stream" => return streamed(false),
            "cut" => return streamed(true),
            _ => {}
        }
        let body = json!({
            "operation": request.operation.as_str(),
            "path": request.path.as_str(),
            "body": request.body,
            "raw": request.raw.map(|r| r.len()),
            "token": request.token.as_ref().map(|t| t.expose()),
            "address": request.remote.address.to_string(),
            "wrap_ttl": request.wrap_ttl,
            "certificates": request.certificates.len(),
            "sees_token": request.headers.contains_key("x-vault-token"),
        });
        Answer {
            status: 200,
            content_type: Cow::Borrowed("application/json"),
            body: Body::Whole(body.to_string().into()),
            headers: Vec::new(),
        }
    }
}

fn streamed(cut: bool) -> Answer {
    let (chunks, source) = tokio::sync::mpsc::channel(1);
    tokio::spawn(async move {
        for _ in 0..3 {
            let _ = chunks.send(Ok(Bytes::from_static(b"chunk"))).await;
        }
        if cut {
            let _ = chunks.send(Err("the source broke".into())).await;
        }
    });
    Answer {
        status: 200,
        content_type: Cow::Borrowed("application/gzip"),
        body: Body::Stream(source),
        headers: Vec::new(),
    }
}

/// A listener at work.
pub(crate) struct Served {
    pub(crate) address: String,
    pub(crate) echo: Arc<Echo>,
    pub(crate) running: Running,
}

pub(crate) async fn serve(change: impl FnOnce(&mut Settings)) -> Served {
    let mut settings = Settings::new(Bind::Tcp("127.0.0.1:0".into()));
    change(&mut settings);
    let bound = strongroom_http::bind(settings).await.unwrap();
    let address = bound.address().to_owned();
    let echo = Arc::new(Echo::default());
    let running = strongroom_http::serve(echo.clone(), vec![bound]);
    Served { address, echo, running }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|l| l.split_once(": "));
        lines.into_iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v)
    }
}

impl Served {
    /// Sends a request with these header lines and a body, and reads the answer to its end.
    pub(crate) async fn ask(&self, line: &str, headers: &str, body: &[u8]) -> Reply {
        let stream = TcpStream::connect(&self.address).await.unwrap();
        ask(stream, line, headers, body).await
    }

    pub(crate) async fn get(&self, target: &str) -> Reply {
        self.ask(&format!("GET {target}"), "", b"").await
    }

    pub(crate) async fn post(&self, target: &str, body: &str) -> Reply {
        self.ask(&format!("POST {target}"), "", body.as_bytes()).await
    }
}

pub(crate) async fn ask(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    line: &str,
    headers: &str,
    body: &[u8],
) -> Reply {
    let mut request = format!("{line} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{headers}").into_bytes();
    if !body.is_empty() {
        request.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
    }
    request.extend_from_slice(b"\r\n");
    request.extend_from_slice(body);
    // A server that refuses early may have closed its side.
    let _ = stream.write_all(&request).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let text = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0);
    Reply { status, head: head.to_owned(), body: body.to_owned() }
}
