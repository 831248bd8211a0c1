use super::{patch, read};
use proptest::prelude::*;
use serde_json::{Value, json};

fn value(text: &str) -> Value {
    read(text).unwrap().first().unwrap().value().unwrap()
}

/// Changes a text and returns it.
fn changed(text: &str, change: impl Fn(&mut Value)) -> String {
    let documents = read(text).unwrap();
    let mut wanted: Vec<Value> = documents.iter().map(|d| d.value().unwrap()).collect();
    wanted.iter_mut().for_each(change);
    patch(text, &documents, &wanted).unwrap_or_else(|(_, error)| panic!("{error}\n{text}"))
}

#[test]
fn scalars_mean_what_kubectl_takes_them_for() {
    let text = "[0400, 0o17, 0x1f, 10, -3, 1.50, 1e3, yes, off, ~, null, '1', \"a\\u00e9\", 12:30, 1_000, .5, 00, y, abc, !!str 5, 08]";
    let wanted: Value = serde_json::from_str(
        r#"[256, 15, 31, 10, -3, 1.50, 1e3, true, false, null, null, "1", "aé", "12:30", "1_000", ".5", 0, true, "abc", "5", "08"]"#,
    )
    .unwrap();
    assert_eq!(value(text), wanted);
}

#[test]
fn merge_keys_and_aliases_are_followed_and_not_edited() {
    let text = "base: &b {x: 1, y: 2}\nuse:\n  <<: *b\n  y: 3\nalias: *b\n";
    assert_eq!(value(text)["use"], json!({"x": 1, "y": 3}));
    assert_eq!(changed(text, |v| v["use"]["y"] = json!(4)), text.replace("y: 3", "y: 4"));
    let documents = read(text).unwrap();
    for place in ["/use/x", "/alias/y"] {
        let mut wanted = documents[0].value().unwrap();
        *wanted.pointer_mut(place).unwrap() = json!(9);
        let error = patch(text, &documents, &[wanted]).unwrap_err().1.to_string();
        assert!(error.contains("anchor"), "{error}");
    }
}

#[test]
fn aliases_of_aliases_have_an_end() {
    let mut text = "a0: &a0 [1, 1]\n".to_owned();
    for i in 1..60 {
        text.push_str(&format!("a{i}: &a{i} [*a{}, *a{}]\n", i - 1, i - 1));
    }
    assert!(read(&text).unwrap()[0].value().is_err());
}

#[test]
fn edits_leave_everything_else_as_it_is() {
    let text = "# top\na:   1 # one\nlist:\n# before\n- name: x   # x\n  deep: {k: 'v',  w: [1,2]}\n  # inside\n\n- name: two\n  gone: 1\nz: |\n  text\n";
    let out = changed(text, |v| {
        v["list"][0]["deep"]["w"] = json!([0, 1, 2]);
        v["list"][0]["new"] = json!({"b": [1], "a": "on"});
        v["list"][1].as_object_mut().unwrap().remove("gone");
        v["list"]
            .as_array_mut()
            .unwrap()
            .insert(0, json!({"name": "first", "m": [{"name": "m", "z": null}]}));
        v["z"] = json!("other\n");
    });
    assert_eq!(
        out,
        "# top\na:   1 # one\nlist:\n# before\n- name: first\n  m:\n    - name: m\n      z: null\n- name: x   # x\n  new:\n    a: \"on\"\n    b:\n      - 1\n  deep: {k: 'v',  w: [0, 1,2]}\n  # inside\n\n- name: two\nz: \"other\\n\"\n"
    );
}

#[test]
fn windows_line_ends_stay() {
    let out = changed("a: 1\r\nlist:\r\n  - name: x\r\n", |v| {
        v["list"].as_array_mut().unwrap().insert(0, json!({"name": "first", "k": 1}))
    });
    assert_eq!(out, "a: 1\r\nlist:\r\n  - name: first\r\n    k: 1\r\n  - name: x\r\n");
}

#[test]
fn json_stays_json() {
    let text =
        "{\n  \"a\": {\n    \"name\": \"x\",\n    \"gone\": [1, 2],\n    \"list\": []\n  }\n}\n{\"b\":1}\n";
    let out = changed(text, |v| {
        if let Some(map) = v["a"].as_object_mut() {
            map.remove("gone");
            map.insert("new".to_owned(), json!({"k": "é\u{7f}"}));
            map.insert("list".to_owned(), json!(["in"]));
        }
    });
    let values: Vec<Value> = serde_json::Deserializer::from_str(&out)
        .into_iter()
        .collect::<Result<_, _>>()
        .unwrap_or_else(|e| panic!("{e}: {out}"));
    assert_eq!(values.len(), 2);
    assert_eq!(values[0], json!({"a": {"name": "x", "list": ["in"], "new": {"k": "é\u{7f}"}}}));
    assert!(out.starts_with("{\n  \"a\": {\n    \"name\": \"x\",\n"), "{out}");
}

fn tree() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-z ~:#'\"$-]{0,8}".prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        prop::sample::select(vec![
            "yes",
            "No",
            "null",
            "0x10",
            "1.5",
            "01",
            "- a",
            "a: b",
            "# c",
            "x\n\ny\n",
            "\u{85}\u{2028}"
        ])
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        let key = prop_oneof![
            "[a-c]",
            "[a-z]{0,3}",
            Just("name".to_owned()),
            "[ :#é\\n]{1,3}",
            Just("yes".to_owned())
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(key, inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(tree in tree()) {
        let json = serde_json::to_string_pretty(&tree).unwrap();
        prop_assert_eq!(value(&json), tree.clone(), "{}", json);
        prop_assert_eq!(value(&super::emit::flow(&tree)), tree.clone());
        let block = format!("{}\n", super::emit::entry("k", &tree, 0));
        prop_assert_eq!(value(&block), json!({"k": tree}), "{}", block);
    }

    /// From any tree to any other, in every style: the patch is right or refused, never wrong, and mostly right.
    #[test]
    fn patches_say_what_is_wanted(before in tree(), after in tree(), style in 0..3) {
        let (before, after) = (json!({"k": before, "name": "n"}), json!({"k": after, "name": "n"}));
        let text = match style {
            0 => serde_json::to_string(&before).unwrap(),
            1 => serde_json::to_string_pretty(&before).unwrap(),
            _ => format!("{}\nname: n # c\n", super::emit::entry("k", &before["k"], 0)),
        };
        let documents = read(&text).unwrap();
        if let Ok(out) = patch(&text, &documents, std::slice::from_ref(&after)) {
            prop_assert_eq!(value(&out), after, "{}", out);
            if style < 2 {
                prop_assert!(serde_json::from_str::<Value>(&out).is_ok(), "{}", out);
            }
        }
    }
}
