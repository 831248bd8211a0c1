//! kill -9 while clients write: what was acknowledged is there afterwards, and nothing is half there.

use crate::stand::Stand;
use serde_json::{Value, json};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const ROUNDS: u64 = 200;
const WRITERS: u64 = 6;

/// What a writer was told is done.
struct Acknowledged {
    secrets: Vec<(String, u64, String)>,
    tokens: Vec<(String, String)>,
}

#[test]
fn nothing_acknowledged_is_lost() {
    let mut stand = Stand::new("");
    let all = Mutex::new(Acknowledged { secrets: Vec::new(), tokens: Vec::new() });
    stand.must("POST", "sys/mounts/k", json!({"type": "kv", "options": {"version": "2"}}));
    for round in 0..ROUNDS {
        let stop = AtomicBool::new(false);
        let before = all.lock().unwrap().secrets.len();
        std::thread::scope(|scope| {
            for writer in 0..WRITERS {
                let (stand, stop, all) = (&stand, &stop, &all);
                scope.spawn(move || write(stand, stop, all, round, writer));
            }
            // A different moment each round: during the first writes, between them, in mid-stream.
            std::thread::sleep(Duration::from_millis(15 + round * 7 % 50));
            let killed =
                std::process::Command::new("kill").arg("-9").arg(stand.server.pid().to_string()).status();
            stop.store(true, Ordering::Release);
            assert!(killed.unwrap().success());
        });
        stand.crash();
        let all = all.lock().unwrap();
        check(&stand, &all, before);
    }
    let all = all.lock().unwrap();
    check(&stand, &all, 0);
    assert!(all.secrets.len() > 1000 && all.tokens.len() > 100, "{} {}", all.secrets.len(), all.tokens.len());
    println!("{ROUNDS} rounds, {} secrets and {} tokens acknowledged", all.secrets.len(), all.tokens.len());
}

fn write(stand: &Stand, stop: &AtomicBool, all: &Mutex<Acknowledged>, round: u64, writer: u64) {
    for n in 0.. {
        if stop.load(Ordering::Acquire) {
            return;
        }
        // Each writer updates a few secrets again and again, so that versions pile up.
        let path = format!("w{writer}/s{}", n % 3);
        let value = format!("{round}-{writer}-{n}");
        let body = json!({"data": {"v": value}, "options": {}});
        if let Ok(reply) = stand.server.call(&stand.root, "POST", &format!("k/data/{path}"), &body)
            && reply.status == 200
        {
            let version = reply.json()["data"]["version"].as_u64().unwrap();
            all.lock().unwrap().secrets.push((path, version, value));
        }
        if n % 5 == 0
            && let Ok(reply) =
                stand.server.call(&stand.root, "POST", "auth/token/create", &json!({"policies": ["default"]}))
            && reply.status == 200
        {
            let auth = &reply.json()["auth"];
            let text = |key: &str| auth[key].as_str().unwrap().to_owned();
            all.lock().unwrap().tokens.push((text("client_token"), text("accessor")));
        }
    }
}

/// Every acknowledged write since `from` is there, and every secret is consistent in itself.
fn check(stand: &Stand, all: &Acknowledged, from: usize) {
    for writer in 0..WRITERS {
        for n in 0..3 {
            let path = format!("w{writer}/s{n}");
            let metadata =
                stand.server.call(&stand.root, "GET", &format!("k/metadata/{path}"), &Value::Null).unwrap();
            let newest =
                all.secrets.iter().filter(|(p, ..)| *p == path).max_by_key(|(_, version, _)| *version);
            let Some((_, version, value)) = newest else { continue };
            assert_eq!(metadata.status, 200, "{path} is gone");
            let current = metadata.json()["data"]["current_version"].as_u64().unwrap();
            assert!(current >= *version, "{path}: version {version} was acknowledged, {current} is there");
            // The record of versions and the versions themselves agree: no half of a commit.
            let latest =
                stand.server.call(&stand.root, "GET", &format!("k/data/{path}"), &Value::Null).unwrap();
            assert_eq!(latest.json()["data"]["metadata"]["version"], current, "{path}");
            let kept = stand.server.call(
                &stand.root,
                "GET",
                &format!("k/data/{path}?version={version}"),
                &Value::Null,
            );
            let kept = kept.unwrap().json();
            if current < *version + 10 {
                assert_eq!(kept["data"]["data"]["v"], **value, "{path} version {version}");
            }
        }
    }
    let tokens = all.tokens.iter().rev().take(if from == 0 { usize::MAX } else { 10 });
    for (token, accessor) in tokens {
        let own = stand.server.call(token, "GET", "auth/token/lookup-self", &Value::Null).unwrap();
        assert_eq!(own.status, 200, "an acknowledged token is gone");
        assert_eq!(own.json()["data"]["accessor"], **accessor);
    }
}
