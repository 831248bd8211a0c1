//! What is allowed in a policy and hardly meant: rules that match nothing, that others stand before, or that
//! give away more than any name says.

use crate::{Acl, Ask, Capability, Policy, Rule};
use std::collections::BTreeSet;
use strongroom_wire::{Map, Operation};

/// Something in a policy that its author should look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which kind it is.
    pub kind: Kind,
    /// The pattern of the rule.
    pub pattern: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// Kinds of findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// No request has such a path.
    Unmatched,
    /// Another rule always decides in its place.
    Unreachable,
    /// It stands before a wider rule that gives more.
    Narrows,
    /// The same path was given before.
    Repeated,
    /// It allows nothing and denies nothing.
    Empty,
    /// A store that keeps versions has other paths.
    Section,
    /// Nothing is mounted there.
    Dangling,
    /// It gives away more than it seems to.
    Dangerous,
}

impl Kind {
    /// The name in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unmatched => "unmatched",
            Self::Unreachable => "unreachable",
            Self::Narrows => "narrows",
            Self::Repeated => "repeated",
            Self::Empty => "empty",
            Self::Section => "kv-section",
            Self::Dangling => "dangling",
            Self::Dangerous => "dangerous",
        }
    }
}

/// A mount, or a namespace, that a policy may be about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its path as policies have it, with its slash.
    pub path: String,
    /// Whether it is a key-value store of version 2.
    pub versioned: bool,
}

/// Looks a policy over. `places` are those there are; none where that is not known.
pub fn lint(policy: &Policy, places: Option<&[Place]>) -> Vec<Finding> {
    let acl = Acl::new([policy]);
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for rule in &policy.rules {
        let mut note = |kind, message: String| {
            found.push(Finding { kind, pattern: rule.path.clone(), message });
        };
        if !seen.insert(&rule.path) {
            note(
                Kind::Repeated,
                "the path was given before: both rules are merged, and deny in either denies".into(),
            );
        }
        if let Some(problem) = never_asked(&rule.path) {
            note(Kind::Unmatched, problem);
            continue;
        }
        if !rule.capabilities.grants() && !rule.capabilities.denies() {
            note(Kind::Empty, "no capabilities: it allows nothing, and hides what wider rules allow".into());
        }
        if let Some(problem) = danger(rule) {
            note(Kind::Dangerous, problem);
        }
        if rule.is_template() {
            if let Some(name) = unknown_template(&rule.path) {
                note(
                    Kind::Unmatched,
                    format!("{{{{{name}}}}} stands for nothing, so the rule matches nothing"),
                );
            }
            continue;
        }
        if let Some(other) = stands_before(&acl, rule) {
            note(Kind::Unreachable, format!("the rule {other:?} decides wherever this one matches"));
        } else if let Some(problem) = narrowed(policy, rule) {
            note(Kind::Narrows, problem);
        }
        if let Some((kind, problem)) = places.and_then(|places| misplaced(rule, places)) {
            note(kind, problem);
        }
    }
    found
}

/// Why no request has a path that the pattern matches.
fn never_asked(pattern: &str) -> Option<String> {
    let literal = pattern.strip_suffix('*').unwrap_or(pattern);
    if pattern.starts_with("v1/") {
        return Some("paths in policies begin after v1/".into());
    }
    if pattern != pattern.trim() {
        return Some("there is white space at an end of the path".into());
    }
    if literal.contains('*') {
        return Some("'*' is a wildcard at the end only; '+' stands for one segment".into());
    }
    if literal.split('/').any(|segment| matches!(segment, "." | "..")) || literal.contains("//") {
        return Some("no path has empty segments, \".\" or \"..\"".into());
    }
    if pattern.split('/').any(|segment| segment.len() > 1 && segment.contains('+')) {
        return Some("'+' is a wildcard only as a whole segment; here it stands for itself".into());
    }
    None
}

/// What a rule gives away beyond what it seems to.
fn danger(rule: &Rule) -> Option<String> {
    let gives = |capability| rule.capabilities.contains(capability);
    let writes = gives(Capability::Create) || gives(Capability::Update);
    let reaches = |path: &str| match rule.path.strip_suffix('*') {
        Some(head) => path.starts_with(head) || head.starts_with(path),
        None => rule.path.starts_with(path),
    };
    let is_everything = matches!(rule.path.as_str(), "*" | "+/*");
    if is_everything && gives(Capability::Sudo) {
        return Some("sudo on everything is as much as the root policy".into());
    }
    if is_everything && writes {
        return Some("writing to everything includes policies: its holder can give itself any right".into());
    }
    if writes && (reaches("sys/policies/acl/") || reaches("sys/policy/")) && rule.path.contains(['*', '+']) {
        return Some("who writes all policies can give itself any right".into());
    }
    if gives(Capability::Sudo) && rule.path.ends_with('*') && reaches("sys/") {
        return Some("sudo on a wide part of sys/ includes sealing, audit devices and raw settings".into());
    }
    if gives(Capability::Sudo) && writes && reaches("auth/token/create") {
        return Some("sudo on token creation makes tokens with any policy, root included".into());
    }
    None
}

/// A template that no server knows.
fn unknown_template(pattern: &str) -> Option<&str> {
    let names =
        pattern.split("{{").skip(1).filter_map(|part| part.split_once("}}")).map(|(name, _)| name.trim());
    let is_known = |name: &str| {
        name.starts_with("identity.entity.")
            || name.starts_with("identity.groups.ids.")
            || name.starts_with("identity.groups.names.")
    };
    names.into_iter().find(|name| !is_known(name))
}

/// Paths that a pattern matches: none of its wildcards stands for what another rule is likely to name.
fn samples(pattern: &str) -> Vec<String> {
    const ODD: &str = "\u{1F512}";
    let filled = |pattern: &str| {
        pattern
            .split('/')
            .map(|segment| if segment == "+" { ODD } else { segment })
            .collect::<Vec<_>>()
            .join("/")
    };
    match pattern.strip_suffix('*') {
        Some(head) => {
            let head = filled(head);
            vec![head.clone(), format!("{head}{ODD}"), format!("{head}{ODD}/{ODD}"), format!("{head}/{ODD}")]
        }
        None => vec![filled(pattern)],
    }
}

/// The other rule that decides at every sample of this one.
fn stands_before(acl: &Acl, rule: &Rule) -> Option<String> {
    let mut other = None;
    for path in samples(&rule.path) {
        let decides = deciding(acl, &path)?;
        if decides == rule.path {
            return None;
        }
        other.get_or_insert(decides);
    }
    other
}

fn deciding(acl: &Acl, path: &str) -> Option<String> {
    let params = Map::new();
    let operation = if path.ends_with('/') { Operation::List } else { Operation::Read };
    acl.explain(&Ask { operation, path, written: None, params: &params, wrap_ttl: None, needs_sudo: false })
        .pattern
}

/// What a wider rule gives and this one, which decides in its place, does not.
fn narrowed(policy: &Policy, rule: &Rule) -> Option<String> {
    if !rule.capabilities.grants() {
        return None;
    }
    let path = samples(&rule.path).into_iter().next()?;
    let others = Policy {
        name: policy.name.clone(),
        rules: policy
            .rules
            .iter()
            .filter(|r| r.path != rule.path && r.path.ends_with('*'))
            .cloned()
            .collect(),
    };
    let wider = deciding(&Acl::new([&others]), &path)?;
    let given = others.rules.iter().filter(|r| r.path == wider).flat_map(|r| r.capabilities.iter());
    let lost: Vec<&str> = given
        .filter(|c| *c != Capability::Deny && !rule.capabilities.contains(*c))
        .map(Capability::as_str)
        .collect();
    (!lost.is_empty()).then(|| {
        format!("only the most exact rule counts: {} from {wider:?} is not allowed here", lost.join(", "))
    })
}

/// What is wrong with the place a rule is about.
fn misplaced(rule: &Rule, places: &[Place]) -> Option<(Kind, String)> {
    let head = rule.path.split(['*', '+']).next().unwrap_or("");
    let is_open = head.len() < rule.path.len();
    let inside = places.iter().filter(|p| head.starts_with(&p.path)).max_by_key(|p| p.path.len());
    let Some(place) = inside else {
        let leads_there =
            |p: &Place| (is_open && p.path.starts_with(head)) || p.path.strip_suffix('/') == Some(head);
        return (!places.iter().any(leads_there))
            .then(|| (Kind::Dangling, "nothing that you may see is mounted there".to_owned()));
    };
    if !place.versioned {
        return None;
    }
    const SECTIONS: [&str; 7] = ["data", "metadata", "subkeys", "delete", "undelete", "destroy", "config"];
    let rest = rule.path.get(place.path.len()..).unwrap_or("");
    let (section, below) = rest.split_once('/').unwrap_or((rest, ""));
    let may_be_one = match section.strip_suffix('*') {
        Some(start) => SECTIONS.iter().any(|s| s.starts_with(start)),
        None => section.is_empty() || section == "+" || SECTIONS.contains(&section),
    };
    if !may_be_one {
        return Some((
            Kind::Section,
            format!(
                "{0} keeps versions: secrets are read and written at {0}data/{rest} and listed at {0}metadata/{rest}",
                place.path
            ),
        ));
    }
    let only_lists = rule.capabilities.iter().all(|c| c == Capability::List) && rule.capabilities.grants();
    (section == "data" && only_lists).then(|| {
        (Kind::Section, format!("secrets are listed at {}metadata/{below}, not at data/", place.path))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse;

    fn kinds(text: &str) -> Vec<(&'static str, String)> {
        let place = |path: &str, versioned| Place { path: path.to_owned(), versioned };
        let places =
            [place("secret/", true), place("old/", false), place("sys/", false), place("auth/token/", false)];
        let policy = parse("p", text).unwrap();
        lint(&policy, Some(&places)).into_iter().map(|f| (f.kind.as_str(), f.pattern)).collect()
    }

    fn rule(path: &str, capabilities: &str) -> String {
        format!("path \"{path}\" {{ capabilities = [{capabilities}] }}\n")
    }

    #[test]
    fn good_policies_have_no_findings() {
        for text in [
            rule("secret/data/app/*", "\"read\"") + &rule("secret/metadata/app/*", "\"list\""),
            rule("secret/*", "\"read\", \"list\""),
            rule("secret/+/app", "\"read\""),
            rule("old/app", "\"read\"") + &rule("old/app/*", "\"read\""),
            rule("old/*", "\"read\"") + &rule("old/root", "\"deny\""),
            rule("auth/token/lookup-self", "\"read\"") + &rule("sys/policies/acl/app", "\"update\""),
            rule("secret", "\"read\"") + &rule("s*", "\"read\""),
            rule("secret/data/{{identity.entity.id}}/*", "\"read\""),
        ] {
            assert_eq!(kinds(&text), [], "{text}");
        }
        assert_eq!(kinds(crate::builtin::DEFAULT).iter().filter(|(k, _)| *k != "dangling").count(), 0);
    }

    #[test]
    fn every_kind_is_found() {
        for (text, kind) in [
            (rule("secret/app", "\"read\""), "kv-section"),
            (rule("secret/app/*", "\"read\""), "kv-section"),
            (rule("secret/data/app/*", "\"list\""), "kv-section"),
            (rule("v1/secret/data/app", "\"read\""), "unmatched"),
            (rule("secret/*/app", "\"read\""), "unmatched"),
            (rule("secret/data//app", "\"read\""), "unmatched"),
            (rule("secret/data/a+b", "\"read\""), "unmatched"),
            (rule("secret/data/{{entity.id}}", "\"read\""), "unmatched"),
            (rule("sceret/data/app", "\"read\""), "dangling"),
            (rule("sceret/*", "\"read\""), "dangling"),
            (rule("old/a", ""), "empty"),
            (rule("old/a", "\"read\"") + &rule("old/a", "\"list\""), "repeated"),
            (rule("old/*", "\"read\", \"update\"") + &rule("old/a", "\"read\""), "narrows"),
            (rule("*", "\"sudo\", \"read\""), "dangerous"),
            (rule("*", "\"update\""), "dangerous"),
            (rule("sys/policies/acl/*", "\"create\""), "dangerous"),
            (rule("sys/*", "\"read\", \"sudo\""), "dangerous"),
            (rule("auth/token/create", "\"update\", \"sudo\""), "dangerous"),
        ] {
            let found = kinds(&text);
            assert!(found.iter().any(|(k, _)| *k == kind), "{text}: {found:?}");
        }
    }

    #[test]
    fn without_knowing_the_mounts_nothing_is_said_of_them() {
        let policy = parse("p", &rule("sceret/app", "\"read\"")).unwrap();
        assert_eq!(lint(&policy, None), []);
    }
}
