//! `secrets`, `auth`, `audit` and `lease`.

use crate::Stage;
use crate::canned::{Reply, Seen, json};
use serde_json::json;

const MOUNTS: &str = r#"{"request_id":"r","data":{
    "sys/":{"type":"system","accessor":"system_1","description":"system endpoints","config":{"default_lease_ttl":0,"max_lease_ttl":0},
        "options":null,"uuid":"u1","local":false,"seal_wrap":true},
    "kv/":{"type":"kv","accessor":"kv_1","description":"","config":{"default_lease_ttl":60,"max_lease_ttl":0,"force_no_cache":false,
        "token_type":"default-service"},
        "options":{"version":"2"},"uuid":"u2","local":true,"seal_wrap":false,"plugin_version":"","running_plugin_version":"v1","deprecation_status":"supported"}
    },"sys/":{}}"#;

fn nothing(_: &Seen) -> Reply {
    (204, vec![], String::new())
}

#[test]
fn mounts_as_tables() {
    let stage = Stage::new(|_| json(200, MOUNTS));
    assert_eq!(
        stage.run("secrets list").out,
        "Path    Type      Accessor    Description\n\
         ----    ----      --------    -----------\n\
         kv/     kv        kv_1        n/a\n\
         sys/    system    system_1    system endpoints\n"
    );
    let detailed = stage.run("secrets list -detailed").out;
    let lines: Vec<Vec<&str>> = detailed
        .lines()
        .map(|l| l.split("    ").map(str::trim).filter(|c| !c.is_empty()).collect())
        .collect();
    assert_eq!(
        lines[0],
        [
            "Path",
            "Plugin",
            "Accessor",
            "Default TTL",
            "Max TTL",
            "Force No Cache",
            "Replication",
            "Seal Wrap",
            "External Entropy Access",
            "Options",
            "Description",
            "UUID",
            "Version",
            "Running Version",
            "Running SHA256",
            "Deprecation Status"
        ]
    );
    assert_eq!(lines[2][3..10], ["60", "system", "false", "local", "false", "false", "map[version:2]"]);
    assert_eq!(lines[3][3..10], ["n/a", "n/a", "false", "replicated", "true", "false", "map[]"]);
    let out = stage.run("auth list").out;
    assert!(out.starts_with("Path    Type      Accessor    Description         Version\n"), "{out}");
    assert!(stage.run("auth list -detailed").out.contains("Token Type"));
    let out = stage.run("secrets list -format=json").out;
    assert!(out.starts_with("{\n  \"kv/\": {") && !out.contains("request_id"), "{out}");
}

#[test]
fn mounts_are_made_changed_and_taken_away() {
    let stage = Stage::new(nothing);
    for (line, sent, out) in [
        ("secrets enable kv", "PUT /v1/sys/mounts/kv", "Success! Enabled the kv secrets engine at: kv/"),
        (
            "secrets enable -path=/team/kv/ kv-v2",
            "PUT /v1/sys/mounts/team/kv",
            "Success! Enabled the kv-v2 secrets engine at: team/kv/",
        ),
        (
            "secrets enable plugin -plugin-name=db",
            "PUT /v1/sys/mounts/db",
            "Success! Enabled the db secrets engine at: db/",
        ),
        (
            "secrets tune -max-lease-ttl=2h kv/",
            "PUT /v1/sys/mounts/kv/tune",
            "Success! Tuned the secrets engine at: kv/",
        ),
        (
            "secrets disable kv/",
            "DELETE /v1/sys/mounts/kv",
            "Success! Disabled the secrets engine (if it existed) at: kv/",
        ),
        (
            "auth enable userpass",
            "PUT /v1/sys/auth/userpass",
            "Success! Enabled userpass auth method at: userpass/",
        ),
        (
            "auth tune people",
            "PUT /v1/sys/mounts/auth/people/tune",
            "Success! Tuned the auth method at: people/",
        ),
        (
            "auth disable auth/people/",
            "DELETE /v1/sys/auth/people",
            "Success! Disabled the auth method (if it existed) at: people/",
        ),
        (
            "audit enable -path=second file file_path=/a",
            "PUT /v1/sys/audit/second",
            "Success! Enabled the file audit device at: second/",
        ),
        (
            "audit disable second/",
            "DELETE /v1/sys/audit/second",
            "Success! Disabled audit device (if it was enabled) at: second/",
        ),
        ("lease revoke a/b", "PUT /v1/sys/leases/revoke", "All revocation operations queued successfully!"),
        ("lease revoke -sync a/b", "PUT /v1/sys/leases/revoke", "Success! Revoked lease: a/b"),
        (
            "lease revoke -prefix a/",
            "PUT /v1/sys/leases/revoke-prefix/a",
            "All revocation operations queued successfully!",
        ),
        (
            "lease revoke -prefix -sync a/",
            "PUT /v1/sys/leases/revoke-prefix/a",
            "Success! Revoked any leases with prefix: a/",
        ),
        (
            "lease revoke -force -prefix a/",
            "PUT /v1/sys/leases/revoke-force/a",
            "Success! Force revoked any leases with prefix: a/",
        ),
    ] {
        let ran = stage.run(line);
        assert_eq!((ran.code, ran.out), (0, format!("{out}\n")), "{line}: {}", ran.err);
        assert_eq!(stage.server.lines().last().unwrap(), sent, "{line}");
    }
}

#[test]
fn settings_reach_the_server_and_only_those_given() {
    let stage = Stage::new(nothing);
    stage.run(
        "secrets enable -path=s -version=2 -options=a=b -default-lease-ttl=1h -max-lease-ttl=0 -description=d \
         -audit-non-hmac-request-keys=x -audit-non-hmac-request-keys=y -listing-visibility=unauth -local -force-no-cache kv",
    );
    stage.run("secrets tune -description= s");
    stage.run(
        "auth tune -token-type=batch -user-lockout-threshold=3 -user-lockout-duration=5m -user-lockout-disable=false u",
    );
    stage.run("audit enable -description=log file file_path=/a mode=0600");
    assert_eq!(
        stage.bodies(),
        [
            json!({
                "type": "kv", "description": "d", "local": true, "seal_wrap": false, "external_entropy_access": false,
                "options": {"a": "b", "version": "2"},
                "config": {
                    "default_lease_ttl": "1h0m0s", "max_lease_ttl": "0s", "listing_visibility": "unauth",
                    "audit_non_hmac_request_keys": ["x", "y"], "force_no_cache": true,
                },
            }),
            json!({ "description": "" }),
            json!({
                "token_type": "batch",
                "user_lockout_config": {
                    "lockout_threshold": "3", "lockout_duration": "5m0s", "lockout_disable": false,
                },
            }),
            json!({
                "type": "file", "description": "log", "local": false,
                "options": {"file_path": "/a", "mode": "0600"},
            }),
        ]
    );
}

#[test]
fn moves_are_followed_to_their_end() {
    let stage = Stage::new(|seen| match seen.target.as_str() {
        "/v1/sys/remount" if seen.body.contains("broken") => json(200, r#"{"data":{"migration_id":"m2"}}"#),
        "/v1/sys/remount" => json(200, r#"{"data":{"migration_id":"m1"}}"#),
        "/v1/sys/remount/status/m1" => {
            json(200, r#"{"data":{"migration_id":"m1","migration_info":{"status":"success"}}}"#)
        }
        _ => json(200, r#"{"data":{"migration_id":"m2","migration_info":{"status":"failure"}}}"#),
    });
    let ran = stage.run("secrets move a b/c");
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (
            0,
            "Started moving secrets engine a/ to b/c/, with migration ID m1\n\
             Success! Finished moving secrets engine a/ to b/c/, with migration ID m1\n"
        )
    );
    assert_eq!(stage.bodies(), [json!({"from": "a/", "to": "b/c/"})]);
    let ran = stage.run("secrets move -output-policy a b");
    assert_eq!(ran.out, "path \"sys/remount\" {\n  capabilities = [\"create\", \"update\", \"sudo\"]\n}\n");
    let ran = stage.run("auth move broken auth/b");
    assert_eq!(ran.code, 2);
    assert!(
        ran.err.contains("Failure! Error encountered moving auth method auth/broken/ to auth/b/"),
        "{}",
        ran.err
    );
}

#[test]
fn audit_devices_as_tables() {
    let stage = Stage::new(|seen| {
        let none = seen.header("x-vault-token") == "none";
        json(
            200,
            if none {
                r#"{"request_id":"r","data":{}}"#
            } else {
                r#"{"request_id":"r","data":{"file/":{"type":"file","description":"","local":false,"path":"file/",
                "options":{"file_path":"/a","log_raw":"true"}}}}"#
            },
        )
    });
    assert_eq!(
        stage.run("audit list -detailed").out,
        "Path     Type    Description    Replication    Options\n\
         ----     ----    -----------    -----------    -------\n\
         file/    file    n/a            replicated     file_path=/a log_raw=true\n"
    );
    let mut stage = stage;
    stage.variables.insert("VAULT_TOKEN".to_owned(), "none".to_owned());
    let ran = stage.run("audit list");
    assert_eq!((ran.code, ran.out.as_str()), (2, "No audit devices are enabled.\n"));
}

#[test]
fn leases_are_shown_and_renewed() {
    let stage = Stage::new(|seen| match seen.target.as_str() {
        "/v1/sys/leases/lookup" => json(200, r#"{"data":{"id":"a/b","ttl":60,"renewable":true}}"#),
        _ => json(200, r#"{"lease_id":"a/b","lease_duration":3600,"renewable":true,"data":null}"#),
    });
    assert_eq!(
        stage.run("lease renew -increment=1h a/b").out,
        "Key                Value\n\
         ---                -----\n\
         lease_id           a/b\n\
         lease_duration     1h\n\
         lease_renewable    true\n"
    );
    assert!(stage.run("lease lookup a/b").out.contains("ttl          1m\n"));
    assert_eq!(stage.bodies(), [json!({"lease_id": "a/b", "increment": 3600}), json!({"lease_id": "a/b"})]);
}

#[test]
fn mistakes_are_named() {
    let stage = Stage::new(|seen| match seen.target.as_str() {
        "/v1/sys/auth" => json(200, r#"{"data":{"people/":{"type":"userpass"}}}"#),
        _ => json(400, r#"{"errors":["plugin not found in the catalog: kubernetes"]}"#),
    });
    for (line, code, text) in [
        ("auth enable kubernetes", 2, "* plugin not found in the catalog: kubernetes"),
        (
            "auth enable kubernetes",
            2,
            "This server has no such type. Those it has: vault read sys/plugins/catalog",
        ),
        ("auth enable kubernetes", 2, "Error enabling kubernetes auth: Error making API request."),
        ("secrets enable plugin", 1, "-plugin-name"),
        ("secrets enable", 1, "Not enough arguments (expected 1, got 0)"),
        ("secrets enable -options=x kv", 1, "-options must look like KEY=VALUE"),
        ("secrets move a", 1, "Not enough arguments (expected 2, got 1)"),
        ("audit enable", 1, "audit type missing"),
        ("audit enable file x", 1, "key=value"),
        ("lease revoke -force a", 1, "Specifying -force requires also specifying -prefix"),
        ("auth help nothing", 1, "\"nothing\""),
    ] {
        let ran = stage.run(line);
        assert!(ran.code == code && ran.err.contains(text), "{line}: {} {}", ran.code, ran.err);
    }
    assert!(
        stage.run("auth help approle").out.contains("vault login -method=approle role_id=ID secret_id=ID")
    );
    assert!(
        stage.run("auth help people").out.contains("vault login -method=userpass -path=people username=NAME")
    );
}
