//! A tree with places.

use serde_json::{Map, Value};
use std::rc::Rc;

/// One node of a document and the bytes it stands on.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(super) start: usize,
    /// The end of the node's last visible byte.
    pub(super) end: usize,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone)]
pub(super) enum Kind {
    Scalar(Value),
    Map {
        flow: bool,
        entries: Vec<Entry>,
    },
    List {
        flow: bool,
        items: Vec<Node>,
    },
    /// Another node's content, which is edited nowhere.
    Alias(Rc<Node>),
}

#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) start: usize,
    pub(super) key_end: usize,
    pub(super) name: String,
    /// Whether it is `<<`, which merges its value in.
    pub(super) merges: bool,
    pub(super) value: Node,
}

/// More nodes than a manifest has: aliases of aliases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooLarge;

const MOST_NODES: usize = 2_000_000;

impl Node {
    /// The content. Aliases and merge keys are followed.
    pub(crate) fn value(&self) -> Result<Value, TooLarge> {
        self.counted(&mut 0)
    }

    fn counted(&self, count: &mut usize) -> Result<Value, TooLarge> {
        *count += 1;
        if *count > MOST_NODES {
            return Err(TooLarge);
        }
        Ok(match &self.kind {
            Kind::Scalar(value) => value.clone(),
            Kind::Alias(target) => target.counted(count)?,
            Kind::List { items, .. } => {
                Value::Array(items.iter().map(|item| item.counted(count)).collect::<Result<_, _>>()?)
            }
            Kind::Map { entries, .. } => {
                let mut map = Map::new();
                for entry in entries.iter().filter(|entry| entry.merges) {
                    merge(&mut map, entry.value.counted(count)?);
                }
                for entry in entries.iter().filter(|entry| !entry.merges) {
                    map.insert(entry.name.clone(), entry.value.counted(count)?);
                }
                Value::Object(map)
            }
        })
    }

    /// A key that stands twice in one mapping, anywhere below.
    pub(crate) fn duplicate(&self) -> Option<&str> {
        match &self.kind {
            Kind::Map { entries, .. } => {
                let mut names: Vec<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
                names.sort_unstable();
                let twice = names.windows(2).find_map(|pair| match pair {
                    [a, b] if a == b => Some(*a),
                    _ => None,
                });
                twice.or_else(|| entries.iter().find_map(|entry| entry.value.duplicate()))
            }
            Kind::List { items, .. } => items.iter().find_map(Self::duplicate),
            Kind::Scalar(_) | Kind::Alias(_) => None,
        }
    }
}

/// What stands in `map` already wins, and of several merged mappings the first.
fn merge(map: &mut Map<String, Value>, value: Value) {
    match value {
        Value::Object(other) => {
            for (name, value) in other {
                map.entry(name).or_insert(value);
            }
        }
        Value::Array(list) => list.into_iter().for_each(|value| merge(map, value)),
        _ => {}
    }
}
