//! From HTTP requests to logical ones.

use crate::echo::serve;
use serde_json::json;
use std::sync::atomic::Ordering;
use std::time::Duration;

#[tokio::test]
async fn a_request_reaches_the_core_as_it_was_meant() {
    let served = serve(|_| {}).await;
    let headers = "X-Vault-Token:  root \r\nX-Vault-Wrap-TTL: 2m\r\nX-Vault-Request: true\r\n";
    let reply = served.ask("PUT /v1/secret/a%20b?x=1", headers, b"{\"a\":1.10}").await;
    assert_eq!(reply.status, 200);
    let seen = reply.json();
    assert_eq!(seen["operation"], "update");
    assert_eq!(seen["path"], "secret/a b");
    assert_eq!(seen["body"].to_string(), "{\"a\":1.10}");
    assert_eq!(seen["token"], "root");
    assert_eq!(seen["wrap_ttl"], 120);
    assert_eq!(seen["address"], "127.0.0.1");
    assert_eq!(seen["sees_token"], false);
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(reply.header("strict-transport-security"), None);
}

#[tokio::test]
async fn queries_stand_for_bodies_of_reads() {
    let served = serve(|_| {}).await;
    let seen = served.ask("GET /v1/a?version=2&list=0", "", b"{\"ignored\":true}").await.json();
    assert_eq!((&seen["operation"], &seen["body"]), (&json!("read"), &json!({"version": "2"})));
    let seen = served.get("/v1/a?list=true").await.json();
    assert_eq!(seen["operation"], "list");
    let seen = served.ask("LIST /v1/a", "", b"").await.json();
    assert_eq!(seen["operation"], "list");
    let seen = served.ask("DELETE /v1/a?versions=1&versions=2", "", b"not json").await.json();
    assert_eq!(seen["body"], json!({"versions": ["1", "2"]}));
    let seen = served.get("/v1/a?help=1").await.json();
    assert_eq!(seen["operation"], "help");
}

#[tokio::test]
async fn what_is_refused_never_reaches_the_core() {
    let served = serve(|s| s.limits.body = 100).await;
    let bare = json!({"errors": []});
    for (line, headers, body, status) in [
        ("POST /v1/a", "", "{", 400),
        ("POST /v1/a", "", "[1]", 400),
        ("POST /v1/a", "", "{\"a\":1} x", 400),
        ("POST /v1/a/%2e%2e/b", "", "", 400),
        ("GET /v1/a%00b", "", "", 400),
        ("GET /v1/%zz", "", "", 400),
        ("GET /v1/a//b", "", "", 307),
        ("GET //v1/a", "", "", 307),
        ("GET /", "", "", 404),
        ("GET /v2/a", "", "", 404),
        ("FOO /v1/a", "", "", 405),
        ("HEAD /v1/a", "", "", 405),
        ("GET /v1/a?list=yes", "", "", 400),
        ("PATCH /v1/a", "Content-Type: application/json\r\n", "{}", 415),
        ("GET /v1/a", "X-Vault-Namespace: team\r\nX-Vault-Namespace: a\r\n", "", 400),
        ("GET /v1/a", "X-Vault-Wrap-TTL: soon\r\n", "", 400),
        ("GET /v1/limited", "", "", 429),
        ("OPTIONS /v1/a", "", "", 405),
    ] {
        let reply = served.ask(line, headers, body.as_bytes()).await;
        assert_eq!(reply.status, status, "{line} {headers} {body}: {reply:?}");
    }
    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(200));
    assert_eq!(served.post("/v1/a", &large).await.status, 413);
    let chunked = format!("{:x}\r\n{large}\r\n0\r\n\r\n", large.len());
    let stream = tokio::net::TcpStream::connect(&served.address).await.unwrap();
    let reply =
        crate::echo::ask(stream, "POST /v1/a", &format!("Transfer-Encoding: chunked\r\n\r\n{chunked}"), b"")
            .await;
    assert_eq!(reply.status, 413);
    assert_eq!(served.ask("FOO /v1/a", "", b"").await.json(), bare);
    assert_eq!(served.get("/v1/a?list=yes").await.json(), bare);
    assert_eq!(served.get("/v1/limited").await.header("retry-after"), Some("1"));
    assert_eq!(served.get("/v1/a/./b?x=1").await.header("location"), Some("/v1/a/b?x=1"));
    assert_eq!(served.get("/v1/%zz").await.body, "400 Bad Request");
    assert_eq!(served.get("/v1/a%0ab").await.body, "");
    assert_eq!(served.echo.handled.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_patch_and_a_form_are_read() {
    let served = serve(|_| {}).await;
    let kind = "Content-Type: application/merge-patch+json; charset=utf-8\r\n";
    let seen = served.ask("PATCH /v1/a", kind, b"{\"a\":null}").await.json();
    assert_eq!((&seen["operation"], &seen["body"]), (&json!("patch"), &json!({"a": null})));
    let kind = "Content-Type: application/x-www-form-urlencoded\r\n";
    let seen = served.ask("POST /v1/a", kind, b"a=1&b=two+words").await.json();
    assert_eq!(seen["body"], json!({"a": "1", "b": "two words"}));
}

#[tokio::test]
async fn health_answers_head_without_a_body() {
    let served = serve(|_| {}).await;
    let reply = served.ask("HEAD /v1/sys/health?standbyok=true", "", b"").await;
    assert_eq!((reply.status, reply.body.as_str()), (200, ""));
}

#[tokio::test]
async fn uploads_are_bytes_and_need_a_token() {
    let served = serve(|s| s.limits.upload = 1000).await;
    let reply = served.ask("POST /v1/raw", "X-Vault-Token: t\r\n", &[0xff; 900]).await;
    assert_eq!(reply.json()["raw"], 900);
    assert_eq!(served.ask("POST /v1/raw", "X-Vault-Token: t\r\n", &[0xff; 1100]).await.status, 413);
    assert_eq!(served.ask("POST /v1/raw", "", &[0xff; 900]).await.json()["raw"], 0);
}

#[tokio::test]
async fn a_panic_is_an_answer_and_not_the_end() {
    let served = serve(|_| {}).await;
    assert_eq!(served.get("/v1/panic").await.status, 500);
    assert_eq!(served.get("/v1/a").await.status, 200);
}

#[tokio::test]
async fn a_request_has_its_time() {
    let served = serve(|s| s.timeouts.request = Duration::from_millis(100)).await;
    assert_eq!(served.get("/v1/slow").await.status, 504);
}

#[tokio::test]
async fn a_stream_that_breaks_is_not_taken_for_whole() {
    let served = serve(|_| {}).await;
    let whole = served.get("/v1/stream").await;
    assert!(whole.body.ends_with("0\r\n\r\n"), "{whole:?}");
    let cut = served.get("/v1/cut").await;
    assert!(!cut.body.ends_with("0\r\n\r\n"), "{cut:?}");
}

#[tokio::test]
async fn pages_of_other_origins_are_judged() {
    let served = serve(|_| {}).await;
    let ours = "Origin: https://page.example\r\n";
    let reply = served.ask("GET /v1/a", ours, b"").await;
    assert_eq!(reply.header("access-control-allow-origin"), Some("https://page.example"));
    let reply =
        served.ask("OPTIONS /v1/a", &format!("{ours}Access-Control-Request-Method: PUT\r\n"), b"").await;
    assert_eq!((reply.status, reply.header("access-control-max-age")), (204, Some("300")));
    let reply = served.ask("GET /v1/a", "Origin: https://other.example\r\n", b"").await;
    assert_eq!(reply.status, 403);
}

#[tokio::test]
async fn configured_headers_are_added() {
    let served = serve(|s| {
        s.headers.add("default", &[("X-Frame-Options".into(), vec!["DENY".into()])]).unwrap();
        s.headers.add("404", &[("X-Frame-Options".into(), vec!["none".into()])]).unwrap();
    })
    .await;
    assert_eq!(served.get("/v1/a").await.header("x-frame-options"), Some("DENY"));
    assert_eq!(served.get("/").await.header("x-frame-options"), Some("none"));
}

#[tokio::test]
async fn only_trusted_proxies_name_the_client() {
    let served = serve(|s| {
        s.forwarded = Some(strongroom_http::Forwarded {
            authorized: vec![strongroom_core::cidr::parse("127.0.0.1").unwrap()],
            hop_skips: 0,
            reject_not_present: true,
            reject_not_authorized: true,
        });
    })
    .await;
    let seen = served.ask("GET /v1/a", "X-Forwarded-For: 9.9.9.9, 10.2.3.4\r\n", b"").await.json();
    assert_eq!(seen["address"], "10.2.3.4");
    assert_eq!(served.get("/v1/a").await.status, 400);
    let plain = serve(|_| {}).await;
    let seen = plain.ask("GET /v1/a", "X-Forwarded-For: 9.9.9.9\r\n", b"").await.json();
    assert_eq!(seen["address"], "127.0.0.1");
}
