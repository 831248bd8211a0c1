//! Scans, search, owners and what is overdue, and the hints beside refusals.

use super::*;

async fn put(harness: &Harness, path: &str) {
    ok(harness, Update, &format!("two/data/{path}"), json!({"data": {"v": path}})).await;
}

async fn filled() -> Harness {
    let harness = server().await;
    for path in ["a", "app/db", "app/db", "app/web/key", "app/web/key.old", "closed/inner/x", "z"] {
        put(&harness, path).await;
    }
    for path in ["one/b", "one/app/db", "one/app/web/key"] {
        ok(&harness, Update, path, json!({"v": "1", "limit": "all of them"})).await;
    }
    harness
}

async fn scan(harness: &Harness, token: &str, path: &str, query: Value) -> Reply {
    let mut body = query;
    body["scan"] = json!("true");
    harness.call_as(Some(token), List, path, body).await
}

#[tokio::test]
async fn all_levels_of_both_versions() {
    let harness = filled().await;
    let root = harness.root.clone();
    let all = scan(&harness, &root, "two/metadata", json!({})).await;
    assert_eq!(
        all.at("/data"),
        json!({"keys": ["a", "app/db", "app/web/key", "app/web/key.old", "closed/inner/x", "z"]})
    );
    let below = scan(&harness, &root, "two/metadata/app", json!({})).await;
    assert_eq!(below.at("/data/keys"), json!(["db", "web/key", "web/key.old"]));
    assert_eq!(
        scan(&harness, &root, "one", json!({})).await.at("/data/keys"),
        json!(["app/db", "app/web/key", "b"])
    );
    assert_eq!(scan(&harness, &root, "two/metadata/none", json!({})).await.status, 404);
    // A plain list is what it was, and what cannot be scanned says so.
    assert_eq!(
        harness.call(List, "two/metadata", json!({})).await.at("/data/keys"),
        json!(["a", "app/", "closed/", "z"])
    );
    assert_eq!(scan(&harness, &root, "two/data", json!({})).await.status, 405);
    assert_eq!(scan(&harness, &root, "one", json!({"detailed": "true"})).await.status, 400);
    assert_eq!(scan(&harness, &root, "one", json!({"mtach": "x"})).await.status, 400);
}

#[tokio::test]
async fn pages_hold_everything_once() {
    let harness = filled().await;
    for query in [json!({}), json!({"contains": "KEY"}), json!({"match": "*e*"})] {
        let whole = scan(&harness, &harness.root, "two/metadata", query.clone()).await.at("/data/keys");
        for limit in 1..4 {
            let (mut seen, mut after) = (Vec::new(), String::new());
            loop {
                let mut query = query.clone();
                query["limit"] = json!(limit);
                query["after"] = json!(after);
                let page = scan(&harness, &harness.root, "two/metadata", query).await;
                let keys = page.at("/data/keys").as_array().cloned().unwrap_or_default();
                assert!(keys.len() <= limit);
                seen.extend(keys);
                match page.at("/data/next").as_str() {
                    Some(next) => after = next.to_owned(),
                    None => break,
                }
            }
            assert_eq!(Value::from(seen), whole);
        }
    }
}

#[tokio::test]
async fn folders_that_may_not_be_listed_stay_closed() {
    let harness = filled().await;
    let rules = r#"path "two/metadata/" { capabilities = ["list"] }
        path "two/metadata/app/*" { capabilities = ["list"] }
        path "two/metadata/app/web/" { capabilities = ["deny"] }
        path "two/metadata/closed/inner/" { capabilities = ["list"] }"#;
    harness.policy("some", rules).await.unwrap();
    let token = harness.token(&["some"]).await.unwrap();
    let seen = scan(&harness, &token, "two/metadata", json!({})).await;
    assert_eq!(seen.at("/data/keys"), json!(["a", "app/db", "z"]));
    assert_eq!(seen.at("/data/not_listed"), json!(["app/web/", "closed/"]));
    // What is behind a closed folder cannot be found by search either.
    let found = scan(&harness, &token, "two/metadata", json!({"contains": "inner"})).await;
    assert_eq!(found.at("/data/keys"), json!([]));
    assert!(!found.body.to_string().contains("inner"));
    assert_eq!(scan(&harness, &token, "two/metadata/closed", json!({})).await.status, 403);
    let nobody = harness.token(&["default"]).await.unwrap();
    assert_eq!(scan(&harness, &nobody, "two/metadata", json!({})).await.status, 403);
    // Metadata needs read.
    ok(&harness, Update, "two/metadata/app/db", json!({"custom_metadata": {"team": "blue"}})).await;
    for query in [json!({"custom_metadata": "team"}), json!({"owner": "*"}), json!({"overdue": true})] {
        assert_eq!(scan(&harness, &token, "two/metadata", query).await.at("/data/keys"), json!([]));
    }
    let root = scan(
        &harness,
        &harness.root,
        "two/metadata",
        json!({"custom_metadata": "team=bl*", "detailed": true}),
    )
    .await;
    assert_eq!(root.at("/data/keys"), json!(["app/db"]));
    assert_eq!(root.at("/data/key_info/app~1db/custom_metadata"), json!({"team": "blue"}));
}

#[tokio::test]
async fn owners_and_due_dates_survive_clients_that_do_not_know_them() {
    let harness = filled().await;
    let path = "two/metadata/app/db";
    assert!(!ok(&harness, Read, path, Value::Null).await.body.to_string().contains("rotate_by"));
    ok(&harness, Update, path, json!({"owner": "team-a", "rotate_by": "90d"})).await;
    ok(&harness, Update, path, json!({"max_versions": 5, "custom_metadata": {"a": "b"}})).await;
    ok(&harness, Patch, path, json!({"cas_required": false})).await;
    let shown = ok(&harness, Read, path, Value::Null).await.at("/data");
    assert_eq!(
        (&shown["owner"], &shown["rotate_by"], &shown["overdue"]),
        (&json!("team-a"), &json!("2160h0m0s"), &json!(false))
    );
    let overdue = async |query: Value| scan(&harness, &harness.root, "two/metadata", query).await;
    assert_eq!(overdue(json!({"overdue": "true"})).await.status, 404);
    assert_eq!(overdue(json!({"due_within": "91d"})).await.at("/data/keys"), json!(["app/db"]));
    harness.clock.advance(jiff::SignedDuration::from_hours(90 * 24));
    assert_eq!(
        overdue(json!({"overdue": "true", "owner": "team-*"})).await.at("/data/keys"),
        json!(["app/db"])
    );
    assert_eq!(overdue(json!({"overdue": "true", "owner": "b*"})).await.status, 404);
    put(&harness, "app/db").await;
    assert_eq!(overdue(json!({"overdue": "true"})).await.status, 404);
    // A time that has come asks for a version from after it.
    ok(&harness, Patch, path, json!({"rotate_by": "2026-01-05T00:00:00Z"})).await;
    assert_eq!(ok(&harness, Read, path, Value::Null).await.at("/data/overdue"), Value::Null);
    ok(&harness, Patch, path, json!({"rotate_by": "2030-01-01T00:00:00Z", "owner": ""})).await;
    let shown = ok(&harness, Read, path, Value::Null).await.at("/data");
    assert_eq!((&shown["owner"], &shown["rotation_due"]), (&Value::Null, &json!("2030-01-01T00:00:00Z")));
    ok(&harness, Patch, path, json!({"rotate_by": null})).await;
    assert!(!ok(&harness, Read, path, Value::Null).await.body.to_string().contains("rotat"));
    for bad in [json!({"rotate_by": "soon"}), json!({"rotate_by": [1]}), json!({"owner": "a\nb"})] {
        assert_eq!(harness.call(Update, path, bad).await.status, 400);
    }
}

#[tokio::test]
async fn refusals_name_the_path_that_was_meant_to_those_who_may_see_the_store() {
    let harness = filled().await;
    harness.policy("right", r#"path "two/data/app/*" { capabilities = ["read"] }"#).await.unwrap();
    harness.policy("wrong", r#"path "two/app/*" { capabilities = ["read", "list"] }"#).await.unwrap();
    let (right, wrong) = (harness.token(&["right"]).await.unwrap(), harness.token(&["wrong"]).await.unwrap());
    let stranger = harness.token(&["default"]).await.unwrap();
    let ask = async |token: &str, operation, path: &str| {
        let reply = harness.call_as(Some(token), operation, path, json!({})).await;
        assert_eq!(reply.status, 403, "{path}");
        reply.at("/errors/1").as_str().unwrap_or_default().to_owned()
    };
    assert!(ask(&right, Read, "two/app/db").await.contains("\"two/data/app/db\""));
    assert!(ask(&right, List, "two/app").await.contains("\"two/metadata/app/\""));
    assert!(ask(&wrong, Read, "two/data/app/db").await.contains("\"two/data/app/db\""));
    assert_eq!(ask(&right, Read, "two/data/other").await, "");
    assert_eq!(ask(&right, Read, "one/app/db").await, "");
    for path in ["two/app/db", "two/data/app/db", "none/app/db"] {
        assert_eq!(ask(&stranger, Read, path).await, "", "{path}");
    }
}
