//! Who stands behind a token: entities, their aliases at auth mounts, and groups.
//!
//! - `record`: what is kept.
//! - [`entities`], [`aliases`], [`groups`]: keeping it, with the indexes beside it.
//! - [`mod@merge`]: one entity takes over others.
//! - `login`: the entity of a login is found or made in the commit that makes the token.
//! - [`standing`]: what identity adds to a token at each request.
//!
//! An alias belongs to a mount and is found by mount and name, never by name alone. Policies are put
//! together when a request comes, so a change of an entity or a group holds at once for every token.

pub mod aliases;
pub mod entities;
pub mod groups;
mod login;
pub mod merge;
mod record;
pub mod standing;

pub use record::{Alias, Entity, Group, GroupKind, Pointer};

use crate::Fault;

/// The form in which names are compared and indexed.
pub fn fold(name: &str) -> String {
    name.to_lowercase()
}

/// Names become keys of indexes, so they are bounded.
fn check_name(name: &str) -> Result<(), Fault> {
    const MAX_BYTES: usize = 512;
    if name.is_empty() || name.len() > MAX_BYTES || name.contains('\0') {
        return Err(Fault::invalid(format!(
            "field \"name\": a name must have 1 to {MAX_BYTES} bytes, none of them zero"
        )));
    }
    Ok(())
}

/// Policies as an entity or a group keeps them; `root` is never given through identity, however it is
/// written.
pub fn checked_policies(given: &[String]) -> Result<Vec<String>, Fault> {
    let policies = crate::tokens::clean_policies(given.to_vec(), true);
    match policies.iter().find(|p| *p == "root" || *p == crate::wrap::WRAPPING_POLICY) {
        Some(name) => {
            Err(Fault::invalid(format!("field \"policies\": {name:?} cannot be given through identity")))
        }
        None => Ok(policies),
    }
}
