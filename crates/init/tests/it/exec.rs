//! The program that becomes another.

use crate::stand::Stand;
use serde_json::{Value, json};
use std::io::Write;
use std::process::Stdio;

fn secret(name: &str, key: &str) -> Value {
    json!({"name": name, "parts": [{"secret": {"path": "app", "key": key}}]})
}

#[test]
fn the_program_finds_values_and_all_else_as_it_was() {
    let stand = Stand::new();
    stand.server.secret("app", json!({"quote": "it's\r\n", "empty": ""}));
    let plan = stand.plan(json!({
        "variables": [secret("QUOTE", "quote"), secret("EMPTY", "empty")],
        "expand": [4, 5],
        "files": [stand.file("f", "app", "quote")],
    }));
    let script = "cat; printf '%s|%s|%s|' \"$QUOTE\" \"${EMPTY-unset}\" \"$KEPT\"; printf '%s|' \"$0\" \"$@\" \"$$\"; \
                  env | grep -c STRONGROOM; exit 7";
    let mut command = stand
        .command(&["exec", "--", "sh", "-c", script, "$(QUOTE)", "<$(QUOTE)>", "$$(QUOTE)$(NONE)"], &plan);
    let mut child = command.env("KEPT", "k").stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"input|").unwrap();
    let pid = child.id();
    let end = stand.end(child.wait_with_output().unwrap());
    assert_eq!(
        end.stdout,
        format!("input|it's\r\n||k|$(QUOTE)|<it's\r\n>|$(QUOTE)$(NONE)|{pid}|0\n"),
        "{end:?}"
    );
    assert_eq!((end.code, end.stderr.as_str(), end.message.as_str()), (Some(7), "", ""));
    assert_eq!(stand.read("f"), "it's\r\n");
    let last = stand.server.state().seen.last().unwrap().what.clone();
    assert_eq!(last, "POST auth/token/revoke-self");
}

#[test]
fn a_whole_secret_becomes_variables() {
    let stand = Stand::new();
    stand.server.secret("app", json!({"a": "1", "b": "2"}));
    let whole = json!({"name": "P_", "parts": [{"all": {"path": "app", "key": ""}}]});
    let end = stand.run(
        &["exec", "--", "/bin/sh", "-c", "echo $P_a $P_b"],
        &stand.plan(json!({"variables": [whole], "kept": ["P_b"]})),
    );
    assert_eq!(end.stdout, "1\n", "{end:?}");
}

#[test]
fn programs_that_cannot_start_end_as_in_shells() {
    let stand = Stand::new();
    std::fs::write(stand.path("plain"), "x").unwrap();
    let plain = stand.path("plain");
    for (name, code, text) in [
        ("strongroom-none", 127, "strongroom-none: not found in PATH ("),
        ("./none", 127, "./none: not found"),
        (plain.to_str().unwrap(), 126, "it may not be executed"),
    ] {
        let end = stand.run(&["exec", "--", name], &stand.plan(json!({})));
        assert!(end.code == Some(code) && end.message.contains(text), "{end:?}");
    }
    assert_eq!(stand.run(&["exec", "--"], &stand.plan(json!({}))).code, Some(2));
}

#[test]
fn relative_programs_start_from_the_working_folder() {
    let stand = Stand::new();
    std::os::unix::fs::symlink("/bin/sh", stand.path("tool")).unwrap();
    for (name, path) in [("./tool", "/none"), ("tool", ":/none")] {
        let mut command = stand.command(&["exec", "--", name, "-c", "echo $0"], &stand.plan(json!({})));
        let output = command.current_dir(stand.folder.path()).env("PATH", path).output().unwrap();
        assert_eq!(stand.end(output).stdout, format!("{name}\n"));
    }
}

#[test]
fn what_no_variable_can_carry_is_refused_by_name() {
    let stand = Stand::new();
    stand.server.secret("app", json!({"long": "x".repeat(131_072), "nul": "a\0b"}));
    let lease = json!({"lease_id": "l", "lease_duration": 60, "data": {"username": "u"}});
    stand.server.answer("GET database/creds/app", 200, lease);
    let leased = json!({"name": "A", "parts": [{"secret": {"mount": "database", "path": "creds/app", "key": "username"}}]});
    for (variable, text) in [
        (
            secret("LONG", "long"),
            "secret/app, key long, for variable LONG: name and value take more than 128 KiB",
        ),
        (secret("NUL", "nul"), "secret/app, key nul, for variable NUL: the value has a NUL byte"),
        (
            secret("NONE", "none"),
            "secret/app, key none: the secret has no such key, or it is null, for variable NONE",
        ),
        (leased, "a running program's variables cannot change"),
    ] {
        let end = stand.run(&["exec", "--", "true"], &stand.plan(json!({"variables": [variable]})));
        assert!(end.code == Some(1) && end.message.contains(text), "{end:?}");
    }
    assert_eq!(stand.server.count("POST auth/token/revoke-self"), 4);
}
