//! Finding the rule for a path: exact ones by hash, the others by their literal beginnings.
//!
//! Priority among patterns with wildcards is, first of all, a later first wildcard: a longer literal
//! beginning. The beginnings are sorted, each pointing to the longest other one that it begins with,
//! so that one binary search and a short walk meet all that a path begins with, best first.

use super::Grant;
use crate::Rule;
use crate::pattern::{Pattern, Tail};
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

#[derive(Debug, Clone, Default)]
pub(super) struct Index {
    exact: HashMap<String, Grant>,
    /// Sorted by head.
    nodes: Vec<Node>,
}

/// The patterns with one literal beginning.
#[derive(Debug, Clone)]
struct Node {
    head: String,
    /// The node of the longest other head that this one begins with.
    parent: Option<usize>,
    /// Best first.
    candidates: Vec<Candidate>,
}

#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) tail: Tail,
    pub(super) grant: Grant,
}

/// A match and its rank: the higher, the better.
struct Hit<'a> {
    rank: (usize, Reverse<usize>),
    grant: &'a Grant,
}

impl Index {
    pub(super) fn new<'a>(rules: impl Iterator<Item = (&'a str, &'a Rule)>) -> Self {
        let mut merged: BTreeMap<&str, Grant> = BTreeMap::new();
        for (policy, rule) in rules {
            let known = merged.entry(&rule.path);
            known.and_modify(|g| g.add(policy, rule)).or_insert_with(|| Grant::new(policy, rule));
        }
        let mut exact = HashMap::new();
        let mut heads: BTreeMap<String, Vec<Candidate>> = BTreeMap::new();
        for (path, grant) in merged {
            match Pattern::new(path) {
                Pattern::Exact => {
                    exact.insert(path.to_owned(), grant);
                }
                Pattern::Wild { head, tail } => {
                    heads.entry(head).or_default().push(Candidate { tail, grant })
                }
            }
        }
        Self { exact, nodes: link(heads) }
    }

    /// The rule that decides about a path. A rule for `p` also decides about `p/` when keys are listed
    /// there, and a deny for `p` always does, unless a better pattern matches `p/` itself.
    pub(super) fn find(&self, path: &str, listing: bool) -> Option<&Grant> {
        let path = path.trim_start_matches('/');
        if let Some(grant) = self.exact.get(path) {
            return Some(grant);
        }
        let Some(item) = path.strip_suffix('/') else {
            return self.best(path, |_| true).map(|hit| hit.grant);
        };
        if let Some(grant) = self.exact.get(item)
            && (listing || grant.capabilities.denies())
        {
            return Some(grant);
        }
        let folder = self.best(path, |_| true);
        let deny = self.best(item, |g| g.capabilities.denies());
        match (folder, deny) {
            (Some(folder), Some(deny)) if folder.rank > deny.rank => Some(folder.grant),
            (folder, deny) => deny.or(folder).map(|hit| hit.grant),
        }
    }

    /// Rules without wildcards.
    pub(super) fn exact(&self) -> impl Iterator<Item = &Grant> {
        self.exact.values()
    }

    /// Rules with wildcards, with their literal beginnings.
    pub(super) fn wild(&self) -> impl Iterator<Item = (&str, &Candidate)> {
        self.nodes.iter().flat_map(|n| n.candidates.iter().map(|c| (n.head.as_str(), c)))
    }

    fn best(&self, path: &str, wanted: impl Fn(&Grant) -> bool) -> Option<Hit<'_>> {
        // What lies between a head of the path and the path, in order, begins with that head: the
        // last head not after the path leads to all heads of the path.
        let mut at = self.nodes.partition_point(|n| n.head.as_str() <= path).checked_sub(1);
        while let Some(node) = at.and_then(|i| self.nodes.get(i)) {
            if let Some(rest) = path.strip_prefix(node.head.as_str()) {
                let fits = |c: &Candidate| wanted(&c.grant) && c.tail.matches(rest);
                let mut candidates = node.candidates.iter().enumerate();
                if let Some((i, candidate)) = candidates.find(|(_, c)| fits(c)) {
                    return Some(Hit { rank: (node.head.len(), Reverse(i)), grant: &candidate.grant });
                }
            }
            at = node.parent;
        }
        None
    }
}

fn link(heads: BTreeMap<String, Vec<Candidate>>) -> Vec<Node> {
    let mut nodes: Vec<Node> = Vec::with_capacity(heads.len());
    for (head, mut candidates) in heads {
        candidates.sort_by(|a, b| a.tail.order(&a.grant.pattern).cmp(&b.tail.order(&b.grant.pattern)));
        let mut parent = nodes.len().checked_sub(1);
        while let Some(node) = parent.and_then(|i| nodes.get(i))
            && !head.starts_with(&node.head)
        {
            parent = node.parent;
        }
        nodes.push(Node { head, parent, candidates });
    }
    nodes
}
