//! Reading a policy.

mod rule;

use crate::hcl;
use crate::parameters::Parameters;
use crate::{Capabilities, Capability};
use std::time::Duration;

/// A parsed policy.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// Its name, lower case.
    pub name: String,
    /// Its rules, in order.
    pub rules: Vec<Rule>,
}

/// One `path` block.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// The pattern, without leading slash.
    pub path: String,
    /// What it allows.
    pub capabilities: Capabilities,
    /// What it says about parameters.
    pub parameters: Parameters,
    /// The shortest wrapping taken; with it an answer must be wrapped.
    pub min_wrapping_ttl: Option<Duration>,
    /// The longest wrapping taken; with it an answer must be wrapped.
    pub max_wrapping_ttl: Option<Duration>,
}

/// Why a policy was refused, with the place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// What is wrong and what would be right.
    pub problem: String,
    /// The line, from 1, on which it is.
    pub line: u32,
}

impl std::fmt::Display for ParseError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}: {}", self.line, self.problem)
    }
}

impl std::error::Error for ParseError {}

impl From<hcl::Error> for ParseError {
    fn from(error: hcl::Error) -> Self {
        Self { problem: error.problem, line: error.line }
    }
}

/// Reads a policy in HCL or JSON. A text without rules is a policy that grants nothing.
pub fn parse(name: &str, text: &str) -> Result<Policy, ParseError> {
    let root = hcl::parse(text)?;
    for entry in &root.entries {
        match (entry.key.as_str(), &entry.value.kind) {
            ("path", _) | ("name", hcl::Kind::Text(_)) => {}
            ("name", _) => return Err(fault(entry.line, "\"name\" must be a text")),
            (key, _) => {
                let problem =
                    format!("invalid key {key:?}: a policy consists of path \"...\" {{ ... }} blocks");
                return Err(fault(entry.line, problem));
            }
        }
    }
    let rules = root.labelled("path").map_err(block_wanted)?;
    let rules = rules.into_iter().map(rule::read).collect::<Result<_, _>>()?;
    Ok(Policy { name: name.to_lowercase(), rules })
}

impl Policy {
    /// Whether a path holds `{{...}}`, which stands for something of the caller's identity.
    pub fn has_templates(&self) -> bool {
        self.rules.iter().any(Rule::is_template)
    }
}

impl Rule {
    /// Whether the path holds `{{...}}`. Such a rule matches nothing until it is filled in.
    pub fn is_template(&self) -> bool {
        self.path.contains("{{")
    }
}

fn block_wanted(error: hcl::Error) -> ParseError {
    fault(error.line, "a path stands in quotes before its block: path \"a/b\" { capabilities = [\"read\"] }")
}

fn fault(line: u32, problem: impl Into<String>) -> ParseError {
    ParseError { problem: problem.into(), line }
}

#[cfg(test)]
mod tests;
