use super::*;
use proptest::prelude::*;
use serde_json::json;

fn read(args: &[&str], stdin: &str) -> Result<Value, String> {
    let args: Vec<String> = args.iter().map(|a| (*a).to_owned()).collect();
    fields(&args, &mut stdin.as_bytes()).map(Value::Object).map_err(|e| e.message)
}

#[test]
fn values_come_from_arguments_files_and_standard_input() {
    let dir = tempfile::tempdir().unwrap();
    let text = dir.path().join("t");
    let object = dir.path().join("o.json");
    std::fs::write(&text, "line\n").unwrap();
    std::fs::write(&object, r#"{"n": 12345678901234567890123, "l": [1]}"#).unwrap();
    let at = |p: &std::path::Path| format!("@{}", p.display());
    let from_file = format!("v={}", at(&text));
    assert_eq!(read(&["a=b=c", "e="], ""), Ok(json!({"a": "b=c", "e": ""})));
    assert_eq!(read(&[&from_file], ""), Ok(json!({"v": "line\n"})));
    assert_eq!(read(&["p=-"], "s3\n"), Ok(json!({"p": "s3\n"})));
    assert_eq!(read(&["h=\\@home"], ""), Ok(json!({"h": "@home"})));
    assert_eq!(read(&["-", "x=1"], r#"{"b": true}"#), Ok(json!({"b": true, "x": "1"})));
    assert_eq!(read(&[&at(&object)], "").unwrap()["n"].to_string(), "12345678901234567890123");
    assert_eq!(read(&["a=1", "a=2", "a=3"], ""), Ok(json!({"a": ["1", "2", "3"]})));
}

#[test]
fn mistakes_are_named_without_the_value() {
    for (args, stdin, text) in [
        (&["hunter2"][..], "", "key=value"),
        (&["=hunter2"], "", "a key is empty"),
        (&["a=-", "b=-"], "hunter2", "only once"),
        (&["-"], r#"["hunter2"]"#, "JSON object"),
        (&["-"], r#"{"hunter2": "#, "JSON object"),
        (&["k=@/nonexistent/file"], "", "\"k\": error reading file /nonexistent/file"),
    ] {
        let message = read(args, stdin).unwrap_err();
        assert!(message.contains(text), "{message}");
        assert!(!message.contains("hunter2"), "{message}");
    }
}

#[test]
fn paths_lose_what_was_pasted_along() {
    for (given, clean) in [(" /secret/a ", "secret/a"), ("secret/a/", "secret/a"), ("v1/a", "v1/a")] {
        assert_eq!(clean_path(given), clean);
    }
}

proptest! {
    #[test]
    fn any_value_arrives_whole(key in "[a-z_][a-z0-9_-]{0,12}", value in "[^-@\\\\].*|") {
        let arg = format!("{key}={value}");
        prop_assert_eq!(read(&[&arg], ""), Ok(json!({ key: value })));
    }

    #[test]
    fn standard_input_arrives_whole(value in any::<String>()) {
        prop_assert_eq!(read(&["k=-"], &value), Ok(json!({ "k": value })));
    }
}
