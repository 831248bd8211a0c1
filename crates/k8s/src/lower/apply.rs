//! A Pod's way from `vaultSecret` to references.

use super::collect::{Consumer, LISTS, Wants, collect, members};
use super::inject::{Injection, put_first};
use super::refusal::Problem;
use super::settings::{Settings, Target};
use super::{Lowering, files, inject, names, shim};
use serde_json::{Map, Value, json};
use strongroom_plan::{EnvFile, Part, Reference, Variable};

/// How large an environment file may be.
const ENV_SIZE_LIMIT: &str = "4Mi";

/// Lowers a Pod or a Pod template. After a problem it may be half done.
pub(super) fn pod(lowering: &Lowering<'_>, pod: &mut Value, problems: &mut Vec<Problem>) {
    let annotations = pod.pointer("/metadata/annotations").cloned();
    let Some(spec) = pod.get_mut("spec") else { return };
    let wants = collect(lowering, spec, problems);
    if wants.containers.is_empty() && wants.volumes.is_empty() {
        return;
    }
    let settings = match lowering.settings.with_annotations(annotations.as_ref()) {
        Ok(settings) => settings,
        Err(problem) => return problems.push(problem),
    };
    problems.extend(windows(spec));
    problems.extend(taken_names(spec));
    if !problems.is_empty() {
        return;
    }
    if let Some(problem) = missing_role(&settings, &wants) {
        return problems.push(problem);
    }
    let target = match choose(&settings, &wants) {
        Ok(target) => target,
        Err(problem) => return problems.push(problem),
    };
    let mut injection = Injection::new(&settings, spec);
    let written = files::apply(spec, &wants.volumes);
    injection.add_files(written);
    for consumer in &wants.containers {
        let result = match target {
            Target::Shim => shim::apply(lowering, spec, consumer, &mut injection),
            _ => {
                file_key_refs(spec, consumer, &mut injection);
                Ok(())
            }
        };
        problems.extend(result.err().unwrap_or_default());
    }
    problems.extend(inject::finish(spec, injection).err());
}

/// Windows has no memory volumes, and its kubelet other paths.
fn windows(spec: &Value) -> Option<Problem> {
    let is_windows = |value: Option<&Value>| value.and_then(Value::as_str) == Some("windows");
    let selector = spec.get("nodeSelector").and_then(|selector| selector.get("kubernetes.io/os"));
    let path = match (is_windows(spec.pointer("/os/name")), is_windows(selector)) {
        (true, _) => "spec.os.name",
        (_, true) => "spec.nodeSelector",
        _ => return None,
    };
    Some(Problem::new(
        path,
        "Pods on Windows are not supported: their nodes have no volumes in memory",
        "read the secret from within the program, through the API",
    ))
}

/// Every reference must be read by some role.
fn missing_role(settings: &Settings, wants: &Wants) -> Option<Problem> {
    if settings.role.is_some() {
        return None;
    }
    let (path, _) = wants.references().into_iter().find(|(_, reference)| reference.role.is_none())?;
    Some(Problem::new(
        &path,
        "nothing says which role to log in as",
        "set the annotation strongroom.io/role on the Pod (or Pod template), the flag --role, the field role, or role \
         in the cluster's strongroom-config",
    ))
}

/// Names that lowering would take are taken: by a Pod that was lowered before, mostly.
fn taken_names(spec: &Value) -> Option<Problem> {
    let is_ours = |name: &str| {
        let exact = [names::INIT, names::WATCH, names::COPY, names::TOKEN, names::PROGRAM_VOLUME, names::CA];
        exact.contains(&name) || name.starts_with("strongroom-env-") || name.starts_with("strongroom-file-")
    };
    LISTS.into_iter().chain(["volumes"]).find_map(|list| {
        members(spec, list).enumerate().find_map(|(index, member)| {
            let name = member.get("name").and_then(Value::as_str).filter(|name| is_ours(name))?;
            Some(Problem::new(
                &format!("spec.{list}[{index}]"),
                format!("the name {name} is one that lowering gives"),
                "lower the manifest as it was written, not what came out of lowering; or choose another name",
            ))
        })
    })
}

/// What the references of this Pod's environments become.
fn choose(settings: &Settings, wants: &Wants) -> Result<Target, Problem> {
    if wants.containers.is_empty() {
        return Ok(Target::FileKeyRef);
    }
    let unable = settings.nodes.as_ref().and_then(super::NodeRecord::why_no_file_key_ref);
    let too_much = wants.containers.iter().find_map(beyond_file_key_ref);
    match settings.target {
        Target::Shim => Ok(Target::Shim),
        Target::Secret => Err(Problem::new(
            "spec",
            "the target secret needs an operator that this release does not have",
            "use fileKeyRef or shim",
        )),
        Target::FileKeyRef => match (unable, too_much) {
            (Some(why), _) => Err(Problem::new(
                "spec",
                format!("fileKeyRef is not safe here: {why}"),
                "use the target shim",
            )),
            (None, Some(problem)) => Err(problem),
            (None, None) => Ok(Target::FileKeyRef),
        },
        Target::Auto if settings.nodes.is_some() && unable.is_none() && too_much.is_none() => {
            Ok(Target::FileKeyRef)
        }
        Target::Auto => Ok(Target::Shim),
    }
}

/// Why a container's environment cannot go through a file.
fn beyond_file_key_ref(consumer: &Consumer) -> Option<Problem> {
    let whole = consumer.env_from.iter().find(|one| one.keys.is_none()).map(|one| {
        Problem::new(
            &format!("{}.envFrom[{}].vaultSecretRef", consumer.path(), one.index),
            "Kubernetes has no file source for envFrom",
            "list the keys (keys: [...]), or use the target shim (annotation strongroom.io/target: shim)",
        )
    });
    let takes_variable = |parts: &[Part]| parts.iter().any(|part| matches!(part, Part::Variable(_)));
    let composed = consumer.env.iter().find(|one| takes_variable(&one.parts)).map(|one| {
        Problem::new(
            &format!("{}.env[{}]", consumer.path(), one.index),
            "the value is made of a reference and of another variable",
            "give the reference a variable of its own and put them together with $(NAME), or use the target shim",
        )
    });
    whole.or(composed)
}

/// The entries of a container become `fileKeyRef`s into a file of its own.
fn file_key_refs(spec: &mut Value, consumer: &Consumer, injection: &mut Injection<'_>) {
    let volume = names::env_volume(&consumer.name);
    let mut entries: Vec<Variable> = Vec::new();
    let mut file_key_ref = |name: &str, parts: &[Part]| {
        let key = file_key(name, &entries);
        let optional =
            parts.iter().any(|part| matches!(part, Part::Secret(Reference { optional: true, .. })));
        entries.push(Variable { name: key.clone(), parts: parts.to_vec() });
        let mut source = json!({"volumeName": volume, "path": names::ENV_FILE, "key": key});
        if let (true, Some(source)) = (optional, source.as_object_mut()) {
            source.insert("optional".to_owned(), json!(true));
        }
        json!({ "fileKeyRef": source })
    };
    let Some(container) = container_mut(spec, consumer) else { return };
    for one in &consumer.env {
        let source = file_key_ref(&one.name, &one.parts);
        let entry =
            container.get_mut("env").and_then(|env| env.get_mut(one.index)).and_then(Value::as_object_mut);
        if let Some(entry) = entry {
            entry.remove("value");
            entry.insert("valueFrom".to_owned(), source);
        }
    }
    let mut more = Vec::new();
    for (name, reference) in named_keys(container, consumer) {
        let source = file_key_ref(&name, &[Part::Secret(reference)]);
        more.push(json!({"name": name, "valueFrom": source}));
    }
    take_env_from(container, consumer);
    put_first_in(container, "env", more);
    let place = format!("{}/env/{}", names::DIRECTORY, consumer.name);
    let path = format!("{place}/{}", names::ENV_FILE);
    injection.add_env_file(
        EnvFile { container: consumer.name.clone(), path, entries },
        volume.clone(),
        place,
    );
    put_first(spec, "volumes", vec![files::memory_volume(&volume, ENV_SIZE_LIMIT)]);
}

/// A key for the file: the variable's name where the file's format takes it.
fn file_key(name: &str, entries: &[Variable]) -> String {
    let is_word = !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if is_word { name.to_owned() } else { format!("STRONGROOM_{}", entries.len()) }
}

/// The variables that `envFrom` with `keys` stands for, those that `env` defines left out. Of two with one name
/// the later wins, as in Kubernetes.
pub(super) fn named_keys(container: &Map<String, Value>, consumer: &Consumer) -> Vec<(String, Reference)> {
    let defined = env_names(container);
    let mut found: Vec<(String, Reference)> = Vec::new();
    for one in &consumer.env_from {
        for key in one.keys.iter().flatten() {
            let name = format!("{}{key}", one.prefix);
            if defined.contains(&name) {
                continue;
            }
            found.retain(|(other, _)| *other != name);
            found.push((name, Reference { key: key.clone(), ..one.secret.clone() }));
        }
    }
    found
}

/// The names that a container's `env` defines.
pub(super) fn env_names(container: &Map<String, Value>) -> Vec<String> {
    let entries = container.get("env").and_then(Value::as_array).into_iter().flatten();
    entries.filter_map(|entry| entry.get("name").and_then(Value::as_str).map(str::to_owned)).collect()
}

/// Takes the lowered entries out of `envFrom`.
pub(super) fn take_env_from(container: &mut Map<String, Value>, consumer: &Consumer) {
    let Some(list) = container.get_mut("envFrom").and_then(Value::as_array_mut) else { return };
    let mut index = 0;
    list.retain(|_| {
        index += 1;
        !consumer.env_from.iter().any(|one| one.index + 1 == index)
    });
    if list.is_empty() {
        container.remove("envFrom");
    }
}

/// Puts members in front of a container's list, which may not be there yet.
pub(super) fn put_first_in(container: &mut Map<String, Value>, list: &str, more: Vec<Value>) {
    if more.is_empty() {
        return;
    }
    let old = container.remove(list);
    let rest = match old {
        Some(Value::Array(rest)) => rest,
        _ => Vec::new(),
    };
    container.insert(list.to_owned(), Value::Array(more.into_iter().chain(rest).collect()));
}

/// The container of a consumer.
pub(super) fn container_mut<'s>(
    spec: &'s mut Value,
    consumer: &Consumer,
) -> Option<&'s mut Map<String, Value>> {
    spec.get_mut(consumer.list)?.get_mut(consumer.index)?.as_object_mut()
}
