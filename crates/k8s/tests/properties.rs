//! What holds for every manifest: nothing that is not lowered changes, once is enough, and the format does not matter.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests may panic")]

use proptest::prelude::*;
use serde_json::{Value, json};
use strongroom_k8s::{Lowering, Settings, documents};

fn settings(target: &str) -> Settings {
    let mut settings = Settings::default();
    for (name, value) in [("address", "https://s:8200"), ("role", "r"), ("image", "i"), ("target", target)] {
        assert!(settings.set(name, value).unwrap());
    }
    settings
}

/// Anything: unknown fields.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[ -~é\n]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("x-[a-z]{1,3}", inner, 0..3)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn env_entry() -> impl Strategy<Value = Value> {
    let name = "[A-Z]{1,3}|a\\.b|x-y";
    prop_oneof![
        (name, "[ -~]{0,8}|\\$\\([A-C]\\)x").prop_map(|(name, value)| json!({"name": name, "value": value})),
        (name, "[a-z]{1,4}(/[a-z]{1,3})?", "[a-z ]{1,4}", any::<bool>()).prop_map(|(name, secret, key, optional)| {
            json!({"name": name, "valueFrom": {"vaultSecret": {"name": secret, "key": key, "optional": optional}}})
        }),
    ]
}

fn container() -> impl Strategy<Value = Value> {
    (prop::collection::vec(env_entry(), 0..5), anything(), any::<bool>(), any::<bool>()).prop_map(
        |(env, unknown, has_mount, all)| {
            let mut seen = Vec::new();
            let is_new = |entry: &Value| {
                let name = entry["name"].clone();
                let is_new = !seen.contains(&name);
                seen.push(name);
                is_new
            };
            let env: Vec<Value> = env.into_iter().filter(is_new).collect();
            let mut container = json!({"command": ["run", "$(A)", "$$(A)", "--"], "env": env, "x-kept": unknown});
            if has_mount {
                container["volumeMounts"] = json!([{"name": "v", "mountPath": "/v"}, {"name": "w", "mountPath": "/w"}]);
            }
            if all {
                container["envFrom"] =
                    json!([{"configMapRef": {"name": "c"}}, {"prefix": "P", "vaultSecretRef": {"name": "s", "keys": ["k", "l"]}}]);
            }
            container
        },
    )
}

fn object() -> impl Strategy<Value = Value> {
    let kind = prop::sample::select(vec!["Pod", "Deployment", "CronJob", "List", "Rollout"]);
    (kind, prop::collection::vec(container(), 1..4), 0..2_usize, anything(), any::<bool>()).prop_map(
        |(kind, mut containers, inits, unknown, has_volume)| {
            for (index, container) in containers.iter_mut().enumerate() {
                container["name"] = json!(format!("c{index}"));
            }
            let rest = containers.split_off(inits.min(containers.len() - 1));
            let mut spec = json!({"containers": rest, "x-kept": unknown, "restartPolicy": "Never"});
            if !containers.is_empty() {
                spec["initContainers"] = Value::Array(containers);
            }
            let is_mounted = spec.to_string().contains("\"mountPath\":\"/v\"");
            if has_volume && is_mounted {
                spec["volumes"] = json!([{"name": "w", "emptyDir": {}}, {"name": "v", "vaultSecret": {"name": "s", "items": [{"key": "k", "path": "p"}]}}]);
            }
            let template = json!({"metadata": {"labels": {"a": "b"}}, "spec": spec});
            match kind {
                "Pod" => json!({"kind": kind, "metadata": {"name": "n"}, "spec": template["spec"]}),
                "CronJob" => json!({"kind": kind, "metadata": {"name": "n"}, "spec": {"jobTemplate": {"spec": {"template": template}}}}),
                "List" => json!({"kind": kind, "items": [{"kind": "Pod", "metadata": {"name": "n"}, "spec": template["spec"]}, {"kind": "Other", "metadata": {"name": "o"}}]}),
                _ => json!({"kind": kind, "metadata": {"name": "n"}, "spec": {"template": template}}),
            }
        },
    )
}

/// YAML in block style, with a comment above every key outside the lists that are lowered.
fn yaml(value: &Value, indent: usize, commented: bool, out: &mut String, comments: &mut Vec<String>) {
    let pad = " ".repeat(indent);
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (name, value) in map {
                if commented {
                    let comment = format!("# comment {}.", comments.len());
                    out.push_str(&format!("{pad}{comment}\n"));
                    comments.push(comment);
                }
                let inside =
                    commented && !["env", "envFrom", "volumes", "volumeMounts"].contains(&name.as_str());
                out.push_str(&format!("{pad}{}:", json!(name)));
                yaml_below(value, indent, inside, out, comments);
            }
        }
        _ => out.push_str(&format!("{pad}{value}\n")),
    }
}

fn yaml_below(value: &Value, indent: usize, commented: bool, out: &mut String, comments: &mut Vec<String>) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            out.push('\n');
            yaml(value, indent + 2, commented, out, comments);
        }
        Value::Array(list) if !list.is_empty() => {
            out.push('\n');
            for item in list {
                let mut text = String::new();
                yaml(item, indent + 2, commented && item.is_object(), &mut text, comments);
                // The first line bears the dash: a comment goes above it.
                let pad = " ".repeat(indent + 2);
                let (above, rest) = match text.strip_prefix(&pad).filter(|text| text.starts_with('#')) {
                    Some(text) => text.split_once('\n').unwrap(),
                    None => ("", text.as_str()),
                };
                if !above.is_empty() {
                    out.push_str(&format!("{pad}{above}\n"));
                }
                out.push_str(&format!("{}- {}", " ".repeat(indent), rest.trim_start()));
            }
        }
        _ => out.push_str(&format!(" {value}\n")),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn once_is_enough_and_formats_agree(object in object(), target in prop::sample::select(vec!["fileKeyRef", "shim"])) {
        let settings = settings(target);
        let lowering = Lowering::new(&settings);
        let mut tree = object.clone();
        let changed = lowering.object(&mut tree).unwrap_or_else(|e| panic!("{e:?}\n{object}"));
        for text in [serde_json::to_string(&object).unwrap(), serde_json::to_string_pretty(&object).unwrap()] {
            let out = lowering.text(&text).unwrap();
            let again: Value = serde_json::from_str(&out).unwrap();
            prop_assert_eq!(&again, &tree);
            prop_assert_eq!(lowering.text(&out).unwrap(), out.clone());
            prop_assert_eq!(changed, out != text);
        }
        prop_assert!(!tree.to_string().contains("vaultSecret"));
        let (mut text, mut comments) = (String::new(), Vec::new());
        yaml(&object, 0, true, &mut text, &mut comments);
        prop_assert_eq!(documents(&text).unwrap(), vec![object.clone()], "{}", text);
        let out = lowering.text(&text).unwrap_or_else(|e| panic!("{e:?}\n{text}"));
        prop_assert_eq!(documents(&out).unwrap(), vec![tree], "{}", out);
        for comment in comments {
            prop_assert!(out.contains(&comment), "{} is lost\n{}\n{}", comment, text, out);
        }
        prop_assert_eq!(lowering.text(&out).unwrap(), out);
    }
}
