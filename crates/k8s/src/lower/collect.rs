//! What a Pod wants of Strongroom, read without changing it.

use super::files::{self, VolumeUse};
use super::refusal::Problem;
use super::{Lowering, reference};
use serde_json::{Map, Value};
use strongroom_plan::{Part, Reference};

/// The lists that hold containers, in the order in which they run.
pub(super) const LISTS: [&str; 2] = ["initContainers", "containers"];

/// All that a Pod wants.
pub(super) struct Wants {
    pub(super) containers: Vec<Consumer>,
    pub(super) volumes: Vec<VolumeUse>,
}

/// A container with references in its environment.
pub(super) struct Consumer {
    pub(super) list: &'static str,
    pub(super) index: usize,
    pub(super) name: String,
    pub(super) env: Vec<EnvUse>,
    pub(super) env_from: Vec<EnvFromUse>,
}

/// An entry of `env`.
pub(super) struct EnvUse {
    pub(super) index: usize,
    pub(super) name: String,
    pub(super) parts: Vec<Part>,
}

/// An entry of `envFrom`.
pub(super) struct EnvFromUse {
    pub(super) index: usize,
    pub(super) prefix: String,
    pub(super) secret: Reference,
    /// The keys that are wanted; all if none.
    pub(super) keys: Option<Vec<String>>,
}

impl Wants {
    /// All references with their places.
    pub(super) fn references(&self) -> Vec<(String, &Reference)> {
        let mut found = Vec::new();
        for consumer in &self.containers {
            let path = consumer.path();
            for one in &consumer.env {
                let place = format!("{path}.env[{}]", one.index);
                found.extend(one.parts.iter().filter_map(|part| match part {
                    Part::Secret(reference) | Part::All(reference) => Some((place.clone(), reference)),
                    Part::Text(_) | Part::Variable(_) => None,
                }));
            }
            let of_env_from = |one: &'_ EnvFromUse| format!("{path}.envFrom[{}].vaultSecretRef", one.index);
            found.extend(consumer.env_from.iter().map(|one| (of_env_from(one), &one.secret)));
        }
        found.extend(self.volumes.iter().flat_map(VolumeUse::references));
        found
    }
}

impl Consumer {
    pub(super) fn path(&self) -> String {
        format!("spec.{}[{}]", self.list, self.index)
    }
}

/// Reads a Pod's spec. Everything that is wrong is told at once.
pub(super) fn collect(lowering: &Lowering<'_>, spec: &Value, problems: &mut Vec<Problem>) -> Wants {
    let mut containers = Vec::new();
    for list in LISTS {
        for (index, container) in members(spec, list).enumerate() {
            let path = format!("spec.{list}[{index}]");
            let consumer = Consumer {
                list,
                index,
                name: container.get("name").and_then(Value::as_str).unwrap_or_default().to_owned(),
                env: env(lowering, &path, container, problems),
                env_from: env_from(&path, container, problems),
            };
            if !consumer.env.is_empty() || !consumer.env_from.is_empty() {
                if consumer.name.is_empty() {
                    problems.push(reference::missing(&path, "name", "name the container"));
                }
                containers.push(consumer);
            }
        }
    }
    Wants { containers, volumes: files::collect(spec, problems) }
}

/// The members of a list, none if it is no list.
pub(super) fn members<'v>(value: &'v Value, list: &str) -> impl Iterator<Item = &'v Value> {
    value.get(list).and_then(Value::as_array).into_iter().flatten()
}

fn env(lowering: &Lowering<'_>, path: &str, container: &Value, problems: &mut Vec<Problem>) -> Vec<EnvUse> {
    let mut uses: Vec<EnvUse> = Vec::new();
    for (index, entry) in members(container, "env").enumerate() {
        let path = format!("{path}.env[{index}]");
        match env_parts(lowering, &path, entry) {
            Ok(None) => {}
            Ok(Some(parts)) => match entry.get("name").and_then(Value::as_str) {
                Some(name) if !name.is_empty() => uses.push(EnvUse { index, name: name.to_owned(), parts }),
                _ => problems.push(reference::missing(&path, "name", "name the variable")),
            },
            Err(problem) => problems.push(problem),
        }
    }
    for one in &uses {
        let is_other = |(index, entry): &(usize, &Value)| {
            *index != one.index && entry.get("name").and_then(Value::as_str) == Some(&one.name)
        };
        if members(container, "env").enumerate().any(|pair| is_other(&pair)) {
            problems.push(Problem::new(
                &format!("{path}.env[{}]", one.index),
                format!("the variable {} stands twice in this env", one.name),
                "keep one of them",
            ));
        }
    }
    uses
}

/// What an entry's value is made of, if Strongroom has a part in it.
fn env_parts(lowering: &Lowering<'_>, path: &str, entry: &Value) -> Result<Option<Vec<Part>>, Problem> {
    if let Some(text) = entry.get("value").and_then(Value::as_str) {
        let Some(read) = lowering.values else { return Ok(None) };
        let wrong = |why: String| Problem::new(&format!("{path}.value"), why, "correct the reference");
        return read(text).map_err(wrong);
    }
    let Some(source) = entry.get("valueFrom").and_then(Value::as_object) else { return Ok(None) };
    let path = format!("{path}.valueFrom");
    let Some(field) = source.get("vaultSecret") else {
        return misspelt(&path, source, "vaultSecret").map_or(Ok(None), Err);
    };
    if source.len() > 1 {
        return Err(Problem::new(&path, "names another source besides vaultSecret", "keep one of them"));
    }
    let reference = reference::value(&format!("{path}.vaultSecret"), field)?;
    Ok(Some(vec![Part::Secret(reference)]))
}

fn env_from(path: &str, container: &Value, problems: &mut Vec<Problem>) -> Vec<EnvFromUse> {
    let mut uses = Vec::new();
    for (index, entry) in members(container, "envFrom").enumerate() {
        let Some(entry) = entry.as_object() else { continue };
        let path = format!("{path}.envFrom[{index}]");
        match entry.get("vaultSecretRef") {
            Some(field) => match env_from_use(index, &path, entry, field) {
                Ok(one) => uses.push(one),
                Err(problem) => problems.push(problem),
            },
            None => problems.extend(misspelt(&path, entry, "vaultSecretRef")),
        }
    }
    uses
}

fn env_from_use(
    index: usize,
    path: &str,
    entry: &Map<String, Value>,
    field: &Value,
) -> Result<EnvFromUse, Problem> {
    if let Some(other) = entry.keys().find(|name| !matches!(name.as_str(), "vaultSecretRef" | "prefix")) {
        let why = format!("names {other} besides vaultSecretRef");
        return Err(Problem::new(path, why, "give each source an entry of its own"));
    }
    let at = format!("{path}.vaultSecretRef");
    let secret = reference::whole(&at, field, &["keys", "prefix"])?;
    let empty = Map::new();
    let inner = reference::text(&at, field.as_object().unwrap_or(&empty), "prefix")?;
    let outer = reference::text(path, entry, "prefix")?;
    if inner.is_some() && outer.is_some() {
        return Err(Problem::new(path, "has two prefixes", "keep one of them"));
    }
    let keys = match field.get("keys") {
        None | Some(Value::Null) => None,
        Some(Value::Array(keys)) if !keys.is_empty() => {
            let texts = keys.iter().map(|key| key.as_str().filter(|key| !key.is_empty()).map(str::to_owned));
            let texts: Option<Vec<String>> = texts.collect();
            Some(
                texts.ok_or_else(|| {
                    Problem::new(&format!("{at}.keys"), "is no list of texts", "name the keys")
                })?,
            )
        }
        Some(_) => {
            let way_out = "name the keys, or leave `keys` out for all";
            return Err(Problem::new(&format!("{at}.keys"), "is no list, or an empty one", way_out));
        }
    };
    Ok(EnvFromUse { index, prefix: outer.or(inner).unwrap_or_default(), secret, keys })
}

/// A field that looks like `right` and is not.
pub(super) fn misspelt(path: &str, map: &Map<String, Value>, right: &str) -> Option<Problem> {
    let wrong = map.keys().find(|name| *name != right && looks_like(name))?;
    Some(Problem::new(
        &format!("{path}.{wrong}"),
        "no such field",
        format!("the field is called {right} here"),
    ))
}

/// Whether a name is one of ours, or a misspelling of it.
pub(crate) fn looks_like(name: &str) -> bool {
    let letters: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    letters.to_ascii_lowercase().starts_with("vaultsecret")
}
