//! read, write, list, delete: any path.

use crate::canned::json;
use crate::{Stage, kv2};
use serde_json::json;

const LEASED: &str = r#"{"request_id":"r","lease_id":"db/creds/a/x","lease_duration":2764800,"renewable":true,
    "data":{"max_ttl":5400,"nested":{"b":[1,"x"],"a":null},"n":12345678901234567890123.50,"empty":""},
    "warnings":["first warning"],"mount_type":"database"}"#;

#[test]
fn a_secret_as_a_table() {
    let stage = Stage::new(|_| json(200, LEASED));
    let ran = stage.run("read db/creds/a");
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(
        ran.out,
        "Key                Value\n\
         ---                -----\n\
         lease_id           db/creds/a/x\n\
         lease_duration     768h\n\
         lease_renewable    true\n\
         empty              n/a\n\
         max_ttl            1h30m\n\
         n                  12345678901234567890123.50\n\
         nested             map[a:<nil> b:[1 x]]\n"
    );
    assert_eq!(ran.err, "WARNING! The following warnings were returned from Vault:\n\n* first warning\n\n");
}

#[test]
fn a_secret_as_json_and_yaml() {
    let mut stage = Stage::new(|_| json(200, LEASED));
    for line in
        ["read -format=json db/creds/a", "-format json read db/creds/a", "read db/creds/a --format=json"]
    {
        let ran = stage.run(line);
        assert!(
            ran.out.starts_with("{\n  \"request_id\": \"r\",\n  \"lease_id\": \"db/creds/a/x\",\n"),
            "{}",
            ran.out
        );
        assert!(ran.out.contains("\"n\": 12345678901234567890123.50,\n"), "{}", ran.out);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    }
    stage.variables.insert("VAULT_FORMAT".to_owned(), "yaml".to_owned());
    assert_eq!(
        stage.run("read db/creds/a").out,
        "data:\n  empty: \"\"\n  max_ttl: 5400\n  \"n\": 12345678901234567890123.50\n  nested:\n    a: null\n    b:\n    - 1\n    - x\n\
         lease_duration: 2764800\nlease_id: db/creds/a/x\nmount_type: database\nrenewable: true\nrequest_id: r\n\
         warnings:\n- first warning\n"
    );
}

#[test]
fn one_field_and_raw_bodies() {
    let mut stage = Stage::new(|_| json(200, LEASED));
    assert_eq!(stage.run("read -field n db/creds/a").out, "12345678901234567890123.50");
    assert_eq!(
        stage.run("read -field=nested -format=json db/creds/a").out,
        "{\n  \"a\": null,\n  \"b\": [\n    1,\n    \"x\"\n  ]\n}"
    );
    let ran = stage.run("read -field=other db/creds/a");
    assert_eq!(
        (ran.code, ran.out.as_str(), ran.err.as_str()),
        (1, "", "Field \"other\" not present in secret\n")
    );
    assert_eq!(stage.run("read -format=raw db/creds/a").out, LEASED);
    assert_eq!(stage.run("list -format=raw db").code, 2);
    assert_eq!(stage.run("read -format=xml db").code, 1);
    stage.terminal = true;
    assert_eq!(stage.run("read -field=max_ttl db/creds/a").out, "5400\n");
}

#[test]
fn listings() {
    let stage = Stage::new(kv2(|_| json(200, r#"{"data":{"keys":["a","b/"]}}"#)));
    assert_eq!(stage.run("kv list secret").out, "Keys\n----\na\nb/\n");
    assert_eq!(stage.run("list -format=json auth/userpass/users/").out, "[\n  \"a\",\n  \"b/\"\n]\n");
    assert_eq!(stage.run("kv list -mount=secret").code, 0);
    assert!(stage.server.lines().contains(&"GET /v1/secret/metadata?list=true".to_owned()));
    assert!(stage.server.lines().contains(&"GET /v1/auth/userpass/users?list=true".to_owned()));
}

#[test]
fn writes_deletes_and_the_articles_reviewer_token() {
    let stage = Stage::new(|_| (204, vec![], String::new()));
    let jwt = stage.home.path().join("jwt");
    std::fs::write(&jwt, "ey.token\n").unwrap();
    let ran = stage.run(&format!(
        "write auth/kubernetes/config token_reviewer_jwt={} kubernetes_host=https://k",
        jwt.display()
    ));
    assert_eq!(ran.out, "Success! Data written to: auth/kubernetes/config\n");
    assert!(ran.err.contains("content of the file") && !ran.err.contains("ey.token"), "{}", ran.err);
    assert_eq!(stage.run("write -f transit/keys/a").code, 0);
    assert_eq!(stage.run("write -force=true transit/keys/a").code, 0);
    let ran = stage.run("write transit/keys/a");
    assert_eq!((ran.code, ran.err.as_str()), (1, "Must supply data or use -force\n"));
    let ran = stage.run("delete secret/app version=1");
    assert_eq!(ran.out, "Success! Data deleted (if it existed) at: secret/app\n");
    assert_eq!(stage.server.lines().last().unwrap(), "DELETE /v1/secret/app?version=1");
    assert_eq!(
        stage.bodies().first(),
        Some(&json!({"token_reviewer_jwt": "ey.token", "kubernetes_host": "https://k"}))
    );
}

#[test]
fn path_help_prints_the_text() {
    let stage = Stage::new(|_| json(200, r#"{"help":"What it does.\n","see_also":""}"#));
    assert_eq!(stage.run("path-help sys/mounts").out, "What it does.\n");
    assert_eq!(stage.server.lines(), ["GET /v1/sys/mounts?help=1"]);
}
