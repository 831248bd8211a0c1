//! Rules about the parameters of a write.

use serde_json::{Number, Value};
use std::collections::BTreeMap;
use strongroom_wire::Map;

/// Values by parameter. An empty list stands for every value; the name `*` for every parameter.
pub type Values = BTreeMap<String, Vec<Value>>;

/// What a rule says about parameters. Names are lower case and match without regard to case.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Parameters {
    /// Must be there.
    pub required: Vec<String>,
    /// If not empty: nothing else may be there.
    pub allowed: Values,
    /// Must not be there.
    pub denied: Values,
}

/// Why the parameters of a request were refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal<'a> {
    /// A required parameter is not there.
    Missing(&'a str),
    /// The parameter, or its value, is denied.
    Denied(&'a str),
    /// The parameter is not among the allowed ones.
    NotAllowed(&'a str),
    /// The value is not among the allowed ones.
    ValueNotAllowed(&'a str),
}

impl Parameters {
    /// Adds what another rule for the same pattern says.
    pub(crate) fn merge(&mut self, other: &Self) {
        for name in &other.required {
            if !self.required.contains(name) {
                self.required.push(name.clone());
            }
        }
        merge_values(&mut self.allowed, &other.allowed);
        merge_values(&mut self.denied, &other.denied);
    }

    pub(crate) fn check<'a>(&'a self, given: &'a Map) -> Result<(), Refusal<'a>> {
        for name in &self.required {
            if !given.contains_key(name) && !given.keys().any(|k| same_name(name, k)) {
                return Err(Refusal::Missing(name));
            }
        }
        let every_denied = self.denied.contains_key(ANY);
        for (name, value) in given {
            if every_denied || lookup(&self.denied, name).is_some_and(|list| denies(list, value)) {
                return Err(Refusal::Denied(name));
            }
        }
        if self.allowed.is_empty() {
            return Ok(());
        }
        let every_allowed = self.allowed.contains_key(ANY);
        for (name, value) in given {
            match lookup(&self.allowed, name) {
                Some(list) if !allows(list, value) => return Err(Refusal::ValueNotAllowed(name)),
                None if !every_allowed => return Err(Refusal::NotAllowed(name)),
                _ => {}
            }
        }
        Ok(())
    }
}

/// Adds a list. Lists of the same parameter are joined; an empty one, which means every value, stays empty.
pub(crate) fn add_values(into: &mut Values, name: &str, list: Vec<Value>) {
    match into.get_mut(name) {
        Some(known) if known.is_empty() || list.is_empty() => known.clear(),
        Some(known) => known.extend(list),
        None => {
            into.insert(name.to_owned(), list);
        }
    }
}

/// A name in lower case, letter by letter: unlike `str::to_lowercase`, which minds the end of words.
pub(crate) fn fold(name: &str) -> String {
    name.chars().flat_map(char::to_lowercase).collect()
}

const ANY: &str = "*";

fn merge_values(into: &mut Values, other: &Values) {
    for (name, list) in other {
        add_values(into, name, list.clone());
    }
}

fn lookup<'a>(values: &'a Values, name: &str) -> Option<&'a Vec<Value>> {
    let found = values.get(name);
    found.or_else(|| values.iter().find(|(known, _)| same_name(known, name)).map(|(_, list)| list))
}

/// Whether `name` folds to `folded`.
fn same_name(folded: &str, name: &str) -> bool {
    name.chars().flat_map(char::to_lowercase).eq(folded.chars())
}

fn allows(list: &[Value], given: &Value) -> bool {
    list.is_empty() || list.iter().any(|wanted| allowed_value(wanted, given))
}

/// Types must agree: `"1"` does not allow the number 1.
fn allowed_value(wanted: &Value, given: &Value) -> bool {
    match (wanted, given) {
        (Value::String(pattern), Value::String(text)) => glob(pattern, text),
        (Value::Number(a), Value::Number(b)) => same_number(a, b),
        _ => wanted == given,
    }
}

fn denies(list: &[Value], given: &Value) -> bool {
    list.is_empty() || list.iter().any(|unwanted| denied_value(unwanted, given))
}

/// Fields decode weakly (`5`, `"5"` and `["5"]` can be the same to an engine), so a denied value is
/// denied in each of these forms.
fn denied_value(unwanted: &Value, given: &Value) -> bool {
    if unwanted == given {
        return true;
    }
    if let Value::Array(items) = given {
        return items.iter().any(|item| !item.is_array() && denied_value(unwanted, item));
    }
    if let (Value::Number(a), Value::Number(b)) = (unwanted, given) {
        return same_number(a, b);
    }
    match (scalar_text(unwanted), scalar_text(given)) {
        (Some(pattern), Some(text)) => pattern == ANY || glob(pattern, text),
        _ => false,
    }
}

fn scalar_text(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.as_str()),
        Value::Bool(true) => Some("true"),
        Value::Bool(false) => Some("false"),
        _ => None,
    }
}

fn same_number(a: &Number, b: &Number) -> bool {
    // From 2^53 on floating point would take neighbours for equal.
    let exact = |n: &Number| n.as_f64().filter(|f| f.abs() < 9_007_199_254_740_992.0);
    a.as_str() == b.as_str() || exact(a).is_some_and(|a| Some(a) == exact(b))
}

/// Globs at the beginning and at the end of `pattern`; a lone `*` is no glob.
fn glob(pattern: &str, text: &str) -> bool {
    if pattern.len() < 2 {
        return pattern == text;
    }
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(rest), Some(_)) => text.contains(rest.strip_suffix('*').unwrap_or(rest)),
        (Some(end), None) => text.ends_with(end),
        (None, Some(beginning)) => text.starts_with(beginning),
        (None, None) => pattern == text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn globs_stand_at_either_end() {
        for (pattern, text, fits) in [
            ("m*", "medium", true),
            ("m*", "am", false),
            ("*um", "medium", true),
            ("*edi*", "medium", true),
            ("**", "anything", true),
            ("*", "anything", false),
            ("*", "*", true),
            ("a*b", "axb", false),
            ("a*b", "a*b", true),
            ("", "", true),
            ("", "x", false),
        ] {
            assert_eq!(glob(pattern, text), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn names_match_without_regard_to_case() {
        for name in ["Owner", "\u{3a3}A\u{3a3}", "\u{130}x", "\u{212a}ey"] {
            assert!(same_name(&fold(name), name), "{name}");
            assert!(same_name(&fold(name), &fold(name)), "{name}");
        }
        assert!(same_name("key", "KEY") && !same_name("key", "keys"));
    }

    #[test]
    fn an_allowed_value_agrees_in_type_and_a_denied_one_in_any_form() {
        for (wanted, given) in [(json!("1"), json!(1)), (json!(1), json!("1")), (json!("a"), json!(["a"]))] {
            assert!(!allowed_value(&wanted, &given), "{wanted} {given}");
            assert!(denied_value(&wanted, &given), "{wanted} {given}");
        }
        for (wanted, given) in
            [(json!(1), json!(1.0)), (json!(null), json!(null)), (json!({"a": [1]}), json!({"a": [1]}))]
        {
            assert!(allowed_value(&wanted, &given), "{wanted} {given}");
            assert!(denied_value(&wanted, &given), "{wanted} {given}");
        }
        assert!(denied_value(&json!(true), &json!("true")));
        assert!(denied_value(&json!("*"), &json!("anything")));
        assert!(!allowed_value(&json!("*"), &json!("anything")));
        assert!(!allowed_value(&json!(9_007_199_254_740_993_u64), &json!(9_007_199_254_740_992_u64)));
    }
}
