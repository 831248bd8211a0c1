//! The sidecar.

use crate::stand::{PROGRAM, Stand, terminate, wait};
use serde_json::{Value, json};
use std::process::{Child, Command, Stdio};

fn start(stand: &Stand, plan: &Value) -> Child {
    stand.command(&["watch"], plan).spawn().unwrap()
}

fn stop(stand: &Stand, child: Child) -> String {
    terminate(&child);
    let end = stand.end(child.wait_with_output().unwrap());
    assert_eq!(end.code, Some(0), "{end:?}");
    end.stderr
}

#[test]
fn changes_reach_files_and_processes_and_a_lost_server_stops_nothing() {
    let stand = Stand::new();
    stand.server.secret("app", json!({"k": "one"}));
    let name = format!("sr-{}", std::process::id());
    std::os::unix::fs::symlink("/bin/bash", stand.path(&name)).unwrap();
    let script = "trap 'echo told' HUP; echo ready; while :; do read -t 0.05 < <(:); done";
    let told = stand.path("told");
    let mut app = Command::new(stand.path(&name))
        .args(["-c", script])
        .stdout(std::fs::File::create(&told).unwrap())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait("the trap", || stand.read("told") == "ready\n");
    let plan = stand.plan(json!({
        "files": [stand.file("f", "app", "k")],
        "envFiles": [stand.env_file("e", &[("A", "app", "k")])],
        "onChange": {"pollSeconds": 1, "signal": "SIGHUP", "process": name},
    }));
    let watch = start(&stand, &plan);
    wait("the file", || stand.path("f").exists());
    wait("readiness", || {
        Command::new(PROGRAM).arg("ready").stderr(Stdio::null()).status().unwrap().success()
    });
    assert_eq!(stand.read("f"), "one");
    stand.server.wait_for("GET secret/data/app", 2);
    assert_eq!(stand.read("told"), "ready\n");
    stand.server.secret("app", json!({"k": "two"}));
    wait("the change", || stand.read("f") == "two" && stand.read("e") == "A='two'\n");
    wait("the signal", || stand.read("told") == "ready\ntold\n");
    // A value that the environment file cannot carry changes the other file only.
    stand.server.secret("app", json!({"k": "it's"}));
    wait("the change", || stand.read("f") == "it's");
    assert_eq!(stand.read("e"), "A='two'\n");
    stand.server.state().is_sealed = true;
    let asked = stand.server.count("GET secret/data/app");
    stand.server.wait_for("GET secret/data/app", asked + 2);
    stand.server.secret("app", json!({"k": "three"}));
    stand.server.state().is_sealed = false;
    wait("the change", || stand.read("f") == "three");
    // The token has ended: the server knows it no more.
    stand.server.answer("GET secret/data/app", 403, json!({"errors": ["permission denied"]}));
    stand.server.wait_for("POST auth/kubernetes/login", 2);
    stand.server.secret("app", json!({"k": "four"}));
    wait("the change", || stand.read("f") == "four");
    let said = stop(&stand, watch);
    assert!(said.contains("503 Vault is sealed; trying again") && said.contains("single quote"), "{said}");
    for value in ["one", "two", "three", "four", "it's"] {
        assert!(!said.contains(&format!("'{value}")), "{said}");
    }
    assert_eq!(stand.server.state().seen.last().unwrap().what, "POST auth/token/revoke-self");
    app.kill().unwrap();
    app.wait().unwrap();
}

#[test]
fn leases_and_tokens_are_renewed_and_replaced_before_they_end() {
    let stand = Stand::new();
    let grant = |user: &str| {
        let data = json!({"username": user});
        json!({"lease_id": format!("database/creds/app/{user}"), "lease_duration": 3, "renewable": true, "data": data})
    };
    stand.server.answer("GET database/creds/app", 200, grant("first"));
    stand.server.answer("PUT sys/leases/renew", 200, json!({"lease_duration": 3, "renewable": true}));
    stand.server.state().token_ttl = 4;
    let renewed = |seconds: u64| json!({"auth": {"client_token": "token-1", "lease_duration": seconds, "renewable": true, "token_type": "service"}});
    stand.server.answer("POST auth/token/renew-self", 200, renewed(4));
    let mut file = stand.file("f", "creds/app", "username");
    file["value"]["mount"] = json!("database");
    let watch = start(&stand, &stand.plan(json!({"files": [file], "onChange": {"pollSeconds": 1}})));
    stand.server.wait_for("PUT sys/leases/renew", 2);
    stand.server.wait_for("POST auth/token/renew-self", 2);
    // A leased secret is not asked for again as long as its lease can be renewed.
    assert_eq!((stand.server.count("GET database/creds/app"), stand.read("f").as_str()), (1, "first"));
    let body =
        stand.server.state().seen.iter().find(|s| s.what == "PUT sys/leases/renew").unwrap().body.clone();
    assert_eq!(body, json!({"lease_id": "database/creds/app/first", "increment": 3}));
    // The lease comes to its end.
    stand.server.answer("GET database/creds/app", 200, grant("second"));
    stand.server.answer("PUT sys/leases/renew", 200, json!({"lease_duration": 1, "renewable": true}));
    wait("the second", || stand.read("f") == "second");
    stand.server.answer("PUT sys/leases/renew", 200, json!({"lease_duration": 3, "renewable": true}));
    // The token comes to its end: its leases end with it.
    stand.server.answer("GET database/creds/app", 503, json!({"errors": ["busy"]}));
    stand.server.answer("POST auth/token/renew-self", 200, renewed(1));
    stand.server.wait_for("POST auth/kubernetes/login", 2);
    let asked = stand.server.count("GET database/creds/app");
    stand.server.wait_for("GET database/creds/app", asked + 2);
    stand.server.answer("POST auth/token/renew-self", 200, renewed(4));
    stand.server.answer("GET database/creds/app", 200, grant("third"));
    wait("the third", || stand.read("f") == "third");
    assert_eq!(stand.server.count("POST auth/kubernetes/login"), 2);
    let last =
        stand.server.state().seen.iter().rfind(|s| s.what == "GET database/creds/app").unwrap().token.clone();
    assert_eq!(last, "token-2");
    stop(&stand, watch);
}

#[test]
fn termination_before_the_first_value_is_no_failure() {
    let stand = Stand::new();
    stand.server.state().is_sealed = true;
    let watch = start(&stand, &stand.plan(json!({"files": [stand.file("f", "app", "k")]})));
    stand.server.wait_for("POST auth/kubernetes/login", 1);
    stop(&stand, watch);
}

#[test]
fn a_mebibyte_fits_into_little_memory() {
    let stand = Stand::new();
    stand.server.secret("app", json!({"k": "x".repeat(1 << 20)}));
    let watch = start(&stand, &stand.plan(json!({"files": [stand.file("f", "app", "k")]})));
    wait("the file", || stand.path("f").exists());
    stand.server.wait_for("GET secret/data/app", 2);
    let status = std::fs::read_to_string(format!("/proc/{}/status", watch.id())).unwrap();
    let peak = status
        .lines()
        .find_map(|l| l.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse::<u32>().ok());
    assert!(peak.unwrap() < 28 << 10, "{peak:?} kB");
    stop(&stand, watch);
}

#[test]
fn a_policy_that_was_taken_away_leaves_no_trail_of_tokens() {
    let stand = Stand::new();
    stand.server.secret("app", json!({"k": "one"}));
    let file = stand.file("f", "app", "k");
    let watch = start(&stand, &stand.plan(json!({"files": [file], "onChange": {"pollSeconds": 1}})));
    wait("the file", || stand.path("f").exists());
    stand.server.answer("GET auth/token/lookup-self", 200, json!({"data": {"ttl": 3000}}));
    stand.server.answer("GET secret/data/app", 403, json!({"errors": ["permission denied"]}));
    stand.server.wait_for("GET auth/token/lookup-self", 3);
    assert_eq!((stand.server.count("POST auth/kubernetes/login"), stand.read("f").as_str()), (1, "one"));
    stop(&stand, watch);
}

#[test]
fn a_sidecar_that_was_started_again_tells_of_what_changed_meanwhile() {
    let stand = Stand::new();
    stand.server.secret("app", json!({"k": "one"}));
    std::fs::write(stand.path("f"), "zero").unwrap();
    let change = json!({"pollSeconds": 1, "signal": "SIGHUP", "process": "sr-no-such-one"});
    let plan = stand.plan(json!({"files": [stand.file("f", "app", "k")], "onChange": change}));
    let watch = start(&stand, &plan);
    wait("the file", || stand.read("f") == "one");
    stand.server.wait_for("GET secret/data/app", 2);
    let said = stop(&stand, watch);
    assert!(said.contains("no process is called \"sr-no-such-one\": SIGHUP not sent"), "{said}");
}
