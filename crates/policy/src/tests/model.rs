//! Evaluation against a naive model: scan all rules, apply the documented priorities one by one.

use crate::{Acl, Ask, Capability, Policy, parse};
use proptest::prelude::*;
use std::cmp::Ordering;
use strongroom_wire::{Map, Operation};

const CAPABILITIES: [&str; 4] = ["read", "list", "sudo", "deny"];

type Rules = Vec<(String, Vec<&'static str>)>;

fn text(rules: &Rules) -> String {
    let block = |(path, caps): &(String, Vec<&str>)| format!("path {path:?} {{ capabilities = {caps:?} }}\n");
    rules.iter().map(block).collect()
}

/// The model's own reading of patterns, character by character.
fn matches(pattern: &[char], path: &[char], at_segment: bool) -> bool {
    match pattern {
        [] => path.is_empty(),
        ['*'] => true,
        ['+', rest @ ..] if at_segment && (rest.is_empty() || rest[0] == '/') => {
            let end = path.iter().position(|c| *c == '/').unwrap_or(path.len());
            matches(rest, &path[end..], false)
        }
        [c, rest @ ..] => path.first() == Some(c) && matches(rest, &path[1..], *c == '/'),
    }
}

fn plus_count(pattern: &str) -> usize {
    pattern.split('/').filter(|s| *s == "+").count()
}

fn first_wildcard(pattern: &str) -> usize {
    let mut at = 0;
    for segment in pattern.split('/') {
        if segment == "+" {
            return at;
        }
        at += segment.len() + 1;
    }
    if pattern.ends_with('*') { pattern.len() - 1 } else { usize::MAX }
}

fn priority(a: &str, b: &str) -> Ordering {
    let stripped = |p: &str| p.strip_suffix('*').unwrap_or(p).to_owned();
    first_wildcard(a)
        .cmp(&first_wildcard(b))
        .then(b.ends_with('*').cmp(&a.ends_with('*')))
        .then(plus_count(b).cmp(&plus_count(a)))
        .then(stripped(a).len().cmp(&stripped(b).len()))
        .then(stripped(a).cmp(&stripped(b)))
}

fn matching<'a>(rules: &'a Rules, path: &str) -> Vec<&'a str> {
    let chars: Vec<char> = path.chars().collect();
    let fits = |p: &&str| matches(&p.chars().collect::<Vec<_>>(), &chars, true);
    rules.iter().map(|(p, _)| p.as_str()).filter(fits).collect()
}

fn granted(rules: &Rules, pattern: &str) -> Vec<&'static str> {
    let mut caps: Vec<_> = rules.iter().filter(|(p, _)| p == pattern).flat_map(|(_, c)| c.clone()).collect();
    caps.sort_unstable();
    caps.dedup();
    if caps.contains(&"deny") || caps.is_empty() { vec!["deny"] } else { caps }
}

fn denied(rules: &Rules, pattern: &str) -> bool {
    rules.iter().any(|(p, c)| p == pattern && c.contains(&"deny"))
}

fn is_exact(pattern: &str) -> bool {
    first_wildcard(pattern) == usize::MAX
}

/// The pattern that decides.
fn deciding<'a>(rules: &'a Rules, path: &str, listing: bool) -> Option<&'a str> {
    let on_path = matching(rules, path);
    if let Some(exact) = on_path.iter().find(|p| is_exact(p)) {
        return Some(exact);
    }
    let mut candidates = on_path;
    if let Some(item) = path.strip_suffix('/') {
        let on_item = matching(rules, item);
        if let Some(exact) = on_item.iter().find(|p| is_exact(p) && (listing || denied(rules, p))) {
            return Some(exact);
        }
        candidates.extend(on_item.into_iter().filter(|p| !is_exact(p) && denied(rules, p)));
    }
    candidates.into_iter().max_by(|a, b| priority(a, b))
}

fn segment() -> impl Strategy<Value = String> {
    prop_oneof![4 => "[ab]{1,2}", 3 => Just("+".to_owned()), 1 => Just("+a".to_owned()), 1 => Just("é".to_owned())]
}

fn pattern() -> impl Strategy<Value = String> {
    let ending = prop_oneof![3 => Just(""), 1 => Just("/"), 2 => Just("*"), 2 => Just("/*")];
    (prop::collection::vec(segment(), 1..4), ending)
        .prop_map(|(segments, ending)| segments.join("/") + ending)
        .prop_filter("refused", |p| !p.contains("+*"))
}

fn rules() -> impl Strategy<Value = Rules> {
    let caps = prop::sample::subsequence(&CAPABILITIES[..], 0..3);
    prop::collection::vec((pattern(), caps), 0..12)
}

fn path() -> impl Strategy<Value = String> {
    let segment = prop_oneof![5 => "[ab]{1,3}", 1 => Just("+a".to_owned()), 1 => Just("é".to_owned())];
    (prop::collection::vec(segment, 1..5), prop::bool::weighted(0.3))
        .prop_map(|(segments, folder)| segments.join("/") + if folder { "/" } else { "" })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn evaluation_equals_the_naive_model(
        one in rules(),
        two in rules(),
        paths in prop::collection::vec(path(), 8),
    ) {
        let policies: Vec<Policy> =
            [("one", &one), ("two", &two)].map(|(n, r)| parse(n, &text(r)).expect("parses")).into();
        let acl = Acl::new(&policies);
        let all: Rules = one.into_iter().chain(two).collect();
        for path in paths {
            let listed = deciding(&all, &path, true).map_or_else(|| vec!["deny"], |p| granted(&all, p));
            prop_assert_eq!(acl.capabilities(&path), listed, "{}", path);
            for operation in [Operation::Read, Operation::List] {
                let params = Map::new();
                let ask = Ask { operation, path: &path, written: None, params: &params, wrap_ttl: None, needs_sudo: false };
                let why = acl.explain(&ask);
                let wanted = deciding(&all, &path, operation == Operation::List);
                let caps = wanted.map(|p| granted(&all, p)).unwrap_or_default();
                prop_assert_eq!(why.pattern.as_deref(), wanted, "{}", path);
                prop_assert_eq!(acl.decide(&ask).allowed, caps.contains(&operation.as_str()), "{}", path);
                prop_assert_eq!(acl.decide(&ask), why.decision);
                let sudo = why.capabilities.contains(&Capability::Sudo);
                prop_assert_eq!(why.decision.sudo, sudo);
            }
        }
    }
}
