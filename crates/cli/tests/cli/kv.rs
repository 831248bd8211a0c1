//! Secrets with versions.

use crate::canned::json;
use crate::{Stage, kv2};
use serde_json::json;

const VERSION: &str = r#"{"request_id":"r","data":{"data":{"password":"p4ss","user":"app"},"metadata":{
    "created_time":"2026-11-24T17:00:00Z","custom_metadata":null,"deletion_time":"","destroyed":false,"version":2}}}"#;

#[test]
fn a_versioned_secret_in_sections() {
    let stage = Stage::new(kv2(|_| json(200, VERSION)));
    let expected = "= Secret Path =\n\
         secret/data/app\n\
         \n\
         ======= Metadata =======\n\
         Key                Value\n\
         ---                -----\n\
         created_time       2026-11-24T17:00:00Z\n\
         custom_metadata    <nil>\n\
         deletion_time      n/a\n\
         destroyed          false\n\
         version            2\n\
         \n\
         ====== Data ======\n\
         Key         Value\n\
         ---         -----\n\
         password    p4ss\n\
         user        app\n";
    for line in [
        "kv get secret/app",
        "kv get -mount=secret app",
        "kv get -mount secret/ /app/",
        "kv get secret/app -version=2",
    ] {
        assert_eq!(stage.run(line).out, expected, "{line}");
    }
    assert_eq!(stage.run("kv get -field=password secret/app").out, "p4ss");
    assert_eq!(stage.run("kv get -field=data secret/app").out, "map[password:p4ss user:app]");
    assert_eq!(stage.run("kv get -field=nope secret/app").code, 1);
    assert_eq!(stage.server.lines().iter().filter(|l| *l == "GET /v1/secret/data/app?version=2").count(), 1);
}

#[test]
fn the_word_data_means_the_values_unless_one_is_called_so() {
    let named = r#"{"data":{"data":{"data":"x"},"metadata":{"version":1}}}"#;
    let stage = Stage::new(kv2(move |_| json(200, named)));
    assert_eq!(stage.run("kv get -field=data secret/app").out, "x");
    assert_eq!(stage.run("read -field=data -format=json secret/data/app").out, "{\n  \"data\": \"x\"\n}");
}

#[test]
fn an_unknown_store_is_told_from_a_rule() {
    let stage = Stage::new(|_| json(403, r#"{"errors":["permission denied"]}"#));
    let ran = stage.run("kv get nowhere/app");
    assert!(ran.code == 2 && ran.err.contains("vault secrets list"), "{}", ran.err);
    assert!(!ran.err.contains("policy explain"), "{}", ran.err);
}

#[test]
fn missing_and_deleted_secrets() {
    let stage = Stage::new(kv2(|seen| match seen.target.as_str() {
        "/v1/secret/data/gone" => json(
            404,
            r#"{"request_id":"r","data":{"data":null,"metadata":{"deletion_time":"t","version":1}}}"#,
        ),
        _ => json(404, r#"{"errors":[]}"#),
    }));
    let ran = stage.run("kv get secret/none");
    assert_eq!((ran.code, ran.err.as_str()), (2, "No value found at secret/data/none\n"));
    let ran = stage.run("kv get secret/gone");
    assert!(ran.code == 0 && ran.out.contains("Metadata") && !ran.out.contains("Data ="), "{}", ran.out);
    let ran = stage.run("kv get -field=a secret/gone");
    assert_eq!((ran.code, ran.err.as_str()), (2, "No data found at secret/data/gone\n"));
    let ran = stage.run("kv list -format=json secret/none");
    assert_eq!((ran.code, ran.out.as_str()), (2, "{}\n"));
}

#[test]
fn writing_secrets() {
    let mut stage = Stage::new(kv2(|seen| match seen.target.as_str() {
        "/v1/secret/data/app" => json(200, r#"{"data":{"created_time":"t","version":3}}"#),
        _ => (204, vec![], String::new()),
    }));
    stage.stdin = "s3cret".to_owned();
    let ran = stage.run("kv put -cas=2 secret/app user=app password=-");
    assert!(
        ran.out.starts_with("= Secret Path =\nsecret/data/app\n\n====== Metadata ======\n"),
        "{}",
        ran.out
    );
    assert_eq!(stage.run("kv put -field=version secret/app a=b").out, "3");
    assert_eq!(stage.run("kv put plain/app a=b").out, "Success! Data written to: plain/app\n");
    assert_eq!(
        stage.run("kv delete -versions=1,2 secret/app").out,
        "Success! Data deleted (if it existed) at: secret/data/app\n"
    );
    assert_eq!(
        stage.run("kv undelete -versions=1 -versions=2 secret/app").out,
        "Success! Data written to: secret/undelete/app\n"
    );
    assert_eq!(stage.run("kv metadata put -max-versions=5 -custom-metadata=a=b secret/app").code, 0);
    assert_eq!(
        stage.run("kv metadata patch -remove-custom-metadata=a -delete-version-after=1h secret/app").code,
        0
    );
    assert_eq!(
        stage.bodies(),
        [
            json!({"data": {"user": "app", "password": "s3cret"}, "options": {"cas": 2}}),
            json!({"data": {"a": "b"}, "options": {}}),
            json!({"a": "b"}),
            json!({"versions": [1, 2]}),
            json!({"versions": [1, 2]}),
            json!({"max_versions": 5, "custom_metadata": {"a": "b"}}),
            json!({"delete_version_after": "1h0m0s", "custom_metadata": {"a": null}}),
        ]
    );
    for (line, text) in [
        ("kv put secret/app", "Must supply data"),
        ("kv undelete secret/app", "No versions provided"),
        ("kv destroy -versions=x secret/app", "\"x\" is not a version"),
        ("kv undelete -versions=1 plain/app", "KV Version 1"),
        ("kv metadata get plain/app", "Metadata not supported on KV Version 1"),
        ("kv rollback secret/app", "-version"),
    ] {
        let ran = stage.run(line);
        assert!(ran.code == 1 && ran.err.contains(text), "{line}: {}", ran.err);
    }
}

#[test]
fn patching_falls_back_to_reading_and_writing_without_the_capability() {
    let stage = Stage::new(kv2(|seen| match seen.method.as_str() {
        "PATCH" => json(403, r#"{"errors":["permission denied"]}"#),
        "GET" => json(200, VERSION),
        _ => json(200, r#"{"data":{"version":3}}"#),
    }));
    let ran = stage.run("kv patch -remove-data=user secret/app new=1");
    assert!(ran.code == 0 && ran.err.contains("\"patch\""), "{}", ran.err);
    assert_eq!(
        stage.bodies().last(),
        Some(&json!({"data": {"password": "p4ss", "new": "1"}, "options": {"cas": 2}}))
    );
    let ran = stage.run("kv patch -method=patch secret/app new=1");
    assert_eq!(ran.code, 2, "asked for a patch only");
    assert_eq!(stage.run("kv patch -method=x secret/app new=1").code, 1);
}

#[test]
fn rolling_back_writes_the_old_version_anew() {
    let stage = Stage::new(kv2(|seen| match (seen.method.as_str(), seen.target.as_str()) {
        ("GET", "/v1/secret/data/app?version=1") => {
            json(200, r#"{"data":{"data":{"a":"old"},"metadata":{"version":1}}}"#)
        }
        ("GET", "/v1/secret/data/app?version=9") => {
            json(404, r#"{"data":{"data":null,"metadata":{"version":9,"destroyed":true}}}"#)
        }
        ("GET", _) => json(200, VERSION),
        _ => json(200, r#"{"data":{"version":3}}"#),
    }));
    assert_eq!(stage.run("kv rollback -version=1 secret/app").code, 0);
    assert_eq!(stage.bodies(), [json!({"data": {"a": "old"}, "options": {"cas": 2}})]);
    let ran = stage.run("kv rollback -version=9 secret/app");
    assert!(ran.code == 2 && ran.err.contains("destroyed"), "{}", ran.err);
}

#[test]
fn metadata_lists_its_versions_in_order() {
    let stage = Stage::new(kv2(|_| {
        json(
            200,
            r#"{"data":{"max_versions":0,"delete_version_after":"0s","versions":{"10":{"destroyed":false},"9":{"destroyed":true}}}}"#,
        )
    }));
    assert_eq!(
        stage.run("kv metadata get secret/app").out,
        "== Metadata Path ==\nsecret/metadata/app\n\n\
         ========== Metadata ==========\n\
         Key                     Value\n---                     -----\ndelete_version_after    0s\nmax_versions            0\n\n\
         ==== Version 9 ====\nKey          Value\n---          -----\ndestroyed    true\n\n\
         === Version 10 ===\nKey          Value\n---          -----\ndestroyed    false\n"
    );
}

#[test]
fn previews_ask_for_the_mount_and_send_nothing_else() {
    let stage = Stage::new(kv2(|_| json(500, "{}")));
    let ran = stage.run("kv put -output-curl-string secret/app a=b");
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(
        ran.out.contains("-d '{\"data\":{\"a\":\"b\"},\"options\":{}}'") && !ran.out.contains("hvs.t"),
        "{}",
        ran.out
    );
    let ran = stage.run("kv get -output-policy secret/app");
    assert_eq!(ran.out, "path \"secret/data/app\" {\n  capabilities = [\"read\"]\n}\n");
    assert!(stage.server.lines().iter().all(|l| l.contains("/sys/internal/ui/mounts/")));
}

#[test]
fn lists_of_all_levels_come_page_by_page() {
    let stage = Stage::new(kv2(|seen| match seen.target.contains("after=b") {
        false => json(200, r#"{"data":{"keys":["a","b/c"],"not_listed":["x/"],"next":"b/c"}}"#),
        true => json(200, r#"{"data":{"keys":["d"]}}"#),
    }));
    let ran = stage.run("kv list -recursive secret/app");
    assert_eq!(ran.out, "Keys\n----\na\nb/c\nd\n");
    assert!(ran.err.contains("x/"), "{}", ran.err);
    let found = stage.run("kv search -format=json -owner=me secret d*");
    assert!(found.out.contains("b/c"), "{}", found.out);
    let lines = stage.server.lines();
    assert!(
        lines.iter().any(|l| l.starts_with("GET /v1/secret/metadata/app?") && l.contains("scan=true")),
        "{lines:?}"
    );
    assert!(lines.iter().any(|l| l.contains("owner=me") && l.contains("match=d")), "{lines:?}");
    assert_eq!(stage.run("kv search secret").code, 1);
}
