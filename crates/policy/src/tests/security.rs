//! Regression tests for the class "Names against policy" of known advisories.

use crate::{Acl, Ask, parse};
use serde_json::{Value, json};
use strongroom_wire::{Map, Operation, Operation::*};

fn acl(text: &str) -> Acl {
    Acl::new([&parse("p", text).expect("parses")])
}

fn may(acl: &Acl, operation: Operation, path: &str, written: Option<&str>) -> bool {
    let params = Map::new();
    let ask = Ask { operation, path, written, params: &params, wrap_ttl: None, needs_sudo: false };
    acl.decide(&ask).allowed
}

const ALL: &str = r#"path "*" { capabilities=["create","read","update","delete","list","sudo","patch"] }"#;

#[test]
fn names_against_policy_list_does_not_escape_a_deny() {
    for deny in ["s/a", "s/a/", "s/a*", "s/a/*", "s/+", "s/+/"] {
        let acl = acl(&format!(
            "{ALL} path \"s/*\" {{ capabilities=[\"list\"] }} path \"{deny}\" {{ capabilities=[\"deny\"] }}"
        ));
        assert!(!may(&acl, List, "s/a/", None), "{deny}");
        assert_eq!(acl.capabilities("s/a/"), ["deny"], "{deny}");
    }
}

#[test]
fn names_against_policy_a_trailing_slash_does_not_escape_a_deny() {
    for operation in [Read, Delete] {
        assert!(!may(
            &acl(&format!("{ALL} path \"s/a\" {{ capabilities=[\"deny\"] }}")),
            operation,
            "s/a/",
            None
        ));
        assert!(!may(
            &acl(&format!("{ALL} path \"s/+\" {{ capabilities=[\"deny\"] }}")),
            operation,
            "s/a/",
            None
        ));
    }
    // What is said about the folder itself, more exactly, still holds.
    for allow in ["s/a/", "s/a/*", "s/+/"] {
        let text = format!(
            "path \"s/+\" {{ capabilities=[\"deny\"] }} path \"{allow}\" {{ capabilities=[\"list\"] }}"
        );
        assert!(may(&acl(&text), List, "s/a/", None), "{allow}");
    }
}

#[test]
fn names_against_policy_case_variants_do_not_dodge_a_deny() {
    for deny in ["auth/up/users/ADMIN", "auth/up/users/A*", "auth/up/users/admin", "auth/+/users/admin"] {
        let acl = acl(&format!("{ALL} path \"{deny}\" {{ capabilities=[\"deny\"] }}"));
        assert!(!may(&acl, Update, "auth/up/users/admin", Some("auth/up/users/ADMIN")), "{deny}");
    }
    // The written form grants nothing.
    let acl = acl(r#"path "users/ADMIN" { capabilities=["read"] }"#);
    assert!(!may(&acl, Read, "users/admin", Some("users/ADMIN")));
}

#[test]
fn names_against_policy_plus_and_star_in_a_path_are_literal() {
    let acl = acl(
        r#"path "s/+/x" { capabilities=["read"] } path "s/a" { capabilities=["read"] } path "s/b/*" { capabilities=["read"] }"#,
    );
    for path in ["s/*", "s/+", "s/b*", "+/a", "*", "s/a*", "s/a/b/x", "s/x"] {
        assert!(!may(&acl, Read, path, None), "{path}");
    }
    assert!(may(&acl, Read, "s/+/x", None));
    assert!(may(&acl, Read, "s/*/x", None));
}

#[test]
fn names_against_policy_a_glob_beats_no_deny_that_is_closer() {
    let acl = acl(&format!(
        "{ALL} path \"pdb/no\" {{ capabilities=[\"deny\"] }} path \"pdb/part/*\" {{ capabilities=[\"deny\",\"read\"] }}"
    ));
    assert!(!may(&acl, Update, "pdb/no", None));
    assert!(!may(&acl, Read, "pdb/part/x", None));
    assert!(may(&acl, Read, "any/thing", None));
    assert_eq!(
        acl.capabilities("any/thing"),
        ["create", "delete", "list", "patch", "read", "sudo", "update"]
    );
}

#[test]
fn names_against_policy_letters_of_paths_count() {
    let acl = acl(r#"path "Secret/*" { capabilities=["read"] }"#);
    assert!(may(&acl, Read, "Secret/a", None));
    assert!(!may(&acl, Read, "secret/a", None));
}

#[test]
fn names_against_policy_a_policy_called_root_is_not_root() {
    for name in ["root", "ROOT"] {
        let acl = Acl::new([&parse(name, r#"path "a" { capabilities=["read"] }"#).expect("parses")]);
        assert!(!acl.is_root());
        assert!(!may(&acl, Read, "b", None));
    }
}

#[test]
fn names_against_policy_a_denied_value_is_denied_in_every_form_a_field_takes() {
    let acl = acl(
        r#"path "a" { capabilities=["update"] denied_parameters={ "level"=["9", "root*"], "n"=[5], "t"=[true] } }"#,
    );
    let writes = |params: Value| {
        let params = params.as_object().cloned().unwrap_or_default();
        let ask = Ask {
            operation: Update,
            path: "a",
            written: None,
            params: &params,
            wrap_ttl: None,
            needs_sudo: false,
        };
        acl.decide(&ask).allowed
    };
    for params in [
        json!({"level": 9}),
        json!({"level": ["9"]}),
        json!({"Level": ["x", "rooted"]}),
        json!({"n": "5"}),
        json!({"n": 5.0}),
        json!({"t": "true"}),
    ] {
        assert!(!writes(params.clone()), "{params}");
    }
    assert!(writes(json!({"level": "8", "n": 6, "t": false})));
}
