//! From a text, its tree and the value it should have to the text that has it, with as few bytes changed as
//! can be.

mod find;

use super::emit;
use super::node::{Entry, Kind, Node};
use super::read::read;
use find::{column, dash, line_end, line_start, only_blanks_before};
use serde_json::{Map, Value};
use std::fmt;

/// Why a text cannot be changed in place. The text names the place where it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PatchError {
    /// The place is an alias, or came by a merge key.
    Shared(String),
    /// The text is written in a way that no edit is known for.
    Unusual(String),
}

impl fmt::Display for PatchError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shared(path) => {
                write!(
                    out,
                    "{path} comes from an anchor or a merge key, which is not changed for all its users"
                )
            }
            Self::Unusual(path) => write!(out, "{path} is written in a way that cannot be changed in place"),
        }
    }
}

/// Changes `text` so that its documents have `wanted` as values. An error comes with the index of its document.
pub(crate) fn patch(
    text: &str,
    documents: &[Node],
    wanted: &[Value],
) -> Result<String, (Option<usize>, PatchError)> {
    let mut patcher = Patcher { text, edits: Vec::new() };
    for (index, (document, wanted)) in documents.iter().zip(wanted).enumerate() {
        let done = patcher.node("", document, wanted, document.start);
        done.map_err(|error| (Some(index), error))?;
    }
    let out = patcher.finish().map_err(|error| (None, error))?;
    let is_right = read(&out).is_ok_and(|after| {
        after.len() == wanted.len() && after.iter().zip(wanted).all(|(n, v)| n.value().as_ref() == Ok(v))
    });
    if is_right { Ok(out) } else { Err((None, PatchError::Unusual(WHOLE.to_owned()))) }
}

/// The place, where none is known.
const WHOLE: &str = "the document";

struct Patcher<'t> {
    text: &'t str,
    edits: Vec<Edit>,
}

struct Edit {
    start: usize,
    end: usize,
    text: String,
}

/// What becomes of the members of a collection, in the order of the text.
enum Step<'a> {
    Keep(usize, &'a Value),
    Replace(usize, &'a Value),
    Remove(usize),
    /// Before the member, or at the end.
    Insert(Option<usize>, &'a Value),
}

impl<'t> Patcher<'t> {
    fn edit(&mut self, start: usize, end: usize, text: String) {
        self.edits.push(Edit { start, end, text });
    }

    fn finish(mut self) -> Result<String, PatchError> {
        self.edits.sort_by_key(|edit| (edit.start, edit.end));
        let newline = if self.text.contains("\r\n") { "\r\n" } else { "\n" };
        let mut out = String::with_capacity(self.text.len() * 2);
        let mut at = 0;
        for edit in &self.edits {
            let kept = self.text.get(at..edit.start);
            out.push_str(kept.ok_or_else(|| PatchError::Unusual(WHOLE.to_owned()))?);
            out.push_str(&edit.text.replace('\n', newline));
            at = edit.end;
        }
        out.push_str(self.text.get(at..).unwrap_or_default());
        Ok(out)
    }

    /// `from` is a place before the node with nothing but its introduction in between.
    fn node(&mut self, path: &str, node: &Node, wanted: &Value, from: usize) -> Result<(), PatchError> {
        if node.value().as_ref() == Ok(wanted) {
            return Ok(());
        }
        match (&node.kind, wanted) {
            (Kind::Alias(_), _) => Err(PatchError::Shared(path.to_owned())),
            (Kind::Map { flow, entries }, Value::Object(map)) => self.map(path, node, *flow, entries, map),
            (Kind::List { flow, items }, Value::Array(list)) if !items.is_empty() && !list.is_empty() => {
                self.list(path, node, *flow, items, list, from)
            }
            _ if node.start == node.end => {
                let after =
                    self.text.get(from..).and_then(|rest| rest.find(':')).map(|colon| from + colon + 1);
                let after = after.ok_or_else(|| PatchError::Unusual(path.to_owned()))?;
                self.edit(after, after, format!(" {}", emit::flow(wanted)));
                Ok(())
            }
            _ => {
                let start = self.header(node, from).unwrap_or(node.start);
                self.edit(start, self.content_end(node), emit::flow(wanted));
                Ok(())
            }
        }
    }

    fn map(
        &mut self,
        path: &str,
        node: &Node,
        flow: bool,
        entries: &[Entry],
        wanted: &Map<String, Value>,
    ) -> Result<(), PatchError> {
        let merged = node.value().unwrap_or_default();
        let own = |name: &str| entries.iter().any(|entry| !entry.merges && entry.name == name);
        let foreign = merged.as_object().into_iter().flatten().filter(|(name, _)| !own(name));
        for (name, value) in foreign {
            if wanted.get(name) != Some(value) {
                return Err(PatchError::Shared(format!("{path}.{name}")));
            }
        }
        let mut gone: Vec<usize> = Vec::new();
        let mut kept: Vec<usize> = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            let stays = entry.merges || wanted.contains_key(&entry.name);
            if stays { kept.push(index) } else { gone.push(index) }
        }
        let new: Vec<(&String, &Value)> =
            wanted.iter().filter(|(name, _)| merged.get(name.as_str()).is_none()).collect();
        if kept.is_empty() {
            let text = if flow || wanted.is_empty() {
                emit::flow(&Value::Object(wanted.clone()))
            } else {
                emit::mapping(wanted, column(self.text, node.start))
            };
            self.edit(node.start, self.content_end(node), text);
            return Ok(());
        }
        for entry in kept.iter().filter_map(|index| entries.get(*index)) {
            if let Some(value) = wanted.get(&entry.name) {
                self.node(&join(path, &entry.name), &entry.value, value, entry.key_end)?;
            }
        }
        let pairs = gone.len().min(new.len());
        for (index, (name, value)) in gone.iter().zip(&new) {
            if let Some(old) = entries.get(*index) {
                let text = self.entry_text(flow, name, value, old.start);
                self.edit(old.start, self.content_end(&old.value), text);
            }
        }
        let starts: Vec<(usize, usize)> =
            entries.iter().map(|entry| (entry.start, self.content_end(&entry.value))).collect();
        for index in gone.iter().skip(pairs) {
            self.remove(path, flow, &starts, *index, &kept, None)?;
        }
        let kept: Vec<&Entry> = kept.iter().filter_map(|index| entries.get(*index)).collect();
        self.insert_entries(flow, node, &kept, new.get(pairs..).unwrap_or_default());
        Ok(())
    }

    /// New entries go below the name, or the first entry with a plain value, else in front.
    fn insert_entries(&mut self, flow: bool, node: &Node, kept: &[&Entry], new: &[(&String, &Value)]) {
        let is_plain = |entry: &&&Entry| {
            let span = self.text.get(entry.value.start..entry.value.end).unwrap_or_default();
            matches!(entry.value.kind, Kind::Scalar(_)) && !span.is_empty() && !span.contains(['\n', '\r'])
        };
        let plain: Vec<&&Entry> = kept.iter().filter(is_plain).collect();
        let below = plain.iter().find(|entry| entry.name == "name").or_else(|| plain.first()).copied();
        let Some(first) = kept.first() else { return };
        if flow {
            let space = self.text.get(node.start + 1..).unwrap_or_default();
            let space: String = space.chars().take_while(|c| c.is_whitespace()).collect();
            let space = if space.contains('\n') { space.replace('\r', "") } else { " ".to_owned() };
            let texts = new.iter().map(|(name, value)| emit::flow_entry(name, value));
            match below {
                Some(entry) => {
                    let text: String = texts.map(|text| format!(",{space}{text}")).collect();
                    self.edit(entry.value.end, entry.value.end, text);
                }
                None => {
                    let text: String = texts.map(|text| format!("{text},{space}")).collect();
                    self.edit(first.start, first.start, text);
                }
            }
            return;
        }
        let column = column(self.text, first.start);
        let texts = new.iter().map(|(name, value)| emit::entry(name, value, column));
        match below {
            Some(entry) => {
                let end = line_end(self.text, entry.value.end);
                let text: String = texts.map(|text| format!("{}{text}", emit::line(column))).collect();
                self.edit(end, end, text);
            }
            None => {
                let text: String = texts.map(|text| format!("{text}{}", emit::line(column))).collect();
                self.edit(first.start, first.start, text);
            }
        }
    }

    fn list(
        &mut self,
        path: &str,
        node: &Node,
        flow: bool,
        items: &[Node],
        wanted: &[Value],
        from: usize,
    ) -> Result<(), PatchError> {
        let unusual = || PatchError::Unusual(path.to_owned());
        let old: Vec<Value> = items.iter().map(|item| item.value().unwrap_or_default()).collect();
        let steps = steps(&old, wanted);
        let kept: Vec<usize> = steps
            .iter()
            .filter_map(|step| match step {
                Step::Keep(index, _) | Step::Replace(index, _) => Some(*index),
                Step::Remove(_) | Step::Insert(..) => None,
            })
            .collect();
        let mut starts = Vec::with_capacity(items.len());
        let mut before = if node.start > from { from } else { node.start };
        for item in items {
            let start =
                if flow { item.start } else { dash(self.text, before, item.start).ok_or_else(unusual)? };
            starts.push((start, self.content_end(item)));
            before = if flow { item.end } else { item.end.max(start + 1) };
        }
        for step in steps {
            match step {
                Step::Keep(index, value) => {
                    let (item, (start, _)) = items.get(index).zip(starts.get(index)).ok_or_else(unusual)?;
                    self.node(&format!("{path}[{index}]"), item, value, *start)?;
                }
                Step::Replace(index, value) => {
                    let (start, end) = *starts.get(index).ok_or_else(unusual)?;
                    let text = self.item_text(flow, value, start);
                    self.edit(start, end, text);
                }
                Step::Remove(index) => self.remove(path, flow, &starts, index, &kept, Some(node))?,
                Step::Insert(Some(index), value) => {
                    let (start, _) = *starts.get(index).ok_or_else(unusual)?;
                    let text = self.item_text(flow, value, start);
                    let space = if flow { ", ".to_owned() } else { emit::line(column(self.text, start)) };
                    self.edit(start, start, format!("{text}{space}"));
                }
                Step::Insert(None, value) => {
                    let (start, end) = *starts.last().ok_or_else(unusual)?;
                    let text = self.item_text(flow, value, start);
                    if flow {
                        self.edit(end, end, format!(", {text}"));
                    } else {
                        let end = line_end(self.text, end);
                        let line = emit::line(column(self.text, start));
                        self.edit(end, end, format!("{line}{text}"));
                    }
                }
            }
        }
        Ok(())
    }

    /// Takes the member at `index` out. `places` are all members' places, `kept` which of them stay.
    fn remove(
        &mut self,
        path: &str,
        flow: bool,
        places: &[(usize, usize)],
        index: usize,
        kept: &[usize],
        list: Option<&Node>,
    ) -> Result<(), PatchError> {
        let unusual = || PatchError::Unusual(path.to_owned());
        let (start, end) = *places.get(index).ok_or_else(unusual)?;
        let next = places.get(index + 1).map(|(start, _)| *start);
        if flow {
            if kept.iter().any(|other| *other > index) {
                self.edit(start, next.ok_or_else(unusual)?, String::new());
            } else {
                // With what separates it from its neighbour; the first of the last ones that go does this.
                let (_, before) = *index.checked_sub(1).and_then(|i| places.get(i)).ok_or_else(unusual)?;
                self.edit(before, end, String::new());
            }
            return Ok(());
        }
        if only_blanks_before(self.text, start) {
            let after = line_end(self.text, end);
            let after = self.text.get(after..).map_or(after, |rest| after + line_break(rest));
            self.edit(line_start(self.text, start), after, String::new());
            return Ok(());
        }
        // The first entry of a mapping in a list, behind the dash: its neighbour moves up.
        if list.is_none() && kept.contains(&(index + 1)) {
            self.edit(start, next.ok_or_else(unusual)?, String::new());
            return Ok(());
        }
        Err(unusual())
    }

    /// Where a block scalar's `|` or `>` stands, which does not count as its text.
    fn header(&self, node: &Node, from: usize) -> Option<usize> {
        let before = self.text.get(from..node.start)?;
        let is_block = matches!(node.kind, Kind::Scalar(_)) && before.contains('\n');
        is_block.then(|| before.find(['|', '>']).map(|at| from + at)).flatten()
    }

    fn entry_text(&self, flow: bool, name: &str, value: &Value, at: usize) -> String {
        if flow { emit::flow_entry(name, value) } else { emit::entry(name, value, column(self.text, at)) }
    }

    fn item_text(&self, flow: bool, value: &Value, at: usize) -> String {
        if flow { emit::flow(value) } else { emit::item(value, column(self.text, at)) }
    }

    /// The end of what is to be seen of a node: a block scalar's line end does not belong to it.
    fn content_end(&self, node: &Node) -> usize {
        let span = self.text.get(node.start..node.end).unwrap_or_default();
        node.start + span.trim_end().len()
    }
}

/// Pairs the members of a list before and after. Members with the same name are the same member.
fn steps<'a>(old: &[Value], new: &'a [Value]) -> Vec<Step<'a>> {
    let mut steps = Vec::new();
    let (mut i, mut j) = (0, 0);
    loop {
        let rest_of_old = old.get(i..).unwrap_or_default();
        let rest_of_new = new.get(j..).unwrap_or_default();
        match (rest_of_old.first(), rest_of_new.first()) {
            (None, None) => return steps,
            (Some(_), None) => {
                steps.push(Step::Remove(i));
                i += 1;
            }
            (None, Some(value)) => {
                steps.push(Step::Insert(None, value));
                j += 1;
            }
            (Some(before), Some(after)) if is_same(before, after) => {
                steps.push(Step::Keep(i, after));
                (i, j) = (i + 1, j + 1);
            }
            (Some(before), Some(after)) => {
                if rest_of_new.iter().any(|value| is_same(before, value)) {
                    steps.push(Step::Insert(Some(i), after));
                    j += 1;
                } else if rest_of_old.iter().any(|value| is_same(value, after)) {
                    steps.push(Step::Remove(i));
                    i += 1;
                } else {
                    steps.push(Step::Replace(i, after));
                    (i, j) = (i + 1, j + 1);
                }
            }
        }
    }
}

fn is_same(before: &Value, after: &Value) -> bool {
    let name = |value: &Value| value.get("name").and_then(Value::as_str).map(str::to_owned);
    match (name(before), name(after)) {
        (Some(a), Some(b)) => a == b && before.get("mountPath") == after.get("mountPath"),
        (None, None) => before == after || (before.get("kind").is_some() && same_metadata(before, after)),
        _ => false,
    }
}

/// Whether two members of a `List` are one object.
fn same_metadata(before: &Value, after: &Value) -> bool {
    let of = |value: &Value, field: &str| value.get("metadata").and_then(|m| m.get(field)).cloned();
    before.get("kind") == after.get("kind")
        && of(before, "name") == of(after, "name")
        && of(before, "namespace") == of(after, "namespace")
}

fn line_break(rest: &str) -> usize {
    if rest.starts_with("\r\n") { 2 } else { usize::from(rest.starts_with('\n')) }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}
