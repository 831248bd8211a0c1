//! Finding programs, and refusing what Linux would refuse.

use super::*;
use crate::source::{Found, Reading, Source, references};
use std::fs::{Permissions, set_permissions, write};
use zeroize::Zeroizing;

fn with_path(path: &str) -> Environment {
    [(OsString::from("PATH"), OsString::from(path))].into()
}

fn composed(name: &str, value: String) -> Composed {
    Composed { name: name.to_owned(), value: Zeroizing::new(value), origin: "secret/app, key k".to_owned() }
}

#[test]
fn programs_are_found_as_shells_find_them() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    for (at, mode) in [(&first, 0o644), (&second, 0o755)] {
        std::fs::create_dir(at).unwrap();
        write(at.join("tool"), "").unwrap();
        set_permissions(at.join("tool"), Permissions::from_mode(mode)).unwrap();
    }
    let path = format!("{}:{}", first.display(), second.display());
    assert_eq!(find(OsStr::new("tool"), &with_path(&path)).ok().unwrap(), second.join("tool"));
    let code = |name: &OsStr, path: &str| find(name, &with_path(path)).err().unwrap().code;
    assert_eq!(code(OsStr::new("tool"), first.to_str().unwrap()), 126);
    assert_eq!(code(OsStr::new("none"), &path), 127);
    assert_eq!(code(OsStr::new(""), &path), 127);
    assert_eq!(code(first.join("tool").as_os_str(), &path), 126);
    assert_eq!(code(first.as_os_str(), &path), 126);
    assert_eq!(code(first.join("none").as_os_str(), &path), 127);
    assert!(find(OsStr::new("sh"), &Environment::new()).is_ok());
}

#[test]
fn values_that_no_variable_can_carry_are_refused_by_name() {
    let failed = |value: String| obstacle(&composed("A", value)).unwrap();
    assert!(failed("a\0b".to_owned()).contains("variable A: the value has a NUL"));
    assert!(
        failed("x".repeat(LONGEST_TEXT - 2)).contains("variable A: name and value take more than 128 KiB")
    );
    assert!(obstacle(&composed("A", "x".repeat(LONGEST_TEXT - 3))).is_none());
}

#[test]
fn an_environment_that_is_too_long_is_refused_with_its_longest_variable() {
    let many = (0..100).map(|n| (OsString::from(format!("V{n}")), OsString::from("x".repeat(100_000))));
    let mut all: Environment = many.collect();
    all.insert(OsString::from("LONGEST"), OsString::from("x".repeat(100_001)));
    let ending = check_sizes(&[], &all).unwrap_err();
    assert!(ending.text.contains("LONGEST") && ending.code == CANNOT_START, "{}", ending.text);
    assert!(check_sizes(&[], &with_path("/bin")).is_ok());
}

/// What a plan with these variables makes of an environment, with a secret that holds `k`, `kept` and `a=b`.
fn made(before: &[&str], variables: &str) -> Result<Vec<String>, Ending> {
    let text = format!(
        r#"{{"version":1,"server":{{"address":"http://s","tokenFile":"/t","role":"r"}},"kept":["kept"],
        "variables":{variables}}}"#
    );
    let plan = Plan::from_json(&text).unwrap();
    let fields = [("k", "it's \n"), ("kept", "x"), ("a=b", "x")];
    let fields = fields.map(|(k, v)| (k.to_owned(), Zeroizing::new(v.to_owned()))).into();
    let mut secrets = Secrets::new();
    if let Some(reference) = references(&plan).next() {
        secrets.insert(Source::of(reference, &plan.server), Reading::Found(Found { fields, lease: None }));
    }
    let before = before.iter().map(|n| (OsString::from(n), OsString::from("before"))).collect();
    let all = environment(before, &plan, &secrets)?;
    Ok(all.iter().map(|(n, v)| format!("{}={}", n.to_str().unwrap(), v.to_str().unwrap())).collect())
}

#[test]
fn own_variables_do_not_reach_the_program() {
    let all =
        made(&[PLAN_VARIABLE, TERMINATION_VARIABLE, "A", "B"], r#"[{"name":"A","parts":[{"text":"v"}]}]"#);
    assert_eq!(all.unwrap(), ["A=v", "B=before"]);
}

#[test]
fn variables_are_made_of_texts_values_and_other_variables() {
    let parts =
        r#"[{"text":"<"},{"secret":{"path":"p","key":"k"}},{"variable":"B"},{"variable":"C"},{"text":">"}]"#;
    let all = made(&["B"], &format!(r#"[{{"name":"A","parts":{parts}}}]"#)).unwrap();
    assert_eq!(all, ["A=<it's \nbefore$(C)>", "B=before"]);
    let missing = r#"[{"name":"A","parts":[{"secret":{"path":"p","key":"none"}}]}]"#;
    let why = made(&[], missing).unwrap_err().text;
    assert_eq!(why, "secret/p, key none: the secret has no such key, or it is null, for variable A");
    let optional = missing.replace(r#""none""#, r#""none","optional":true"#);
    assert!(made(&[], &optional).unwrap().is_empty());
}

#[test]
fn a_whole_secret_replaces_no_kept_name() {
    let whole = r#"[{"name":"","parts":[{"all":{"path":"p","key":""}}]}]"#;
    assert_eq!(made(&["kept"], whole).unwrap(), ["k=it's \n", "kept=before"]);
    let prefixed = whole.replace(r#""name":"""#, r#""name":"P_""#);
    assert_eq!(made(&[], &prefixed).unwrap(), ["P_k=it's \n", "P_kept=x"]);
}

#[test]
fn words_are_expanded_where_the_plan_says() {
    let all: Environment = [(OsString::from("A"), OsString::from("v"))].into();
    let words = ["$(A)", "$(A)", "$$(A)"].map(OsString::from);
    assert_eq!(expanded(&words, &[1, 2], &all).unwrap(), ["$(A)", "v", "$(A)"]);
    assert_eq!(expanded(&words, &[3], &all).unwrap_err().code, 2);
}
