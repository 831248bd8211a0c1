//! Mistakes around `vaultSecret` that lowering by itself does not meet.

use crate::lower::{Lowering, Refusal, Settings, Target, looks_like};
use crate::text;
use serde_json::Value;

/// Something that `lint` found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Whether the manifest will not do as it is.
    pub is_error: bool,
    /// Where and what.
    pub refusal: Refusal,
}

/// Looks through a text. What the cluster's configuration alone can say is taken as said.
pub(crate) fn lint(lowering: &Lowering<'_>, text: &str) -> Vec<Finding> {
    let mut settings = lowering.settings.clone();
    settings.address.get_or_insert_with(|| "https://strongroom:8200".to_owned());
    let is_open = settings.target == Target::Auto && settings.nodes.is_none();
    if is_open {
        settings.target = Target::FileKeyRef;
    }
    let refused = Lowering { settings: &settings, ..*lowering }.text(text).err().unwrap_or_default();
    let mut findings: Vec<Finding> =
        refused.into_iter().map(|refusal| Finding { is_error: true, refusal }).collect();
    let Ok(documents) = text::read(text) else { return findings };
    for (index, document) in documents.iter().enumerate() {
        let Ok(value) = document.value() else { continue };
        for object in objects(&value) {
            let mut found = Found { object, document: index + 1, findings: &mut findings };
            found.hook();
            found.annotations();
            found.names();
            if is_open {
                found.commands(&settings);
            }
        }
    }
    findings
}

/// An object and the objects it lists.
fn objects(value: &Value) -> Vec<&Value> {
    let is_list = value.get("kind").and_then(Value::as_str).is_some_and(|kind| kind.ends_with("List"));
    match value.get("items").and_then(Value::as_array) {
        Some(items) if is_list => items.iter().flat_map(objects).collect(),
        _ => vec![value],
    }
}

struct Found<'a> {
    object: &'a Value,
    document: usize,
    findings: &'a mut Vec<Finding>,
}

impl Found<'_> {
    fn add(&mut self, is_error: bool, path: &str, problem: String, way_out: &str) {
        let refusal = Refusal {
            document: self.document,
            object: crate::lower::name(self.object),
            path: path.to_owned(),
            problem,
            way_out: way_out.to_owned(),
        };
        self.findings.push(Finding { is_error, refusal });
    }

    /// Helm 3 does not give hooks to its post-renderer.
    fn hook(&mut self) {
        let hook = self.object.pointer("/metadata/annotations/helm.sh~1hook").and_then(Value::as_str);
        if let (Some(hook), true) = (hook, mentions(self.object)) {
            let problem =
                format!("a vaultSecret in a Helm hook ({hook}), which Helm 3 leaves out of post-rendering");
            let way_out = "use Helm 4, annotate the Pod for the webhook, or make it no hook";
            self.add(true, "metadata.annotations[helm.sh/hook]", problem, way_out);
        }
    }

    /// Annotations that nobody reads: misspelt ones, and those of a workload in place of its Pods.
    fn annotations(&mut self) {
        let object = self.object;
        each(object, "", &mut |path, value| {
            let annotations = value.pointer("/metadata/annotations").and_then(Value::as_object);
            let is_pod = value.pointer("/spec/containers").is_some();
            for key in annotations.into_iter().flatten().map(|(key, _)| key) {
                let Some(name) = key.strip_prefix("strongroom.io/") else { continue };
                let path = format!("{path}metadata.annotations[{key}]");
                if !Settings::names().contains(&name) && !crate::lower::OTHER_ANNOTATIONS.contains(&name) {
                    let names = Settings::names().join(", ");
                    self.add(
                        false,
                        &path,
                        "no annotation has this name".to_owned(),
                        &format!("there are {names}"),
                    );
                } else if !is_pod && mentions(value) && Settings::names().contains(&name) {
                    let problem = "only annotations of the Pod template count".to_owned();
                    self.add(true, &path, problem, "move it to the template's metadata");
                }
            }
        });
    }

    /// Names that say what the API's path says.
    fn names(&mut self) {
        let object = self.object;
        each(object, "", &mut |path, value| {
            for field in ["vaultSecret", "vaultSecretRef"] {
                let name = value.get(field).and_then(|secret| secret.get("name")).and_then(Value::as_str);
                if name.is_some_and(|name| name.starts_with("data/") || name.starts_with("secret/data/")) {
                    let problem = "the name begins with data/, as the API's paths do".to_owned();
                    self.add(
                        false,
                        &format!("{path}{field}.name"),
                        problem,
                        "leave `data/` out, and name the mount in `mount`",
                    );
                }
            }
        });
    }

    /// Containers that the shim could not start.
    fn commands(&mut self, settings: &Settings) {
        let mut settings = settings.clone();
        settings.target = Target::Shim;
        let mut copy = self.object.clone();
        let refused = Lowering::new(&settings).object(&mut copy).err().unwrap_or_default();
        for refusal in refused.into_iter().filter(|refusal| refusal.problem.contains("command is not set")) {
            let problem = "works only where every kubelet is v1.35 or later with EnvFiles on: elsewhere the shim needs \
                           to know what the container starts";
            self.add(
                false,
                &refusal.path,
                problem.to_owned(),
                "set command (and args) as the image has them",
            );
        }
    }
}

/// Calls `look` for every mapping with its path, which ends in a dot unless it is empty.
fn each(value: &Value, path: &str, look: &mut impl FnMut(&str, &Value)) {
    match value {
        Value::Object(map) => {
            look(path, value);
            map.iter().for_each(|(name, value)| each(value, &format!("{path}{name}."), look));
        }
        Value::Array(list) => {
            let path = path.strip_suffix('.').unwrap_or(path);
            list.iter()
                .enumerate()
                .for_each(|(index, value)| each(value, &format!("{path}[{index}]."), look));
        }
        _ => {}
    }
}

/// Whether a `vaultSecret` stands anywhere below.
fn mentions(value: &Value) -> bool {
    match value {
        Value::Object(map) => map.iter().any(|(name, value)| looks_like(name) || mentions(value)),
        Value::Array(list) => list.iter().any(mentions),
        _ => false,
    }
}
