//! A real server on a disk that is full: errors, nothing acknowledged is lost, and it heals by itself.

use crate::stand::Stand;
use serde_json::{Value, json};

/// How much the data file may grow: enough to start, little enough to fill quickly.
const LIMIT: u64 = 24 << 20;

#[test]
fn a_full_disk_heals_when_space_returns() {
    let stand = Stand::new("");
    stand.must("POST", "sys/mounts/k", json!({"type": "kv", "options": {"version": "2"}}));
    stand.must("POST", "k/data/before", json!({"data": {"v": "1"}}));
    limit_file_size(stand.server.pid(), &LIMIT.to_string());
    let filler = "x".repeat(200_000);
    let mut acknowledged = Vec::new();
    let mut refused = None;
    for n in 0..400 {
        let body = json!({"data": {"v": filler, "n": n}});
        let reply = stand.server.call(&stand.root, "POST", &format!("k/data/fill/{n}"), &body).unwrap();
        if reply.status != 200 {
            refused = Some(reply);
            break;
        }
        acknowledged.push(n);
    }
    let refused = refused.expect("the limit was never reached");
    assert_eq!(refused.status, 500, "{}", String::from_utf8_lossy(&refused.body));
    assert!(!String::from_utf8_lossy(&refused.body).contains("xxxx"));
    // Reads go on.
    assert_eq!(stand.must("GET", "k/data/before", Value::Null)["data"]["data"]["v"], "1");
    // Space returns.
    limit_file_size(stand.server.pid(), "unlimited");
    let again = (0..100).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(50));
        let reply = stand.server.call(&stand.root, "POST", "k/data/after", &json!({"data": {"v": "2"}}));
        reply.is_ok_and(|r| r.status == 200)
    });
    assert!(again, "writes did not come back");
    for n in acknowledged {
        assert_eq!(stand.must("GET", &format!("k/data/fill/{n}"), Value::Null)["data"]["data"]["n"], n);
    }
}

/// Sets the largest size a file of a running process may have, which fails its writes as a full disk does.
fn limit_file_size(pid: u32, limit: &str) {
    let status = std::process::Command::new("prlimit")
        .args(["--pid", &pid.to_string(), &format!("--fsize={limit}:unlimited")])
        .status()
        .unwrap();
    assert!(status.success());
}
