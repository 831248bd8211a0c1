//! Policies: parsed from HCL or JSON, merged, and asked. Pure: no I/O, no clock.
//!
//! - [`hcl`] reads the first version of HCL and JSON into a neutral tree; configuration files use it too.
//! - [`parse`](mod@parse) turns such a tree into a [`Policy`].
//! - [`acl`] merges policies and answers questions.
//! - [`lint`](mod@lint) finds what is hardly meant.
//! - [`builtin`] holds the policies that every server has.

pub mod acl;
pub mod builtin;
pub mod capability;
pub mod hcl;
pub mod lint;
pub mod parameters;
pub mod parse;
mod pattern;
mod template;

pub use acl::{Acl, Ask, Decision, Explanation};
pub use capability::{Capabilities, Capability};
pub use parse::{ParseError, Policy, Rule, parse};

#[cfg(test)]
mod tests;
