//! Logins of Pods with the whole program, against a server that reviews tokens as a cluster does.

use crate::stand::{Stand, program};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::fmt::Debug;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::{Command, Output};

/// Says of tokens whether they hold: those that are for the uid `alive`.
pub(crate) fn cluster(reviewer: String) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let reviewer = reviewer.clone();
            std::thread::spawn(move || {
                let mut stream = BufReader::new(stream);
                while let Some((head, body)) = hear(&mut stream) {
                    let answer = answer(&head, &body, &reviewer);
                    stream.get_mut().write_all(answer.as_bytes()).unwrap();
                }
            });
        }
    });
    address
}

fn hear(stream: &mut BufReader<TcpStream>) -> Option<(String, Vec<u8>)> {
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            break;
        }
        if let Some(given) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = given.trim().parse().unwrap();
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some((head, body))
}

fn answer(head: &str, body: &[u8], reviewer: &str) -> String {
    if !head.contains(&format!("authorization: Bearer {reviewer}")) {
        return "HTTP/1.1 401 Unauthorized\r\ncontent-length: 2\r\n\r\n{}".to_owned();
    }
    assert!(head.starts_with("POST /apis/authentication.k8s.io/v1/tokenreviews "), "{head}");
    let review: Value = serde_json::from_slice(body).unwrap();
    let claims = review["spec"]["token"].as_str().unwrap().split('.').nth(1).unwrap();
    let claims: Value = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    let uid = &claims["kubernetes.io"]["serviceaccount"]["uid"];
    let status = if uid == "alive" {
        json!({"authenticated": true, "user": {"username": claims["sub"], "uid": uid}, "audiences": ["api"]})
    } else {
        json!({"user": {}, "error": "[invalid bearer token, service account has been deleted]"})
    };
    let answer = json!({"kind": "TokenReview", "apiVersion": "authentication.k8s.io/v1", "status": status});
    let answer = answer.to_string();
    format!("HTTP/1.1 201 Created\r\ncontent-length: {}\r\n\r\n{answer}", answer.len())
}

/// A token whose signature only the cluster could judge.
pub(crate) fn token(namespace: &str, name: &str, uid: &str) -> String {
    let part = |value: Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({
        "aud": ["api"], "exp": 4_102_444_800_u64,
        "sub": format!("system:serviceaccount:{namespace}:{name}"),
        "kubernetes.io": {"namespace": namespace, "serviceaccount": {"name": name, "uid": uid}},
    });
    format!("{}.{}.c2lnbmF0dXJl", part(json!({"alg": "RS256", "kid": "k"})), part(claims))
}

fn vault<A: AsRef<OsStr>>(stand: &Stand, args: &[A]) -> Output {
    let mut command = Command::new(program());
    for (name, _) in std::env::vars().filter(|(n, _)| n.starts_with("VAULT_")) {
        command.env_remove(name);
    }
    let folder = stand.folder.path();
    command.arg0("vault").args(args).current_dir(folder).env("HOME", folder);
    command.env("VAULT_ADDR", format!("http://{}", stand.server.address)).env("VAULT_TOKEN", &stand.root);
    command.output().unwrap()
}

#[track_caller]
fn must<A: AsRef<OsStr> + Debug>(stand: &Stand, args: &[A]) -> String {
    let output = vault(stand, args);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{args:?}\n{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout) + &text(&output.stderr)
}

#[track_caller]
fn refused<A: AsRef<OsStr> + Debug>(stand: &Stand, args: &[A], why: &str) {
    let output = vault(stand, args);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(2) && text.contains(why), "{args:?}\n{text}");
}

#[test]
fn the_lines_of_the_guide_let_a_pod_in() {
    let stand = Stand::new("");
    let reviewer = token("kube-system", "reviewer", "alive");
    let host = format!("kubernetes_host=http://{}", cluster(reviewer.clone()));
    must(&stand, &["auth", "enable", "kubernetes"]);
    let config = ["write", "auth/kubernetes/config", "token_reviewer_jwt=path/to/jwt", &host];
    refused(&stand, &config, "token_reviewer_jwt=@path");
    std::fs::create_dir_all(stand.folder.path().join("path/to")).unwrap();
    std::fs::write(stand.folder.path().join("path/to/jwt"), format!("{reviewer}\n")).unwrap();
    let said = must(&stand, &config);
    assert!(said.contains("path/to/jwt") && !said.contains(&reviewer), "{said}");
    must(
        &stand,
        &[
            "write",
            "auth/kubernetes/role/my-app",
            "bound_service_account_names=my-app",
            "bound_service_account_namespaces=default",
            "policies=my-app",
            "ttl=1h",
        ],
    );
    let with = |jwt: &str| {
        ["write", "auth/kubernetes/login", "role=my-app", &format!("jwt={jwt}")].map(str::to_owned)
    };
    let said = must(&stand, &with(&token("default", "my-app", "alive")));
    assert!(said.contains("my-app") && said.contains("1h"), "{said}");
    refused(&stand, &with(&token("default", "my-app", "deleted")), "the token does not hold");
    refused(&stand, &with(&token("default", "other", "alive")), "service account name not authorized");
    refused(&stand, &with(&token("other", "my-app", "alive")), "namespace not authorized");
    refused(&stand, &with("junk"), "no signed JSON web token");
    // Without a reviewer of its own the caller asks for itself, and this cluster does not let it.
    must(&stand, &["write", "auth/kubernetes/config", &host]);
    refused(&stand, &with(&token("default", "my-app", "alive")), "401");
}
