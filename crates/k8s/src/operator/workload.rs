//! A workload: which secrets its Pods have, and what was seen of them.

use crate::api::text;
use crate::lower::Settings;
use crate::webhook::{read_reference, refers};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use strongroom_plan::{PLAN_VARIABLE, Part, Plan, Reference};

/// The annotation by which a workload asks for restarts, on itself or on its template.
const ASKS: &str = "strongroom.io/restart-on-change";
/// The template's annotation whose change restarts.
const RESTARTED_FOR: &str = "strongroom.io/restarted-for";
/// The workload's annotation with what was seen: versions, never values.
const STATE: &str = "strongroom.io/restart-state";

/// A secret, as its name stands in annotations: `MOUNT/PATH`, with the namespace in front if there is one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) namespace: Option<String>,
    pub(super) mount: String,
    pub(super) path: String,
}

/// The keys of a secret that are used.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Keys {
    pub(super) all: bool,
    pub(super) named: BTreeSet<String>,
}

/// What was seen, between looks and over restarts of the operator.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct State {
    /// The version of each secret that the Pods have, as far as is known.
    pub(super) versions: BTreeMap<String, u64>,
    /// When it was restarted last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) restarted: Option<Timestamp>,
}

/// A workload that asks for restarts.
pub(super) struct Workload {
    kind: &'static str,
    namespace: String,
    name: String,
    uid: String,
    pub(super) secrets: BTreeMap<Place, Keys>,
    pub(super) state: State,
    restarted_for: Option<String>,
}

impl std::fmt::Display for Place {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(namespace) = &self.namespace {
            write!(out, "{namespace}:")?;
        }
        write!(out, "{}/{}", self.mount, self.path)
    }
}

impl Workload {
    /// Reads an object of a list; none if it does not ask, or has no secrets whose newest version it takes.
    pub(super) fn read(kind: &'static str, object: &Value, settings: &Settings) -> Option<Self> {
        let own = object.pointer("/metadata/annotations");
        let template = object.pointer("/spec/template")?;
        let of_template = template.pointer("/metadata/annotations");
        let get = |all: Option<&Value>, name: &str| Some(all?.get(name)?.as_str()?.to_owned());
        if get(own, ASKS).or_else(|| get(of_template, ASKS)).as_deref() != Some("true") {
            return None;
        }
        let secrets = secrets(template, settings);
        if secrets.is_empty() {
            return None;
        }
        let state = get(own, STATE).and_then(|state| serde_json::from_str(&state).ok()).unwrap_or_default();
        Some(Self {
            kind,
            namespace: text(object, "/metadata/namespace").to_owned(),
            name: text(object, "/metadata/name").to_owned(),
            uid: text(object, "/metadata/uid").to_owned(),
            secrets,
            state,
            restarted_for: get(of_template, RESTARTED_FOR),
        })
    }

    /// Where it stands in the API.
    pub(super) fn path(&self) -> String {
        let plural = format!("{}s", self.kind.to_ascii_lowercase());
        format!("/apis/apps/v1/namespaces/{}/{plural}/{}", self.namespace, self.name)
    }

    /// All that we say of it: what is left out is taken back. With `reason` it restarts.
    pub(super) fn applied(&self, state: &State, reason: Option<&str>) -> Value {
        let state = serde_json::to_string(state).unwrap_or_default();
        let mut object = json!({
            "apiVersion": "apps/v1",
            "kind": self.kind,
            "metadata": {
                "name": self.name,
                "namespace": self.namespace,
                // One of the same name that was made meanwhile is another.
                "uid": self.uid,
                "annotations": {STATE: state},
            },
        });
        if let Some(reason) = reason.or(self.restarted_for.as_deref()) {
            let path = ["spec", "template", "metadata", "annotations", RESTARTED_FOR];
            crate::api::set(&mut object, &path, json!(reason));
        }
        object
    }
}

/// The secrets that a template's Pods read when they start, but for those of a fixed version.
fn secrets(template: &Value, settings: &Settings) -> BTreeMap<Place, Keys> {
    let mut found = BTreeMap::<Place, Keys>::new();
    let annotation = |name: &str| {
        Some(template.pointer("/metadata/annotations")?.get(name)?.as_str()?.trim_end_matches('/').to_owned())
    };
    let first = |names: [&str; 2]| names.into_iter().find_map(annotation);
    let address = first(["strongroom.io/address", "vault.security.banzaicloud.io/vault-addr"]);
    let namespace = first(["strongroom.io/namespace", "vault.security.banzaicloud.io/vault-namespace"]);
    let namespace = namespace.or_else(|| settings.namespace.clone());
    let is_elsewhere = address.is_some() && address != settings.address;
    for entry in entries(template) {
        let value = text(entry, "/value");
        if text(entry, "/name") == PLAN_VARIABLE {
            if let Ok(plan) = Plan::from_json(&value.replace("$$", "$"))
                && Some(&plan.server.address) == settings.address.as_ref()
            {
                let namespace = plan.server.namespace.clone();
                for part in parts(&plan) {
                    note(&mut found, &part, namespace.as_ref());
                }
            }
        } else if refers(value) && !is_elsewhere {
            for part in read_reference(value, false).ok().flatten().unwrap_or_default() {
                note(&mut found, &part, namespace.as_ref());
            }
        }
    }
    found
}

/// All variables of all containers.
fn entries(template: &Value) -> impl Iterator<Item = &Value> {
    let list = |value: &'_ Value, name: &str| -> Option<usize> { Some(value.get(name)?.as_array()?.len()) };
    let containers = ["initContainers", "containers"].into_iter().flat_map(move |name| {
        let spec = template.get("spec").unwrap_or(&Value::Null);
        (0..list(spec, name).unwrap_or(0)).filter_map(move |index| spec.get(name)?.get(index))
    });
    containers.flat_map(|container| container.get("env").and_then(Value::as_array).into_iter().flatten())
}

/// All that a plan reads.
fn parts(plan: &Plan) -> Vec<Part> {
    let of_files = plan.env_files.iter().flat_map(|file| &file.entries).chain(&plan.variables);
    let values = plan.files.iter().map(|file| Part::Secret(file.value.clone()));
    of_files.flat_map(|variable| variable.parts.clone()).chain(values).collect()
}

fn note(found: &mut BTreeMap<Place, Keys>, part: &Part, namespace: Option<&String>) {
    let (reference, all) = match part {
        Part::Secret(reference) => (reference, false),
        Part::All(reference) => (reference, true),
        Part::Text(_) | Part::Variable(_) => return,
    };
    let Reference { mount, path, key, version, .. } = reference;
    if version.is_some() {
        return;
    }
    let namespace = reference.namespace.as_ref().or(namespace).filter(|name| !name.is_empty()).cloned();
    let keys = found.entry(Place { namespace, mount: mount.clone(), path: path.clone() }).or_default();
    keys.all |= all;
    if !all {
        keys.named.insert(key.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lower::Lowering;

    fn settings() -> Settings {
        let mut settings = Settings::default();
        settings.set("address", "https://s:8200").unwrap();
        settings.set("role", "app").unwrap();
        settings.set("target", "shim").unwrap();
        settings
    }

    fn deployment() -> Value {
        json!({
            "kind": "Deployment",
            "metadata": {"name": "web", "namespace": "team", "uid": "u", "annotations": {ASKS: "true"}},
            "spec": {"template": {"metadata": {}, "spec": {"containers": [{
                "name": "c", "image": "i", "command": ["x"],
                "env": [
                    {"name": "A", "valueFrom": {"vaultSecret": {"name": "a", "key": "k", "namespace": "n"}}},
                    {"name": "P", "valueFrom": {"vaultSecret": {"name": "pinned", "key": "k", "version": 2}}},
                    {"name": "B", "value": "x ${vault:kv/data/b/c#one} ${vault:kv/data/b/c#two}"},
                ],
                "envFrom": [{"vaultSecretRef": {"name": "whole"}}],
            }]}}},
        })
    }

    #[test]
    fn secrets_are_found_in_plans_and_values() {
        let mut object = deployment();
        Lowering::new(&settings()).object(&mut object).unwrap();
        let workload = Workload::read("Deployment", &object, &settings()).unwrap();
        let found: Vec<(String, bool, usize)> = workload
            .secrets
            .iter()
            .map(|(place, keys)| (place.to_string(), keys.all, keys.named.len()))
            .collect();
        let expected = [("kv/b/c", false, 2), ("secret/whole", true, 0), ("n:secret/a", false, 1)];
        assert_eq!(found, expected.map(|(place, all, named)| (place.to_owned(), all, named)));
        assert_eq!(workload.path(), "/apis/apps/v1/namespaces/team/deployments/web");
    }

    #[test]
    fn those_that_do_not_ask_or_are_elsewhere_are_left_alone() {
        let mut object = deployment();
        object["metadata"]["annotations"][ASKS] = json!("false");
        assert!(Workload::read("Deployment", &object, &settings()).is_none());
        let mut object = deployment();
        object["spec"]["template"]["metadata"]["annotations"] =
            json!({"strongroom.io/address": "https://other:8200"});
        assert!(Workload::read("Deployment", &object, &settings()).is_none());
    }

    #[test]
    fn what_is_applied_keeps_the_last_restart() {
        let mut object = deployment();
        object["spec"]["template"]["metadata"]["annotations"] = json!({RESTARTED_FOR: "secret/a@2"});
        let workload = Workload::read("Deployment", &object, &settings()).unwrap();
        let restarted_for = |applied: Value| {
            applied["spec"]["template"]["metadata"]["annotations"][RESTARTED_FOR].as_str().unwrap().to_owned()
        };
        assert_eq!(restarted_for(workload.applied(&State::default(), None)), "secret/a@2");
        assert_eq!(restarted_for(workload.applied(&State::default(), Some("secret/a@3"))), "secret/a@3");
    }
}
