//! Requests to other servers, over real sockets.

use crate::tls::Authority;
use bytes::Bytes;
use http::Method;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use strongroom_core::outbound::{OutError, OutRequest, Outbound};
use strongroom_http::HttpOut;

/// A server that answers every request by a rule, and notes what it was asked.
struct Peer {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    heard: Arc<Mutex<Vec<Heard>>>,
}

#[derive(Debug, Clone)]
struct Heard {
    line: String,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Peer {
    /// Answers with the bytes that a rule makes of the number of the request, over `tls` if given.
    fn start(
        tls: Option<Arc<rustls::ServerConfig>>,
        rule: impl Fn(usize) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let peer = Self {
            address: listener.local_addr().unwrap(),
            connections: Arc::default(),
            heard: Arc::default(),
        };
        let (connections, heard, rule) = (peer.connections.clone(), peer.heard.clone(), Arc::new(rule));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                connections.fetch_add(1, Ordering::SeqCst);
                let (tls, heard, rule) = (tls.clone(), heard.clone(), rule.clone());
                std::thread::spawn(move || match tls {
                    None => talk(BufReader::new(stream), &heard, &*rule),
                    Some(config) => {
                        let connection = rustls::ServerConnection::new(config).unwrap();
                        talk(BufReader::new(rustls::StreamOwned::new(connection, stream)), &heard, &*rule);
                    }
                });
            }
        });
        peer
    }

    fn url(&self, scheme: &str) -> String {
        format!("{scheme}://localhost:{}/some/path?x=1", self.address.port())
    }
}

fn talk<S: Read + Write>(
    mut stream: BufReader<S>,
    heard: &Mutex<Vec<Heard>>,
    rule: &dyn Fn(usize) -> Vec<u8>,
) {
    loop {
        let mut line = String::new();
        if !stream.read_line(&mut line).is_ok_and(|len| len > 0) {
            return;
        }
        let mut headers = BTreeMap::new();
        loop {
            let mut header = String::new();
            stream.read_line(&mut header).unwrap();
            let Some((name, value)) = header.trim_end().split_once(": ") else { break };
            headers.insert(name.to_ascii_lowercase(), value.to_owned());
        }
        let mut body = vec![0; headers.get("content-length").map_or(0, |len| len.parse().unwrap())];
        stream.read_exact(&mut body).unwrap();
        let nth = {
            let mut heard = heard.lock().unwrap();
            heard.push(Heard { line: line.trim_end().to_owned(), headers, body });
            heard.len()
        };
        let answer = rule(nth);
        let closes = answer.is_empty();
        let _ = stream.get_mut().write_all(&answer);
        let _ = stream.get_mut().flush();
        if closes {
            return;
        }
    }
}

fn ok(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

#[tokio::test]
async fn sends_what_it_is_told_and_keeps_the_connection() {
    let peer = Peer::start(None, |nth| ok(&format!("answer {nth}")));
    let out = HttpOut::default();
    let ask = OutRequest::post(&peer.url("http"), None, b"{}".to_vec()).bearer("tok");
    for nth in 1..=3 {
        let answer = out.send(ask.clone()).await.unwrap();
        assert_eq!((answer.status, answer.body), (200, Bytes::from(format!("answer {nth}"))));
    }
    let heard = peer.heard.lock().unwrap()[0].clone();
    assert_eq!((heard.line.as_str(), heard.body.as_slice()), ("POST /some/path?x=1 HTTP/1.1", &b"{}"[..]));
    assert_eq!(heard.headers["authorization"], "Bearer tok");
    assert_eq!(heard.headers["content-type"], "application/json");
    assert_eq!(heard.headers["host"], format!("localhost:{}", peer.address.port()));
    assert_eq!(peer.connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_kept_connection_that_was_closed_is_replaced() {
    // Every second request finds its connection closed.
    let peer = Peer::start(None, |nth| if nth % 2 == 0 { Vec::new() } else { ok("x") });
    let out = HttpOut::default();
    for _ in 0..3 {
        assert_eq!(out.send(OutRequest::get(&peer.url("http"), None)).await.unwrap().status, 200);
    }
    assert_eq!(peer.connections.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn redirects_are_answers() {
    let elsewhere = Peer::start(None, |_| ok("stolen"));
    let target = elsewhere.url("http");
    let peer = Peer::start(None, move |_| {
        format!("HTTP/1.1 302 Found\r\nlocation: {target}\r\ncontent-length: 0\r\n\r\n").into_bytes()
    });
    let answer =
        HttpOut::default().send(OutRequest::get(&peer.url("http"), None).bearer("tok")).await.unwrap();
    assert_eq!(answer.status, 302);
    assert_eq!(elsewhere.connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn long_and_slow_answers_end() {
    let long = Peer::start(None, |_| ok(&"x".repeat(1001)));
    let endless = Peer::start(None, |_| {
        let mut answer = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
        answer.extend_from_slice("3e8\r\n".as_bytes());
        answer.extend_from_slice(&[b'x'; 1000]);
        answer.extend_from_slice(b"\r\n1\r\nx\r\n");
        answer
    });
    let out = HttpOut::default();
    for peer in [&long, &endless] {
        let ask = OutRequest { max_bytes: 1000, ..OutRequest::get(&peer.url("http"), None) };
        assert_eq!(out.send(ask).await.unwrap_err(), OutError::TooLarge);
    }
    let ask = OutRequest { max_bytes: 1001, ..OutRequest::get(&long.url("http"), None) };
    assert_eq!(out.send(ask).await.unwrap().body.len(), 1001);
    let slow = Peer::start(None, |_| {
        std::thread::sleep(Duration::from_secs(2));
        ok("")
    });
    let ask = OutRequest { timeout: Duration::from_millis(100), ..OutRequest::get(&slow.url("http"), None) };
    assert_eq!(out.send(ask).await.unwrap_err(), OutError::Timeout);
}

#[tokio::test]
async fn only_named_authorities_vouch() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let peer = Peer::start(Some(ours.server()), |_| ok("x"));
    let out = HttpOut::default();
    let ask = |pem: Option<String>| out.send(OutRequest::get(&peer.url("https"), pem));
    assert_eq!(ask(Some(ours.pem())).await.unwrap().body, "x");
    assert!(matches!(ask(Some(theirs.pem())).await, Err(OutError::Connect(_))));
    assert!(matches!(ask(None).await, Err(OutError::Connect(_) | OutError::Authorities(_))));
    // The connection that our authority vouched for is nobody else's.
    assert_eq!(ask(Some(ours.pem())).await.unwrap().body, "x");
    assert!(matches!(ask(Some("garbage".to_owned())).await, Err(OutError::Authorities(_))));
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_owned();
    assert!(matches!(ask(Some(broken)).await, Err(OutError::Authorities(_))));
    // The certificate is for localhost, not for an address.
    let by_address = format!("https://127.0.0.1:{}/", peer.address.port());
    let refused = out.send(OutRequest::get(&by_address, Some(ours.pem()))).await;
    assert!(matches!(refused, Err(OutError::Connect(_))));
}

#[tokio::test]
async fn what_cannot_be_sent_says_so() {
    let out = HttpOut::default();
    for url in ["", "ftp://localhost/", "/path", "https://"] {
        let refused = out.send(OutRequest::get(url, None)).await;
        assert!(matches!(refused, Err(OutError::Request(_))), "{url}: {refused:?}");
    }
    let peer = Peer::start(None, |_| ok(""));
    let smuggled = OutRequest::get(&peer.url("http"), None).bearer("a\r\nx: y");
    assert!(matches!(out.send(smuggled).await, Err(OutError::Request(_))));
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nobody = OutRequest::get(&format!("http://{closed}"), None);
    assert!(matches!(out.send(nobody).await, Err(OutError::Connect(_))));
    let put = OutRequest { method: Method::PUT, ..OutRequest::get(&peer.url("http"), None) };
    assert_eq!(out.send(put).await.unwrap().status, 200);
    assert!(peer.heard.lock().unwrap()[0].line.starts_with("PUT "));
}

#[tokio::test]
async fn a_certificate_that_is_named_itself_is_trusted_as_the_servers_own() {
    let ((pem, config), (other, _)) = (Authority::alone(), Authority::alone());
    let peer = Peer::start(Some(config), |_| ok("x"));
    let out = HttpOut::default();
    let ask = |url: String, pem: &str| out.send(OutRequest::get(&url, Some(pem.to_owned())));
    assert_eq!(ask(peer.url("https"), &pem).await.unwrap().body, "x");
    assert!(matches!(ask(peer.url("https"), &other).await, Err(OutError::Connect(_))));
    // It names localhost and no address.
    let by_address = format!("https://127.0.0.1:{}/", peer.address.port());
    assert!(matches!(ask(by_address, &pem).await, Err(OutError::Connect(_))));
}
