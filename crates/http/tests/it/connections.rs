//! Connections: HTTP/2, limits of time and size, and the end.

use crate::echo::serve;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn exchange(stream: &mut TcpStream, request: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = vec![0; 4096];
    let count = stream.read(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer[..count]).into_owned()
}

const GET: &str = "GET /v1/a HTTP/1.1\r\nHost: t\r\n\r\n";

#[tokio::test]
async fn one_connection_serves_many_requests() {
    let served = serve(|_| {}).await;
    let mut stream = TcpStream::connect(&served.address).await.unwrap();
    for _ in 0..3 {
        assert!(exchange(&mut stream, GET).await.starts_with("HTTP/1.1 200"));
    }
    // A body that nobody asked for does not confuse what follows.
    let delete = "DELETE /v1/a HTTP/1.1\r\nHost: t\r\nContent-Length: 9\r\n\r\nsome body";
    assert!(exchange(&mut stream, delete).await.starts_with("HTTP/1.1 200"));
    assert!(exchange(&mut stream, GET).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn http2_is_spoken_without_tls() {
    let served = serve(|_| {}).await;
    let stream = TcpStream::connect(&served.address).await.unwrap();
    let io = TokioIo::new(stream);
    let (mut client, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    for _ in 0..2 {
        let request = http::Request::post(format!("http://{}/v1/a", served.address));
        let request = request.body(Full::new(Bytes::from_static(b"{\"a\":1}"))).unwrap();
        let reply = client.send_request(request).await.unwrap();
        assert_eq!(reply.status(), 200);
        let body = reply.into_body().collect().await.unwrap().to_bytes();
        assert!(String::from_utf8_lossy(&body).contains("\"update\""));
    }
}

#[tokio::test]
async fn slow_clients_are_let_go() {
    let served = serve(|s| {
        s.timeouts.header = Duration::from_secs(1);
        s.timeouts.idle = Duration::from_secs(2);
        s.timeouts.body = Duration::from_millis(300);
    })
    .await;
    let mut silent = TcpStream::connect(&served.address).await.unwrap();
    let mut slow = TcpStream::connect(&served.address).await.unwrap();
    slow.write_all(b"GET /v1/a HTTP/1.1\r\nHost: t\r\nX: ").await.unwrap();
    let mut idle = TcpStream::connect(&served.address).await.unwrap();
    exchange(&mut idle, GET).await;
    let mut stuck = TcpStream::connect(&served.address).await.unwrap();
    let head = "POST /v1/a HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\n\r\n{";
    assert!(exchange(&mut stuck, head).await.starts_with("HTTP/1.1 408"));
    let begun = Instant::now();
    for stream in [&mut silent, &mut slow, &mut idle] {
        let mut rest = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut rest)).await;
        read.expect("it was let go").ok();
    }
    assert!(begun.elapsed() < Duration::from_secs(8));
}

#[tokio::test]
async fn large_heads_are_refused() {
    let served = serve(|_| {}).await;
    let long = format!("X-Long: {}\r\n", "x".repeat(100_000));
    assert_eq!(served.ask("GET /v1/a", &long, b"").await.status, 431);
    let many: String = (0..200).map(|n| format!("X-{n}: 1\r\n")).collect();
    assert_eq!(served.ask("GET /v1/a", &many, b"").await.status, 431);
    let token = format!("X-Vault-Token: {}\r\n", "t".repeat(10_000));
    assert_eq!(served.ask("GET /v1/a", &token, b"").await.status, 200);
}

#[tokio::test]
async fn only_so_many_connections_at_a_time() {
    let served = serve(|s| s.limits.connections = 1).await;
    let mut first = TcpStream::connect(&served.address).await.unwrap();
    exchange(&mut first, GET).await;
    let second = served.get("/v1/a");
    tokio::pin!(second);
    assert!(tokio::time::timeout(Duration::from_millis(200), second.as_mut()).await.is_err(), "it waits");
    drop(first);
    assert_eq!(second.await.status, 200);
}

#[tokio::test]
async fn a_stop_lets_requests_end_and_idle_ones_go() {
    let served = serve(|_| {}).await;
    let mut idle = TcpStream::connect(&served.address).await.unwrap();
    exchange(&mut idle, GET).await;
    let mut busy = TcpStream::connect(&served.address).await.unwrap();
    busy.write_all(b"GET /v1/slow HTTP/1.1\r\nHost: t\r\n\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let begun = Instant::now();
    let stopping = tokio::spawn(served.running.stop(Duration::from_secs(5)));
    let mut answer = String::new();
    busy.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(stopping.await.unwrap(), 0);
    assert!(begun.elapsed() < Duration::from_secs(2));
    assert_eq!(idle.read(&mut [0; 10]).await.unwrap_or(0), 0);
    assert!(TcpStream::connect(&served.address).await.is_err());
}

#[tokio::test]
async fn a_stop_does_not_wait_for_ever() {
    let served = serve(|_| {}).await;
    let mut busy = TcpStream::connect(&served.address).await.unwrap();
    busy.write_all(b"POST /v1/a HTTP/1.1\r\nHost: t\r\nContent-Length: 10\r\n\r\n{").await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(served.running.stop(Duration::from_millis(200)).await, 1);
}
