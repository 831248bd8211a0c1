//! Label selectors of Kubernetes, as much as there is of them.

use serde::Deserialize;
use std::collections::BTreeMap;

/// Labels that an object must have.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Selector {
    #[serde(default)]
    match_labels: BTreeMap<String, String>,
    #[serde(default)]
    match_expressions: Vec<Expression>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expression {
    key: String,
    operator: Operator,
    #[serde(default)]
    values: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
enum Operator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
}

impl Selector {
    /// Reads a selector in JSON. One that selects everything is refused: that is what `*` is for.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if !text.trim_start().starts_with('{') {
            return Err("write the selector as JSON, such as {\"matchLabels\":{\"team\":\"red\"}}".to_owned());
        }
        let selector: Self = serde_json::from_str(text).map_err(|e| e.to_string())?;
        if selector.match_labels.is_empty() && selector.match_expressions.is_empty() {
            return Err("the selector selects every namespace; bind the namespaces \"*\" instead".to_owned());
        }
        for expression in &selector.match_expressions {
            let wants_values = matches!(expression.operator, Operator::In | Operator::NotIn);
            if wants_values == expression.values.is_empty() {
                return Err("In and NotIn need values, Exists and DoesNotExist take none".to_owned());
            }
        }
        Ok(selector)
    }

    /// Whether labels are selected.
    pub(super) fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.match_labels.iter().all(|(key, value)| labels.get(key) == Some(value))
            && self.match_expressions.iter().all(|expression| expression.matches(labels))
    }
}

impl Expression {
    fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        let value = labels.get(&self.key);
        let listed = value.is_some_and(|value| self.values.contains(value));
        match self.operator {
            Operator::In => listed,
            Operator::NotIn => !listed,
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selects_as_kubernetes_does() {
        let labels: BTreeMap<String, String> = [("team".to_owned(), "red".to_owned())].into();
        for (text, expected) in [
            (r#"{"matchLabels":{"team":"red"}}"#, true),
            (r#"{"matchLabels":{"team":"blue"}}"#, false),
            (r#"{"matchLabels":{"team":"red","env":"prod"}}"#, false),
            (r#"{"matchExpressions":[{"key":"team","operator":"In","values":["blue","red"]}]}"#, true),
            (r#"{"matchExpressions":[{"key":"team","operator":"In","values":["blue"]}]}"#, false),
            (r#"{"matchExpressions":[{"key":"env","operator":"In","values":["prod"]}]}"#, false),
            (r#"{"matchExpressions":[{"key":"team","operator":"NotIn","values":["blue"]}]}"#, true),
            (r#"{"matchExpressions":[{"key":"team","operator":"NotIn","values":["red"]}]}"#, false),
            (r#"{"matchExpressions":[{"key":"env","operator":"NotIn","values":["prod"]}]}"#, true),
            (r#"{"matchExpressions":[{"key":"team","operator":"Exists"}]}"#, true),
            (r#"{"matchExpressions":[{"key":"env","operator":"Exists"}]}"#, false),
            (r#"{"matchExpressions":[{"key":"env","operator":"DoesNotExist"}]}"#, true),
            (r#"{"matchExpressions":[{"key":"team","operator":"DoesNotExist"}]}"#, false),
            (
                r#"{"matchLabels":{"team":"red"},"matchExpressions":[{"key":"env","operator":"Exists"}]}"#,
                false,
            ),
        ] {
            assert_eq!(Selector::parse(text).unwrap().matches(&labels), expected, "{text}");
        }
    }

    #[test]
    fn refuses_what_it_does_not_understand() {
        for bad in [
            "{}",
            "matchLabels:\n  team: red\n",
            r#"{"matchlabels":{"team":"red"}}"#,
            r#"{"matchExpressions":[{"key":"a","operator":"Like","values":["b"]}]}"#,
            r#"{"matchExpressions":[{"key":"a","operator":"In"}]}"#,
            r#"{"matchExpressions":[{"key":"a","operator":"Exists","values":["b"]}]}"#,
        ] {
            assert!(Selector::parse(bad).is_err(), "{bad}");
        }
    }
}
