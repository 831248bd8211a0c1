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

const GONE: [u16; 2] = [403, 403];
const GOOD: [u16; 2] = [200, 200];

/// A stand with a secret at `k/data/a`, the policy `p` that reads it, and a userpass mount at `u` with a
/// user `z` whose tokens have the policy.
fn furnished() -> Stand {
    let stand = Stand::new("");
    stand.must("POST", "sys/mounts/k", json!({"type": "kv", "options": {"version": "2"}}));
    stand.must("POST", "k/data/a", json!({"data": {"x": "1"}}));
    policy(&stand, "read");
    stand.must("POST", "sys/auth/u", json!({"type": "userpass"}));
    stand.must("POST", "auth/u/users/z", json!({"password": "p", "token_policies": "p"}));
    stand
}

fn token(stand: &Stand, body: Value) -> Value {
    stand.must("POST", "auth/token/create", body)["auth"].clone()
}

fn id(auth: &Value) -> String {
    auth["client_token"].as_str().unwrap().to_owned()
}

fn login(stand: &Stand) -> Value {
    stand.must("POST", "auth/u/login/z", json!({"password": "p"}))["auth"].clone()
}

#[test]
fn a_token_ends_however_it_ends() {
    let stand = furnished();
    let used = id(&token(&stand, json!({"policies": ["p"], "num_uses": 2})));
    assert_eq!((read(&stand, &used), read(&stand, &used)), (GOOD, GONE));

    let short = id(&token(&stand, json!({"policies": ["p"], "ttl": "2s"})));
    let parent = id(&token(&stand, json!({"policies": ["p"], "ttl": "2s"})));
    let below = child(&stand, &parent);
    let batch = json!({"policies": ["p"], "type": "batch"});
    let below_batch = stand.server.call(&parent, "POST", "auth/token/create", &batch).unwrap().json();
    let below_batch = id(&below_batch["auth"]);
    let renewed = id(&token(&stand, json!({"policies": ["p"], "ttl": "2s"})));
    for t in [&short, &parent, &below, &below_batch, &renewed] {
        assert_eq!(read(&stand, t), GOOD);
    }
    stand.must("POST", "auth/token/renew", json!({"token": renewed, "increment": "1h"}));
    std::thread::sleep(std::time::Duration::from_millis(2300));
    for t in [&short, &parent, &below, &below_batch] {
        assert_eq!(read(&stand, t), GONE);
    }
    assert_eq!(read(&stand, &renewed), GOOD);

    let by_accessor = token(&stand, json!({"policies": ["p"]}));
    assert_eq!(read(&stand, &id(&by_accessor)), GOOD);
    stand.must("POST", "auth/token/revoke-accessor", json!({"accessor": by_accessor["accessor"]}));
    assert_eq!(read(&stand, &id(&by_accessor)), GONE);

    let itself = id(&token(&stand, json!({"policies": ["p"]})));
    assert_eq!(read(&stand, &itself), GOOD);
    stand.server.call(&itself, "POST", "auth/token/revoke-self", &json!({})).unwrap();
    assert_eq!(read(&stand, &itself), GONE);

    let parent = id(&token(&stand, json!({"policies": ["p"]})));
    let kept = child(&stand, &parent);
    assert_eq!((read(&stand, &parent), read(&stand, &kept)), (GOOD, GOOD));
    stand.must("POST", "auth/token/revoke-orphan", json!({"token": parent}));
    assert_eq!((read(&stand, &parent), read(&stand, &kept)), (GONE, GOOD));

    // A custom id that is revoked and made again with less is a new token.
    token(&stand, json!({"id": "custom", "policies": ["p"]}));
    assert_eq!(read(&stand, "custom"), GOOD);
    stand.must("POST", "auth/token/revoke", json!({"token": "custom"}));
    token(&stand, json!({"id": "custom", "policies": ["default"]}));
    assert_eq!(read(&stand, "custom"), GONE);
}

#[test]
fn a_login_ends_with_its_method_its_lease_or_its_entity() {
    let stand = furnished();
    for end in ["sys/leases/revoke-prefix/auth/u", "sys/leases/revoke-force/auth/u/login"] {
        let token = id(&login(&stand));
        assert_eq!(read(&stand, &token), GOOD);
        stand.must("POST", end, json!({}));
        assert_eq!(read(&stand, &token), GONE, "{end}");
    }
    let first = login(&stand);
    let entity = first["entity_id"].as_str().unwrap().to_owned();
    assert_eq!(read(&stand, &id(&first)), GOOD);
    stand.must("DELETE", &format!("identity/entity/id/{entity}"), Value::Null);
    assert_eq!(read(&stand, &id(&first)), GONE);

    // What is merged away gives its tokens to the entity it went into, with that one's rights and end.
    let second = login(&stand);
    let from = second["entity_id"].as_str().unwrap().to_owned();
    assert_eq!(read(&stand, &id(&second)), GOOD);
    let into = stand.must("POST", "identity/entity", json!({"name": "into"}))["data"]["id"].clone();
    stand.must("POST", "identity/entity/merge", json!({"from_entity_ids": [from], "to_entity_id": into}));
    assert_eq!(read(&stand, &id(&second)), GOOD);
    stand.must("POST", "identity/entity/name/into", json!({"disabled": true}));
    assert_eq!(read(&stand, &id(&second)), GONE);
    stand.must("DELETE", "identity/entity/name/into", Value::Null);

    stand.must("POST", "sys/auth/u/tune", json!({"token_type": "batch"}));
    let batch = id(&login(&stand));
    assert!(batch.starts_with("hvb."));
    assert_eq!(read(&stand, &batch), GOOD);
    stand.must("DELETE", "sys/auth/u", Value::Null);
    assert_eq!(read(&stand, &batch), GONE);
}

#[test]
fn what_identity_gives_is_taken_at_once() {
    let stand = furnished();
    stand.must("POST", "auth/u/users/z", json!({"token_policies": "default"}));
    let auth = login(&stand);
    let (token, entity) = (id(&auth), auth["entity_id"].as_str().unwrap().to_owned());
    let at = format!("identity/entity/id/{entity}");
    assert_eq!(read(&stand, &token), GONE);
    let gives = |give: (&str, Value), take: (&str, &str, Value)| {
        stand.must("POST", give.0, give.1);
        assert_eq!(read(&stand, &token), GOOD, "{}", give.0);
        stand.must(take.0, take.1, take.2);
        assert_eq!(read(&stand, &token), GONE, "{} {}", take.0, take.1);
    };
    gives((&at, json!({"policies": ["p"]})), ("POST", &at, json!({"policies": []})));
    let group = "identity/group/name/g";
    let full = json!({"policies": ["p"], "member_entity_ids": [entity]});
    gives((group, full.clone()), ("POST", group, json!({"policies": []})));
    gives((group, full.clone()), ("POST", group, json!({"member_entity_ids": []})));
    gives((group, full.clone()), ("DELETE", group, Value::Null));
    // From the group above.
    stand.must("POST", group, json!({"member_entity_ids": [entity]}));
    let inner = stand.must("GET", group, Value::Null)["data"]["id"].clone();
    let above = "identity/group/name/above";
    let outer = json!({"policies": ["p"], "member_group_ids": [inner]});
    gives((above, outer.clone()), ("POST", above, json!({"member_group_ids": []})));
    gives((above, outer.clone()), ("DELETE", group, Value::Null));
    // A template is filled in anew.
    let rules = r#"path "k/data/{{identity.entity.metadata.place}}" { capabilities = ["read"] }"#;
    stand.must("PUT", "sys/policies/acl/t", json!({"policy": rules}));
    stand.must("POST", &at, json!({"policies": ["t"]}));
    gives((&at, json!({"metadata": {"place": "a"}})), ("POST", &at, json!({"metadata": {"place": "b"}})));
    gives((&at, json!({"policies": ["p"]})), ("DELETE", "sys/policies/acl/p", Value::Null));
}

#[test]
fn mounts_and_restores_change_what_is_there() {
    let stand = furnished();
    let token = id(&token(&stand, json!({"policies": ["p"]})));
    assert_eq!(read(&stand, &token), GOOD);
    stand.must("POST", "sys/remount", json!({"from": "k", "to": "m"}));
    let status = |t: &str, path: &str| stand.server.call(t, "GET", path, &Value::Null).unwrap().status;
    let moved = (0..100).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(20));
        status(&stand.root, "m/data/a") == 200
    });
    assert!(moved);
    assert_eq!((status(&token, "k/data/a"), status(&token, "m/data/a")), (404, 403));
    // The path belongs to another mount now.
    stand.must("POST", "sys/mounts/k", json!({"type": "kv", "options": {"version": "2"}}));
    assert_eq!(read(&stand, &token), [404, 404]);
    stand.must("POST", "k/data/a", json!({"data": {"x": "first"}}));
    assert_eq!(read(&stand, &token), GOOD);

    let snapshot = stand.server.call(&stand.root, "GET", "sys/storage/raft/snapshot", &Value::Null).unwrap();
    let later = id(&login(&stand));
    stand.must("POST", "k/data/a", json!({"data": {"x": "second"}}));
    assert_eq!(read(&stand, &later), GOOD);
    policy(&stand, "list");
    assert_eq!(read(&stand, &token), GONE);
    let header = [("X-Vault-Token", stand.root.as_str())];
    let path = "/v1/sys/storage/raft/snapshot";
    let restored =
        strongroom_testkit::http::send(&stand.server.address, "POST", path, &header, Some(&snapshot.body));
    assert_eq!(restored.unwrap().status, 204);
    assert_eq!((read(&stand, &later), read(&stand, &token)), (GONE, GOOD));
    for _ in 0..2 {
        assert_eq!(stand.must("GET", "k/data/a", Value::Null)["data"]["data"]["x"], "first");
    }
    stand.must("DELETE", "sys/mounts/k", Value::Null);
    assert_eq!(read(&stand, &token), [404, 404]);
}

/// A version that is to be deleted by its age is not answered from memory after that.
#[test]
fn answers_end_with_their_time() {
    let stand = furnished();
    stand.must("POST", "k/metadata/a", json!({"delete_version_after": "2s"}));
    stand.must("POST", "k/data/a", json!({"data": {"x": "2"}}));
    assert_eq!(read(&stand, &stand.root), GOOD);
    std::thread::sleep(std::time::Duration::from_millis(2300));
    assert_eq!(read(&stand, &stand.root), [404, 404]);
}
