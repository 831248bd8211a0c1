//! The first version of HCL, and JSON, read into a neutral tree with line numbers.
//!
//! A block `path "a" { ... }` reads as `path = { a = { ... } }`; what is written several times is kept
//! several times, in order. Reading is bounded in size and nesting.

mod reader;
mod scan;

use serde_json::Value as Json;

/// The longest text taken, in bytes.
pub const MAX_BYTES: usize = 1 << 20;
/// The deepest nesting of objects, lists and labels taken.
pub const MAX_DEPTH: usize = 64;

/// Why a text was refused. Never carries values of the text, which may be secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// The line, from 1.
    pub line: u32,
    /// What is wrong and what would be right.
    pub problem: String,
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}: {}", self.line, self.problem)
    }
}

impl std::error::Error for Error {}

/// An object: the whole text, the body of a block or a value in braces.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Object {
    /// As written, keys possibly repeated.
    pub entries: Vec<Entry>,
}

/// One key with its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// The value.
    pub value: Value,
    /// Where the key stands.
    pub line: u32,
}

/// A value with the line on which it begins.
#[derive(Debug, Clone, PartialEq)]
pub struct Value {
    /// The value itself.
    pub kind: Kind,
    /// Where it begins.
    pub line: u32,
}

/// The kinds of values.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// JSON's `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, kept digit for digit; octal and hexadecimal forms are converted.
    Number(serde_json::Number),
    /// A text in quotes or a heredoc.
    Text(String),
    /// A list.
    List(Vec<Value>),
    /// An object.
    Object(Object),
}

/// One block with a label, as in `listener "tcp" { ... }`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Labelled<'a> {
    /// The label.
    pub label: &'a str,
    /// Where the label stands.
    pub line: u32,
    /// What is between the braces.
    pub body: &'a Object,
}

/// Reads HCL, or JSON if the text begins with `{`.
pub fn parse(text: &str) -> Result<Object, Error> {
    reader::read(text)
}

impl Object {
    /// The last value under `key`.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.all(key).last()
    }

    /// Every value under `key`, as written.
    pub fn all<'a>(&'a self, key: &str) -> impl Iterator<Item = &'a Value> {
        self.entries.iter().filter(move |e| e.key == key).map(|e| &e.value)
    }

    /// The blocks under `key` without labels, as in `telemetry { ... }`; lists of objects are several.
    pub fn blocks(&self, key: &str) -> Result<Vec<&Self>, Error> {
        let mut found = Vec::new();
        for value in self.all(key) {
            value.collect_objects(key, &mut found)?;
        }
        Ok(found)
    }

    /// The blocks under `key` with one label each, as in `listener "tcp" { ... }`.
    pub fn labelled(&self, key: &str) -> Result<Vec<Labelled<'_>>, Error> {
        let mut found = Vec::new();
        for outer in self.blocks(key)? {
            for entry in &outer.entries {
                let mut bodies = Vec::new();
                entry.value.collect_objects(&entry.key, &mut bodies)?;
                let labelled = |body| Labelled { label: &entry.key, line: entry.line, body };
                found.extend(bodies.into_iter().map(labelled));
            }
        }
        Ok(found)
    }

    /// As JSON; of repeated keys the last stays.
    pub fn to_json(&self) -> Json {
        Json::Object(self.entries.iter().map(|e| (e.key.clone(), e.value.to_json())).collect())
    }
}

impl Value {
    /// As JSON.
    pub fn to_json(&self) -> Json {
        match &self.kind {
            Kind::Null => Json::Null,
            Kind::Bool(b) => Json::Bool(*b),
            Kind::Number(n) => Json::Number(n.clone()),
            Kind::Text(t) => Json::String(t.clone()),
            Kind::List(items) => Json::Array(items.iter().map(Self::to_json).collect()),
            Kind::Object(object) => object.to_json(),
        }
    }

    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The object, or the objects of the list.
    fn collect_objects<'a>(&'a self, key: &str, found: &mut Vec<&'a Object>) -> Result<(), Error> {
        match &self.kind {
            Kind::Object(object) => found.push(object),
            Kind::List(items) => {
                for item in items {
                    item.collect_objects(key, found)?;
                }
            }
            _ => {
                let problem = format!("{key:?} must be followed by a block: {key} {{ ... }}");
                return Err(Error { line: self.line, problem });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
