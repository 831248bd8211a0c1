//! `status` and `operator`.

use crate::Stage;
use crate::canned::{Reply, Seen, json};
use serde_json::{Value, json};

const LEADER: &str =
    r#"{"ha_enabled":false,"is_self":false,"leader_address":"","leader_cluster_address":""}"#;

fn seal(sealed: bool) -> Reply {
    let cluster = if sealed { "" } else { r#","cluster_name":"main","cluster_id":"c-1""# };
    json(
        200,
        &format!(
            r#"{{"type":"shamir","initialized":true,"sealed":{sealed},"t":3,"n":5,"progress":{},"nonce":"","version":"1.20.4",
            "build_date":"2026-11-24T00:00:00Z","migration":false,"recovery_seal":false,"storage_type":"embedded"{cluster}}}"#,
            i32::from(sealed)
        ),
    )
}

fn server(sealed: bool) -> impl Fn(&Seen) -> Reply + Send + Sync {
    move |seen| match seen.target.as_str() {
        "/v1/sys/seal-status" | "/v1/sys/unseal" => seal(sealed),
        "/v1/sys/leader" => json(200, LEADER),
        _ => json(404, r#"{"errors":[]}"#),
    }
}

const SEALED: &str = "Key                Value\n\
                      ---                -----\n\
                      Seal Type          shamir\n\
                      Initialized        true\n\
                      Sealed             true\n\
                      Total Shares       5\n\
                      Threshold          3\n\
                      Unseal Progress    1/3\n\
                      Unseal Nonce       n/a\n\
                      Version            1.20.4\n\
                      Build Date         2026-11-24T00:00:00Z\n\
                      Storage Type       embedded\n\
                      HA Enabled         false\n";

#[test]
fn the_state_of_the_server() {
    let stage = Stage::new(server(true));
    let ran = stage.run("status");
    assert_eq!((ran.code, ran.out.as_str()), (2, SEALED));
    let mut stage = Stage::new(server(false));
    stage.variables.insert("VAULT_NAMESPACE".to_owned(), "team".to_owned());
    let ran = stage.run("status");
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (
            0,
            "Key             Value\n\
             ---             -----\n\
             Seal Type       shamir\n\
             Initialized     true\n\
             Sealed          false\n\
             Total Shares    5\n\
             Threshold       3\n\
             Version         1.20.4\n\
             Build Date      2026-11-24T00:00:00Z\n\
             Storage Type    embedded\n\
             Cluster Name    main\n\
             Cluster ID      c-1\n\
             HA Enabled      false\n"
        )
    );
    assert_eq!(stage.server.seen.lock().unwrap()[0].header("x-vault-namespace"), "");
    let shown: Value = serde_json::from_str(&stage.run("status -format=json").out).unwrap();
    assert_eq!((&shown["sealed"], &shown["ha_enabled"]), (&json!(false), &json!(false)));
    let ran = stage.run("status -address=http://127.0.0.1:1");
    assert!(ran.code == 1 && ran.err.starts_with("Error checking seal status: "), "{}", ran.err);
    let ran = stage.run("status -output-curl-string");
    assert!(ran.code == 0 && ran.out.contains("/v1/sys/seal-status"), "{}", ran.out);
}

#[test]
fn nodes_of_a_cluster() {
    let stage = Stage::new(|seen| match seen.target.as_str() {
        "/v1/sys/leader" => json(
            200,
            r#"{"ha_enabled":true,"is_self":false,"leader_address":"","leader_cluster_address":"https://b:8201"}"#,
        ),
        _ => seal(false),
    });
    let out = stage.run("status").out;
    assert!(
        out.ends_with(
            "HA Enabled             true\n\
             HA Cluster             https://b:8201\n\
             HA Mode                standby\n\
             Active Node Address    <none>\n"
        ),
        "{out}"
    );
    let stage = Stage::new(|seen| match seen.target.as_str() {
        "/v1/sys/leader" => json(503, r#"{"errors":["Vault is sealed"]}"#),
        _ => seal(true),
    });
    let ran = stage.run("status");
    assert!(ran.code == 2 && ran.out.ends_with("HA Enabled         true\n"), "{}{}", ran.out, ran.err);
}

#[test]
fn unsealing() {
    let mut stage = Stage::new(server(true));
    let ran = stage.run("operator unseal abc");
    assert_eq!((ran.code, ran.out.as_str()), (0, SEALED));
    stage.stdin = "def\n".to_owned();
    stage.run("operator unseal -migrate -");
    stage.run("operator unseal -reset");
    assert_eq!(
        stage.bodies(),
        [json!({"key": "abc"}), json!({"key": "def", "migrate": true}), json!({"reset": true})]
    );
    let ran = stage.run("operator unseal");
    assert!(ran.code == 1 && ran.err.contains("Unseal Key (will be hidden)"), "{}", ran.err);
}

#[test]
fn a_new_server() {
    let stage = Stage::new(|seen| match (seen.method.as_str(), seen.target.as_str()) {
        ("GET", "/v1/sys/init") => json(200, r#"{"initialized":false}"#),
        ("PUT", _) if seen.body.contains("pgp") => {
            json(400, r#"{"errors":["field \"pgp_keys\": not supported"]}"#)
        }
        ("PUT", _) => {
            json(200, r#"{"keys":["00","01"],"keys_base64":["AA==","AQ=="],"root_token":"hvs.root"}"#)
        }
        _ => seal(true),
    });
    let ran = stage.run("operator init -status");
    assert_eq!((ran.code, ran.out.as_str()), (2, "Vault is not initialized\n"));
    let ran = stage.run("operator init -key-shares=2 -key-threshold=2");
    let start = "Unseal Key 1: AA==\nUnseal Key 2: AQ==\n\nInitial Root Token: hvs.root\n\n\
                 Vault initialized with 2 key shares and a key threshold of 2.";
    assert!(ran.code == 0 && ran.out.starts_with(start), "{}{}", ran.out, ran.err);
    let made: Value = serde_json::from_str(&stage.run("operator init -format=json").out).unwrap();
    assert_eq!(
        made,
        json!({
            "unseal_keys_b64": ["AA==", "AQ=="], "unseal_keys_hex": ["00", "01"],
            "unseal_shares": 5, "unseal_threshold": 3,
            "recovery_keys_b64": [], "recovery_keys_hex": [],
            "recovery_keys_shares": 0, "recovery_keys_threshold": 0,
            "root_token": "hvs.root",
        })
    );
    let ran = stage.run("operator init -pgp-keys=keybase:a,b.asc");
    assert!(ran.code == 2 && ran.err.contains("pgp_keys"), "{}", ran.err);
    assert_eq!(
        stage.bodies(),
        [
            json!({"secret_shares": 2, "secret_threshold": 2}),
            json!({"secret_shares": 5, "secret_threshold": 3}),
            json!({"secret_shares": 5, "secret_threshold": 3, "pgp_keys": ["keybase:a", "b.asc"]}),
        ]
    );
}

#[test]
fn rekeying() {
    let status = r#"{"nonce":"n1","started":true,"t":2,"n":3,"progress":1,"required":2,"verification_required":false,
        "pgp_fingerprints":null,"backup":false}"#;
    let stage = Stage::new(move |seen| match (seen.method.as_str(), seen.target.as_str()) {
        ("DELETE", _) => (204, vec![], String::new()),
        (_, "/v1/sys/rekey/update") if seen.body.contains("last") => json(
            200,
            r#"{"nonce":"n1","complete":true,"keys":["00"],"keys_base64":["AA=="],"verification_required":false}"#,
        ),
        _ => json(200, status),
    });
    let table = "Key                      Value\n\
                 ---                      -----\n\
                 Nonce                    n1\n\
                 Started                  true\n\
                 Rekey Progress           1/2\n\
                 New Shares               3\n\
                 New Threshold            2\n\
                 Verification Required    false\n";
    let ran = stage.run("operator rekey -init -key-shares=3 -key-threshold=2");
    assert_eq!((ran.code, ran.out.as_str()), (0, table));
    assert!(ran.err.starts_with("WARNING!"), "{}", ran.err);
    assert_eq!(stage.run("operator rekey -nonce=n1 first").out, table);
    assert!(stage.run("operator rekey first").err.contains("Missing nonce value"));
    let ran = stage.run("operator rekey -nonce=n1 last");
    assert!(
        ran.out.starts_with(
            "\nKey 1: AA==\n\nOperation nonce: n1\n\nVault unseal keys rekeyed with 3 key shares"
        ),
        "{}",
        ran.out
    );
    assert_eq!(
        stage.run("operator rekey -cancel -nonce=n1").out,
        "Success! Canceled rekeying (if it was started)\n"
    );
    assert_eq!(stage.bodies().last(), Some(&json!({"nonce": "n1"})));
    assert_eq!(
        stage.bodies()[0],
        json!({"secret_shares": 3, "secret_threshold": 2, "require_verification": false})
    );
    assert!(stage.run("operator rekey -target=both -status").err.contains("Unknown target"));
}

#[test]
fn a_new_root_token() {
    let stage = Stage::new(|seen| match (seen.method.as_str(), seen.target.as_str()) {
        ("GET", _) => json(200, r#"{"nonce":"n1","started":false,"otp_length":28}"#),
        ("DELETE", _) => (204, vec![], String::new()),
        _ => json(
            200,
            r#"{"nonce":"n1","started":true,"progress":0,"required":3,"complete":false,"otp":"aaaa","otp_length":4,
            "encoded_token":"","encoded_root_token":"","pgp_fingerprint":""}"#,
        ),
    });
    let ran = stage.run("operator generate-root -init");
    assert_eq!(
        ran.out,
        "Nonce         n1\n\
         Started       true\n\
         Progress      0/3\n\
         Complete      false\n\
         OTP           aaaa\n\
         OTP Length    4\n"
    );
    assert!(ran.err.starts_with("A One-Time-Password has been generated"), "{}", ran.err);
    assert_eq!(stage.run("operator generate-root -generate-otp").out.trim().len(), 28);
    assert_eq!(stage.run("operator generate-root -decode=CRcSSQ -otp=aaaa").out, "hvs(\n");
    assert!(stage.run("operator generate-root -decode=CRcSSQ").err.contains("Missing otp"));
    let ran = stage.run("operator generate-root -nonce=n1 key");
    assert!(ran.code == 1 && ran.err.contains("No root generation is in progress"), "{}", ran.err);
    assert_eq!(
        stage.run("operator generate-root -cancel").out,
        "Success! Root token generation canceled (if it was started)\n"
    );
    assert_eq!(stage.run("operator generate-root -init -otp=a -pgp-key=b").code, 1);
}

#[test]
fn keys_seals_and_members() {
    let stage = Stage::new(|seen| match seen.target.as_str() {
        "/v1/sys/key-status" => json(
            200,
            r#"{"request_id":"r","data":{"term":2,"install_time":"2026-11-24T17:05:06.7Z","encryptions":70},"term":2}"#,
        ),
        "/v1/sys/step-down" => json(404, r#"{"errors":["no handler for route"]}"#),
        "/v1/sys/ha-status" => json(
            200,
            r#"{"request_id":"r","data":{"nodes":[{"hostname":"h","api_address":"a","cluster_address":"c",
            "active_node":true,"version":"1.20.4","last_echo":null}]}}"#,
        ),
        _ => (204, vec![], String::new()),
    });
    let key = "Key Term            2\n\
               Install Time        24 Nov 26 17:05 UTC\n\
               Encryption Count    70\n";
    assert_eq!(stage.run("operator key-status").out, key);
    assert_eq!(stage.run("operator rotate").out, format!("Success! Rotated key\n\n{key}"));
    assert_eq!(stage.run("operator seal").out, "Success! Vault is sealed.\n");
    let ran = stage.run("operator step-down");
    assert!(ran.code == 2 && ran.err.contains("the server runs alone"), "{}", ran.err);
    assert_eq!(
        stage.run("operator members").out,
        "Host Name    API Address    Cluster Address    Active Node    Version    Last Echo\n\
         ---------    -----------    ---------------    -----------    -------    ---------\n\
         h            a              c                  true           1.20.4     n/a\n"
    );
}

#[test]
fn snapshots_are_written_whole_and_sent_back() {
    let stage = Stage::new(|seen| match (seen.method.as_str(), seen.header("x-vault-token")) {
        ("GET", "none") => json(403, r#"{"errors":["permission denied"]}"#),
        ("GET", _) => {
            (200, vec![("content-type", "application/octet-stream".to_owned())], "bytes".to_owned())
        }
        _ => (204, vec![], String::new()),
    });
    let file = stage.home.path().join("s.snap");
    let shown = file.display();
    let ran = stage.run(&format!("operator raft snapshot save {shown}"));
    assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (0, "", ""));
    assert_eq!(std::fs::read(&file).unwrap(), b"bytes");
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(stage.run(&format!("operator snapshot restore {shown}")).code, 0);
    assert_eq!(stage.run(&format!("operator raft snapshot restore -force {shown}")).code, 0);
    assert_eq!(
        stage.server.lines(),
        [
            "GET /v1/sys/storage/raft/snapshot",
            "POST /v1/sys/storage/raft/snapshot",
            "POST /v1/sys/storage/raft/snapshot-force",
        ]
    );
    assert_eq!(stage.server.seen.lock().unwrap()[1].body, "bytes");
    let mut stage = stage;
    assert_eq!(stage.run("operator snapshot save -").out, "bytes");
    stage.stdin = "piped".to_owned();
    assert_eq!(stage.run("operator snapshot restore -").code, 0);
    assert_eq!(stage.server.seen.lock().unwrap().last().unwrap().body, "piped");
    stage.variables.insert("VAULT_TOKEN".to_owned(), "none".to_owned());
    let ran = stage.run(&format!("operator snapshot save {shown}"));
    assert!(ran.code == 2 && ran.err.contains("permission denied"), "{}", ran.err);
    assert_eq!(std::fs::read(&file).unwrap(), b"bytes", "the older file stays");
    assert_eq!(stage.run("operator snapshot restore /nowhere").code, 1);
}
