//! `AdmissionReview` in and out.

use super::Rules;
use super::mutate::{self, Entrypoints, Mutated};
use crate::api::text;
use crate::lower::Refusal;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

const VERSION: &str = "admission.k8s.io/v1";
/// What a user is told at most.
const LONGEST_MESSAGE: usize = 4096;

/// A review that was read.
pub(crate) struct Review {
    uid: String,
    request: Value,
}

/// What is done about a review.
pub(crate) enum Decision {
    /// This is the answer.
    Answer(Value),
    /// First it must be known what these images start.
    Images(Vec<String>),
}

impl Review {
    /// Reads a review. The error says what is wrong with it.
    pub(crate) fn read(body: &[u8]) -> Result<Self, String> {
        // The place only: serde's own text may quote the body.
        let wrong = |error: serde_json::Error| {
            format!("the body is no JSON (line {}, column {})", error.line(), error.column())
        };
        let mut review: Value = serde_json::from_slice(body).map_err(wrong)?;
        for (field, right) in [("apiVersion", VERSION), ("kind", "AdmissionReview")] {
            if review.get(field).and_then(Value::as_str) != Some(right) {
                return Err(format!("{field} must be {right:?}"));
            }
        }
        let request = review.get_mut("request").map(Value::take).filter(Value::is_object);
        let request = request.ok_or("request must be an object")?;
        let uid = text(&request, "/uid").to_owned();
        if uid.is_empty() {
            return Err("request.uid must be a text that is not empty".to_owned());
        }
        Ok(Self { uid, request })
    }

    /// The namespace that the object goes to.
    pub(crate) fn namespace(&self) -> &str {
        text(&self.request, "/namespace")
    }

    /// The object.
    pub(crate) fn object(&self) -> &Value {
        self.request.get("object").unwrap_or(&Value::Null)
    }

    /// Decides, as far as it can be decided with what is known of images.
    pub(crate) fn decide(&self, rules: &Rules, known: &Entrypoints) -> Decision {
        let object = self.object();
        let kind = text(&self.request, "/resource/resource");
        let place = (kind, text(&self.request, "/subResource"), text(&self.request, "/operation"));
        let mutated = match place {
            ("pods", "", "CREATE") => mutate::create(rules, object, known),
            ("pods", "ephemeralcontainers", "UPDATE") => mutate::add_ephemeral(object),
            (kind, sub, operation) => {
                let what = if sub.is_empty() { kind.to_owned() } else { format!("{kind}/{sub}") };
                let why = format!(
                    "{operation} of {what} is not handled: Strongroom changes Pods that are created, and ephemeral \
                     containers that are added, and nothing else"
                );
                return Decision::Answer(self.refused(&why));
            }
        };
        match mutated {
            Ok(Mutated { unknown, .. }) if !unknown.is_empty() => Decision::Images(unknown),
            Ok(mutated) => Decision::Answer(self.allowed(object, &mutated)),
            Err(refusals) => Decision::Answer(self.refused(&told(&refusals))),
        }
    }

    fn allowed(&self, before: &Value, mutated: &Mutated) -> Value {
        let mut response = json!({"uid": self.uid, "allowed": true});
        let patch = patch(before, &mutated.pod);
        if let Some(response) = response.as_object_mut() {
            if !patch.is_empty() {
                let text = Value::Array(patch).to_string();
                response.insert("patchType".to_owned(), json!("JSONPatch"));
                response.insert("patch".to_owned(), json!(STANDARD.encode(text)));
            }
            if !mutated.warnings.is_empty() {
                response.insert("warnings".to_owned(), json!(mutated.warnings));
            }
        }
        whole(response)
    }

    /// The answer that the Pod is not to be created.
    pub(crate) fn refused(&self, why: &str) -> Value {
        let mut message = why.to_owned();
        if message.len() > LONGEST_MESSAGE {
            let end = (0..=LONGEST_MESSAGE).rev().find(|at| message.is_char_boundary(*at)).unwrap_or(0);
            message.truncate(end);
        }
        let status = json!({"code": 422, "reason": "Invalid", "message": message});
        whole(json!({"uid": self.uid, "allowed": false, "status": status}))
    }
}

fn whole(response: Value) -> Value {
    json!({"apiVersion": VERSION, "kind": "AdmissionReview", "response": response})
}

fn told(refusals: &[Refusal]) -> String {
    let lines: Vec<String> = refusals.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

/// The lists of a Pod's spec that are to be others, each as a whole.
fn patch(before: &Value, after: &Value) -> Vec<Value> {
    let lists = ["containers", "ephemeralContainers", "initContainers", "volumes"];
    let of = |pod: &'_ Value, list: &str| pod.get("spec").and_then(|spec| spec.get(list)).cloned();
    let changed = |list: &&str| {
        let new = of(after, list)?;
        let is_new = of(before, list).as_ref() != Some(&new);
        is_new.then(|| json!({"op": "add", "path": format!("/spec/{list}"), "value": new}))
    };
    lists.iter().filter_map(changed).collect()
}
