//! What is remembered between requests (what a token may do, the answer to a plain read) never outlives
//! what it was worked out from. Every state is read twice, so that the second time comes from memory.

use crate::stand::Stand;
use serde_json::{Value, json};

fn read(stand: &Stand, token: &str) -> [u16; 2] {
    [0, 1].map(|_| stand.server.call(token, "GET", "k/data/a", &Value::Null).unwrap().status)
}

fn child(stand: &Stand, parent: &str) -> String {
    let reply = stand.server.call(parent, "POST", "auth/token/create", &json!({"policies": ["p"]})).unwrap();
    reply.json()["auth"]["client_token"].as_str().unwrap().to_owned()
}

fn policy(stand: &Stand, capability: &str) {
    let rules = format!(
        "path \"k/*\" {{ capabilities = [\"{capability}\"] }}\npath \"auth/token/create\" {{ capabilities = [\"update\"] }}"
    );
    stand.must("PUT", "sys/policies/acl/p", json!({"policy": rules}));
}

#[test]
fn rights_end_with_what_gave_them() {
    let stand = Stand::new("");
    stand.must("POST", "sys/mounts/k", json!({"type": "kv", "options": {"version": "2"}}));
    stand.must("POST", "k/data/a", json!({"data": {"x": "1"}}));
    policy(&stand, "read");
    let first = child(&stand, &stand.root);
    assert_eq!(read(&stand, &first), [200, 200]);
    policy(&stand, "list");
    assert_eq!(read(&stand, &first), [403, 403]);
    policy(&stand, "read");
    assert_eq!(read(&stand, &first), [200, 200]);
    let grandchild = child(&stand, &child(&stand, &first));
    assert_eq!(read(&stand, &grandchild), [200, 200]);
    stand.must("POST", "auth/token/revoke", json!({"token": first}));
    assert_eq!((read(&stand, &grandchild), read(&stand, &first)), ([403, 403], [403, 403]));

    stand.must("POST", "sys/auth/u", json!({"type": "userpass"}));
    stand.must("POST", "auth/u/users/z", json!({"password": "p", "token_policies": "p"}));
    let login = stand.must("POST", "auth/u/login/z", json!({"password": "p"}));
    let token = login["auth"]["client_token"].as_str().unwrap().to_owned();
    let entity = format!("identity/entity/id/{}", login["auth"]["entity_id"].as_str().unwrap());
    assert_eq!(read(&stand, &token), [200, 200]);
    stand.must("POST", &entity, json!({"disabled": true}));
    assert_eq!(read(&stand, &token), [403, 403]);
    stand.must("POST", &entity, json!({"disabled": false}));
    assert_eq!(read(&stand, &token), [200, 200]);
    stand.must("DELETE", "sys/auth/u", Value::Null);
    assert_eq!(read(&stand, &token), [403, 403]);
}

#[test]
fn answers_follow_the_secret() {
    let stand = Stand::new("");
    stand.must("POST", "sys/mounts/k", json!({"type": "kv", "options": {"version": "2"}}));
    for value in ["1", "2"] {
        stand.must("POST", "k/data/a", json!({"data": {"x": value}}));
        for _ in 0..2 {
            assert_eq!(stand.must("GET", "k/data/a", Value::Null)["data"]["data"]["x"], value);
        }
    }
    stand.must("POST", "k/metadata/a", json!({"custom_metadata": {"owner": "me"}}));
    let seen = stand.must("GET", "k/data/a", Value::Null);
    assert_eq!(seen["data"]["metadata"]["custom_metadata"]["owner"], "me");
    stand.must("DELETE", "k/data/a", Value::Null);
    assert_eq!(read(&stand, &stand.root), [404, 404]);
    stand.must("POST", "k/undelete/a", json!({"versions": [2]}));
    assert_eq!(read(&stand, &stand.root), [200, 200]);
    stand.must("PUT", "k/destroy/a", json!({"versions": [2]}));
    assert_eq!(read(&stand, &stand.root), [404, 404]);
}
