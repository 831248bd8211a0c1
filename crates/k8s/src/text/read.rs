//! Text to trees: a stream of YAML documents, or of JSON values one after the other.

use super::node::{Entry, Kind, Node};
use super::scalar;
use granit_parser::{Event, Parser, ScalarStyle, Span, StructureStyle};
use std::collections::HashMap;
use std::fmt;
use std::rc::Rc;

/// Why a text is no stream of documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReadError {
    /// The line, from 1, if it is known.
    pub(crate) line: usize,
    pub(crate) why: String,
}

impl fmt::Display for ReadError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "line {}: {}", self.line, self.why)
    }
}

/// Reads all documents of a text. Empty ones count, as nulls.
pub(crate) fn read(text: &str) -> Result<Vec<Node>, ReadError> {
    let Some(pieces) = json_values(text) else { return read_stream(text, 0) };
    let mut documents = Vec::new();
    for (start, piece) in pieces {
        documents.extend(read_stream(piece, start).map_err(|error| {
            let before = text.get(..start).map_or(0, |before| before.matches('\n').count());
            ReadError { line: error.line + before, ..error }
        })?);
    }
    Ok(documents)
}

/// The values of a text that is nothing but JSON, each with its place.
pub(super) fn json_values(text: &str) -> Option<Vec<(usize, &str)>> {
    if !text.trim_start().starts_with(['{', '[']) {
        return None;
    }
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<serde::de::IgnoredAny>();
    let mut pieces = Vec::new();
    let mut start = 0;
    while let Some(value) = values.next() {
        value.ok()?;
        let end = values.byte_offset();
        pieces.push((start, text.get(start..end)?));
        start = end;
    }
    Some(pieces)
}

fn read_stream(text: &str, offset: usize) -> Result<Vec<Node>, ReadError> {
    let options = granit_parser::options! {
        emit_comments: false,
        simple_key_max_lookahead: usize::MAX,
    };
    let mut builder = Builder { offset, ..Builder::default() };
    for next in Parser::new_from_str_with_options(text, options) {
        let (event, span) =
            next.map_err(|error| ReadError { line: error.marker().line(), why: error.to_string() })?;
        builder.take(event, span).map_err(|why| ReadError { line: span.start.line(), why })?;
    }
    Ok(builder.documents)
}

#[derive(Default)]
struct Builder {
    offset: usize,
    documents: Vec<Node>,
    open: Vec<Open>,
    anchors: HashMap<usize, Rc<Node>>,
}

/// A collection whose end has not come yet.
struct Open {
    anchor: usize,
    node: Node,
    key: Option<Node>,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), String> {
        let Some(bytes) = span.byte_range() else { return Err("a place is not known".to_owned()) };
        let (start, end) = (bytes.start + self.offset, bytes.end + self.offset);
        let node = |kind| Node { start, end, kind };
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain;
                let is_text = tag.as_ref().is_some_and(|tag| tag.is_yaml_core_schema_tag("str"));
                // A key is what it says: `on:` is no truth value.
                let is_key = self
                    .open
                    .last()
                    .is_some_and(|open| matches!(open.node.kind, Kind::Map { .. }) && open.key.is_none());
                let value = if plain && !is_text && !is_key {
                    scalar::resolve(if start == end { "" } else { &text })
                } else {
                    serde_json::Value::String(text.into_owned())
                };
                self.close(node(Kind::Scalar(value)), anchor)
            }
            Event::Alias(id) => {
                let target = self.anchors.get(&id).ok_or("an alias into itself")?;
                let kind = Kind::Alias(Rc::clone(target));
                self.close(node(kind), 0)
            }
            Event::MappingStart(style, anchor, _) => {
                let kind = Kind::Map { flow: style == StructureStyle::Flow, entries: Vec::new() };
                self.open.push(Open { anchor, node: node(kind), key: None });
                Ok(())
            }
            Event::SequenceStart(style, anchor, _) => {
                let kind = Kind::List { flow: style == StructureStyle::Flow, items: Vec::new() };
                self.open.push(Open { anchor, node: node(kind), key: None });
                Ok(())
            }
            Event::MappingEnd | Event::SequenceEnd => {
                let Some(Open { anchor, mut node, .. }) = self.open.pop() else { return Ok(()) };
                node.end = match &node.kind {
                    Kind::Map { flow: true, .. } | Kind::List { flow: true, .. } => end,
                    Kind::Map { entries, .. } => entries.last().map_or(node.start, |entry| entry.value.end),
                    Kind::List { items, .. } => items.last().map_or(node.start, |item| item.end),
                    Kind::Scalar(_) | Kind::Alias(_) => node.end,
                };
                self.close(node, anchor)
            }
            Event::DocumentStart(..) => {
                self.anchors.clear();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Gives a whole node to the collection it stands in.
    fn close(&mut self, node: Node, anchor: usize) -> Result<(), String> {
        if anchor != 0 {
            self.anchors.insert(anchor, Rc::new(node.clone()));
        }
        let Some(open) = self.open.last_mut() else {
            self.documents.push(node);
            return Ok(());
        };
        match (&mut open.node.kind, open.key.take()) {
            (Kind::List { items, .. }, _) => items.push(node),
            (Kind::Map { .. }, None) => open.key = Some(node),
            (Kind::Map { entries, .. }, Some(key)) => {
                let name = key_name(&key)?;
                let merges = name == "<<" && key.end - key.start == 2;
                entries.push(Entry { start: key.start, key_end: key.end, name, merges, value: node });
            }
            (Kind::Scalar(_) | Kind::Alias(_), _) => {}
        }
        Ok(())
    }
}

fn key_name(key: &Node) -> Result<String, String> {
    match &key.kind {
        Kind::Scalar(serde_json::Value::String(name)) => Ok(name.clone()),
        Kind::Scalar(value) => Ok(value.to_string()),
        Kind::Alias(target) => key_name(target),
        Kind::Map { .. } | Kind::List { .. } => Err("a key is a collection; keys are texts".to_owned()),
    }
}
