//! One line of the log.

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;
use serde_json::{Map, Value};
use std::fmt::{self, Write};
use strongroom_core::loggers::Level as LogLevel;
use tracing::field::{Field, Visit};

/// How lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// `2026-01-01T00:00:00.000Z [INFO]  core: message: key=value`
    Text,
    /// One JSON object each.
    Json,
}

impl Format {
    /// Reads its name.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text.trim().to_ascii_lowercase().as_str() {
            "" | "standard" | "text" => Some(Self::Text),
            "json" => Some(Self::Json),
            _ => None,
        }
    }

    /// Its name.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Text => "standard",
            Self::Json => "json",
        }
    }
}

/// Milliseconds tell lines apart, and all times are of one width.
const TIMES: DateTimePrinter = DateTimePrinter::new().precision(Some(3));

/// What an event says.
#[derive(Default)]
pub(crate) struct Said {
    message: String,
    fields: Vec<(&'static str, Value)>,
}

impl Visit for Said {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, Value::String(format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, Value::String(value.to_owned()));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, value.into());
    }
}

impl Said {
    fn add(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::String(text)) => self.message = text,
            (name, value) => self.fields.push((name, value)),
        }
    }

    /// The whole line, its end included.
    pub(crate) fn line(self, format: Format, at: Timestamp, level: LogLevel, logger: &str) -> Vec<u8> {
        let at = TIMES.timestamp_to_string(&at);
        match format {
            Format::Text => self.text(&at, level, logger).into_bytes(),
            Format::Json => self.json(&at, level, logger),
        }
    }

    fn text(self, at: &str, level: LogLevel, logger: &str) -> String {
        let mut line = String::with_capacity(128);
        let level = level.as_str().to_ascii_uppercase();
        let pad = if level.len() == 4 { " " } else { "" };
        // Writing to a string does not fail.
        let _ = write!(line, "{at} [{level}] {pad}{logger}: {}", OneLine(&self.message));
        for (at, (name, value)) in self.fields.iter().enumerate() {
            let before = if at == 0 { ": " } else { " " };
            let _ = write!(line, "{before}{name}=");
            let _ = match value {
                Value::String(text) if needs_quotes(text) => write!(line, "{text:?}"),
                Value::String(text) => write!(line, "{text}"),
                other => write!(line, "{other}"),
            };
        }
        line.push('\n');
        line
    }

    fn json(self, at: &str, level: LogLevel, logger: &str) -> Vec<u8> {
        let mut object = Map::new();
        object.insert("@level".to_owned(), level.as_str().into());
        object.insert("@message".to_owned(), self.message.into());
        object.insert("@module".to_owned(), logger.into());
        object.insert("@timestamp".to_owned(), at.into());
        for (name, value) in self.fields {
            object.insert(name.to_owned(), value);
        }
        let mut line = serde_json::to_vec(&object).unwrap_or_default();
        line.push(b'\n');
        line
    }
}

/// A message cannot begin a line of its own and pass for another.
struct OneLine<'a>(&'a str);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            if c.is_control() { write!(f, "{}", c.escape_default())? } else { f.write_char(c)? }
        }
        Ok(())
    }
}

fn needs_quotes(text: &str) -> bool {
    text.is_empty() || text.chars().any(|c| c.is_whitespace() || c.is_control() || matches!(c, '"' | '='))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said() -> Said {
        let fields =
            vec![("address", "127.0.0.1:8200".into()), ("n", 3.into()), ("why", "a \"b\"\nc".into())];
        Said { message: "two\nlines".into(), fields }
    }

    #[test]
    fn a_line_is_one_line() {
        let at = Timestamp::UNIX_EPOCH;
        let line = String::from_utf8(said().line(Format::Text, at, LogLevel::Info, "core")).unwrap();
        let wanted = "[INFO]  core: two\\nlines: address=127.0.0.1:8200 n=3 why=\"a \\\"b\\\"\\nc\"\n";
        assert!(line.ends_with(wanted), "{line}");
        assert!(line.starts_with("1970-01-01T00:00:00.000Z ["), "{line}");
        let line = said().line(Format::Json, at, LogLevel::Error, "core");
        let value: Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(value["@level"], "error");
        assert_eq!(value["@message"], "two\nlines");
        assert_eq!(value["n"], 3);
        assert_eq!(line.iter().filter(|b| **b == b'\n').count(), 1);
    }
}
