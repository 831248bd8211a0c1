//! Strongroom in Kubernetes: `valueFrom.vaultSecret` and what the cluster is given in its place.
//!
//! The API server knows no `vaultSecret`: it is lowered on the way in, by [`Lowering`], to references that
//! the kubelet resolves ([`Target`]). Lowering is pure: it reads no cluster, no file and no clock, sees no
//! value, and gives the same output for the same input. [`Webhook`] does the same for Pods on their way into the
//! cluster.

mod api;
mod cluster;
#[cfg(test)]
mod fake;
mod krm;
mod leader;
mod lint;
mod lower;
mod operator;
mod text;
mod webhook;

pub use api::{ACCOUNT, Api, ApiError};
pub use krm::{Refused, krm};
pub use lint::Finding;
pub use lower::{
    Entrypoint, EntrypointReader, Lowering, NodeRecord, NodeState, PROGRAM, Refusal, Settings, Target,
    ValueReader,
};
pub use operator::Operator;
pub use text::join;
pub use webhook::Webhook;

/// Reads the documents of a text, YAML or JSON, as Kubernetes' own reader would. The error names the line.
pub fn documents(text: &str) -> Result<Vec<serde_json::Value>, String> {
    let documents = text::read(text).map_err(|error| error.to_string())?;
    let values = documents.iter().map(text::Node::value).collect::<Result<Vec<_>, _>>();
    values.map_err(|_| "aliases of aliases make it too large".to_owned())
}
