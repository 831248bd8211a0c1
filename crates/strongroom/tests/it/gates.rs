//! Who may call each route: held against a reviewed list, and against the running server.

use crate::canary::routes::{filled, tables};
use crate::stand::Stand;
use serde_json::{Value, json};
use std::path::PathBuf;
use strongroom_core::{Access, Operation};
use strongroom_testkit::http;

/// One operation of one route.
struct Gate {
    access: Access,
    operation: Operation,
    pattern: String,
}

fn gates(stand: &Stand) -> Vec<Gate> {
    let mut gates = Vec::new();
    for (mount, routes) in tables(stand) {
        for route in &routes {
            let pattern = format!("{mount}{}", route.pattern.text());
            gates.extend(route.operations.iter().map(|op| Gate {
                access: op.access,
                operation: op.operation,
                pattern: pattern.clone(),
            }));
        }
    }
    gates
}

impl Gate {
    fn line(&self) -> String {
        let access = match self.access {
            Access::Open => "open",
            Access::Sudo => "sudo",
            Access::Token => "policy",
            Access::Holder => "holder",
        };
        format!("{access:<7}{:<7}{}", self.operation.as_str(), self.pattern)
    }

    fn status(&self, stand: &Stand, token: &str) -> u16 {
        let path = format!("/v1/{}", filled(&self.pattern));
        let (method, media_type) = match self.operation {
            Operation::Read => ("GET", "application/json"),
            Operation::List => ("LIST", "application/json"),
            Operation::Delete => ("DELETE", "application/json"),
            Operation::Patch => ("PATCH", "application/merge-patch+json"),
            _ => ("POST", "application/json"),
        };
        let headers = [("X-Vault-Token", token), ("Content-Type", media_type)];
        let headers = if token.is_empty() { &headers[1..] } else { &headers[..] };
        http::send(&stand.server.address, method, &path, headers, Some(b"{}")).unwrap().status
    }
}

/// Those of `sys/`, `auth/token/` and `identity/` are reviewed beside their tables, in `system`.
fn is_reviewed_elsewhere(gate: &Gate) -> bool {
    // What engines add to `sys/` is not in its table.
    let added = gate.pattern.starts_with("sys/kv/");
    !added && ["sys/", "auth/token/", "identity/"].iter().any(|mount| gate.pattern.starts_with(mount))
}

#[test]
fn every_gate_is_as_reviewed_and_as_closed_as_it_says() {
    let stand = Stand::new("");
    let gates = gates(&stand);
    let mut lines: Vec<String> = gates.iter().filter(|g| !is_reviewed_elsewhere(g)).map(Gate::line).collect();
    lines.sort();
    lines.dedup();
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/gates.txt");
    if std::env::var_os("UPDATE_ROUTES").is_some() {
        std::fs::write(&file, lines.join("\n") + "\n").unwrap();
    }
    let reviewed = std::fs::read_to_string(&file).unwrap_or_default();
    let new: Vec<_> = lines.iter().filter(|l| !reviewed.lines().any(|r| r == l.as_str())).collect();
    let gone: Vec<_> = reviewed.lines().filter(|r| !lines.iter().any(|l| l == r)).collect();
    assert!(
        new.is_empty() && gone.is_empty(),
        "routes differ from tests/it/gates.txt; review them, then UPDATE_ROUTES=1\nnew: {new:#?}\ngone: {gone:#?}"
    );
    let without_sudo =
        "path \"*\" { capabilities = [\"create\", \"read\", \"update\", \"patch\", \"delete\", \"list\"] }";
    stand.must("POST", "sys/policies/acl/every", json!({"policy": without_sudo}));
    let token = |policy: &str| {
        let body = json!({"policies": [policy], "no_default_policy": true});
        let made = stand.must("POST", "auth/token/create", body);
        made["auth"]["client_token"].as_str().unwrap().to_owned()
    };
    let (nobody, every) = (token("nothing"), token("every"));
    let closed: Vec<&Gate> = gates.iter().filter(|g| g.access != Access::Open).collect();
    assert!(closed.len() > 200, "only {} routes ask for a token", closed.len());
    for gate in closed {
        let mut callers = vec![("a stranger", ""), ("a token without rules", nobody.as_str())];
        if gate.access == Access::Sudo {
            callers.push(("a token without sudo", every.as_str()));
        }
        for (who, token) in callers {
            assert_eq!(gate.status(&stand, token), 403, "{} for {who}", gate.line());
        }
    }
    assert_eq!(stand.must("GET", "sys/seal-status", Value::Null)["sealed"], false);
}

/// The table of classes of advisories names tests that are there.
#[test]
fn every_test_that_the_table_of_classes_names_is_there() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let table = std::fs::read_to_string(root.join("docs/security-classes.md")).unwrap();
    let mut seen = 0;
    for row in table.lines().filter(|line| line.starts_with("| ") && line.contains(".rs`")) {
        for group in row.split(['|', ';']).filter(|cell| cell.contains(".rs`")) {
            let (file, tests) = group.trim().strip_prefix('`').unwrap().split_once('`').unwrap();
            let text = std::fs::read_to_string(root.join("crates").join(file)).expect(file);
            for test in tests.split(',').map(str::trim) {
                assert!(text.contains(&format!("fn {test}()")), "{file} has no test {test}");
                seen += 1;
            }
        }
    }
    assert!(seen > 40, "only {seen} tests were read from the table");
}
