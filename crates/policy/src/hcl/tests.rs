use super::*;
use serde_json::json;

fn json_of(text: &str) -> Json {
    parse(text).unwrap_or_else(|e| panic!("{text}: {e}")).to_json()
}

fn refusal(text: &str) -> Error {
    parse(text).expect_err(text)
}

#[test]
fn reads_what_vault_reads() {
    for (text, wanted) in [
        ("", json!({})),
        ("# a\n// b\n/* c\n d */", json!({})),
        ("a = 1", json!({"a": 1})),
        ("a = 1 b = \"2\"", json!({"a": 1, "b": "2"})),
        ("a = 1, b = true,", json!({"a": 1, "b": true})),
        ("a { }", json!({"a": {}})),
        ("a \"b\" { c = [] }", json!({"a": {"b": {"c": []}}})),
        ("\"a\" \"b\" { \"c\" = [1, 2,] }", json!({"a": {"b": {"c": [1, 2]}}})),
        (
            "a = { \"*\" = [] \"foo-bar\" = [\"x\"]\n b-c.d : 1 }",
            json!({"a": {"*": [], "foo-bar": ["x"], "b-c.d": 1}}),
        ),
        ("a = [{ b = 1 }, { b = 2 }]", json!({"a": [{"b": 1}, {"b": 2}]})),
        ("a = 0x1F\nb = 017\nc = -5\nd = 1.5\ne = 0", json!({"a": 31, "b": 15, "c": -5, "d": 1.5, "e": 0})),
        ("a = \"\\\"\\n\\u00e9\\U0001F600\\x41\\\\\"", json!({"a": "\"\né😀A\\"})),
        ("a = \"${x}\"", json!({"a": "${x}"})),
        ("\u{feff}a = 1\r\nb = 2\r\n", json!({"a": 1, "b": 2})),
        ("a = <<EOT\nx\n  y\nEOT\nb = 1", json!({"a": "x\n  y\n", "b": 1})),
        ("a = <<-EOT\n  x\n    y\n  EOT\n", json!({"a": "x\n  y\n"})),
        ("a = <<-EOT\n  x\ny\n  EOT\n", json!({"a": "  x\ny\n"})),
        ("{\"a\": {\"b\": [1, null, \"\\ud83d\\ude00\\/\"]}}", json!({"a": {"b": [1, null, "😀/"]}})),
        (" {} ", json!({})),
    ] {
        assert_eq!(json_of(text), wanted, "{text}");
    }
}

#[test]
fn large_numbers_stay_digit_for_digit() {
    assert_eq!(
        json_of("a = 123456789012345678901234567890").to_string(),
        r#"{"a":123456789012345678901234567890}"#
    );
}

#[test]
fn blocks_read_alike_in_every_form() {
    for text in [
        "path \"a\" { x = 1 }\npath \"b\" { x = 2 }",
        "path = { a = { x = 1 }, b = { x = 2 } }",
        "path { \"a\" { x = 1 } \"b\" { x = 2 } }",
        r#"{"path": {"a": {"x": 1}, "b": {"x": 2}}}"#,
        r#"{"path": [{"a": {"x": 1}}, {"b": {"x": 2}}]}"#,
        r#"{"path": [{"a": [{"x": 1}], "b": {"x": 2}}]}"#,
        r#"{"path": {"a": {"x": 1}}, "path": {"b": {"x": 2}}}"#,
    ] {
        let root = parse(text).expect(text);
        let found: Vec<_> = root
            .labelled("path")
            .expect(text)
            .iter()
            .map(|b| (b.label.to_owned(), b.body.to_json()))
            .collect();
        let wanted = [("a".to_owned(), json!({"x": 1})), ("b".to_owned(), json!({"x": 2}))];
        assert_eq!(found, wanted, "{text}");
    }
    let root = parse("telemetry { a = 1 }\nlog_level = \"x\"\nlog_level = \"y\"").expect("parses");
    assert_eq!(root.blocks("telemetry").map(|b| b.len()), Ok(1));
    assert_eq!(root.get("log_level").and_then(Value::as_text), Some("y"));
    assert_eq!(root.labelled("telemetry").expect_err("has no label").line, 1);
}

#[test]
fn refusals_name_the_line() {
    for (text, line) in [
        ("a = 1\nb", 2),
        ("a {\n\n", 3),
        ("a = [1\n2]", 2),
        ("a = [1,\n", 2),
        ("a = \"x\ny\"", 1),
        ("\n\na = \"\\q\"", 3),
        ("a = 10s", 1),
        ("a = 09", 1),
        ("a = 0xg", 1),
        ("\na = word", 2),
        ("a = <EOT", 1),
        ("a = <<EOT\nx\n", 3),
        ("a = <<\nx\n", 1),
        ("/* \n", 2),
        ("}", 1),
        ("{\"a\": 1}\n{}", 2),
        ("{\"a\": 1", 1),
        ("a \"b\" = 1", 1),
        ("a = \"\\ud800\"", 1),
        ("= 1", 1),
        ("a,\n= 1", 1),
        ("a = \u{0}", 1),
    ] {
        assert_eq!(refusal(text).line, line, "{text}: {}", refusal(text));
    }
}

#[test]
fn errors_carry_no_values() {
    for text in [
        "token = hunter2",
        "token = \"hunter2",
        "token = \"hunter2\" \"x\"",
        "token = 1hunter2",
        "a = \"hunter2\\q\"",
    ] {
        assert!(!refusal(text).to_string().contains("hunter2"), "{text}");
    }
}

#[test]
fn nesting_and_size_are_bounded() {
    let nested = |open: &str, close: &str, n: usize| format!("a = {}{}", open.repeat(n), close.repeat(n));
    assert!(parse(&nested("[", "]", MAX_DEPTH)).is_ok());
    for text in [
        nested("[", "]", MAX_DEPTH + 1),
        nested("[", "]", 300_000),
        "a{".repeat(200_000),
        format!("a = {}", "{a=".repeat(200_000)),
        format!("a {} {{ }}", "\"b\" ".repeat(200_000)),
        format!("{}{{}}", "a \"b\" { ".repeat(33)),
    ] {
        assert!(refusal(&text).problem.contains("nested deeper"), "{}", refusal(&text));
    }
    assert!(refusal(&"#".repeat(MAX_BYTES + 1)).problem.contains("longer than"));
    assert!(parse(&"#".repeat(MAX_BYTES)).is_ok());
}

proptest::proptest! {
    #[test]
    fn no_text_panics(text in "\\PC*") {
        let _ = parse(&text);
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
        let _ = parse(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn nothing_near_the_grammar_panics(tokens in proptest::collection::vec(proptest::sample::select(TOKENS), 0..60)) {
        let text = tokens.concat();
        if let Err(error) = parse(&text) {
            let lines = text.bytes().filter(|b| *b == b'\n').count() + 1;
            proptest::prop_assert!((1..=lines).contains(&(error.line as usize)), "{error}");
        }
    }

    #[test]
    fn json_reads_as_json(text in "[ -~é😀\n\t\"\\\\]*", number in proptest::num::i64::ANY) {
        let value = json!({"a": {text.clone(): [number, text, null, true]}});
        proptest::prop_assert_eq!(parse(&value.to_string()).map(|o| o.to_json()), Ok(value));
    }
}

const TOKENS: &[&str] = &[
    "path",
    " ",
    "\"a/*\"",
    "\"",
    "{",
    "}",
    "[",
    "]",
    "=",
    ":",
    ",",
    "\n",
    "#",
    "//",
    "/*",
    "*/",
    "<<EOT",
    "<<-E",
    "EOT",
    "\\",
    "\\u",
    "0",
    "-1",
    "0x",
    "e5",
    "true",
    "null",
    "é",
    "\r\n",
    "<",
    "capabilities",
    "[\"read\"]",
    "\u{feff}",
    "'",
];
