//! The typed fields of a route and their weak decoding.
//!
//! Vault's CLI sends only strings, its clients send numbers, lists and objects: a field takes
//! `"5"` and `5`, `"1h"` and `3600`, `"a,b"` and `["a","b"]`, `"true"` and `true`, `["k=v"]` and
//! `{"k":"v"}` alike.

use crate::{Map, duration};
use serde_json::Value;
use std::collections::BTreeMap;

/// What a field takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text; numbers and booleans are taken as their text.
    Text,
    /// A whole number.
    Int,
    /// A boolean: `true`, `"true"`, `"1"`, `1`.
    Bool,
    /// A duration in whole seconds.
    Seconds,
    /// A list of texts: a JSON list or one text with commas.
    CommaList,
    /// A list of texts; a single text is one item and commas mean nothing.
    List,
    /// An object of texts; also `["k=v"]` and a text with JSON or `k=v`.
    Pairs,
    /// An object of anything.
    Object,
    /// Anything.
    Any,
}

impl Kind {
    /// The name in help and in the OpenAPI document.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::Int => "integer",
            Self::Bool => "boolean",
            Self::Seconds => "duration (sec)",
            Self::CommaList | Self::List => "array",
            Self::Pairs => "keypair",
            Self::Object => "map",
            Self::Any => "any",
        }
    }
}

/// One declared field of a route.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// The name in body, query or path.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// One line for path-help and OpenAPI.
    pub help: &'static str,
    /// Letters are folded to lower case before policy and use.
    pub folded: bool,
    /// The value is a secret: never in errors.
    pub secret: bool,
}

impl Field {
    /// A field that is neither folded nor secret.
    pub const fn new(name: &'static str, kind: Kind, help: &'static str) -> Self {
        Self { name, kind, help, folded: false, secret: false }
    }

    /// Declares the value a secret.
    #[must_use]
    pub const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    /// Declares the value case-folded.
    #[must_use]
    pub const fn folded(mut self) -> Self {
        self.folded = true;
        self
    }
}

/// A decoded value.
#[derive(Debug, Clone, PartialEq)]
pub enum Arg {
    /// Of a `Text` field.
    Text(String),
    /// Of an `Int` field.
    Int(i64),
    /// Of a `Bool` field.
    Bool(bool),
    /// Of a `Seconds` field.
    Seconds(u64),
    /// Of a `List` or `CommaList` field.
    List(Vec<String>),
    /// Of a `Pairs` field.
    Pairs(BTreeMap<String, String>),
    /// Of an `Object` field.
    Object(Map),
    /// Of an `Any` field.
    Any(Value),
}

/// Why a field was refused; never carries the value of a secret field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// The field's name.
    pub field: String,
    /// What is wrong and what would be right.
    pub problem: String,
}

impl std::fmt::Display for FieldError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "field {:?}: {}", self.field, self.problem)
    }
}

impl std::error::Error for FieldError {}

/// The decoded fields of one request: what the path captured and what the body gave.
#[derive(Debug, Clone, Default)]
pub struct Args {
    values: Vec<(&'static str, Arg)>,
    /// Fields that were given as JSON `null`.
    nulls: Vec<&'static str>,
}

impl Args {
    /// Decodes the captures (which win) and the body against the declared fields.
    pub fn decode(
        fields: &[Field],
        captures: &[(&'static str, String)],
        body: &Map,
    ) -> Result<Self, FieldError> {
        let mut args = Self::default();
        for field in fields {
            if let Some((_, text)) = captures.iter().find(|(n, _)| *n == field.name) {
                if field.kind == Kind::Text {
                    let text = if field.folded { text.to_lowercase() } else { text.clone() };
                    args.values.push((field.name, Arg::Text(text)));
                    continue;
                }
                args.values.push((field.name, convert(field, &Value::String(text.clone()))?));
                continue;
            }
            match body.get(field.name) {
                None => {}
                Some(Value::Null) => args.nulls.push(field.name),
                Some(value) => args.values.push((field.name, convert(field, value)?)),
            }
        }
        for (name, text) in captures {
            if args.get(name).is_none() {
                args.values.push((name, Arg::Text(text.clone())));
            }
        }
        Ok(args)
    }

    /// The decoded value of a field, if it was given and is not null.
    pub fn get(&self, name: &str) -> Option<&Arg> {
        self.values.iter().find(|(n, _)| *n == name).map(|(_, a)| a)
    }

    /// Whether the field was given at all, be it null.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some() || self.is_null(name)
    }

    /// Whether the field was given as `null`.
    pub fn is_null(&self, name: &str) -> bool {
        self.nulls.contains(&name)
    }

    /// A text, if given.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.get(name) {
            Some(Arg::Text(s)) => Some(s),
            _ => None,
        }
    }

    /// A text, empty if not given.
    pub fn text_or_empty(&self, name: &str) -> &str {
        self.text(name).unwrap_or("")
    }

    /// A whole number, if given.
    pub fn int(&self, name: &str) -> Option<i64> {
        match self.get(name) {
            Some(Arg::Int(i)) => Some(*i),
            _ => None,
        }
    }

    /// A boolean, if given.
    pub fn bool(&self, name: &str) -> Option<bool> {
        match self.get(name) {
            Some(Arg::Bool(b)) => Some(*b),
            _ => None,
        }
    }

    /// A duration in seconds, if given.
    pub fn seconds(&self, name: &str) -> Option<u64> {
        match self.get(name) {
            Some(Arg::Seconds(s)) => Some(*s),
            _ => None,
        }
    }

    /// A list, if given.
    pub fn list(&self, name: &str) -> Option<&[String]> {
        match self.get(name) {
            Some(Arg::List(l)) => Some(l),
            _ => None,
        }
    }

    /// Pairs, if given.
    pub fn pairs(&self, name: &str) -> Option<&BTreeMap<String, String>> {
        match self.get(name) {
            Some(Arg::Pairs(p)) => Some(p),
            _ => None,
        }
    }

    /// An object, if given.
    pub fn object(&self, name: &str) -> Option<&Map> {
        match self.get(name) {
            Some(Arg::Object(m)) => Some(m),
            _ => None,
        }
    }

    /// The raw value of an `Any` field, if given.
    pub fn any(&self, name: &str) -> Option<&Value> {
        match self.get(name) {
            Some(Arg::Any(v)) => Some(v),
            _ => None,
        }
    }
}

/// Decodes one value by its field's kind.
pub fn convert(field: &Field, value: &Value) -> Result<Arg, FieldError> {
    let fail =
        |want: &str| FieldError { field: field.name.to_owned(), problem: describe(field, value, want) };
    Ok(match field.kind {
        Kind::Text => {
            let text = text_of(value).ok_or_else(|| fail("a string"))?;
            Arg::Text(if field.folded { text.to_lowercase() } else { text })
        }
        Kind::Int => Arg::Int(int_of(value).ok_or_else(|| fail("a whole number"))?),
        Kind::Bool => Arg::Bool(bool_of(value).ok_or_else(|| fail("true or false"))?),
        Kind::Seconds => Arg::Seconds(
            duration::from_json(value)
                .map_err(|_| fail("a duration such as 60, \"1h30m\" or \"7d\""))?
                .as_secs(),
        ),
        Kind::CommaList => Arg::List(list_of(value, true).ok_or_else(|| fail("a list of strings"))?),
        Kind::List => Arg::List(list_of(value, false).ok_or_else(|| fail("a list of strings"))?),
        Kind::Pairs => Arg::Pairs(pairs_of(value).ok_or_else(|| fail("an object of strings"))?),
        Kind::Object => Arg::Object(object_of(value).ok_or_else(|| fail("an object"))?),
        Kind::Any => Arg::Any(value.clone()),
    })
}

/// Names a value by its type when it may be secret or long.
fn describe(field: &Field, value: &Value, want: &str) -> String {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "this string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    let shown = match value {
        Value::String(s) if !field.secret && s.len() <= 32 => format!("{s:?}"),
        Value::Number(n) if !field.secret => n.to_string().chars().take(32).collect(),
        _ => kind.to_owned(),
    };
    format!("cannot take {shown}, want {want}")
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(s) => Some(s.clone()),
        Value::Number(n) => Some(n.to_string()),
        // As mapstructure's weak decoding has it.
        Value::Bool(b) => Some(if *b { "1" } else { "0" }.to_owned()),
        _ => None,
    }
}

fn int_of(value: &Value) -> Option<i64> {
    match value {
        Value::Number(n) => {
            let text = n.to_string();
            text.parse().ok().or_else(|| {
                let (whole, fraction) = text.split_once('.')?;
                fraction.bytes().all(|b| b == b'0').then(|| whole.parse().ok())?
            })
        }
        Value::String(s) if s.is_empty() => Some(0),
        Value::String(s) => s.parse().ok(),
        Value::Bool(b) => Some(i64::from(*b)),
        _ => None,
    }
}

fn bool_of(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(b) => Some(*b),
        Value::Number(n) => Some(n.as_f64()? != 0.0),
        // Go's strconv.ParseBool, and empty is false.
        Value::String(s) => match s.as_str() {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
            "" | "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

fn list_of(value: &Value, commas: bool) -> Option<Vec<String>> {
    match value {
        Value::Array(items) => items.iter().map(text_of).collect::<Option<Vec<_>>>().map(|items| {
            if commas {
                items.iter().map(|s| s.trim().to_owned()).filter(|s| !s.is_empty()).collect()
            } else {
                items
            }
        }),
        Value::String(s) if commas => {
            Some(s.split(',').map(str::trim).filter(|s| !s.is_empty()).map(str::to_owned).collect())
        }
        Value::String(s) if s.is_empty() => Some(Vec::new()),
        other => text_of(other).map(|s| vec![s]),
    }
}

fn pairs_of(value: &Value) -> Option<BTreeMap<String, String>> {
    match value {
        Value::Object(map) => map.iter().map(|(k, v)| Some((k.clone(), text_of(v)?))).collect(),
        Value::Array(items) => {
            let mut out = BTreeMap::new();
            for item in items {
                match item {
                    Value::String(s) => {
                        let (k, v) = s.split_once('=')?;
                        out.insert(k.to_owned(), v.to_owned());
                    }
                    Value::Object(_) => out.extend(pairs_of(item)?),
                    _ => return None,
                }
            }
            Some(out)
        }
        Value::String(s) if s.is_empty() => Some(BTreeMap::new()),
        Value::String(s) => match serde_json::from_str::<Value>(s) {
            Ok(v @ Value::Object(_)) => pairs_of(&v),
            _ => s
                .split(',')
                .map(|pair| pair.split_once('=').map(|(k, v)| (k.trim().to_owned(), v.trim().to_owned())))
                .collect(),
        },
        _ => None,
    }
}

fn object_of(value: &Value) -> Option<Map> {
    match value {
        Value::Object(map) => Some(map.clone()),
        Value::String(s) if s.is_empty() => Some(Map::new()),
        Value::String(s) => match serde_json::from_str(s) {
            Ok(Value::Object(map)) => Some(map),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn one(kind: Kind, v: Value) -> Result<Arg, FieldError> {
        convert(&Field::new("f", kind, ""), &v)
    }

    #[test]
    fn decodes_weakly() {
        assert_eq!(one(Kind::Int, json!("5")), Ok(Arg::Int(5)));
        assert_eq!(one(Kind::Int, json!(5.0)), Ok(Arg::Int(5)));
        assert_eq!(one(Kind::Bool, json!("true")), Ok(Arg::Bool(true)));
        assert_eq!(one(Kind::Bool, json!(0)), Ok(Arg::Bool(false)));
        assert_eq!(one(Kind::Seconds, json!("1h")), Ok(Arg::Seconds(3600)));
        assert_eq!(one(Kind::Seconds, json!(60)), Ok(Arg::Seconds(60)));
        assert_eq!(one(Kind::Text, json!(60)), Ok(Arg::Text("60".into())));
        assert_eq!(one(Kind::CommaList, json!("a, b,")), Ok(Arg::List(vec!["a".into(), "b".into()])));
        assert_eq!(one(Kind::List, json!("a,b")), Ok(Arg::List(vec!["a,b".into()])));
        assert_eq!(one(Kind::Pairs, json!(["a=b"])), Ok(Arg::Pairs([("a".into(), "b".into())].into())));
        assert_eq!(
            one(Kind::Pairs, json!("{\"a\":\"b\"}")),
            Ok(Arg::Pairs([("a".into(), "b".into())].into()))
        );
    }

    #[test]
    fn refuses_and_names_the_field() {
        for (kind, v) in [
            (Kind::Int, json!("x")),
            (Kind::Int, json!(1.5)),
            (Kind::Bool, json!("yes")),
            (Kind::Seconds, json!("1x")),
            (Kind::Text, json!({})),
            (Kind::CommaList, json!({})),
            (Kind::Pairs, json!(["x"])),
            (Kind::Object, json!([])),
        ] {
            assert_eq!(one(kind, v).unwrap_err().field, "f");
        }
        let secret = Field::new("password", Kind::Int, "").secret();
        assert!(!convert(&secret, &json!("hunter2")).unwrap_err().to_string().contains("hunter2"));
    }

    #[test]
    fn captures_win_over_the_body() {
        let fields = [Field::new("name", Kind::Text, "").folded(), Field::new("n", Kind::Int, "")];
        let body = json!({"name": "other", "n": null, "x": 1});
        let args = Args::decode(&fields, &[("name", "ADMIN".into())], body.as_object().unwrap()).unwrap();
        assert_eq!(args.text("name"), Some("admin"));
        assert!(args.is_null("n") && args.has("n") && args.int("n").is_none());
    }
}
