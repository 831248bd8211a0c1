//! Reading one `path` block.

use super::{Capabilities, Capability, ParseError, Rule, fault};
use crate::hcl::{Kind, Labelled, Object, Value};
use crate::parameters::{Parameters, Values, add_values, fold};
use std::time::Duration;
use strongroom_wire::duration;

pub(super) fn read(block: Labelled<'_>) -> Result<Rule, ParseError> {
    let path = block.label.strip_prefix('/').unwrap_or(block.label);
    let about = |problem: &str| format!("path {path:?}: {problem}");
    check_path(path).map_err(|problem| fault(block.line, about(problem)))?;
    let rule = read_body(path, block.body).map_err(|e| fault(e.line, about(&e.problem)))?;
    match (rule.min_wrapping_ttl, rule.max_wrapping_ttl) {
        (Some(min), Some(max)) if max < min => {
            Err(fault(block.line, about("max_wrapping_ttl cannot be less than min_wrapping_ttl")))
        }
        _ => Ok(rule),
    }
}

fn check_path(path: &str) -> Result<(), &'static str> {
    if path.contains("+*") {
        return Err("'+*' is not possible: '+' stands for a whole segment, write '+/*' or '*'");
    }
    let mut parts = path.split("{{");
    let balanced = parts.next().is_some_and(|p| !p.contains("}}"))
        && parts.all(|p| p.split_once("}}").is_some_and(|(_, after)| !after.contains("}}")));
    if balanced { Ok(()) } else { Err("the template braces '{{' and '}}' do not pair up") }
}

fn read_body(path: &str, body: &Object) -> Result<Rule, ParseError> {
    let mut rule = Rule {
        path: path.to_owned(),
        capabilities: Capabilities::default(),
        parameters: Parameters::default(),
        min_wrapping_ttl: None,
        max_wrapping_ttl: None,
    };
    for entry in &body.entries {
        let parameters = &mut rule.parameters;
        let value = &entry.value;
        let about = |problem: String| fault(value.line, format!("{}: {problem}", entry.key));
        match entry.key.as_str() {
            "capabilities" => {
                rule.capabilities = rule.capabilities.union(capabilities(value).map_err(about)?)
            }
            "policy" => rule.capabilities = rule.capabilities.union(shorthand(value).map_err(about)?),
            "required_parameters" => {
                parameters.required.extend(names(value).map_err(about)?.iter().map(|n| fold(n)));
            }
            "allowed_parameters" => read_values(value, &mut parameters.allowed).map_err(about)?,
            "denied_parameters" => read_values(value, &mut parameters.denied).map_err(about)?,
            "min_wrapping_ttl" => rule.min_wrapping_ttl = bound(value).map_err(about)?,
            "max_wrapping_ttl" => rule.max_wrapping_ttl = bound(value).map_err(about)?,
            "comment" if value.as_text().is_some() => {}
            key => return Err(fault(entry.line, unknown_key(key))),
        }
    }
    Ok(rule)
}

fn unknown_key(key: &str) -> String {
    match key {
        "mfa_methods" | "control_group" | "subscribe_event_types" => {
            format!("{key:?} is a restriction that this server does not know: remove it")
        }
        "comment" => "\"comment\" must be a text".to_owned(),
        _ => format!(
            "invalid key {key:?}: possible are capabilities, policy, required_parameters, \
             allowed_parameters, denied_parameters, min_wrapping_ttl, max_wrapping_ttl and comment"
        ),
    }
}

fn capabilities(value: &Value) -> Result<Capabilities, String> {
    let read = |name: String| {
        Capability::from_name(&name).ok_or_else(|| {
            let known = Capability::ALL.map(Capability::as_str).join(", ");
            format!("invalid capability {name:?}: possible are {known}")
        })
    };
    names(value)?.into_iter().map(read).collect()
}

/// The form before capabilities: one word for several of them.
fn shorthand(value: &Value) -> Result<Capabilities, String> {
    use Capability::{Create, Delete, Deny, List, Read, Sudo, Update};
    let set: &[Capability] = match value.as_text() {
        Some("deny") => &[Deny],
        Some("read") => &[Read, List],
        Some("write") => &[Create, Read, Update, Delete, List],
        Some("sudo") => &[Create, Read, Update, Delete, List, Sudo],
        _ => return Err("must be \"deny\", \"read\", \"write\" or \"sudo\"".to_owned()),
    };
    Ok(set.iter().copied().collect())
}

fn names(value: &Value) -> Result<Vec<String>, String> {
    let texts = match &value.kind {
        Kind::List(items) => items.iter().map(|i| i.as_text().map(str::to_owned)).collect(),
        _ => None,
    };
    texts.ok_or_else(|| "must be a list of texts, as in [\"a\", \"b\"]".to_owned())
}

/// Lists by parameter; JSON may give them in several objects of a list.
fn read_values(value: &Value, into: &mut Values) -> Result<(), String> {
    let wanted = || "must hold a list for each parameter, as in { \"name\" = [\"a\", \"b\"] }".to_owned();
    match &value.kind {
        Kind::List(objects) => objects.iter().try_for_each(|o| read_values(o, into)),
        Kind::Object(object) => object.entries.iter().try_for_each(|entry| match &entry.value.kind {
            Kind::List(items) => {
                add_values(into, &fold(&entry.key), items.iter().map(Value::to_json).collect());
                Ok(())
            }
            _ => Err(wanted()),
        }),
        _ => Err(wanted()),
    }
}

/// Zero means no bound.
fn bound(value: &Value) -> Result<Option<Duration>, String> {
    let read = duration::from_json(&value.to_json()).map_err(|e| e.to_string())?;
    Ok((!read.is_zero()).then_some(read))
}
