//! Ephemeral containers. Nothing can be fetched for them: Pod and volumes stand already. A reference resolves to what
//! an environment file of the Pod holds.

use super::reference;
use crate::api::text;
use crate::lower::{Refusal, name};
use serde_json::{Value, json};
use strongroom_plan::{EnvFile, PLAN_VARIABLE, Part, Plan};

/// Resolves references in `env` of ephemeral containers.
pub(super) fn resolve(pod: &mut Value) -> Result<(), Vec<Refusal>> {
    let object = name(pod);
    let files = env_files(pod);
    let mut refusals = Vec::new();
    let containers = pod.pointer_mut("/spec/ephemeralContainers").and_then(Value::as_array_mut);
    for (index, container) in containers.into_iter().flatten().enumerate() {
        let env = container.get_mut("env").and_then(Value::as_array_mut);
        for (number, entry) in env.into_iter().flatten().enumerate() {
            let resolved = match reference::read(text(entry, "/value"), false) {
                Ok(None) => continue,
                Ok(Some(parts)) => find(&files, &parts),
                Err(problem) => Err((problem, "correct the reference")),
            };
            match (resolved, entry.as_object_mut()) {
                (Ok(source), Some(entry)) => {
                    entry.remove("value");
                    entry.insert("valueFrom".to_owned(), source);
                }
                (Ok(_), None) => {}
                (Err((problem, way_out)), _) => refusals.push(Refusal {
                    document: 0,
                    object: object.clone(),
                    path: format!("spec.ephemeralContainers[{index}].env[{number}].value"),
                    problem,
                    way_out: way_out.to_owned(),
                }),
            }
        }
    }
    if refusals.is_empty() { Ok(()) } else { Err(refusals) }
}

/// The environment files of a Pod, each with its volume and its path there.
fn env_files(pod: &Value) -> Vec<(EnvFile, String, String)> {
    let mut found = Vec::new();
    let containers = pod.pointer("/spec/initContainers").and_then(Value::as_array);
    for container in containers.into_iter().flatten() {
        let entries = container.get("env").and_then(Value::as_array).into_iter().flatten();
        let plan = entries
            .filter(|entry| text(entry, "/name") == PLAN_VARIABLE)
            .find_map(|entry| Plan::from_json(&text(entry, "/value").replace("$$", "$")).ok());
        for file in plan.into_iter().flat_map(|plan| plan.env_files) {
            let mounts = container.get("volumeMounts").and_then(Value::as_array).into_iter().flatten();
            let mut place = mounts.filter_map(|mount| {
                let path = file.path.strip_prefix(text(mount, "/mountPath"))?.strip_prefix('/')?;
                Some((text(mount, "/name").to_owned(), path.to_owned()))
            });
            if let Some((volume, path)) = place.next_back() {
                found.push((file, volume, path));
            }
        }
    }
    found
}

/// What stands in one of the files.
fn find(files: &[(EnvFile, String, String)], parts: &[Part]) -> Result<Value, (String, &'static str)> {
    let same = |stored: &Part, wanted: &Part| match (stored, wanted) {
        (Part::Secret(stored), Part::Secret(wanted)) => {
            (&stored.mount, &stored.path, &stored.key, stored.version)
                == (&wanted.mount, &wanted.path, &wanted.key, wanted.version)
        }
        (stored, wanted) => stored == wanted,
    };
    for (file, volume, path) in files {
        let entry = file.entries.iter().find(|entry| {
            entry.parts.len() == parts.len()
                && entry.parts.iter().zip(parts).all(|(stored, wanted)| same(stored, wanted))
        });
        if let Some(entry) = entry {
            let source = json!({"volumeName": volume, "path": path, "key": entry.name});
            return Ok(json!({ "fileKeyRef": source }));
        }
    }
    Err((
        "no volume of this Pod holds the value, and nothing can be fetched for an ephemeral container"
            .to_owned(),
        "name a value that the Pod's own containers have by fileKeyRef, or copy it by hand",
    ))
}
