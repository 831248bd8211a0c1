//! LIST through all levels (`scan=true`, or the verb SCAN), and search. A folder is opened only if the caller
//! may list it, metadata is looked at only where they may read it, and values are not looked at at all. Work
//! is done in pages: `next` of one is `after` of the following.

use super::glob::Glob;
use super::rotation;
use super::secret::Secret;
use super::versioned::{PATH, SECRETS};
use crate::folder::END;
use jiff::Timestamp;
use serde_json::json;
use std::collections::BTreeMap;
use strongroom_core::{Allowance, Call, Fault, Map, Operation, Response, Value};
use strongroom_wire::field::{Args, Field, Kind};
use strongroom_wire::time;

/// Keys fetched at once.
const STEP: usize = 1000;
/// Keys that one page may look at.
const MAX_VISITED: usize = 20_000;
/// Secrets whose metadata one page may look at.
const MAX_LOOKED_INTO: usize = 2_000;
/// Names in one page.
const MAX_LIMIT: i64 = 10_000;
const USUAL_LIMIT: i64 = 1_000;
const MAX_PATTERN: usize = 512;
/// Comes after every byte that occurs in UTF-8.
const LAST: u8 = 0xff;

static QUERY: [Field; 10] = [
    Field::new("scan", Kind::Bool, "List all levels."),
    Field::new("after", Kind::Text, "Where the page before ended: its \"next\"."),
    Field::new("limit", Kind::Int, "Names in a page."),
    Field::new("match", Kind::Text, "A glob for the name, or for the path where it has a slash."),
    Field::new("contains", Kind::Text, "A part of the path, whatever the case of its letters."),
    Field::new("custom_metadata", Kind::Text, "NAME or NAME=GLOB that the custom metadata must have."),
    Field::new("owner", Kind::Text, "A glob for the owner."),
    Field::new("overdue", Kind::Bool, "Only those that should have been replaced by now."),
    Field::new(
        "due_within",
        Kind::Seconds,
        "Only those that are to be replaced within this time, or should have been.",
    ),
    Field::new("detailed", Kind::Bool, "Tell about each what its metadata says."),
];

/// Answers a scan. `section` is what stands before a secret's path where policy and clients list it.
pub(super) async fn scan(call: Call<'_>, section: &'static str) -> Result<Response, Fault> {
    let query = Query::read(&call.req.request.body, !section.is_empty())?;
    let allowance = call.allowance().await?;
    let folder = call.args.text_or_empty(PATH).to_owned();
    let shown_at = format!("{}{section}", call.req.mounted.full_path);
    let base = call.key(SECRETS);
    let now = call.now();
    let mut walk =
        Walk { query, allowance, folder, shown_at, base, now, open: String::new(), page: Page::default() };
    walk.go(call).await?;
    walk.page.answer()
}

/// What is asked for.
struct Query {
    after: String,
    limit: usize,
    glob: Option<(Glob, bool)>,
    contains: String,
    custom_metadata: Option<(String, Option<Glob>)>,
    owner: Option<Glob>,
    due_within: Option<u64>,
    detailed: bool,
}

impl Query {
    fn read(body: &Map, has_metadata: bool) -> Result<Self, Fault> {
        if let Some(stray) =
            body.keys().find(|name| *name != "list" && !QUERY.iter().any(|f| f.name == name.as_str()))
        {
            let known: Vec<&str> = QUERY.iter().map(|f| f.name).collect();
            return Err(Fault::invalid(format!("field {stray:?}: a scan takes {}", known.join(", "))));
        }
        let args = Args::decode(&QUERY, &[], body)?;
        let text = |name: &'static str| {
            let text = args.text_or_empty(name);
            if text.len() <= MAX_PATTERN || name == "after" {
                Ok(text.to_owned())
            } else {
                Err(Fault::invalid(format!("field {name:?}: want at most {MAX_PATTERN} bytes")))
            }
        };
        let limit = args.int("limit").filter(|limit| *limit > 0).unwrap_or(USUAL_LIMIT).min(MAX_LIMIT);
        let pattern = text("match")?;
        let pair = text("custom_metadata")?;
        let owner = text("owner")?;
        let overdue = args.bool("overdue").unwrap_or(false);
        let query = Self {
            after: text("after")?,
            limit: usize::try_from(limit).unwrap_or(1),
            glob: (!pattern.is_empty()).then(|| (Glob::new(&pattern), pattern.contains('/'))),
            contains: text("contains")?.to_lowercase(),
            custom_metadata: (!pair.is_empty()).then(|| match pair.split_once('=') {
                Some((name, glob)) => (name.to_owned(), Some(Glob::new(glob))),
                None => (pair.clone(), None),
            }),
            owner: (!owner.is_empty()).then(|| Glob::new(&owner)),
            due_within: args.seconds("due_within").or(overdue.then_some(0)),
            detailed: args.bool("detailed").unwrap_or(false),
        };
        if query.looks_into() && !has_metadata {
            return Err(Fault::invalid(
                "secrets of version 1 have no metadata: a scan of them takes match, contains, after and limit",
            ));
        }
        Ok(query)
    }

    /// Whether metadata is asked about.
    fn looks_into(&self) -> bool {
        self.detailed || self.filters_metadata()
    }

    fn filters_metadata(&self) -> bool {
        self.custom_metadata.is_some() || self.owner.is_some() || self.due_within.is_some()
    }

    fn takes_path(&self, path: &str) -> bool {
        let name = path.rsplit('/').next().unwrap_or(path);
        self.glob.as_ref().is_none_or(|(glob, whole)| glob.matches(if *whole { path } else { name }))
            && (self.contains.is_empty() || path.to_lowercase().contains(&self.contains))
    }

    fn takes_metadata(&self, secret: &Secret, now: Timestamp) -> bool {
        let settings = &secret.settings;
        let custom = self.custom_metadata.as_ref().is_none_or(|(name, glob)| {
            let found = settings.custom_metadata.get(name);
            found.is_some_and(|text| glob.as_ref().is_none_or(|glob| glob.matches(text)))
        });
        let owned = self.owner.as_ref().is_none_or(|glob| glob.matches(&settings.owner));
        let due = || rotation::due(secret, now);
        custom
            && owned
            && self.due_within.is_none_or(|within| due().is_some_and(|at| at <= time::after(now, within)))
    }
}

/// One page of the answer.
#[derive(Default)]
struct Page {
    keys: Vec<String>,
    details: BTreeMap<String, Value>,
    /// Folders that the caller may not list.
    closed: Vec<String>,
    next: Option<String>,
}

impl Page {
    fn answer(self) -> Result<Response, Fault> {
        if self.keys.is_empty() && self.closed.is_empty() && self.next.is_none() {
            return Err(Fault::NotFound);
        }
        let mut answer = Map::from_iter([("keys".to_owned(), json!(self.keys))]);
        let mut add = |name: &str, value: Value| answer.insert(name.to_owned(), value);
        if !self.details.is_empty() {
            add("key_info", json!(self.details));
        }
        if !self.closed.is_empty() {
            add("not_listed", json!(self.closed));
        }
        if let Some(next) = self.next {
            add("next", next.into());
        }
        Ok(Response::data(answer))
    }
}

/// A walk over the secrets below a folder, in the order of their paths.
struct Walk {
    query: Query,
    allowance: Allowance,
    /// The folder, below the mount; empty or with a slash at its end.
    folder: String,
    /// Mount and section, as policies have them.
    shown_at: String,
    /// Where all secrets of the mount stand.
    base: Vec<u8>,
    now: Timestamp,
    /// The folder that was last found open, below the scanned one, with all those around it.
    open: String,
    page: Page,
}

/// What is to follow a key.
enum Then {
    Next,
    /// Nothing below this folder is of interest.
    Beyond(String),
    Stop,
}

impl Walk {
    async fn go(&mut self, call: Call<'_>) -> Result<(), Fault> {
        let prefix = [self.base.as_slice(), self.folder.as_bytes()].concat();
        let mut after = (!self.query.after.is_empty()).then(|| beyond(&prefix, &self.query.after));
        let (mut visited, mut looked_into) = (0, 0);
        loop {
            let keys = call.txn.list(&prefix, after.as_deref(), STEP).await?;
            let mut skipped = None;
            for key in &keys {
                visited += 1;
                let rest = key.strip_prefix(prefix.as_slice()).unwrap_or_default();
                let mut parts = rest.split(|byte| *byte == END);
                let path = String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
                // The data of older versions stands behind the record.
                let is_record = parts.next().is_some_and(<[u8]>::is_empty);
                let then = match is_record {
                    true => self.step(call.txn, key, &path, &mut looked_into).await?,
                    false => Then::Next,
                };
                match then {
                    Then::Next => {}
                    Then::Beyond(folder) => {
                        skipped = Some(beyond(&prefix, &folder));
                        break;
                    }
                    Then::Stop => return Ok(()),
                }
                if visited >= MAX_VISITED || looked_into >= MAX_LOOKED_INTO {
                    self.page.next = Some(path);
                    return Ok(());
                }
            }
            after = match (skipped, keys.last()) {
                (Some(skipped), _) => Some(skipped),
                (None, Some(last)) if keys.len() == STEP => Some(last.to_vec()),
                _ => return Ok(()),
            };
        }
    }

    /// Looks at one secret.
    async fn step(
        &mut self,
        txn: &mut strongroom_core::Txn,
        key: &[u8],
        path: &str,
        looked_into: &mut usize,
    ) -> Result<Then, Fault> {
        if let Some(closed) = self.closed_around(path) {
            if self.is_full() {
                return Ok(self.stop());
            }
            self.page.closed.push(closed.clone());
            return Ok(Then::Beyond(closed));
        }
        if !self.query.takes_path(path) {
            return Ok(Then::Next);
        }
        if self.is_full() {
            return Ok(self.stop());
        }
        if self.query.looks_into() {
            let api = format!("{}{}{path}", self.shown_at, self.folder);
            let may_read = self.allowance.allows(Operation::Read, &api, &Map::new());
            *looked_into += 1;
            let secret = if may_read { txn.get::<Secret>(key).await? } else { None };
            match secret {
                Some(secret) => {
                    if !self.query.takes_metadata(&secret, self.now) {
                        return Ok(Then::Next);
                    }
                    if self.query.detailed {
                        let shown = Value::Object(describe(&secret, self.now));
                        self.page.details.insert(path.to_owned(), shown);
                    }
                }
                None if self.query.filters_metadata() => return Ok(Then::Next),
                None => {}
            }
        }
        self.page.keys.push(path.to_owned());
        Ok(Then::Next)
    }

    fn is_full(&self) -> bool {
        self.page.keys.len() + self.page.closed.len() >= self.query.limit
    }

    /// Ends the page at what it holds last.
    fn stop(&mut self) -> Then {
        self.page.next = self.page.keys.last().max(self.page.closed.last()).cloned();
        Then::Stop
    }

    /// The outermost folder around a secret that the caller may not list.
    fn closed_around(&mut self, path: &str) -> Option<String> {
        for (at, _) in path.match_indices('/') {
            let folder = path.get(..=at)?;
            if self.open.starts_with(folder) {
                continue;
            }
            let api = format!("{}{}{folder}", self.shown_at, self.folder);
            if !self.allowance.allows(Operation::List, &api, &Map::new()) {
                return Some(folder.to_owned());
            }
            folder.clone_into(&mut self.open);
        }
        None
    }
}

/// A key after everything that belongs to a secret, or to a folder with its slash.
fn beyond(prefix: &[u8], path: &str) -> Vec<u8> {
    let end: &[u8] = if path.ends_with('/') { &[LAST] } else { &[END, LAST] };
    [prefix, path.as_bytes(), end].concat()
}

fn describe(secret: &Secret, now: Timestamp) -> Map {
    let mut shown = Map::from_iter([
        ("created_time".to_owned(), time::rfc3339(secret.created).into()),
        ("current_version".to_owned(), secret.current.into()),
        ("custom_metadata".to_owned(), secret.custom_metadata()),
        ("updated_time".to_owned(), time::rfc3339(secret.updated).into()),
    ]);
    rotation::describe(secret, now, &mut shown);
    shown
}
