//! Namespaces of a real server: deleted while it is killed, and not felt by its start.

use crate::stand::Stand;
use serde_json::{Value, json};
use std::time::Duration;

const ROUNDS: u64 = 6;

/// A namespace is there wholly, or gone for good; what was in it opens nothing once it is gone.
#[test]
fn a_namespace_is_deleted_across_a_kill() {
    let mut stand = Stand::new("");
    for round in 0..ROUNDS {
        let id = stand.must("POST", "sys/namespaces/team", json!({}))["data"]["id"].clone();
        stand.must("POST", "team/sys/mounts/kv", json!({"type": "kv"}));
        stand.must("POST", "team/kv/a", json!({"v": round}));
        let tokens: Vec<String> = (0..200)
            .map(|_| {
                let made = stand.must("POST", "team/auth/token/create", json!({}));
                made["auth"]["client_token"].as_str().unwrap().to_owned()
            })
            .collect();
        let acknowledged = std::thread::scope(|scope| {
            let deleting = scope.spawn(|| {
                let asked = stand.server.call(&stand.root, "DELETE", "sys/namespaces/team", &Value::Null);
                asked.is_ok_and(|reply| reply.status == 204)
            });
            std::thread::sleep(Duration::from_millis(round * 4));
            let killed =
                std::process::Command::new("kill").arg("-9").arg(stand.server.pid().to_string()).status();
            assert!(killed.unwrap().success());
            deleting.join().unwrap()
        });
        stand.crash();
        let status =
            |token: &str, path: &str| stand.server.call(token, "GET", path, &Value::Null).unwrap().status;
        let there = status(&stand.root, "sys/namespaces/team") == 200;
        assert!(!(acknowledged && there), "round {round}: the deletion was acknowledged");
        for token in [tokens.first().unwrap(), tokens.last().unwrap()] {
            let wanted = if there { 200 } else { 403 };
            assert_eq!(status(token, "team/auth/token/lookup-self"), wanted, "round {round}");
        }
        if there {
            assert_eq!(status(&stand.root, "team/kv/a"), 200);
            stand.must("DELETE", "sys/namespaces/team", Value::Null);
        }
        // One of the same name is another, and begins empty.
        let again = stand.must("POST", "sys/namespaces/team", json!({}))["data"]["id"].clone();
        assert_ne!(id, again);
        assert_eq!(status(&stand.root, "team/kv/a"), 404);
        assert_eq!(status(tokens.first().unwrap(), "team/auth/token/lookup-self"), 403);
        stand.must("DELETE", "sys/namespaces/team", Value::Null);
    }
}
