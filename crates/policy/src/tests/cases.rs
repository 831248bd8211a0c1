//! What the reference server answered, as questions to the policies alone.

use crate::{Acl, Ask, builtin, parse};
use serde_json::{Value, json};
use strongroom_wire::{Map, Operation, Operation::*};

fn acl(texts: &[&str]) -> Acl {
    let policies: Vec<_> =
        texts.iter().enumerate().map(|(i, t)| parse(&format!("p{i}"), t).expect("parses")).collect();
    Acl::new(&policies)
}

fn allowed(acl: &Acl, operation: Operation, path: &str, params: Value, wrap_ttl: Option<u64>) -> bool {
    let Value::Object(params) = params else { panic!("params are an object") };
    let ask = Ask { operation, path, written: None, params: &params, wrap_ttl, needs_sudo: false };
    let decision = acl.decide(&ask);
    assert_eq!(acl.explain(&ask).decision, decision);
    decision.allowed
}

fn may(acl: &Acl, operation: Operation, path: &str) -> bool {
    allowed(acl, operation, path, json!({}), None)
}

fn writes(acl: &Acl, path: &str, params: Value) -> bool {
    allowed(acl, Update, path, params, None)
}

#[test]
fn restricted_token() {
    let acl = acl(&[
        r#"path "ca/+/x" { capabilities=["read"] }
           path "ca/*" { capabilities=["create","update","list"] }
           path "ca/no/*" { capabilities=["deny"] }
           path "ca/exact" { capabilities=["delete","sudo","patch"] }"#,
        builtin::DEFAULT,
    ]);
    for (path, wanted) in [
        ("ca/1/x", &["read"][..]),
        ("ca/1/y", &["create", "list", "update"]),
        ("ca/no/z", &["deny"]),
        ("ca/exact", &["delete", "patch", "sudo"]),
        ("ca/exact/", &["delete", "patch", "sudo"]),
        ("/ca/exact", &["delete", "patch", "sudo"]),
        ("other", &["deny"]),
        ("ca/", &["create", "list", "update"]),
        ("ca", &["deny"]),
        ("auth/token/lookup-self", &["read"]),
        ("cubbyhole/a", &["create", "delete", "list", "read", "update"]),
        ("sys/mounts", &["deny"]),
    ] {
        assert_eq!(acl.capabilities(path), wanted, "{path}");
    }
    assert_eq!(Acl::root().capabilities("x"), ["root"]);
}

#[test]
fn union_over_policies_and_deny_wins() {
    let acl = acl(&[
        r#"path "cu/a" { capabilities=["read"] } path "cu/b" { capabilities=["read"] } path "cu/c/*" { capabilities=["read"] }"#,
        r#"path "cu/a" { capabilities=["update","create"] } path "cu/b" { capabilities=["deny"] } path "cu/c/d" { capabilities=["list"] }"#,
    ]);
    assert_eq!(acl.capabilities("cu/a"), ["create", "read", "update"]);
    assert_eq!(acl.capabilities("cu/b"), ["deny"]);
    assert_eq!(acl.capabilities("cu/c/d"), ["list"]);
    assert_eq!(acl.capabilities("cu/c/e"), ["read"]);
}

#[test]
fn glob_exact_and_longest_prefix() {
    let acl = acl(&[r#"path "pg/*" { capabilities=["read"] }
        path "pg/a*" { capabilities=["update","create"] }
        path "pg/ab" { capabilities=["deny"] }
        path "pg/abc/*" { capabilities=["read","list"] }"#]);
    assert!(may(&acl, Read, "pg/x"));
    assert!(!may(&acl, Update, "pg/x"));
    assert!(may(&acl, Create, "pg/ac"));
    assert!(!may(&acl, Read, "pg/ac"));
    assert!(!may(&acl, Create, "pg/ab"));
    assert!(may(&acl, Read, "pg/abc/d"));
    assert!(!may(&acl, Update, "pg/abc/d"));
    assert!(may(&acl, List, "pg/abc/"));
    assert!(!may(&acl, List, "pg/"));
}

#[test]
fn plus_matches_one_segment() {
    let acl = acl(&[r#"path "pp/+/conf" { capabilities=["read"] }
        path "pp/+/+/deep/*" { capabilities=["read"] }
        path "pp/team/+" { capabilities=["create","update"] }
        path "pp/t2/conf" { capabilities=["deny"] }
        path "lit/+x/b" { capabilities=["read"] }"#]);
    for (path, wanted) in [
        ("pp/a/conf", true),
        ("pp/a/b/conf", false),
        ("pp/a/b/deep/c", true),
        ("pp/a/b/deep/c/d", true),
        ("pp/a/deep/c", false),
        ("pp/t2/conf", false),
        ("lit/+x/b", true),
        ("lit/ax/b", false),
    ] {
        assert_eq!(may(&acl, Read, path), wanted, "{path}");
    }
    assert!(may(&acl, Create, "pp/team/x"));
    assert!(!may(&acl, Create, "pp/team/x/y"));
}

#[test]
fn priority_when_several_patterns_match() {
    let acl = acl(&[r#"path "pr/+/b/c" { capabilities=["read"] }
        path "pr/a/+/c" { capabilities=["list"] }
        path "pr/a/b*" { capabilities=["delete"] }
        path "pr/+/*" { capabilities=["create"] }
        path "pr/z/+" { capabilities=["update"] }
        path "pr/z/y*" { capabilities=["sudo"] }"#]);
    for (path, wanted) in [
        ("pr/a/b/c", "delete"),
        ("pr/a/q/c", "list"),
        ("pr/q/b/c", "read"),
        ("pr/z/y", "sudo"),
        ("pr/z/x", "update"),
        ("pr/a/b", "delete"),
        ("pr/a/b/d", "delete"),
        ("pr/z/yy", "sudo"),
        ("pr/k/j/i", "create"),
    ] {
        assert_eq!(acl.capabilities(path), [wanted], "{path}");
    }
}

#[test]
fn required_and_allowed_parameters() {
    let acl = acl(&[r#"path "pra/req" { capabilities=["create","update"]
          required_parameters=["owner","env"] }
        path "pra/allow" { capabilities=["create","update"]
          allowed_parameters={ "size"=["s","m*"], "free"=[] } }
        path "pra/open" { capabilities=["create","update"]
          allowed_parameters={ "fixed"=["1"], "*"=[] } }"#]);
    assert!(!writes(&acl, "pra/req", json!({"owner": "a"})));
    assert!(writes(&acl, "pra/req", json!({"owner": "a", "ENV": ""})));
    assert!(writes(&acl, "pra/allow", json!({"size": "s"})));
    assert!(writes(&acl, "pra/allow", json!({"size": "medium", "free": "any"})));
    assert!(!writes(&acl, "pra/allow", json!({"size": "xl"})));
    assert!(!writes(&acl, "pra/allow", json!({"other": "x"})));
    assert!(writes(&acl, "pra/allow", json!({})));
    assert!(writes(&acl, "pra/open", json!({"other": "x", "fixed": "1"})));
    assert!(!writes(&acl, "pra/open", json!({"fixed": "2"})));
}

#[test]
fn denied_parameters() {
    let acl = acl(&[r#"path "pde/d" { capabilities=["create","update","patch"]
          denied_parameters={ "admin"=[], "level"=["9","root*"] } }
        path "pde/all" { capabilities=["create","update"] denied_parameters={ "*"=[] } }
        path "pde/both" { capabilities=["create","update"]
          allowed_parameters={ "*"=[] } denied_parameters={ "x"=[] } }"#]);
    assert!(!writes(&acl, "pde/d", json!({"admin": "no"})));
    assert!(writes(&acl, "pde/d", json!({"level": "1", "z": "y"})));
    assert!(!writes(&acl, "pde/d", json!({"level": "9"})));
    assert!(!writes(&acl, "pde/d", json!({"level": "rootish"})));
    assert!(!writes(&acl, "pde/d", json!({"ADMIN": "x"})));
    assert!(!allowed(&acl, Patch, "pde/d", json!({"admin": 1}), None));
    assert!(!writes(&acl, "pde/all", json!({"a": "b"})));
    assert!(writes(&acl, "pde/all", json!({})));
    assert!(!writes(&acl, "pde/both", json!({"x": "1"})));
    assert!(writes(&acl, "pde/both", json!({"y": "1"})));
}

#[test]
fn parameters_merge_across_policies() {
    let first = r#"path "ppm/a" { capabilities=["create","update"] allowed_parameters={ "x"=["1"] } }"#;
    let both =
        acl(&[first, r#"path "ppm/a" { capabilities=["update"] allowed_parameters={ "x"=["2"], "y"=[] } }"#]);
    assert!(writes(&both, "ppm/a", json!({"x": "1"})));
    assert!(writes(&both, "ppm/a", json!({"x": "2", "y": "q"})));
    assert!(!writes(&both, "ppm/a", json!({"x": "3"})));
    let bare = r#"path "ppm/a" { capabilities=["update"] }"#;
    for texts in [[first, bare], [bare, first]] {
        assert!(!writes(&acl(&texts), "ppm/a", json!({"anything": "3"})));
    }
}

#[test]
fn wrapping_ttl_bounds() {
    let text = r#"path "pwt/*" { capabilities=["read"] min_wrapping_ttl="30s" max_wrapping_ttl="2m" }"#;
    let bounds = acl(&[text]);
    for (ttl, wanted) in [
        (None, false),
        (Some(10), false),
        (Some(30), true),
        (Some(60), true),
        (Some(120), true),
        (Some(121), false),
    ] {
        assert_eq!(allowed(&bounds, Read, "pwt/a", json!({}), ttl), wanted, "{ttl:?}");
    }
    let merged =
        acl(&[text, r#"path "pwt/*" { capabilities=["list"] min_wrapping_ttl="5s" max_wrapping_ttl="1m" }"#]);
    for (ttl, wanted) in [(None, false), (Some(5), true), (Some(60), true), (Some(61), false)] {
        assert_eq!(allowed(&merged, Read, "pwt/a", json!({}), ttl), wanted, "{ttl:?}");
    }
    let crossed = acl(&[
        r#"path "a" { capabilities=["read"] min_wrapping_ttl="2m" }"#,
        r#"path "a" { capabilities=["read"] max_wrapping_ttl="1m" }"#,
    ]);
    assert!(![None, Some(60), Some(90), Some(120)].iter().any(|t| allowed(
        &crossed,
        Read,
        "a",
        json!({}),
        *t
    )));
}

#[test]
fn templated_rules_match_nothing_without_an_entity() {
    let acl = acl(&[r#"path "ptm/{{identity.entity.name}}/*" { capabilities=["read"] }
        path "ptm/none/{{identity.entity.metadata.missing}}" { capabilities=["read"] }
        path "ptm/plain" { capabilities=["read"] }"#]);
    for path in ["ptm/ann/x", "ptm/{{identity.entity.name}}/x", "ptm/none/", "ptm/none/x"] {
        assert_eq!(acl.capabilities(path), ["deny"], "{path}");
    }
    assert_eq!(acl.capabilities("ptm/plain"), ["read"]);
}

#[test]
fn resultant_acl() {
    let acl = acl(&[r#"path "ra/a" { capabilities=["read","create"] }
        path "ra/b/*" { capabilities=["list"] }
        path "ra/c" { capabilities=["deny"] }
        path "ra/+/d*" { capabilities=["update"] min_wrapping_ttl="1m" required_parameters=["x"]
          allowed_parameters={ "x"=["1"] } denied_parameters={ "y"=[] } }"#]);
    let wanted = json!({
        "exact_paths": {"ra/a": {"capabilities": ["create", "read"]}, "ra/c": {"capabilities": ["deny"]}},
        "glob_paths": {
            "ra/b/": {"capabilities": ["list"]},
            "ra/+/d*": {"capabilities": ["update"], "min_wrapping_ttl": 60, "required_parameters": ["x"],
                "allowed_parameters": {"x": ["1"]}, "denied_parameters": {"y": []}}
        },
        "root": false
    });
    assert_eq!(Value::Object(acl.resultant()), wanted);
    assert_eq!(Value::Object(Acl::root().resultant()), json!({"root": true}));
}

#[test]
fn mounts_are_shown_by_permission() {
    let acl = acl(&[r#"path "iu-b/x" { capabilities=["read"] }
        path "iu-c/*" { capabilities=["deny"] }
        path "iu-d/x/*" { capabilities=["list"] }
        path "+/+/deep" { capabilities=["read"] }
        path "auth/+/login" { capabilities=["update"] }
        path "e*" { capabilities=["read"] }
        path "ee/*" { capabilities=["deny"] }
        path "iu-f" { capabilities=["read"] }"#]);
    for (mount, wanted) in [
        ("iu-b/", true),
        ("iu-d/", true),
        ("iu-d/x/", true),
        ("auth/iu-up/", true),
        ("ex/", true),
        ("iu-f/", true),
        ("a/b/", true),
        ("a/b/c/", false),
        ("a/deep/deep/", false),
    ] {
        assert_eq!(acl.touches(mount), wanted, "{mount}");
    }
    let plain = self::acl(&[r#"path "iu-b/x" { capabilities=["read"] }
        path "iu-c/*" { capabilities=["deny"] } path "e*" { capabilities=["read"] } path "ee/*" { capabilities=["deny"] }
        path "auth/+/login" { capabilities=["update"] }"#]);
    for (mount, wanted) in [
        ("iu-b/", true),
        ("iu/", false),
        ("iu-c/", false),
        ("ee/", false),
        ("auth/x/", true),
        ("secret/", false),
    ] {
        assert_eq!(plain.touches(mount), wanted, "{mount}");
    }
    assert!(Acl::root().touches("x/"));
}

#[test]
fn sudo_and_help() {
    let acl = acl(&[r#"path "s/yes" { capabilities=["read","sudo"] }
        path "s/no" { capabilities=["read"] }
        path "s/only" { capabilities=["sudo"] }
        path "s/deny" { capabilities=["deny"] }
        path "s/empty" { }"#]);
    let ask = |operation, path| {
        let params = Map::new();
        let ask = Ask { operation, path, written: None, params: &params, wrap_ttl: None, needs_sudo: true };
        let decision = acl.decide(&ask);
        (decision.allowed, decision.sudo)
    };
    assert_eq!(ask(Read, "s/yes"), (true, true));
    assert_eq!(ask(Read, "s/no"), (false, false));
    assert_eq!(ask(Read, "s/only"), (false, true));
    for (path, wanted) in
        [("s/no", true), ("s/only", true), ("s/deny", false), ("s/empty", false), ("s/other", false)]
    {
        assert_eq!(ask(Help, path).0, wanted, "{path}");
    }
    let params = Map::new();
    let all = Ask {
        operation: Delete,
        path: "x",
        written: None,
        params: &params,
        wrap_ttl: None,
        needs_sudo: true,
    };
    let root = Acl::root().decide(&all);
    assert!(root.allowed && root.sudo);
}

#[test]
fn explanations_name_rule_and_policies_but_no_values() {
    let acl = acl(&[
        r#"path "a/*" { capabilities=["update"] denied_parameters={ "pin"=["secret-value"] } }"#,
        r#"path "a/*" { capabilities=["read"] }"#,
    ]);
    let params = json!({"pin": "secret-value"}).as_object().cloned().unwrap_or_default();
    let ask = Ask {
        operation: Update,
        path: "a/b",
        written: None,
        params: &params,
        wrap_ttl: None,
        needs_sudo: false,
    };
    let why = acl.explain(&ask);
    assert_eq!(why.pattern.as_deref(), Some("a/*"));
    assert_eq!(why.policies, ["p0", "p1"]);
    assert_eq!(
        why.reason,
        r#"the rule "a/*" of policies "p0", "p1" denies the parameter "pin" or its value"#
    );
    assert!(!format!("{why:?}").contains("secret-value"));
    let none = acl.explain(&Ask { path: "b", ..ask });
    assert_eq!((none.pattern, none.reason.as_str()), (None, "no rule of the token's policies matches \"b\""));
}
