//! References in environment values and the starts of images, as a webhook gives them.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests may panic")]

use serde_json::{Value, json};
use strongroom_k8s::{Entrypoint, Lowering, Refusal, Settings};
use strongroom_plan::{Part, Reference};

/// `ref:NAME`, several with commas, `$NAME` for another variable; `ref:` alone is wrong.
fn read(value: &str) -> Result<Option<Vec<Part>>, String> {
    let Some(names) = value.strip_prefix("ref:") else { return Ok(None) };
    if names.is_empty() {
        return Err("the reference is empty".to_owned());
    }
    let reference = |name: &str| Reference {
        mount: "m".to_owned(),
        path: name.to_owned(),
        key: "k".to_owned(),
        version: None,
        role: None,
        namespace: None,
        optional: false,
    };
    let part = |name: &str| match name.strip_prefix('$') {
        Some(variable) => Part::Variable(variable.to_owned()),
        None => Part::Secret(reference(name)),
    };
    Ok(Some(names.split(',').map(part).collect()))
}

fn lower(target: &str, container: Value, image: Result<Entrypoint, String>) -> Result<Value, Vec<Refusal>> {
    let mut settings = Settings::default();
    for (name, value) in [("address", "https://s:8200"), ("role", "r"), ("target", target)] {
        assert!(settings.set(name, value).unwrap());
    }
    let start = |_: &Value| image.clone();
    let lowering = Lowering { settings: &settings, values: Some(&read), entrypoints: Some(&start) };
    let mut pod = json!({"kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [container]}});
    lowering.object(&mut pod)?;
    let once = pod.clone();
    assert_eq!(lowering.object(&mut pod), Ok(false));
    assert_eq!(pod, once);
    Ok(pod["spec"]["containers"][0].clone())
}

fn image(entrypoint: &[&str], command: &[&str]) -> Result<Entrypoint, String> {
    let texts = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    Ok(Entrypoint { entrypoint: texts(entrypoint), command: texts(command) })
}

#[test]
fn values_become_file_references() {
    let container = json!({"name": "c", "env": [{"name": "A", "value": "ref:x"}, {"name": "B", "value": "plain"},
            {"name": "C", "value": "ref:x,y"}]});
    let lowered = lower("fileKeyRef", container, image(&[], &[])).unwrap();
    for (place, name) in [(0, "A"), (2, "C")] {
        assert_eq!(lowered["env"][place]["valueFrom"]["fileKeyRef"]["key"], name);
        assert_eq!(lowered["env"][place].get("value"), None);
    }
    assert_eq!(lowered["env"][1], json!({"name": "B", "value": "plain"}));
    for (value, told) in [("ref:", "the reference is empty"), ("ref:x,$B", "of another variable")] {
        let container = json!({"name": "c", "env": [{"name": "A", "value": value}]});
        let refused = lower("fileKeyRef", container, image(&[], &[])).unwrap_err();
        assert!(refused[0].to_string().contains(told), "{refused:?}");
    }
}

#[test]
fn images_start_behind_the_shim_as_they_would_by_themselves() {
    let shim = ["/strongroom/bin/strongroom-init", "exec", "--"];
    let env = json!([{"name": "A", "value": "ref:x,y"}]);
    for (container, entrypoint, command, words, args, expand) in [
        (json!({}), &["e", "$(A)"][..], &["c", "$A"][..], &["e", "$$(A)"][..], json!(["c", "$$A"]), None),
        (json!({"args": ["$(A)"]}), &["e"], &["c"], &["e"], json!(["$$(A)"]), Some(json!([1]))),
        (json!({"command": ["x"]}), &["e"], &["c"], &["x"], Value::Null, None),
        (
            json!({"command": ["x", "$(A)"], "args": ["$$(A)"]}),
            &[],
            &[],
            &["x", "$$(A)"],
            json!(["$$(A)"]),
            Some(json!([1])),
        ),
        (json!({}), &[], &["c"], &[], json!(["c"]), None),
    ] {
        let mut container = container;
        container["name"] = json!("c");
        container["env"] = env.clone();
        let lowered = lower("shim", container, image(entrypoint, command)).unwrap();
        let wanted: Vec<&str> = shim.iter().chain(words).copied().collect();
        assert_eq!(lowered["command"], json!(wanted));
        assert_eq!(lowered.get("args").cloned().unwrap_or_default(), args);
        let plan: Value = serde_json::from_str(lowered["env"][0]["value"].as_str().unwrap()).unwrap();
        assert_eq!(plan.get("expand").cloned(), expand);
    }
    for (image, told) in [(image(&[], &[]), "starts nothing"), (Err("no registry".to_owned()), "no registry")]
    {
        let refused = lower("shim", json!({"name": "c", "env": env}), image).unwrap_err();
        assert!(refused[0].to_string().contains(told), "{refused:?}");
    }
}
