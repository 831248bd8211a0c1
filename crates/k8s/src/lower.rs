//! From `vaultSecret` to references that Kubernetes knows.

mod apply;
mod collect;
mod files;
mod inject;
mod names;
mod nodes;
mod object;
mod reference;
mod refusal;
mod settings;
mod shim;

pub(crate) use collect::looks_like;
pub use nodes::{NodeRecord, NodeState};
pub(crate) use object::name;
pub use refusal::Refusal;
pub use settings::{Settings, Target};
pub(crate) use shim::expansion;

use crate::lint::{self, Finding};
use crate::text;
use serde_json::Value;
use strongroom_plan::Part;

/// Where `strongroom-init` stands in its image.
pub const PROGRAM: &str = "/bin/strongroom-init";

/// Annotations with our prefix that lowering has no use for: the operator and the webhook read them.
pub(crate) const OTHER_ANNOTATIONS: &[&str] = &["restart-on-change", "restart-state", "restarted-for"];

/// Reads a reference that is written in an environment value (`vault:path#key`): the pieces of the value, none
/// if it is an ordinary one, or what is wrong with it.
pub type ValueReader<'a> = &'a dyn Fn(&str) -> Result<Option<Vec<Part>>, String>;

/// Finds out what a container's image starts, or says why it cannot.
pub type EntrypointReader<'a> = &'a dyn Fn(&Value) -> Result<Entrypoint, String>;

/// What an image starts by itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Entrypoint {
    /// `ENTRYPOINT`.
    pub entrypoint: Vec<String>,
    /// `CMD`.
    pub command: Vec<String>,
}

/// Lowers manifests.
#[derive(Clone, Copy)]
pub struct Lowering<'a> {
    /// What holds where a manifest says nothing else.
    pub settings: &'a Settings,
    /// References in environment values; none are looked for without it.
    pub values: Option<ValueReader<'a>>,
    /// What images start; without it a container needs an explicit command for the shim.
    pub entrypoints: Option<EntrypointReader<'a>>,
}

impl<'a> Lowering<'a> {
    /// One that lowers `vaultSecret` alone and asks nobody.
    pub fn new(settings: &'a Settings) -> Self {
        Self { settings, values: None, entrypoints: None }
    }

    /// Lowers a stream of YAML documents or JSON values. What is not lowered stays byte for byte.
    pub fn text(&self, text: &str) -> Result<String, Vec<Refusal>> {
        if !mentions(text) {
            return Ok(text.to_owned());
        }
        let whole = |why: String, way_out: &str| vec![Refusal::of_text(why, way_out)];
        let documents = text::read(text)
            .map_err(|error| whole(format!("neither YAML nor JSON: {error}"), "correct the syntax there"))?;
        let (mut wanted, mut refusals) = (Vec::with_capacity(documents.len()), Vec::new());
        for (index, document) in documents.iter().enumerate() {
            let mut value = document
                .value()
                .map_err(|_| whole("aliases of aliases make it too large".to_owned(), "write it out"))?;
            match self.object(&mut value) {
                Ok(true) => {
                    if let Some(key) = document.duplicate() {
                        let why = format!("the key {key:?} stands twice in one mapping");
                        let refusal = Refusal::of_text(why, "keep one of them").in_document(index + 1);
                        refusals.push(Refusal { object: object::name(&value), ..refusal });
                    }
                }
                Ok(false) => {}
                Err(found) => refusals.extend(found.into_iter().map(|r| r.in_document(index + 1))),
            }
            wanted.push(value);
        }
        if !refusals.is_empty() {
            return Err(refusals);
        }
        text::patch(text, &documents, &wanted).map_err(|(index, error)| {
            let refusal = Refusal::of_text(error.to_string(), "write it out in plain block style or as JSON");
            let object = index.and_then(|index| wanted.get(index)).map(object::name).unwrap_or_default();
            vec![Refusal { object, document: index.map_or(0, |index| index + 1), ..refusal }]
        })
    }

    /// Whether there may be something to lower in a text.
    pub fn concerns(text: &str) -> bool {
        mentions(text)
    }

    /// Looks for mistakes in a text, as far as they can be seen without a cluster.
    pub fn lint(&self, text: &str) -> Vec<Finding> {
        lint::lint(self, text)
    }

    /// Lowers one object, lists of objects included. Tells whether anything changed; after a refusal the object
    /// is as it was.
    pub fn object(&self, object: &mut Value) -> Result<bool, Vec<Refusal>> {
        let mut lowered = object.clone();
        let refusals = object::lower(self, &mut lowered);
        if !refusals.is_empty() {
            return Err(refusals);
        }
        let changed = lowered != *object;
        *object = lowered;
        Ok(changed)
    }
}

/// Whether a text may hold the field, in whatever spelling.
fn mentions(text: &str) -> bool {
    text.contains('\\') || {
        let folded = text.to_ascii_lowercase();
        ["vaultsecret", "vault_secret", "vault-secret"].iter().any(|word| folded.contains(word))
    }
}
