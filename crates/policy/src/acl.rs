//! Merged policies and the question they answer.

mod explain;
mod index;
mod overview;

use crate::parameters::{Parameters, Refusal};
use crate::{Capabilities, Capability, Policy, Rule};
use index::Index;
use std::time::Duration;
use strongroom_wire::{Map, Operation};

/// The merged policies of one token.
#[derive(Debug, Clone)]
pub struct Acl {
    /// None for root.
    index: Option<Index>,
}

/// One question.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// What is to be done; LIST asks with a path that ends in `/`.
    pub operation: Operation,
    /// The path, as it reaches storage.
    pub path: &'a str,
    /// The path as the client wrote it, where folding letters changed it: a deny on either form denies.
    pub written: Option<&'a str>,
    /// The body of a write; parameter rules look at it.
    pub params: &'a Map,
    /// Seconds of the wrapping asked for; none when the answer is not to be wrapped.
    pub wrap_ttl: Option<u64>,
    /// Whether the route needs `sudo`.
    pub needs_sudo: bool,
}

/// The answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// Whether the request may go on.
    pub allowed: bool,
    /// Whether the rule gives `sudo`.
    pub sudo: bool,
}

/// Why it is so, for `sys/internal/explain`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The decision.
    pub decision: Decision,
    /// The pattern of the deciding rule, none if no rule matches.
    pub pattern: Option<String>,
    /// The policies that this rule comes from, sorted.
    pub policies: Vec<String>,
    /// What the rule gives, sorted by name.
    pub capabilities: Vec<Capability>,
    /// A sentence: what decided.
    pub reason: String,
}

impl Acl {
    /// Allows everything.
    pub fn root() -> Self {
        Self { index: None }
    }

    /// Merges policies. One named `root` is not special here: the caller knows root. Rules with
    /// templates match nothing.
    pub fn new<'a>(policies: impl IntoIterator<Item = &'a Policy>) -> Self {
        let rules = policies.into_iter().flat_map(|p| p.rules.iter().map(|r| (p.name.as_str(), r)));
        Self { index: Some(Index::new(rules.filter(|(_, rule)| !rule.is_template()))) }
    }

    /// The same for a caller whose identity is known: `value` gives what a template stands for, such as
    /// that of `identity.entity.name`. Rules with templates that it does not know match nothing.
    pub fn filled<'a>(
        policies: impl IntoIterator<Item = &'a Policy>,
        value: impl Fn(&str) -> Option<String>,
    ) -> Self {
        let rules = policies.into_iter().flat_map(|p| p.rules.iter().map(|r| (p.name.as_str(), r)));
        let filled: Vec<_> =
            rules.filter_map(|(name, rule)| rule.fill(&value).map(|rule| (name, rule))).collect();
        Self { index: Some(Index::new(filled.iter().map(|(name, rule)| (*name, rule.as_ref())))) }
    }

    /// Whether this is the root policy.
    pub fn is_root(&self) -> bool {
        self.index.is_none()
    }

    /// Decides.
    pub fn decide(&self, ask: &Ask<'_>) -> Decision {
        self.judge(ask).decision()
    }

    /// What is allowed at a path, names sorted: `["deny"]` when nothing is, `["root"]` for root.
    pub fn capabilities(&self, path: &str) -> Vec<&'static str> {
        match &self.index {
            None => vec!["root"],
            Some(index) => {
                index.find(path, true).map_or_else(Capabilities::default, |g| g.capabilities).names()
            }
        }
    }

    /// Whether a rule denies everything at a path. That nothing allows it is not enough.
    pub fn denies(&self, path: &str) -> bool {
        let grant = self.index.as_ref().and_then(|index| index.find(path, true));
        grant.is_some_and(|g| g.capabilities.denies())
    }

    /// Whether any rule allows anything anywhere.
    pub fn grants_anything(&self) -> bool {
        self.index.as_ref().is_none_or(|index| {
            index.exact().any(|g| g.capabilities.grants())
                || index.wild().any(|(_, c)| c.grant.capabilities.grants())
        })
    }

    fn judge<'a>(&'a self, ask: &Ask<'a>) -> Verdict<'a> {
        let Some(index) = &self.index else {
            return Verdict { grant: None, outcome: Outcome::Root };
        };
        let listing = ask.operation == Operation::List;
        if let Some(written) = ask.written
            && let Some(grant) = index.find(written, listing)
            && grant.capabilities.denies()
        {
            return Verdict { grant: Some(grant), outcome: Outcome::DeniedAsWritten(written) };
        }
        let grant = index.find(ask.path, listing);
        let outcome = grant.map_or(Outcome::NoRule, |g| g.judge(ask));
        Verdict { grant, outcome }
    }
}

/// All rules for one pattern, merged.
#[derive(Debug, Clone)]
struct Grant {
    pattern: String,
    /// Sorted.
    policies: Vec<String>,
    capabilities: Capabilities,
    /// None if there is nothing to check.
    parameters: Option<Box<Parameters>>,
    min_wrapping_ttl: Option<Duration>,
    max_wrapping_ttl: Option<Duration>,
}

/// What came of a question, and by which rule.
struct Verdict<'a> {
    grant: Option<&'a Grant>,
    outcome: Outcome<'a>,
}

#[derive(Clone, Copy)]
enum Outcome<'a> {
    Root,
    Granted,
    NoRule,
    Denied,
    DeniedAsWritten(&'a str),
    Lacks(Capability),
    Nothing,
    Unwrapped,
    WrapTooShort(Duration),
    WrapTooLong(Duration),
    Parameter(Refusal<'a>),
}

impl Verdict<'_> {
    fn decision(&self) -> Decision {
        let root = matches!(self.outcome, Outcome::Root);
        let sudo = self.grant.is_some_and(|g| g.capabilities.contains(Capability::Sudo));
        Decision { allowed: root || matches!(self.outcome, Outcome::Granted), sudo: root || sudo }
    }
}

impl Grant {
    fn new(policy: &str, rule: &Rule) -> Self {
        let mut grant = Self {
            pattern: rule.path.clone(),
            policies: Vec::new(),
            capabilities: Capabilities::default(),
            parameters: None,
            min_wrapping_ttl: None,
            max_wrapping_ttl: None,
        };
        grant.add(policy, rule);
        grant
    }

    /// Merges a rule for the same pattern: what either allows is allowed, limits of both hold, and of
    /// two wrapping bounds the lower one counts.
    fn add(&mut self, policy: &str, rule: &Rule) {
        if let Err(at) = self.policies.binary_search_by(|p| p.as_str().cmp(policy)) {
            self.policies.insert(at, policy.to_owned());
        }
        self.capabilities = self.capabilities.union(rule.capabilities);
        if rule.parameters != Parameters::default() {
            self.parameters.get_or_insert_default().merge(&rule.parameters);
        }
        self.min_wrapping_ttl = lower(self.min_wrapping_ttl, rule.min_wrapping_ttl);
        self.max_wrapping_ttl = lower(self.max_wrapping_ttl, rule.max_wrapping_ttl);
        if self.capabilities.denies() {
            (self.parameters, self.min_wrapping_ttl, self.max_wrapping_ttl) = (None, None, None);
        }
    }

    fn judge<'a>(&'a self, ask: &Ask<'a>) -> Outcome<'a> {
        if self.capabilities.denies() {
            return Outcome::Denied;
        }
        let Some(needed) = needed(ask.operation) else {
            return if self.capabilities.grants() { Outcome::Granted } else { Outcome::Nothing };
        };
        if !self.capabilities.contains(needed) {
            return Outcome::Lacks(needed);
        }
        if ask.needs_sudo && !self.capabilities.contains(Capability::Sudo) {
            return Outcome::Lacks(Capability::Sudo);
        }
        if let Some(outcome) = self.judge_wrapping(ask.wrap_ttl) {
            return outcome;
        }
        match &self.parameters {
            Some(parameters) if ask.operation.writes() => {
                parameters.check(ask.params).map_or_else(Outcome::Parameter, |()| Outcome::Granted)
            }
            _ => Outcome::Granted,
        }
    }

    /// Bounds that cross each other, which merging can bring about, let nothing through.
    fn judge_wrapping(&self, wrap_ttl: Option<u64>) -> Option<Outcome<'static>> {
        if self.min_wrapping_ttl.is_none() && self.max_wrapping_ttl.is_none() {
            return None;
        }
        let Some(ttl) = wrap_ttl.map(Duration::from_secs) else {
            return Some(Outcome::Unwrapped);
        };
        let short = self.min_wrapping_ttl.filter(|min| ttl < *min).map(Outcome::WrapTooShort);
        short.or_else(|| self.max_wrapping_ttl.filter(|max| ttl > *max).map(Outcome::WrapTooLong))
    }
}

/// The capability that an operation needs; help needs just any.
fn needed(operation: Operation) -> Option<Capability> {
    Some(match operation {
        Operation::Read => Capability::Read,
        Operation::Create => Capability::Create,
        Operation::Update => Capability::Update,
        Operation::Delete => Capability::Delete,
        Operation::List => Capability::List,
        Operation::Patch => Capability::Patch,
        Operation::Help => return None,
    })
}

fn lower(a: Option<Duration>, b: Option<Duration>) -> Option<Duration> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (one, other) => one.or(other),
    }
}
