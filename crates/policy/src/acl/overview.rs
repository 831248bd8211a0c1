//! All that a token may do, for the web interface.

use super::{Acl, Grant};
use serde_json::{Value, json};
use strongroom_wire::Map;

impl Acl {
    /// The answer of `sys/internal/ui/resultant-acl`. Patterns `prefix*` appear without their `*`.
    pub fn resultant(&self) -> Map {
        let mut overview = Map::new();
        overview.insert("root".to_owned(), json!(self.is_root()));
        if let Some(index) = &self.index {
            let exact: Map = index.exact().map(|g| (g.pattern.clone(), describe(g))).collect();
            let wild = index.wild().map(|(head, c)| {
                let prefix = c.grant.pattern.strip_suffix('*').filter(|p| *p == head);
                (prefix.unwrap_or(&c.grant.pattern).to_owned(), describe(&c.grant))
            });
            let wild: Map = wild.collect();
            overview.insert("exact_paths".to_owned(), Value::Object(exact));
            overview.insert("glob_paths".to_owned(), Value::Object(wild));
        }
        overview
    }

    /// Whether anything at or below the folder `prefix` (with its `/`) is allowed: such a mount is
    /// shown to the token.
    pub fn touches(&self, prefix: &str) -> bool {
        let Some(index) = &self.index else {
            return true;
        };
        if index.find(prefix, true).is_some_and(|g| g.capabilities.grants()) {
            return true;
        }
        let folder = prefix.strip_suffix('/').unwrap_or(prefix);
        let below = |text: &str| text.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
        index.exact().any(|g| g.capabilities.grants() && below(&g.pattern))
            || index.wild().filter(|(_, c)| c.grant.capabilities.grants()).any(|(head, c)| {
                below(head) || folder.strip_prefix(head).is_some_and(|rest| c.tail.reaches_below(rest))
            })
    }
}

fn describe(grant: &Grant) -> Value {
    let mut rule = Map::new();
    let mut put = |key: &str, value: Value| rule.insert(key.to_owned(), value);
    put("capabilities", json!(grant.capabilities.names()));
    if let Some(parameters) = &grant.parameters {
        let lists = [("allowed_parameters", &parameters.allowed), ("denied_parameters", &parameters.denied)];
        for (key, values) in lists.into_iter().filter(|(_, v)| !v.is_empty()) {
            put(key, json!(values));
        }
        if !parameters.required.is_empty() {
            put("required_parameters", json!(parameters.required));
        }
    }
    for (key, bound) in
        [("min_wrapping_ttl", grant.min_wrapping_ttl), ("max_wrapping_ttl", grant.max_wrapping_ttl)]
    {
        if let Some(bound) = bound {
            put(key, json!(bound.as_secs()));
        }
    }
    Value::Object(rule)
}
