//! Requests against canned answers.

use crate::canned::{Canned, json};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use strongroom_client::{Client, Config, Error, Method, Preview, Request};

fn client(server: &Canned, change: impl FnOnce(&mut Config)) -> Client {
    let mut config = Config::new(&server.address).unwrap();
    config.token = "hvs.t".to_owned();
    config.retry_wait = Duration::from_millis(1);
    change(&mut config);
    Client::new(config)
}

#[tokio::test]
async fn headers_bodies_and_numbers_travel_as_they_are() {
    let server = Canned::start(|_| json(200, r#"{"data":{"n":98765432109876543210.5}}"#));
    let client = client(&server, |c| {
        c.namespace = "team".to_owned();
        c.wrap_ttl = "60s".to_owned();
        c.headers.push(("X-Extra".to_owned(), "1".to_owned()));
    });
    let body: Value = serde_json::from_str(r#"{"n":1.000000000000000000001}"#).unwrap();
    let secret = client.write("secret/a b", body).await.unwrap().unwrap();
    assert_eq!(secret.get("n").unwrap().to_string(), "98765432109876543210.5");
    let seen = server.seen.lock().unwrap().first().cloned().unwrap();
    assert_eq!(seen.line(), "PUT /v1/secret/a%20b");
    assert_eq!(seen.body, r#"{"n":1.000000000000000000001}"#);
    for (name, value) in [
        ("x-vault-token", "hvs.t"),
        ("x-vault-namespace", "team"),
        ("x-vault-wrap-ttl", "60s"),
        ("x-vault-request", "true"),
        ("content-type", "application/json"),
        ("x-extra", "1"),
    ] {
        assert_eq!(seen.header(name), value, "{name}");
    }
}

#[tokio::test]
async fn patches_and_lists_are_sent_as_servers_expect_them() {
    let server = Canned::start(|_| json(200, r#"{"data":{"keys":["a"]}}"#));
    let client = client(&server, |_| {});
    client.patch("secret/data/a", json!({"data": {}})).await.unwrap();
    client.list("secret/metadata").await.unwrap().unwrap();
    assert_eq!(server.lines(), ["PATCH /v1/secret/data/a", "GET /v1/secret/metadata?list=true"]);
    let seen = server.seen.lock().unwrap().first().cloned().unwrap();
    assert_eq!(seen.header("content-type"), "application/merge-patch+json");
}

#[tokio::test]
async fn a_404_is_nothing_an_answer_or_an_error() {
    let server = Canned::start(|seen| match seen.target.as_str() {
        "/v1/none" => json(404, r#"{"errors":[]}"#),
        "/v1/deleted" => json(404, r#"{"request_id":"r","data":{"data":null,"metadata":{"version":1}}}"#),
        _ => json(404, r#"{"errors":["no handler for route \"x\". route entry not found."]}"#),
    });
    let client = client(&server, |_| {});
    assert!(client.read("none").await.unwrap().is_none());
    assert!(client.read("deleted").await.unwrap().unwrap().get("metadata").is_some());
    let text = client.read("unmounted").await.err().unwrap().to_string();
    assert!(
        text.ends_with("Code: 404. Errors:\n\n* no handler for route \"x\". route entry not found."),
        "{text}"
    );
}

#[tokio::test]
async fn errors_read_as_people_know_them() {
    let server = Canned::start(|seen| match seen.target.as_str() {
        "/v1/proxy" => (502, vec![], "<h1>Bad Gateway</h1>\n".to_owned()),
        _ => json(403, r#"{"errors":["permission denied","second"]}"#),
    });
    let client = client(&server, |c| {
        c.namespace = "team".to_owned();
        c.max_retries = 0;
    });
    let error = client.read("secret/x").await.err().unwrap();
    assert_eq!(error.status(), Some(403));
    assert_eq!(
        error.to_string(),
        format!(
            "Error making API request.\n\nNamespace: team\nURL: GET {}/v1/secret/x\nCode: 403. Errors:\n\n\
             * permission denied\n* second",
            server.address
        )
    );
    let text = client.read("proxy").await.err().unwrap().to_string();
    assert!(text.ends_with("Code: 502. Raw Message:\n\n<h1>Bad Gateway</h1>"), "{text}");
}

#[tokio::test]
async fn what_may_pass_is_tried_again_and_nothing_else() {
    for (status, retries, expected) in [(503, 2, 3), (412, 1, 2), (500, 0, 1), (501, 2, 1), (403, 2, 1)] {
        let server = Canned::start(move |_| json(status, r#"{"errors":["e"]}"#));
        let client = client(&server, |c| c.max_retries = retries);
        assert_eq!(client.read("x").await.err().unwrap().status(), Some(status));
        assert_eq!(server.lines().len(), expected, "{status}");
    }
    let count = Arc::new(AtomicUsize::new(0));
    let server = Canned::start(move |_| match count.fetch_add(1, Ordering::SeqCst) {
        0 => json(503, r#"{"errors":["sealed"]}"#),
        _ => json(200, r#"{"data":{"a":"b"}}"#),
    });
    assert!(client(&server, |_| {}).read("x").await.unwrap().is_some());
}

#[tokio::test]
async fn redirects_are_followed_with_body_and_token_but_not_in_a_circle() {
    let target = Canned::start(|_| json(200, r#"{"data":{"a":"b"}}"#));
    let place = format!("{}/v1/secret/x?y=1", target.address);
    let server = Canned::start(move |seen| match seen.target.as_str() {
        "/v1/away" => (307, vec![("location", place.clone())], String::new()),
        _ => (307, vec![("location", "/v1/circle".to_owned())], String::new()),
    });
    let client = client(&server, |_| {});
    assert!(client.write("away", json!({"k": "v"})).await.unwrap().is_some());
    let seen = target.seen.lock().unwrap().first().cloned().unwrap();
    assert_eq!((seen.line().as_str(), seen.body.as_str()), ("PUT /v1/secret/x?y=1", r#"{"k":"v"}"#));
    assert_eq!(seen.header("x-vault-token"), "hvs.t");
    assert!(client.read("circle").await.err().unwrap().to_string().contains("circle"));
    let unfollowed = client.with(|c| c.follow_redirects = false);
    assert_eq!(unfollowed.send_any(Request::new(Method::Get, "away")).await.unwrap().status, 307);
}

#[tokio::test]
async fn a_closed_connection_is_replaced_and_a_silent_server_times_out() {
    let server = Canned::start(|seen| match seen.target.as_str() {
        "/v1/slow" => {
            std::thread::sleep(Duration::from_millis(400));
            json(200, "{}")
        }
        _ => (204, vec![("connection", "close".to_owned())], String::new()),
    });
    let client = client(&server, |c| c.timeout = Duration::from_millis(100));
    for _ in 0..3 {
        assert!(client.delete("x").await.unwrap().is_none());
    }
    assert!(matches!(client.read("slow").await, Err(Error::Timeout { .. })));
}

#[tokio::test]
async fn unix_sockets_work_and_missing_servers_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("s.sock");
    let listener = tokio::net::UnixListener::bind(&socket).unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        crate::canned::serve(
            stream,
            Arc::new(|_: &crate::canned::Seen| json(200, r#"{"data":{"a":"b"}}"#)),
            Arc::default(),
        )
        .await;
    });
    let address = format!("unix://{}", socket.display());
    let client = Client::new(Config::new(&address).unwrap());
    assert!(client.read("x").await.unwrap().is_some());
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut config = Config::new(&format!("http://{free}")).unwrap();
    config.max_retries = 0;
    let error = Client::new(config).read("x").await.err().unwrap();
    assert!(matches!(&error, Error::Connect { .. }), "{error}");
    assert!(error.to_string().contains(&free.to_string()));
}

#[tokio::test]
async fn previews_send_nothing_and_hold_no_token() {
    let server = Canned::start(|_| json(200, "{}"));
    let curl = client(&server, |c| c.preview = Some(Preview::Curl));
    let text = curl.write("secret/a", json!({"k": "it's"})).await.err().unwrap().to_string();
    assert_eq!(
        text,
        format!(
            "curl -X PUT -H \"X-Vault-Request: true\" -H \"X-Vault-Token: $(vault print token)\" \
             -d '{{\"k\":\"it'\"'\"'s\"}}' {}/v1/secret/a",
            server.address
        )
    );
    let policy = client(&server, |c| c.preview = Some(Preview::Policy));
    let text = policy.write("secret/a", json!({})).await.err().unwrap().to_string();
    assert_eq!(text, "path \"secret/a\" {\n  capabilities = [\"create\", \"update\"]\n}");
    assert!(server.lines().is_empty());
}

#[tokio::test]
async fn a_header_that_cannot_be_sent_is_refused_without_its_value() {
    let server = Canned::start(|_| json(200, "{}"));
    let text =
        client(&server, |c| c.token = "line\nbreak".to_owned()).read("x").await.err().unwrap().to_string();
    assert!(text.contains("X-Vault-Token") && !text.contains("break"), "{text}");
}
