//! Reading the keys of one object, weakly typed as Vault reads them, and noticing those left over.

use super::ConfigError;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Duration;
use strongroom_policy::hcl::{self, Kind, Labelled, Object, Value};
use strongroom_wire::duration;

/// The keys of one object.
pub(super) struct Keys<'a> {
    object: &'a Object,
    file: &'a str,
    /// As in `listener "tcp"`; empty at the top.
    inside: String,
    used: RefCell<BTreeSet<&'a str>>,
}

impl<'a> Keys<'a> {
    /// The keys of the whole file.
    pub(super) fn top(object: &'a Object, file: &'a str) -> Self {
        Self { object, file, inside: String::new(), used: RefCell::default() }
    }

    /// The keys of a block in it.
    pub(super) fn block<'b>(&self, inside: impl Into<String>, object: &'b Object) -> Keys<'b>
    where
        'a: 'b,
    {
        Keys { object, file: self.file, inside: inside.into(), used: RefCell::default() }
    }

    /// An error at a line.
    pub(super) fn wrong(&self, line: u32, problem: impl Into<String>) -> ConfigError {
        let problem = problem.into();
        let problem = if self.inside.is_empty() { problem } else { format!("{}: {problem}", self.inside) };
        ConfigError { place: format!("{}:{line}", self.file), problem }
    }

    /// The last value under a key.
    pub(super) fn value(&self, key: &str) -> Option<&'a Value> {
        let entry = self.object.entries.iter().rev().find(|e| e.key == key)?;
        self.used.borrow_mut().insert(&entry.key);
        Some(&entry.value).filter(|v| v.kind != Kind::Null)
    }

    pub(super) fn text(&self, key: &str) -> Result<Option<String>, ConfigError> {
        self.read(key, "a text", |value| match &value.kind {
            Kind::Text(text) => Some(text.clone()),
            Kind::Number(number) => Some(number.to_string()),
            Kind::Bool(truth) => Some(truth.to_string()),
            _ => None,
        })
    }

    pub(super) fn truth(&self, key: &str) -> Result<Option<bool>, ConfigError> {
        self.read(key, "true or false", |value| match &value.kind {
            Kind::Bool(truth) => Some(*truth),
            Kind::Number(number) => match number.to_string().as_str() {
                "0" => Some(false),
                "1" => Some(true),
                _ => None,
            },
            Kind::Text(text) => match text.as_str() {
                "true" | "True" | "TRUE" | "t" | "1" => Some(true),
                "false" | "False" | "FALSE" | "f" | "0" | "" => Some(false),
                _ => None,
            },
            _ => None,
        })
    }

    pub(super) fn number(&self, key: &str) -> Result<Option<u64>, ConfigError> {
        self.read(key, "a whole number, 0 or more", |value| match &value.kind {
            Kind::Number(number) => number.to_string().parse().ok(),
            Kind::Text(text) => text.trim().parse().ok(),
            _ => None,
        })
    }

    pub(super) fn integer(&self, key: &str) -> Result<Option<i64>, ConfigError> {
        self.read(key, "a whole number", |value| match &value.kind {
            Kind::Number(number) => number.to_string().parse().ok(),
            Kind::Text(text) => text.trim().parse().ok(),
            _ => None,
        })
    }

    /// Bytes, as a number or with a unit: `64MiB`, `64mb`, `64M`.
    pub(super) fn bytes(&self, key: &str) -> Result<Option<u64>, ConfigError> {
        self.read(key, "a number of bytes, as 1048576 or \"64MiB\"", |value| match &value.kind {
            Kind::Number(number) => number.to_string().parse().ok(),
            Kind::Text(text) => bytes(text),
            _ => None,
        })
    }

    pub(super) fn duration(&self, key: &str) -> Result<Option<Duration>, ConfigError> {
        let form = "a duration, as 30 (seconds) or \"1h30m\"";
        self.read(key, form, |value| match &value.kind {
            Kind::Number(number) => duration::parse(&number.to_string()).ok(),
            Kind::Text(text) => duration::parse(text).ok(),
            _ => None,
        })
    }

    /// Texts in a list, or in one text with commas.
    pub(super) fn texts(&self, key: &str) -> Result<Option<Vec<String>>, ConfigError> {
        self.read(key, "a list of texts", |value| match &value.kind {
            Kind::List(items) => items.iter().map(|i| i.as_text().map(|t| t.trim().to_owned())).collect(),
            Kind::Text(text) => {
                Some(text.split(',').map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned).collect())
            }
            _ => None,
        })
    }

    /// Blocks without labels.
    pub(super) fn blocks(&self, key: &str) -> Result<Vec<&'a Object>, ConfigError> {
        self.mark(key);
        self.object.blocks(key).map_err(|e| self.hcl(&e))
    }

    /// Blocks with one label each.
    pub(super) fn labelled(&self, key: &str) -> Result<Vec<Labelled<'a>>, ConfigError> {
        self.mark(key);
        self.object.labelled(key).map_err(|e| self.hcl(&e))
    }

    /// Where a key stands.
    pub(super) fn line(&self, key: &str) -> u32 {
        self.object.entries.iter().rev().find(|e| e.key == key).map_or(1, |e| e.line)
    }

    /// Whether a key stands there. It counts as known then.
    pub(super) fn has(&self, key: &str) -> bool {
        self.mark(key);
        self.object.entries.iter().any(|e| e.key == key)
    }

    /// A warning with its place.
    pub(super) fn warning(&self, key: &str, text: &str) -> String {
        let prefix = if self.inside.is_empty() { String::new() } else { format!("{}: ", self.inside) };
        format!("{}:{}: {prefix}{key}: {text}", self.file, self.line(key))
    }

    /// Warnings about keys that nobody asked for.
    pub(super) fn unknown(&self) -> Vec<String> {
        let used = self.used.borrow();
        let unknown = self.object.entries.iter().filter(|e| !used.contains(e.key.as_str()));
        let inside = if self.inside.is_empty() { String::new() } else { format!(" in {}", self.inside) };
        unknown
            .map(|e| format!("{}:{}: unknown key {:?}{inside}; it has no effect", self.file, e.line, e.key))
            .collect()
    }

    fn mark(&self, key: &str) {
        if let Some(entry) = self.object.entries.iter().find(|e| e.key == key) {
            self.used.borrow_mut().insert(&entry.key);
        }
    }

    fn read<T>(
        &self,
        key: &str,
        form: &str,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Result<Option<T>, ConfigError> {
        let Some(value) = self.value(key) else { return Ok(None) };
        match read(value) {
            Some(read) => Ok(Some(read)),
            None => Err(self.wrong(value.line, format!("{key} must be {form}"))),
        }
    }

    fn hcl(&self, error: &hcl::Error) -> ConfigError {
        self.wrong(error.line, error.problem.clone())
    }
}

fn bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" | "kib" => 1 << 10,
        "m" | "mb" | "mib" => 1 << 20,
        "g" | "gb" | "gib" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}
