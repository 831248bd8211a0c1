use super::*;
use serde_json::json;

fn policy(text: &str) -> Policy {
    parse("P", text).unwrap_or_else(|e| panic!("{text}: {e}"))
}

fn refusal(text: &str) -> ParseError {
    parse("p", text).expect_err(text)
}

fn body(rule: &str) -> String {
    format!("path \"a\" {{\n{rule}\n}}")
}

#[test]
fn reads_every_key_of_a_rule() {
    let policy = policy(
        r#"
        name = "ignored"
        path "/secret/+/a*" {
          comment = "why"
          capabilities = ["update", "create"]
          required_parameters = ["Owner"]
          allowed_parameters = { "Size" = ["s", 5, true], "*" = [] }
          denied_parameters { "x" = [] }
          min_wrapping_ttl = "1m"
          max_wrapping_ttl = 90
        }"#,
    );
    assert_eq!(policy.name, "p");
    let [rule] = policy.rules.as_slice() else { panic!("one rule") };
    assert_eq!(rule.path, "secret/+/a*");
    assert_eq!(rule.capabilities.names(), ["create", "update"]);
    assert_eq!(rule.parameters.required, ["owner"]);
    assert_eq!(json!(rule.parameters.allowed), json!({"size": ["s", 5, true], "*": []}));
    assert_eq!(json!(rule.parameters.denied), json!({"x": []}));
    assert_eq!(rule.min_wrapping_ttl, Some(Duration::from_secs(60)));
    assert_eq!(rule.max_wrapping_ttl, Some(Duration::from_secs(90)));
}

#[test]
fn reads_the_short_form() {
    for (word, wanted) in [
        ("deny", &["deny"][..]),
        ("read", &["list", "read"]),
        ("write", &["create", "delete", "list", "read", "update"]),
        ("sudo", &["create", "delete", "list", "read", "sudo", "update"]),
    ] {
        let policy = policy(&body(&format!("policy = \"{word}\"")));
        assert_eq!(policy.rules[0].capabilities.names(), wanted, "{word}");
    }
}

#[test]
fn json_and_hcl_read_alike() {
    let wanted = policy("path \"a\" { capabilities = [\"read\"] allowed_parameters = { \"x\" = [\"1\"] } }");
    for text in [
        r#"{"path":{"a":{"capabilities":["read"],"allowed_parameters":{"x":["1"]}}}}"#,
        r#"{"path":[{"a":{"capabilities":["read"],"allowed_parameters":[{"x":["1"]}]}}]}"#,
        r#"{"path":[{"a":[{"capabilities":["read"],"allowed_parameters":{"x":["1"]}}]}]}"#,
        r#"{"name":"n","path":{"/a":{"capabilities":["read"],"allowed_parameters":{"X":["1"]}}}}"#,
    ] {
        assert_eq!(policy(text), wanted, "{text}");
    }
}

#[test]
fn deny_stands_alone() {
    let policy = policy(&body("capabilities = [\"read\", \"deny\"] min_wrapping_ttl = \"1m\""));
    assert_eq!(policy.rules[0].capabilities, Capabilities::DENY);
    assert_eq!(policy.rules[0].capabilities.names(), ["deny"]);
}

#[test]
fn an_empty_list_for_a_parameter_stays_empty() {
    let policy = policy(&body("denied_parameters = { \"x\" = [], \"X\" = [\"1\"] }"));
    assert_eq!(json!(policy.rules[0].parameters.denied), json!({"x": []}));
}

#[test]
fn refusals_say_what_and_where() {
    for (text, line, problem) in [
        (body("capabilities = [\"fly\"]"), 2, "invalid capability \"fly\""),
        (body("capabilities = [\"scan\"]"), 2, "invalid capability \"scan\""),
        (body("capabilities = [\"Read\"]"), 2, "invalid capability \"Read\""),
        (body("capabilities = \"read\""), 2, "must be a list of texts"),
        (body("capabilities = [1]"), 2, "must be a list of texts"),
        (body("colour = \"red\""), 2, "invalid key \"colour\""),
        (body("policy = \"fly\""), 2, "must be \"deny\""),
        (body("mfa_methods = [\"x\"]"), 2, "does not know"),
        (body("comment = 1"), 2, "must be a text"),
        (body("min_wrapping_ttl = \"soon\""), 2, "duration"),
        (body("min_wrapping_ttl = -5"), 2, "duration"),
        (body("min_wrapping_ttl=\"2m\"\nmax_wrapping_ttl=\"1m\""), 1, "cannot be less"),
        (body("allowed_parameters = [\"x\"]"), 2, "must hold a list"),
        (body("denied_parameters = { \"x\" = \"y\" }"), 2, "must hold a list"),
        (body("required_parameters = { \"x\" = [] }"), 2, "must be a list"),
        ("route \"a\" { }".into(), 1, "invalid key \"route\""),
        ("Path \"a\" { }".into(), 1, "invalid key \"Path\""),
        ("name = 1".into(), 1, "must be a text"),
        ("\npath \"a+*\" { }".into(), 2, "'+*'"),
        ("path \"a/+*\" { }".into(), 1, "'+*'"),
        ("path { capabilities = [\"read\"] }".into(), 1, "in quotes before its block"),
        ("path = \"a\"".into(), 1, "in quotes before its block"),
        ("path \"a\" { capabilities=[\"read\"]".into(), 1, "has no '}'"),
        ("path \"{{a\" { }".into(), 1, "do not pair up"),
        ("path \"a}}\" { }".into(), 1, "do not pair up"),
        ("path \"{{a}}}}\" { }".into(), 1, "do not pair up"),
        ("not hcl {".into(), 1, "has no '}'"),
    ] {
        let error = refusal(&text);
        assert!(error.problem.contains(problem), "{text}: {error}");
        assert_eq!(error.line, line, "{text}: {error}");
    }
}

#[test]
fn built_in_texts_parse() {
    let default = policy(crate::builtin::DEFAULT);
    assert!(default.has_templates());
    assert!(default.rules.iter().all(|r| r.capabilities.grants()));
    assert!(!policy(crate::builtin::RESPONSE_WRAPPING).has_templates());
}

#[test]
fn a_text_without_rules_is_a_policy() {
    assert!(policy("# nothing").rules.is_empty());
}

proptest::proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
        let text = String::from_utf8_lossy(&bytes);
        let _ = parse("p", &text);
        let _ = parse("p", &format!("path \"{text}\" {{ {text} }}"));
    }
}
