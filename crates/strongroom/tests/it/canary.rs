//! A canary secret, driven through every endpoint, appears in no log, error, metric or audit line.

pub(crate) mod routes;

use crate::stand::Stand;
use serde_json::{Value, json};

const CANARY: &str = "canary-7f3b9d21c0ffee-not-to-be-seen";

/// Requests that carry the canary where a secret belongs, or where a client put it by mistake.
fn requests() -> Vec<(&'static str, String, Value)> {
    let c = CANARY;
    vec![
        ("POST", "k/data/a".into(), json!({"data": {"password": c, "nested": {"list": [c]}}})),
        ("POST", "k/data/a".into(), json!({"data": c})),
        ("POST", "k/data/a".into(), json!({"data": {"p": c}, "options": {"cas": c}})),
        ("GET", "k/data/a".into(), Value::Null),
        ("GET", "k/subkeys/a".into(), Value::Null),
        ("POST", "k/metadata/a".into(), json!({"max_versions": c})),
        ("POST", "k1/a".into(), json!({"password": c, "ttl": c})),
        ("GET", "k1/a".into(), Value::Null),
        ("POST", "cubbyhole/a".into(), json!({"password": c})),
        ("GET", "cubbyhole/a".into(), Value::Null),
        ("POST", "auth/userpass/users/u".into(), json!({"password": c})),
        ("POST", "auth/userpass/users/u".into(), json!({"password": {"x": c}})),
        ("POST", "auth/userpass/login/u".into(), json!({"password": c})),
        ("POST", "auth/userpass/login/nobody".into(), json!({"password": c})),
        ("POST", "auth/userpass/login/u".into(), json!({"password": [c]})),
        ("POST", "auth/approle/login".into(), json!({"role_id": c, "secret_id": c})),
        ("POST", "auth/approle/role/r".into(), json!({"secret_id_ttl": c})),
        ("POST", "auth/approle/role/r/custom-secret-id".into(), json!({"secret_id": c})),
        ("POST", "auth/approle/role/r/secret-id/lookup".into(), json!({"secret_id": c})),
        ("POST", "auth/token/create".into(), json!({"id": c, "policies": ["default"]})),
        ("POST", "auth/token/create".into(), json!({"ttl": c})),
        ("POST", "auth/token/lookup".into(), json!({"token": c})),
        ("POST", "auth/token/renew".into(), json!({"token": c, "increment": c})),
        ("POST", "auth/token/revoke".into(), json!({"token": {"x": c}})),
        ("POST", "sys/wrapping/wrap".into(), json!({"password": c})),
        ("POST", "sys/wrapping/lookup".into(), json!({"token": c})),
        ("POST", "sys/wrapping/unwrap".into(), json!({"token": c})),
        ("POST", "sys/wrapping/rewrap".into(), json!({"token": c})),
        ("POST", "sys/tools/hash".into(), json!({"input": c})),
        ("POST", "sys/tools/random".into(), json!({"bytes": c})),
        ("PUT", "sys/unseal".into(), json!({"key": c})),
        ("PUT", "sys/rekey/update".into(), json!({"key": c, "nonce": "x"})),
        ("PUT", "sys/generate-root/update".into(), json!({"key": c, "nonce": "x"})),
        ("POST", "sys/audit-hash/file".into(), json!({"input": c})),
        ("POST", "no/such/path".into(), json!({"password": c})),
    ]
}

#[test]
fn a_secret_appears_nowhere_but_in_its_answer() {
    let stand = Stand::new("telemetry {\n  unauthenticated_metrics_access = true\n}\nlog_level = \"trace\"");
    let audit = stand.folder.path().join("audit.log");
    stand.must("POST", "sys/audit/file", json!({"type": "file", "options": {"file_path": audit}}));
    stand.must("POST", "sys/mounts/k", json!({"type": "kv", "options": {"version": "2"}}));
    stand.must("POST", "sys/mounts/k1", json!({"type": "kv"}));
    stand.must("POST", "sys/auth/userpass", json!({"type": "userpass"}));
    stand.must("POST", "sys/auth/approle", json!({"type": "approle"}));
    let mut errors = 0;
    for (method, path, body) in requests() {
        for token in [stand.root.as_str(), CANARY] {
            let reply = stand.server.call(token, method, &path, &body).unwrap();
            if reply.status >= 400 {
                errors += 1;
                let text = String::from_utf8_lossy(&reply.body);
                assert!(!text.contains(CANARY), "{method} {path} repeats the secret: {text}");
            }
        }
    }
    assert!(errors > 30);
    // Bodies that are no JSON, and headers.
    let broken = format!("{{\"data\": {{\"p\": \"{CANARY}\"");
    let headers = [("X-Vault-Token", stand.root.as_str())];
    let reply = strongroom_testkit::http::send(
        &stand.server.address,
        "POST",
        "/v1/k/data/b",
        &headers,
        Some(broken.as_bytes()),
    );
    let reply = reply.unwrap();
    assert_eq!(reply.status, 400);
    assert!(!String::from_utf8_lossy(&reply.body).contains(CANARY));
    let metrics = stand.must("GET", "sys/metrics", Value::Null).to_string();
    assert!(!metrics.contains(CANARY));
    let trail = std::fs::read_to_string(audit).unwrap();
    assert!(trail.lines().count() > 100, "the audit trail has too few lines");
    assert!(!trail.contains(CANARY), "the audit trail shows the secret");
    assert!(!trail.contains(&stand.root), "the audit trail shows the root token");
    let log = std::fs::read_to_string(&stand.server.log).unwrap();
    assert!(!log.contains(CANARY), "the log shows the secret");
    let data = std::fs::read(stand.folder.path().join("data/strongroom.redb")).unwrap();
    assert!(!data.windows(CANARY.len()).any(|w| w == CANARY.as_bytes()), "the store shows the secret");
    // What is in memory stays there: no dump holds it, not even after somebody raises the limit again.
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", stand.server.pid())).unwrap();
    let of_core = limits.lines().find_map(|l| l.strip_prefix("Max core file size")).unwrap();
    assert_eq!(of_core.split_whitespace().take(2).collect::<Vec<_>>(), ["0", "0"]);
}
