use super::*;
use serde_json::{Value, json};
use strongroom_core::core::Plugs;
use strongroom_core::{Class, Operation};
use strongroom_testkit::{Harness, Reply};

mod model;
mod scans;
mod transfers;

use Operation::{Delete, List, Patch, Read, Update};

async fn server() -> Harness {
    let harness = Harness::start(Plugs::default().engine(Arc::new(Kv::default()))).await;
    harness.mount(Class::Secret, "one/", "kv", &[]).await.unwrap();
    harness.mount(Class::Secret, "two/", "kv", &[("version", "2")]).await.unwrap();
    harness
}

async fn ok(harness: &Harness, operation: Operation, path: &str, body: Value) -> Reply {
    let reply = harness.call(operation, path, body).await;
    assert!(reply.status < 300, "{path}: {reply:?}");
    reply
}

/// Every key in the storage of the mount at this path, without the mount's own prefix.
async fn stored(harness: &Harness, mount: &str) -> Vec<String> {
    let prefix = harness.core.mounts().at(mount).unwrap().entry.key("");
    harness.core.txn().names(&prefix).await.unwrap()
}

#[test]
fn takes_versions_one_and_two_only() {
    let mount = |version: Option<&str>| strongroom_core::Mount {
        id: String::new(),
        namespace: strongroom_core::NamespaceId::ROOT,
        class: Class::Secret,
        path: String::new(),
        kind: "kv".to_owned(),
        uuid: String::new(),
        accessor: String::new(),
        description: String::new(),
        options: version.map(|v| ("version".to_owned(), v.to_owned())).into_iter().collect(),
        config: strongroom_core::MountConfig::default(),
        local: false,
        seal_wrap: false,
        external_entropy_access: false,
        removed: false,
    };
    let kv = Kv::default();
    for good in [None, Some("1"), Some("2")] {
        assert!(kv.check(&mut mount(good)).is_ok(), "{good:?}");
    }
    for bad in ["", "0", "3", "02", "v2", "true"] {
        assert!(kv.check(&mut mount(Some(bad))).unwrap_err().to_string().contains("version"), "{bad}");
    }
    assert!(kv.retune(&mount(Some("2")), &mut mount(Some("1"))).is_err());
    assert!(kv.retune(&mount(Some("2")), &mut mount(None)).is_err());
    assert_eq!(kv.retune(&mount(None), &mut mount(Some("2"))).unwrap().len(), 1);
    assert!(kv.retune(&mount(Some("2")), &mut mount(Some("2"))).unwrap().is_empty());
}

#[test]
fn records_of_the_first_release_open_and_stay_as_they_are() {
    fn same<T: strongroom_core::Record>(text: &str) {
        let record: T = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&record).unwrap(), text);
    }
    same::<secret::Secret>(concat!(
        r#"{"created":"2026-01-02T03:04:05.678901234Z","updated":"2026-01-03T00:00:00Z","current":3,"oldest":2,"#,
        r#""versions":[{"created":"2026-01-02T03:04:05Z","destroyed":true},"#,
        r#"{"created":"2026-01-03T00:00:00Z","deletion":"2026-01-04T00:00:00Z"}],"#,
        r#""settings":{"max_versions":2,"cas_required":true,"delete_version_after":60,"custom_metadata":{"a":"b"}},"#,
        r#""data":{"k":1.10}}"#
    ));
    same::<secret::OldVersion>(r#"{"data":{"k":12345678901234567890123}}"#);
    same::<secret::OldVersion>(r#"{"data":null}"#);
    same::<config::Config>(r#"{"max_versions":3,"cas_required":false,"delete_version_after":{"after":90}}"#);
    same::<config::Config>(r#"{"max_versions":0,"cas_required":true,"delete_version_after":"disabled"}"#);
}

#[tokio::test]
async fn numbers_survive_digit_for_digit() {
    let harness = server().await;
    let text = r#"{"e":1e+5,"f":1.10,"i":123456789012345678901234567890,"l":[-0.0,9007199254740993]}"#;
    let data: Value = serde_json::from_str(text).unwrap();
    ok(&harness, Update, "one/x", data.clone()).await;
    assert_eq!(ok(&harness, Read, "one/x", Value::Null).await.at("/data").to_string(), text);
    ok(&harness, Update, "two/data/x", json!({ "data": data })).await;
    assert_eq!(ok(&harness, Read, "two/data/x", Value::Null).await.at("/data/data").to_string(), text);
    // And once they are an older version with a record of its own, and patched.
    ok(&harness, Patch, "two/data/x", json!({"data": {"n": 1}})).await;
    let old = ok(&harness, Read, "two/data/x", json!({"version": "1"})).await;
    assert_eq!(old.at("/data/data").to_string(), text);
    assert_eq!(ok(&harness, Read, "two/data/x", Value::Null).await.at("/data/data/i"), data["i"]);
}

#[tokio::test]
async fn version_one_tells_readers_how_long_to_keep_a_secret() {
    let harness = server().await;
    for (body, seconds) in [
        (json!({"v": 1}), 2_764_800),
        (json!({"ttl": "30m"}), 1800),
        (json!({"ttl": 60, "lease": "1h"}), 60),
        (json!({"lease": "1h"}), 3600),
        (json!({"ttl": "bogus"}), 2_764_800),
        (json!({"ttl": ""}), 0),
        (json!({"ttl": [1]}), 2_764_800),
    ] {
        ok(&harness, Update, "one/x", body.clone()).await;
        assert_eq!(ok(&harness, Read, "one/x", Value::Null).await.at("/lease_duration"), seconds, "{body}");
    }
    let mut mount = harness.core.mounts().at("one/").unwrap().entry.clone();
    mount.config.default_lease_ttl = 77;
    harness.record(&mount).await.unwrap();
    ok(&harness, Update, "one/x", json!({"v": 1})).await;
    assert_eq!(ok(&harness, Read, "one/x", Value::Null).await.at("/lease_duration"), 77);
}

#[tokio::test]
async fn a_mount_of_version_one_becomes_version_two_with_its_secrets() {
    let harness = server().await;
    ok(&harness, Update, "one/a", json!({"v": "old"})).await;
    ok(&harness, Update, "one/d/b", json!({"v": "old2"})).await;
    let before = harness.core.mounts().at("one/").unwrap().entry.clone();
    let mut after = before.clone();
    after.options.insert("version".to_owned(), "2".to_owned());
    Kv::default().retune(&before, &mut after).unwrap();
    harness.record(&after).await.unwrap();

    let read = ok(&harness, Read, "one/data/a", Value::Null).await;
    assert_eq!(read.at("/data/data"), json!({"v": "old"}));
    assert_eq!(read.at("/data/metadata/version"), 1);
    assert_eq!(ok(&harness, List, "one/metadata", Value::Null).await.at("/data/keys"), json!(["a", "d/"]));
    assert_eq!(
        ok(&harness, Update, "one/data/a", json!({"data": {"v": "new"}})).await.at("/data/version"),
        2
    );
    let old = ok(&harness, Read, "one/data/a", json!({"version": 1})).await;
    assert_eq!(old.at("/data/data"), json!({"v": "old"}));
    ok(&harness, Delete, "one/data/d/b", Value::Null).await;
    assert_eq!(harness.call(Read, "one/data/d/b", Value::Null).await.status, 404);
}

#[tokio::test]
async fn listing_shows_each_name_once_however_much_lies_below_it() {
    let harness = server().await;
    for n in 0..2100 {
        ok(&harness, Update, &format!("two/data/big/{n}"), json!({"data": {"v": n}})).await;
    }
    // Names that sort between a secret, its versions and its folder.
    for path in ["big", "big!", "big-", "big%20x", "big0", "a/b/c", "%C3%BC/x", "z"] {
        for _ in 0..3 {
            ok(&harness, Update, &format!("two/data/{path}"), json!({"data": {"v": 1}})).await;
        }
    }
    let keys = ok(&harness, List, "two/metadata", Value::Null).await.at("/data/keys");
    assert_eq!(keys, json!(["a/", "big", "big x", "big!", "big-", "big/", "big0", "z", "ü/"]));
    let inside = ok(&harness, List, "two/metadata/big", Value::Null).await.at("/data/keys");
    assert_eq!(inside.as_array().unwrap().len(), 2100);
    let mut sorted = inside.as_array().unwrap().clone();
    sorted.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
    assert_eq!(inside, Value::Array(sorted));
    assert_eq!(harness.call(List, "two/metadata/bi", Value::Null).await.status, 404);
    assert_eq!(harness.call(List, "two/metadata/z", Value::Null).await.status, 404);
}

#[tokio::test]
async fn what_is_removed_leaves_no_data_in_the_store() {
    let harness = server().await;
    ok(&harness, Update, "two/metadata/x", json!({"max_versions": 3})).await;
    for n in 1..=5 {
        ok(&harness, Update, "two/data/x", json!({"data": {"v": n}})).await;
    }
    assert_eq!(stored(&harness, "two/").await, ["s/x\0", "s/x\x000000000003", "s/x\x000000000004"]);
    ok(&harness, Update, "two/destroy/x", json!({"versions": [3, 5]})).await;
    assert_eq!(stored(&harness, "two/").await, ["s/x\0", "s/x\x000000000004"]);
    let key = harness.core.mounts().at("two/").unwrap().entry.key("s/x\0");
    let head = harness.core.txn().get::<secret::Secret>(&key).await.unwrap().unwrap();
    assert!(head.data.is_none());
    // A destroyed newest version leaves nothing to move when the next one is written.
    ok(&harness, Update, "two/data/x", json!({"data": {"v": 6}})).await;
    assert_eq!(stored(&harness, "two/").await, ["s/x\0", "s/x\x000000000004"]);
    ok(&harness, Update, "two/data/x", json!({"data": {"v": 7}})).await;
    assert_eq!(stored(&harness, "two/").await, ["s/x\0", "s/x\x000000000006"]);
    ok(&harness, Delete, "two/metadata/x", Value::Null).await;
    assert!(stored(&harness, "two/").await.is_empty());
}

#[tokio::test]
async fn the_shorter_life_counts_and_a_negative_one_switches_it_off() {
    let harness = server().await;
    let deletion = async |config: &str, own: &str| {
        ok(&harness, Update, "two/config", json!({ "delete_version_after": config })).await;
        ok(&harness, Update, "two/metadata/x", json!({ "delete_version_after": own })).await;
        let written = ok(&harness, Update, "two/data/x", json!({"data": {"v": 1}})).await;
        let time = written.at("/data/deletion_time");
        let now = strongroom_wire::Clock::now(harness.clock.as_ref());
        strongroom_wire::time::parse(time.as_str().unwrap()).map(|t| t.duration_since(now).as_secs())
    };
    assert_eq!(deletion("0s", "0s").await, None);
    assert_eq!(deletion("1h", "0s").await, Some(3600));
    assert_eq!(deletion("0s", "2h").await, Some(7200));
    assert_eq!(deletion("1h", "2h").await, Some(3600));
    assert_eq!(deletion("3h", "2h").await, Some(7200));
    assert_eq!(deletion("-5s", "2h").await, None);
    assert_eq!(ok(&harness, Read, "two/config", Value::Null).await.at("/data/delete_version_after"), "-1s");
    for bad in [json!("-0s"), json!("1x"), json!("--1s"), json!([]), json!({"a": 1})] {
        let reply = harness.call(Update, "two/config", json!({ "delete_version_after": bad })).await;
        assert_eq!(reply.status, 400, "{bad}: {reply:?}");
    }
    assert_eq!(
        harness.call(Update, "two/metadata/x", json!({"delete_version_after": "-1s"})).await.status,
        400
    );
}

#[tokio::test]
async fn a_version_past_its_time_reads_as_deleted_until_undeleted() {
    let harness = server().await;
    ok(&harness, Update, "two/config", json!({"delete_version_after": "10s"})).await;
    ok(&harness, Update, "two/data/x", json!({"data": {"v": 1}})).await;
    harness.clock.advance(jiff::SignedDuration::from_secs(9));
    ok(&harness, Read, "two/data/x", Value::Null).await;
    harness.clock.advance(jiff::SignedDuration::from_secs(1));
    for path in ["two/data/x", "two/subkeys/x"] {
        let gone = harness.call(Read, path, Value::Null).await;
        assert_eq!((gone.status, gone.at("/data/metadata/version")), (404, json!(1)));
        assert!(gone.body.get("errors").is_none());
    }
    let patched = harness.call(Patch, "two/data/x", json!({"data": {"v": 2}})).await;
    assert_eq!((patched.status, patched.at("/data/version")), (404, json!(1)));
    ok(&harness, Update, "two/undelete/x", json!({"versions": "1"})).await;
    assert_eq!(ok(&harness, Read, "two/data/x", Value::Null).await.at("/data/data/v"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_writers_that_check_the_same_version_one_wins() {
    let harness = Arc::new(server().await);
    for round in 0..8 {
        let tasks: Vec<_> = (0..8)
            .map(|n| {
                let harness = harness.clone();
                let body = json!({"data": {"v": n}, "options": {"cas": round}});
                tokio::spawn(async move { harness.call(Update, "two/data/x", body).await.status })
            })
            .collect();
        let mut won = 0;
        for task in tasks {
            won += usize::from(task.await.unwrap() == 200);
        }
        assert_eq!(won, 1, "round {round}");
    }
}

#[tokio::test]
async fn bad_input_names_the_field_and_shows_no_secret() {
    let harness = server().await;
    ok(&harness, Update, "two/data/x", json!({"data": {"v": 1}})).await;
    for (operation, path, body, field) in [
        (Update, "two/data/x", json!({"a": 1}), "data"),
        (Update, "two/data/x", json!({"data": "canary"}), "data"),
        (Update, "two/data/x", json!({"data": ["canary"]}), "data"),
        (Patch, "two/data/x", json!({"data": null}), "data"),
        (Patch, "two/data/x", json!({"data": "canary"}), "data"),
        (Update, "two/data/x", json!({"data": {}, "options": "cas"}), "options"),
        (Update, "two/data/x", json!({"data": {}, "options": {"cas": "x"}}), "options.cas"),
        (Update, "two/data/x", json!({"data": {}, "options": {"cas": null}}), "options.cas"),
        (Update, "two/data/x", json!({"data": {}, "options": {"cas": 1.5}}), "options.cas"),
        (Update, "two/destroy/x", json!({}), "versions"),
        (Update, "two/delete/x", json!({"versions": []}), "versions"),
        (Update, "two/undelete/x", json!({"versions": "1,two"}), "versions"),
        (Update, "two/metadata/x", json!({"max_versions": -1}), "max_versions"),
        (Update, "two/metadata/x", json!({"max_versions": 4_294_967_296_u64}), "max_versions"),
        (Update, "two/metadata/x", json!({"custom_metadata": {"a": {"b": 1}}}), "custom_metadata"),
        (Patch, "two/metadata/x", json!({"custom_metadata": ["x"]}), "custom_metadata"),
        (Update, "two/config", json!({"cas_required": "maybe"}), "cas_required"),
        (Read, "two/data/x", json!({"version": "abc"}), "version"),
        (Read, "two/subkeys/x", json!({"depth": "x"}), "depth"),
        (Update, "one/x", json!({}), "data"),
    ] {
        let reply = harness.call(operation, path, body.clone()).await;
        assert_eq!(reply.status, 400, "{path} {body}: {reply:?}");
        let text = reply.body.to_string();
        assert!(text.contains(field) && !text.contains("canary"), "{path} {body}: {text}");
    }
    let untouched = ok(&harness, Read, "two/data/x", Value::Null).await;
    assert_eq!(untouched.at("/data/metadata/version"), 1);
}

#[tokio::test]
async fn data_too_deep_to_be_read_back_is_refused() {
    let harness = server().await;
    let deep = (0..150).fold(json!(1), |inner, _| json!([inner]));
    assert_eq!(harness.call(Update, "one/x", json!({ "a": deep })).await.status, 400);
    assert_eq!(harness.call(Update, "two/data/x", json!({"data": {"a": deep}})).await.status, 400);
}

#[tokio::test]
async fn custom_metadata_is_taken_up_to_its_limits() {
    let harness = server().await;
    let set = async |custom: Value| {
        harness.call(Update, "two/metadata/x", json!({ "custom_metadata": custom })).await.status
    };
    let many = |n: usize| Value::Object((0..n).map(|i| (i.to_string(), json!("x"))).collect());
    assert_eq!(set(many(64)).await, 204);
    assert_eq!(set(many(65)).await, 400);
    assert_eq!(set(json!({"k".repeat(128): "v".repeat(512)})).await, 204);
    assert_eq!(set(json!({"k".repeat(129): "v"})).await, 400);
    assert_eq!(set(json!({"k": "v".repeat(513)})).await, 400);
    assert_eq!(set(json!({"k": ""})).await, 400);
    assert_eq!(set(json!({"": "v"})).await, 400);
    assert_eq!(set(json!({"k": "a\u{7}b"})).await, 400);
    // A patch must not get past the limits either.
    assert_eq!(set(many(64)).await, 204);
    let patch = async |custom: Value| {
        harness.call(Patch, "two/metadata/x", json!({ "custom_metadata": custom })).await.status
    };
    assert_eq!(patch(json!({"more": "x"})).await, 400);
    assert_eq!(patch(json!({"more": "x", "0": null})).await, 204);
    assert_eq!(patch(Value::Null).await, 204);
    let shown = ok(&harness, Read, "two/metadata/x", Value::Null).await;
    assert_eq!(shown.at("/data/custom_metadata"), Value::Null);
}

#[tokio::test]
async fn create_and_update_are_told_apart_by_the_record_not_by_deletion() {
    let harness = server().await;
    harness.policy("creator", "path \"+/data/*\" { capabilities = [\"create\"] }").await.unwrap();
    let token = harness.token(&["creator"]).await.unwrap();
    let write =
        async || harness.call_as(Some(&token), Update, "two/data/x", json!({"data": {"v": 1}})).await.status;
    assert_eq!(write().await, 200);
    assert_eq!(write().await, 403);
    ok(&harness, Delete, "two/data/x", Value::Null).await;
    assert_eq!(write().await, 403);
    ok(&harness, Delete, "two/metadata/x", Value::Null).await;
    assert_eq!(write().await, 200);
}

#[tokio::test]
async fn paths_beside_the_api_answer_with_a_hint() {
    let harness = server().await;
    for (operation, path, verb) in [
        (Read, "two/foo", "kv get"),
        (Update, "two/foo/bar", "kv put"),
        (Delete, "two/foo", "kv delete"),
        (List, "two/", "kv list"),
        (Read, "two/data", "root of a K/V v2"),
        (Delete, "two/metadata", "root of a K/V v2"),
        (Update, "two/destroy", "root of a K/V v2"),
    ] {
        let reply = harness.call(operation, path, json!({})).await;
        assert_eq!(reply.status, 404, "{path}");
        assert!(reply.at("/warnings/0").to_string().contains(verb), "{path}: {reply:?}");
    }
    assert_eq!(harness.call(Patch, "two/foo", json!({})).await.status, 405);
    assert_eq!(harness.call(List, "two/data/x", json!({})).await.status, 405);
    assert_eq!(harness.call(Patch, "one/foo", json!({"a": 1})).await.status, 405);
    let missing = harness.call(Patch, "two/data/none", json!({"data": {"a": 1}})).await;
    assert_eq!(missing, Reply { status: 404, body: Value::Null });
}
