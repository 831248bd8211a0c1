//! Manifests as text: read with the place of every node, changed by splicing, so that comments, order,
//! quoting and whatever else is not lowered stay byte for byte.

mod emit;
mod node;
mod patch;
mod read;
mod scalar;

pub(crate) use node::Node;
pub(crate) use patch::patch;
pub(crate) use read::read;

#[cfg(test)]
mod tests;
