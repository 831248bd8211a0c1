//! Files for containers that start later.

use crate::stand::{Stand, terminate, wait};
use serde_json::{Value, json};
use std::process::Command;
use std::time::Instant;

#[test]
fn every_file_is_written_from_one_login_and_one_read_of_each_secret() {
    let stand = Stand::new();
    stand
        .server
        .secret("app", json!({"user": "u", "password": "line 1\nline \"2\" $x", "n": 5432, "o": {"a": [1]}}));
    stand.server.answer("GET kv/bin", 200, json!({"data": {"bytes": "AP+A\n"}}));
    let mut binary = stand.file("deep/bin", "bin", "bytes");
    binary["base64"] = json!(true);
    binary["mode"] = json!("0444");
    binary["value"]["mount"] = json!("kv");
    let plan = stand.plan(json!({
        "envFiles": [
            stand.env_file("one.env", &[("USER", "app", "user"), ("PASSWORD", "/app/", "password")]),
            stand.env_file("two.env", &[("PORT", "app", "n"), ("OBJECT", "app", "o")]),
        ],
        "files": [stand.file("password", "app", "password"), binary],
    }));
    let end = stand.run(&["init"], &plan);
    assert_eq!((end.code, end.stderr.as_str()), (Some(0), ""));
    assert_eq!(stand.read("one.env"), "USER='u'\nPASSWORD='line 1\nline \"2\" $x'\n");
    assert_eq!(stand.read("two.env"), "PORT='5432'\nOBJECT='{\"a\":[1]}'\n");
    assert_eq!(stand.read("password"), "line 1\nline \"2\" $x");
    assert_eq!(std::fs::read(stand.path("deep/bin")).unwrap(), [0, 0xff, 0x80]);
    let modes = ["one.env", "two.env", "password", "deep/bin"].map(|name| stand.mode(name));
    assert_eq!(modes, [0o400, 0o400, 0o440, 0o444]);
    let asked: Vec<_> = stand.server.state().seen.iter().map(|s| format!("{} {}", s.what, s.token)).collect();
    assert_eq!(
        asked,
        [
            "POST auth/kubernetes/login ",
            "GET sys/internal/ui/mounts/kv token-1",
            "GET kv/bin token-1",
            "GET sys/internal/ui/mounts/secret token-1",
            "GET secret/data/app token-1",
            "POST auth/token/revoke-self token-1",
        ]
    );
    assert_eq!(stand.server.state().seen[0].body, json!({"role": "app", "jwt": "the.pod.token"}));
}

#[test]
fn roles_and_namespaces_have_logins_of_their_own() {
    let stand = Stand::new();
    stand.server.secret("a", json!({"k": "v"}));
    stand.server.answer("GET secret/data/a?version=3", 200, json!({"data": {"data": {"k": "third"}}}));
    let part = |more: Value| {
        let mut reference = json!({"path": "a", "key": "k"});
        reference.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"secret": reference})
    };
    let entries = json!([
        {"name": "A", "parts": [part(json!({"role": "other"}))]},
        {"name": "B", "parts": [part(json!({"namespace": "/team/"})), {"text": "@"}, part(json!({"version": 3}))]},
    ]);
    let plan =
        stand.plan(json!({"envFiles": [{"container": "c", "path": stand.path("e"), "entries": entries}]}));
    assert_eq!(stand.run(&["init"], &plan).code, Some(0));
    assert_eq!(stand.read("e"), "A='v'\nB='v@third'\n");
    let state = stand.server.state();
    let of = |what: &str| {
        let of = state.seen.iter().filter(|s| s.what == what);
        of.map(|s| format!("{}|{}|{}", s.namespace, s.body["role"].as_str().unwrap_or(""), s.token))
            .collect::<Vec<_>>()
    };
    assert_eq!(of("POST auth/kubernetes/login"), ["|app|", "team|app|", "|other|"]);
    assert_eq!(of("GET secret/data/a"), ["team||token-2", "||token-3"]);
    assert_eq!(of("POST auth/token/revoke-self").len(), 3);
}

#[test]
fn what_is_optional_and_missing_leaves_an_empty_file() {
    let stand = Stand::new();
    stand.server.secret("app", json!({"there": "x", "null": null}));
    let mut file = stand.env_file("e", &[("A", "none", "k"), ("B", "app", "null"), ("C", "app", "not")]);
    for entry in file["entries"].as_array_mut().unwrap() {
        entry["parts"][0]["secret"]["optional"] = json!(true);
    }
    let mut value = stand.file("v", "app", "not");
    value["value"]["optional"] = json!(true);
    let end = stand.run(&["init"], &stand.plan(json!({"envFiles": [file], "files": [value]})));
    assert_eq!(end.code, Some(0), "{end:?}");
    assert_eq!((stand.read("e").as_str(), stand.mode("e")), ("", 0o400));
    assert!(!stand.path("v").exists());
}

#[test]
fn what_cannot_be_had_is_named_in_the_termination_message() {
    let stand = Stand::new();
    stand.server.secret("app", json!({"bad": "it's hunter2", "empty": "", "ok": "fine"}));
    stand.server.answer("GET secret/data/secret", 403, json!({"errors": ["permission denied"]}));
    let gone = json!({"version": 2, "deletion_time": "2026-01-02T03:04:05Z", "destroyed": false});
    stand.server.answer("GET secret/data/gone", 404, json!({"data": {"data": null, "metadata": gone}}));
    for (entries, expected) in [
        (&[("A", "none", "k")][..], &["secret/none: there is no such secret"][..]),
        (&[("A", "gone", "k")], &["secret/gone: version 2 was deleted at 2026-01-02T03:04:05Z"]),
        (&[("A", "secret", "k")], &["secret/secret: GET http://", ": 403 permission denied"]),
        (
            &[("A", "app", "bad"), ("B", "app", "empty"), ("C", "app", "not"), ("D", "app", "ok")],
            &[
                "secret/app, key bad, for variable A of container app: the value has a single quote",
                "strongroom.io/target: shim",
                "secret/app, key empty, for variable B of container app: the value is empty",
                "secret/app, key not: the secret has no such key, or it is null, for variable C of container app",
            ],
        ),
    ] {
        let end = stand.run(&["init"], &stand.plan(json!({"envFiles": [stand.env_file("e", entries)]})));
        assert_eq!(end.code, Some(1), "{end:?}");
        for text in expected {
            assert!(end.message.contains(text) && end.stderr.contains(text), "{text}\n{end:?}");
        }
        assert!(!end.message.contains("hunter2") && !end.stderr.contains("hunter2"), "{end:?}");
        assert!(!stand.path("e").exists());
    }
    assert_eq!(stand.server.count("POST auth/token/revoke-self"), 4);
}

#[test]
fn a_message_keeps_to_four_kibibytes() {
    let stand = Stand::new();
    stand.server.secret("app", json!({"bad": "'"}));
    let names: Vec<String> = (0..60).map(|n| format!("VARIABLE_{n}")).collect();
    let entries: Vec<_> = names.iter().map(|name| (name.as_str(), "app", "bad")).collect();
    let end = stand.run(&["init"], &stand.plan(json!({"envFiles": [stand.env_file("e", &entries)]})));
    assert_eq!((end.code, end.message.len()), (Some(1), 4096));
    assert!(end.stderr.contains("VARIABLE_59"));
}

#[test]
fn a_sealed_server_is_waited_for() {
    let stand = Stand::new();
    stand.server.secret("app", json!({"k": "v"}));
    stand.server.state().is_sealed = true;
    let plan = stand.plan(json!({"files": [stand.file("f", "app", "k")]}));
    let child = stand.command(&["init"], &plan).spawn().unwrap();
    stand.server.wait_for("POST auth/kubernetes/login", 2);
    stand.server.state().is_sealed = false;
    let end = stand.end(child.wait_with_output().unwrap());
    assert_eq!((end.code, stand.read("f").as_str()), (Some(0), "v"));
    let lines: Vec<_> = end.stderr.lines().collect();
    assert!(
        lines.len() >= 2 && lines.iter().all(|l| l.contains("503 Vault is sealed; trying again in ")),
        "{end:?}"
    );
}

#[test]
fn a_refused_login_is_final_where_the_container_is_started_again() {
    let stand = Stand::new();
    let refusal = json!({"errors": ["service account name not authorized"]});
    stand.server.answer("POST auth/kubernetes/login", 403, refusal);
    let mut plan = stand.plan(json!({"deadlineSeconds": 2, "files": [stand.file("f", "app", "k")]}));
    let end = stand.run(&["init"], &plan);
    assert!(end.message.starts_with("login as role app at auth/kubernetes: POST http://"), "{end:?}");
    assert!(
        end.message.ends_with("/v1/auth/kubernetes/login: 403 service account name not authorized"),
        "{end:?}"
    );
    assert_eq!((end.code, stand.server.count("POST auth/kubernetes/login")), (Some(1), 1));
    plan["exitIsFinal"] = json!(true);
    let begun = Instant::now();
    let end = stand.run(&["init"], &plan);
    assert!(end.message.contains("(given up after 2 seconds"), "{end:?}");
    assert!(begun.elapsed().as_secs() < 3 && stand.server.count("POST auth/kubernetes/login") > 2);
}

#[test]
fn an_unreachable_server_and_a_missing_token_are_named() {
    let stand = Stand::new();
    let mut plan = stand.plan(json!({"deadlineSeconds": 1, "files": [stand.file("f", "app", "k")]}));
    plan["server"]["address"] = json!("http://127.0.0.1:1");
    let end = stand.run(&["init"], &plan);
    assert!(end.message.contains("cannot connect to http://127.0.0.1:1: Connection refused"), "{end:?}");
    plan["server"]["tokenFile"] = json!("/none");
    let end = stand.run(&["init"], &plan);
    assert!(end.message.contains("the service account's token /none cannot be read"), "{end:?}");
}

#[test]
fn leased_secrets_are_refused_with_the_way_out() {
    let stand = Stand::new();
    let lease = json!({"lease_id": "database/creds/app/x", "lease_duration": 60, "renewable": true,
        "data": {"username": "u"}});
    stand.server.answer("GET database/creds/app", 200, lease);
    let mut file = stand.file("f", "creds/app", "username");
    file["value"]["mount"] = json!("database");
    let end = stand.run(&["init"], &stand.plan(json!({"files": [file]})));
    assert_eq!(end.code, Some(1));
    assert!(
        end.message.contains("leased for 60 seconds")
            && end.message.contains("strongroom.io/watch: \"true\""),
        "{end:?}"
    );
    assert_eq!(stand.server.count("POST auth/token/revoke-self"), 1);
    assert!(!stand.path("f").exists());
}

#[test]
fn termination_ends_the_wait() {
    let stand = Stand::new();
    stand.server.state().is_sealed = true;
    let plan = stand.plan(json!({"files": [stand.file("f", "app", "k")]}));
    let child = stand.command(&["init"], &plan).spawn().unwrap();
    stand.server.wait_for("POST auth/kubernetes/login", 1);
    terminate(&child);
    assert_eq!(stand.end(child.wait_with_output().unwrap()).code, Some(143));
}

#[test]
fn a_full_volume_is_named() {
    let stand = Stand::new();
    stand.server.secret("app", json!({"k": "x".repeat(100_000)}));
    std::fs::create_dir(stand.path("small")).unwrap();
    let plan = stand.plan(json!({"files": [stand.file("small/f", "app", "k")]}));
    let script = "mount -t tmpfs -o size=16k none \"$0\" && \"$1\" init; code=$?; ls -A \"$0\"; exit $code";
    let program = crate::stand::PROGRAM;
    let output = Command::new("unshare")
        .args([
            "--user",
            "--map-root-user",
            "--mount",
            "sh",
            "-c",
            script,
            stand.path("small").to_str().unwrap(),
            program,
        ])
        .env("STRONGROOM_PLAN", plan.to_string())
        .env("STRONGROOM_TERMINATION_LOG", stand.path("message"))
        .output()
        .unwrap();
    let end = stand.end(output);
    assert_eq!((end.code, end.stdout.as_str()), (Some(1), ""), "{end:?}");
    assert!(end.message.contains("/small/f (100000 bytes): No space left on device"), "{end:?}");
    assert!(end.message.contains("raise the sizeLimit"), "{end:?}");
}

#[test]
fn a_wrong_plan_is_said_at_once() {
    let stand = Stand::new();
    for (plan, text) in [
        (json!({"version": 2, "server": {"address": "http://s", "tokenFile": "/t"}}), "has version 2"),
        (json!({"version": 1}), "missing field `server`"),
        (
            stand.plan(json!({"server": {"address": "s", "tokenFile": "/t"}})),
            "server.address: cannot use \"s\"",
        ),
        (stand.plan(json!({"variables": [{"name": "A", "parts": []}]})), "variables are for exec"),
    ] {
        let end = stand.run(&["init"], &plan);
        assert!(end.code == Some(2) && end.message.contains(text), "{end:?}");
    }
    assert_eq!(stand.run(&["start"], &json!({})).code, Some(2));
}

#[test]
fn the_program_copies_itself() {
    let stand = Stand::new();
    std::fs::create_dir(stand.path("bin")).unwrap();
    for to in ["bin", "bin/strongroom-init", "other"] {
        assert_eq!(stand.run(&["copy", stand.path(to).to_str().unwrap()], &json!({})).code, Some(0));
    }
    for copy in ["bin/strongroom-init", "other"] {
        assert_eq!(stand.mode(copy), 0o555);
        let output = Command::new(stand.path(copy)).arg("--version").output().unwrap();
        assert!(String::from_utf8_lossy(&output.stderr).starts_with("strongroom-init: version "));
    }
    wait("nothing else", || std::fs::read_dir(stand.path("bin")).unwrap().count() == 1);
}
