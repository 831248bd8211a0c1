//! Which secrets there are in a plan, each once.

use std::collections::BTreeMap;
use std::fmt;
use strongroom_plan::{Part, Plan, Reference, Server};
use zeroize::Zeroizing;

/// Who logs in where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Login {
    pub(crate) role: String,
    /// Empty for root.
    pub(crate) namespace: String,
}

/// One secret of the server: what a single request reads.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Source {
    pub(crate) login: Login,
    pub(crate) mount: String,
    pub(crate) path: String,
    pub(crate) version: Option<u64>,
}

/// What a secret held.
pub(crate) struct Found {
    /// Texts as they are, everything else as JSON; `null` counts as missing.
    pub(crate) fields: BTreeMap<String, Zeroizing<String>>,
    pub(crate) lease: Option<Lease>,
}

/// The lease of a secret that was made for the reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lease {
    pub(crate) id: String,
    pub(crate) seconds: u64,
    pub(crate) renewable: bool,
}

/// What reading a secret gave.
pub(crate) enum Reading {
    Found(Found),
    /// It does not exist, and everyone who refers to it can do without.
    Missing,
}

/// All that was read.
pub(crate) type Secrets = BTreeMap<Source, Reading>;

impl Source {
    /// Where a reference points. Roles have been checked when the plan was read.
    pub(crate) fn of(reference: &Reference, server: &Server) -> Self {
        let or_default = |own: &Option<String>, usual: &Option<String>| {
            own.clone().or_else(|| usual.clone()).unwrap_or_default()
        };
        Self {
            login: Login {
                role: or_default(&reference.role, &server.role),
                namespace: or_default(&reference.namespace, &server.namespace).trim_matches('/').to_owned(),
            },
            mount: reference.mount.trim_matches('/').to_owned(),
            path: reference.path.trim_matches('/').to_owned(),
            version: reference.version,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.mount, self.path)?;
        if let Some(version) = self.version {
            write!(out, " version {version}")?;
        }
        if !self.login.namespace.is_empty() {
            write!(out, " in namespace {}", self.login.namespace)?;
        }
        Ok(())
    }
}

/// Every reference of a plan.
pub(crate) fn references(plan: &Plan) -> impl Iterator<Item = &Reference> {
    let variables = plan.env_files.iter().flat_map(|file| &file.entries).chain(&plan.variables);
    variables
        .flat_map(|variable| &variable.parts)
        .filter_map(|part| match part {
            Part::Text(_) | Part::Variable(_) => None,
            Part::Secret(reference) | Part::All(reference) => Some(reference),
        })
        .chain(plan.files.iter().map(|file| &file.value))
}
