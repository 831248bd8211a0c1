//! Where Pods are in an object.

use super::collect::looks_like;
use super::refusal::{Problem, Refusal};
use super::{Lowering, apply};
use serde_json::Value;

/// Lowers an object and the objects it lists. Returns what is refused.
pub(super) fn lower(lowering: &Lowering<'_>, object: &mut Value) -> Vec<Refusal> {
    let kind = text(object, "/kind").to_owned();
    if kind.ends_with("List") && object.get("items").is_some_and(Value::is_array) {
        let of_list = kind.strip_suffix("List").unwrap_or_default().to_owned();
        let items = object.get_mut("items").and_then(Value::as_array_mut);
        let mut refusals = Vec::new();
        for (index, item) in items.into_iter().flatten().enumerate() {
            let has_kind = item.get("kind").is_some();
            let found = if has_kind { lower(lowering, item) } else { lower_one(lowering, item, &of_list) };
            refusals.extend(found.into_iter().map(|refusal| {
                let path = if refusal.path.is_empty() { String::new() } else { format!(".{}", refusal.path) };
                Refusal { path: format!("items[{index}]{path}"), ..refusal }
            }));
        }
        return refusals;
    }
    lower_one(lowering, object, &kind)
}

fn lower_one(lowering: &Lowering<'_>, object: &mut Value, kind: &str) -> Vec<Refusal> {
    let name = named(object, kind);
    let mut problems = Vec::new();
    let holds_pod = matches!(kind, "Pod" | "");
    walk(lowering, object, "", holds_pod, &mut problems);
    if !holds_pod && object.pointer("/spec/containers").is_some_and(Value::is_array) {
        leftovers(object.get("spec").unwrap_or(&Value::Null), "spec", &mut problems);
    }
    let refusal = |problem: Problem| Refusal {
        document: 0,
        object: name.clone(),
        path: problem.path,
        problem: problem.problem,
        way_out: problem.way_out,
    };
    problems.into_iter().map(refusal).collect()
}

/// An object's name, as `Deployment/web`.
pub(crate) fn name(object: &Value) -> String {
    named(object, text(object, "/kind"))
}

fn named(object: &Value, kind: &str) -> String {
    let name = ["/metadata/name", "/metadata/generateName"].map(|at| text(object, at)).join("");
    format!("{kind}/{name}")
}

/// Lowers every Pod and Pod template at or below `value`.
fn walk(lowering: &Lowering<'_>, value: &mut Value, path: &str, may_be_pod: bool, out: &mut Vec<Problem>) {
    if may_be_pod && value.pointer("/spec/containers").is_some_and(Value::is_array) {
        let mut problems = Vec::new();
        apply::pod(lowering, value, &mut problems);
        if problems.is_empty() {
            leftovers(value.get("spec").unwrap_or(&Value::Null), "spec", &mut problems);
        }
        out.extend(
            problems.into_iter().map(|problem| Problem { path: join(path, &problem.path), ..problem }),
        );
        return;
    }
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                walk(lowering, value, &join(path, name), true, out);
            }
        }
        Value::Array(list) => {
            for (index, value) in list.iter_mut().enumerate() {
                walk(lowering, value, &format!("{path}[{index}]"), true, out);
            }
        }
        _ => {}
    }
}

/// What looks like a `vaultSecret` in a Pod and was not lowered.
fn leftovers(value: &Value, path: &str, out: &mut Vec<Problem>) {
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                let path = join(path, name);
                if looks_like(name) {
                    let way_out = "it may stand in env[].valueFrom and in volumes[], vaultSecretRef in envFrom[], of \
                                   containers and initContainers of a Pod or a Pod template";
                    out.push(Problem::new(&path, format!("{name} means nothing here"), way_out));
                }
                leftovers(value, &path, out);
            }
        }
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                leftovers(value, &format!("{path}[{index}]"), out);
            }
        }
        _ => {}
    }
}

fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}
