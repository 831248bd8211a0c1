//! Copies and moves.

use super::*;
use strongroom_core::Mount;

/// The engine at `sys/` with nothing but what goes across mounts.
struct Across;

impl Engine for Across {
    fn kind(&self) -> &'static str {
        "system"
    }

    fn routes(&self, _mount: &Mount) -> Arc<RouteTable> {
        Arc::new(RouteTable::new(transfer_routes()))
    }
}

async fn filled() -> Harness {
    let plugs = Plugs::default().engine(Arc::new(Kv::default())).engine(Arc::new(Across));
    let harness = Harness::start(plugs).await;
    harness.mount(Class::Secret, "one/", "kv", &[]).await.unwrap();
    harness.mount(Class::Secret, "two/", "kv", &[("version", "2")]).await.unwrap();
    harness.mount(Class::Secret, "other/", "kv", &[("version", "2")]).await.unwrap();
    for v in 1..4 {
        ok(&harness, Update, "two/data/app/db", json!({"data": {"v": v}})).await;
    }
    ok(&harness, Update, "two/metadata/app/db", json!({"custom_metadata": {"a": "b"}, "owner": "me"})).await;
    ok(&harness, Update, "one/x", serde_json::from_str(r#"{"v":1.50}"#).unwrap()).await;
    harness
}

async fn send(harness: &Harness, what: &str, source: &str, target: &str, more: Value) -> Reply {
    let mut body = more;
    body["source"] = json!(source);
    body["target"] = json!(target);
    harness.call(Update, &format!("sys/kv/{what}"), body).await
}

#[tokio::test]
async fn the_newest_version_goes_anywhere_and_never_comes_out() {
    let harness = filled().await;
    let reply = send(&harness, "copy", "two/app/db", "other/db", json!({"cas": 0})).await;
    assert_eq!((reply.status, reply.at("/data/version")), (200, json!(1)));
    assert!(!reply.body.to_string().contains("\"v\""));
    let copied = ok(&harness, Read, "other/data/db", Value::Null).await;
    assert_eq!(
        (copied.at("/data/data"), copied.at("/data/metadata/custom_metadata")),
        (json!({"v": 3}), Value::Null)
    );
    assert_eq!(send(&harness, "copy", "two/app/db", "other/db", json!({"cas": 0})).await.status, 400);
    assert_eq!(
        send(&harness, "copy", "two/app/db", "other/db", json!({"cas": 1})).await.at("/data/version"),
        json!(2)
    );
    // Between the versions of the engine, digit for digit.
    assert_eq!(send(&harness, "copy", "one/x", "two/from-one", json!({})).await.status, 200);
    assert_eq!(
        ok(&harness, Read, "two/data/from-one", Value::Null).await.at("/data/data").to_string(),
        r#"{"v":1.50}"#
    );
    assert_eq!(send(&harness, "copy", "two/app/db", "one/y", json!({"cas": 0})).await.status, 200);
    assert_eq!(ok(&harness, Read, "one/y", Value::Null).await.at("/data"), json!({"v": 3}));
    assert_eq!(send(&harness, "copy", "two/app/db", "one/y", json!({"cas": 0})).await.status, 400);
    for (source, target, more, status) in [
        ("two/app/db", "two/app/db", json!({}), 400),
        ("two/none", "two/x", json!({}), 404),
        ("two/app/db", "nowhere/x", json!({}), 403),
        ("two/app/", "two/x", json!({}), 400),
        ("two/app/db", "two/../x", json!({}), 400),
        ("two/app/db", "two/", json!({}), 400),
        ("two/app/db", "one/z", json!({"history": true}), 400),
        ("two/app/db", "one/z", json!({"cas": 4}), 400),
        ("two/app/db", "sys/x", json!({}), 403),
    ] {
        assert_eq!(send(&harness, "copy", source, target, more).await.status, status, "{source} {target}");
    }
    ok(&harness, Delete, "two/data/app/db", Value::Null).await;
    assert_eq!(send(&harness, "copy", "two/app/db", "two/x", json!({})).await.status, 400);
}

#[tokio::test]
async fn a_move_takes_the_history_along_and_leaves_nothing() {
    let harness = filled().await;
    ok(&harness, Update, "two/destroy/app/db", json!({"versions": [1]})).await;
    let before = ok(&harness, Read, "two/metadata/app/db", Value::Null).await.at("/data");
    let reply = send(&harness, "move", "two/app/db", "other/new/db", json!({})).await;
    assert_eq!(
        (reply.status, reply.at("/data/version"), reply.at("/data/versions")),
        (200, json!(3), json!(3))
    );
    assert_eq!(ok(&harness, Read, "other/metadata/new/db", Value::Null).await.at("/data"), before);
    let second = ok(&harness, Read, "other/data/new/db", json!({"version": "2"})).await;
    assert_eq!(second.at("/data/data"), json!({"v": 2}));
    assert!(stored(&harness, "two/").await.is_empty());
    assert_eq!(send(&harness, "move", "two/app/db", "other/y", json!({})).await.status, 404);
    ok(&harness, Update, "two/data/a", json!({"data": {"v": 9}})).await;
    assert_eq!(send(&harness, "move", "two/a", "other/new/db", json!({})).await.status, 400);
    assert_eq!(
        send(&harness, "move", "two/a", "other/new/db", json!({"history": false})).await.at("/data/version"),
        json!(4)
    );
    assert_eq!(harness.call(Read, "two/data/a", Value::Null).await.status, 404);
    assert_eq!(send(&harness, "move", "one/x", "two/x", json!({})).await.status, 200);
    assert!(stored(&harness, "one/").await.is_empty());
}

#[tokio::test]
async fn policy_decides_on_what_is_touched() {
    let harness = filled().await;
    let rules: &[(&str, &str)] = &[
        ("read", r#"path "two/data/app/*" { capabilities = ["read"] }"#),
        ("create", r#"path "other/data/*" { capabilities = ["create"] }"#),
        ("update", r#"path "other/data/*" { capabilities = ["update"] }"#),
        (
            "history",
            r#"path "two/metadata/app/*" { capabilities = ["read"] } path "other/metadata/*" { capabilities = ["create"] }"#,
        ),
        ("delete", r#"path "two/metadata/app/*" { capabilities = ["delete"] }"#),
        ("no", r#"path "sys/kv/*" { capabilities = ["deny"] }"#),
        ("cas", r#"path "other/data/*" { capabilities = ["create"] required_parameters = ["nonsense"] }"#),
    ];
    for (name, text) in rules {
        harness.policy(name, text).await.unwrap();
    }
    let status = async |policies: &[&str], what: &str, history: bool| {
        let token = harness.token(policies).await.unwrap();
        let body = json!({"source": "two/app/db", "target": "other/db", "history": history});
        let reply = harness.call_as(Some(&token), Update, &format!("sys/kv/{what}"), body).await;
        let status = reply.status;
        if status == 200 {
            ok(&harness, Delete, "other/metadata/db", Value::Null).await;
        }
        status
    };
    assert_eq!(status(&["default"], "copy", false).await, 403);
    assert_eq!(status(&["read"], "copy", false).await, 403);
    assert_eq!(status(&["create"], "copy", false).await, 403);
    assert_eq!(status(&["read", "update"], "copy", false).await, 403);
    assert_eq!(status(&["read", "create"], "copy", false).await, 200);
    assert_eq!(status(&["read", "create", "no"], "copy", false).await, 403);
    assert_eq!(status(&["read", "cas"], "copy", false).await, 403);
    assert_eq!(status(&["read", "create"], "copy", true).await, 403);
    assert_eq!(status(&["read", "create", "history"], "copy", true).await, 200);
    assert_eq!(status(&["read", "create", "history"], "move", true).await, 403);
    assert_eq!(status(&["read", "create", "history", "delete"], "move", true).await, 200);
}
