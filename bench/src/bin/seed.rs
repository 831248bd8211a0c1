//! Fills a running server through its API, and leaves the names for the load generators.
//!
//!     seed ADDRESS ROOT_TOKEN FOLDER SECRETS TOKENS
//!
//! Writes `FOLDER/paths` and `FOLDER/tokens`, one entry a line. The KV v2 engine is mounted at `secret/`.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use strongroom_bench::{Failed, argument, name, policy, secret};
use strongroom_crypto::SystemRandom;
use tokio::net::TcpStream;

const CONNECTIONS: usize = 64;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failed> {
    let folder = PathBuf::from(argument(3, "the folder for the lists")?);
    let secrets: usize = argument(4, "the number of secrets")?.parse()?;
    let tokens: usize = argument(5, "the number of tokens")?.parse()?;
    let target =
        Target { address: argument(1, "the server's address")?, token: argument(2, "a root token")? };
    let kv = json!({"type": "kv", "options": {"version": "2"}});
    Connection::open(&target).await?.call(Method::POST, "sys/mounts/secret", &kv).await?;

    let paths = together(&target, secrets, Job::Secret).await?;
    std::fs::write(folder.join("paths"), paths.join("\n"))?;
    let tokens = together(&target, tokens, Job::Token).await?;
    std::fs::write(folder.join("tokens"), tokens.join("\n"))?;
    Ok(())
}

/// What is made over and over.
#[derive(Clone, Copy)]
enum Job {
    Secret,
    Token,
}

/// Does a job `count` times over all connections; gives the names that came of it.
async fn together(target: &Target, count: usize, job: Job) -> Result<Vec<String>, Failed> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut tasks = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut connection = Connection::open(target).await?;
        let next = next.clone();
        tasks.push(tokio::spawn(async move {
            let mut made = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return Ok::<_, Failed>(made);
                }
                made.push(match job {
                    Job::Secret => connection.make_secret().await?,
                    Job::Token => connection.make_token(number).await?,
                });
            }
        }));
    }
    let mut all = Vec::with_capacity(count);
    for task in tasks {
        all.extend(task.await??);
    }
    Ok(all)
}

/// A server and who speaks to it.
struct Target {
    address: String,
    token: String,
}

struct Connection {
    sender: SendRequest<Full<Bytes>>,
    token: String,
}

impl Connection {
    async fn open(target: &Target) -> Result<Self, Failed> {
        let stream = TcpStream::connect(&target.address).await?;
        stream.set_nodelay(true)?;
        let (sender, driver) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(driver);
        Ok(Self { sender, token: target.token.clone() })
    }

    async fn make_secret(&mut self) -> Result<String, Failed> {
        let name = name(&SystemRandom);
        let body = json!({"data": secret(&SystemRandom)});
        self.call(Method::POST, &format!("secret/data/{name}"), &body).await?;
        Ok(name)
    }

    async fn make_token(&mut self, number: usize) -> Result<String, Failed> {
        let policy_name = format!("bench-{number}");
        let body = json!({"policy": policy(number)});
        self.call(Method::PUT, &format!("sys/policies/acl/{policy_name}"), &body).await?;
        let body = json!({"policies": [policy_name], "ttl": "24h"});
        let answer = self.call(Method::POST, "auth/token/create", &body).await?;
        let token = answer.pointer("/auth/client_token").and_then(Value::as_str);
        Ok(token.ok_or("the answer has no token")?.to_owned())
    }

    async fn call(&mut self, method: Method, path: &str, body: &Value) -> Result<Value, Failed> {
        let request = Request::builder()
            .method(method)
            .uri(format!("/v1/{path}"))
            .header("host", "bench")
            .header("x-vault-token", &self.token)
            .body(Full::from(body.to_string()))?;
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        let status = response.status();
        let bytes = response.into_body().collect().await?.to_bytes();
        if !status.is_success() {
            return Err(format!("{path}: {status}: {}", String::from_utf8_lossy(&bytes)).into());
        }
        Ok(if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes)? })
    }
}
