//! What is not lowered, and the way out.

use std::fmt;

/// Why a manifest is not lowered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The document's number in its text, from 1; 0 if it is not known.
    pub document: usize,
    /// The object, as `Deployment/web`; empty if the text could not be read.
    pub object: String,
    /// The place, as `spec.containers[0].env[2]`; empty if it is the whole.
    pub path: String,
    /// What is wrong.
    pub problem: String,
    /// What to do about it.
    pub way_out: String,
}

impl Refusal {
    pub(crate) fn of_text(problem: String, way_out: &str) -> Self {
        let (object, path) = (String::new(), String::new());
        Self { document: 0, object, path, problem, way_out: way_out.to_owned() }
    }

    pub(super) fn in_document(self, document: usize) -> Self {
        Self { document, ..self }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.document > 0 {
            write!(out, "document {}, ", self.document)?;
        }
        for part in [&self.object, &self.path] {
            if !part.is_empty() {
                write!(out, "{part}: ")?;
            }
        }
        write!(out, "{}; {}", self.problem, self.way_out)
    }
}

/// A refusal whose object is not known yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) path: String,
    pub(super) problem: String,
    pub(super) way_out: String,
}

impl Problem {
    pub(super) fn new(path: &str, problem: impl Into<String>, way_out: impl Into<String>) -> Self {
        Self { path: path.to_owned(), problem: problem.into(), way_out: way_out.into() }
    }
}
