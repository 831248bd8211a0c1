//! `sys/tokens`: which service tokens there are, and the revocation of many. Tokens themselves are never
//! shown; accessors name them.

mod filter;

use crate::Answering;
use filter::Filter;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::sync::Arc;
use strongroom_core::token::TokenEntry;
use strongroom_core::{Call, Fault, Operation, Response, Route, keys};
use strongroom_wire::field::{Args, Field, Kind};
use strongroom_wire::time::rfc3339;

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::new("tokens", "Shows the service tokens of the namespace, page by page.", FIELDS)
            .sudo(Operation::Read, list),
        Route::new("tokens/revoke", "Revokes the service tokens that a filter names.", REVOKE_FIELDS)
            .sudo(Operation::Update, revoke),
    ]
}

const AFTER: Field =
    Field::new("after", Kind::Text, "Goes on behind this accessor: \"next\" of the page before.");
const LIMIT: Field = Field::new("limit", Kind::Int, "How many tokens are taken at most; 100 unless given.");
const OLDER_THAN: Field = Field::new("older_than", Kind::Seconds, "Made longer ago than this.");
const YOUNGER_THAN: Field = Field::new("younger_than", Kind::Seconds, "Made less long ago than this.");
const UNUSED_FOR: Field = Field::new(
    "unused_for",
    Kind::Seconds,
    "Not used for so long, to the hour; one that never was counts from when it was made.",
);
const ROLE: Field =
    Field::new("role", Kind::Text, "Made through this token role, or by a login to this role.");
const ENTITY: Field = Field::new("entity_id", Kind::Text, "Of this entity.");
const POLICY: Field = Field::new("policy", Kind::Text, "With this policy of their own.");
const PATH: Field = Field::new("path", Kind::Text, "Made by a request to this path or below it.");
const NAME: Field = Field::new("display_name", Kind::Text, "With this display name.");

const FIELDS: &[Field] =
    &[AFTER, LIMIT, OLDER_THAN, YOUNGER_THAN, UNUSED_FOR, ROLE, ENTITY, POLICY, PATH, NAME];
const REVOKE_FIELDS: &[Field] = &[
    AFTER,
    LIMIT,
    OLDER_THAN,
    YOUNGER_THAN,
    UNUSED_FOR,
    ROLE,
    ENTITY,
    POLICY,
    PATH,
    NAME,
    Field::new("include_root", Kind::Bool, "Root tokens too; they are left alone otherwise."),
    Field::new("dry_run", Kind::Bool, "Only say which tokens would be revoked."),
];

/// Tokens taken at a time unless the caller wants more, and at most.
const USUAL_LIMIT: usize = 100;
const MAX_LIMIT: usize = 1000;
/// Tokens looked at for one answer: what a filter leaves out takes time as well.
const MAX_SCANNED: usize = 10_000;
/// Keys read at a time.
const PAGE: usize = 500;
/// Tokens revoked in one commit.
const SLICE: usize = 32;
/// How often a commit is tried again that met others.
const TRIES: usize = 5;
/// How many generations up a token's line is followed.
const MAX_GENERATIONS: usize = 1024;

/// Tokens that a filter takes, and where to go on.
#[derive(Default)]
struct Page {
    found: Vec<(Arc<TokenEntry>, Option<Timestamp>)>,
    scanned: usize,
    next: Option<String>,
}

fn list(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let filter = Filter::read(call.args, call.now())?;
        let page = page(&call, &filter, limit(call.args)?).await?;
        let now = call.now();
        let tokens: Vec<Value> = page.found.iter().map(|(entry, used)| show(entry, *used, now)).collect();
        Ok(Response::json(json!({
            "tokens": tokens,
            "scanned": page.scanned,
            "next": page.next.unwrap_or_default(),
        })))
    })
}

/// Revokes one page of tokens in bounded commits. The caller's own token and those it descends from stay.
fn revoke(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let filter = Filter::read(call.args, call.now())?;
        if filter.is_empty() {
            return Err(Fault::invalid(
                "a filter is needed: older_than, younger_than, unused_for, role, entity_id, policy, path or display_name",
            ));
        }
        let page = page(&call, &filter, limit(call.args)?).await?;
        let own = own_line(&call).await?;
        let with_root = call.args.bool("include_root").unwrap_or(false);
        let spared = |entry: &TokenEntry| own.contains(&entry.accessor) || (entry.is_root() && !with_root);
        let all = page.found.iter().map(|(entry, _)| entry);
        let (spared, doomed): (Vec<_>, Vec<_>) = all.partition(|entry| spared(entry));
        let accessors: Vec<&str> = doomed.iter().map(|entry| entry.accessor.as_str()).collect();
        let dry_run = call.args.bool("dry_run").unwrap_or(false);
        if !dry_run {
            for slice in accessors.chunks(SLICE) {
                revoke_slice(&call, slice).await?;
            }
        }
        Ok(Response::json(json!({
            "accessors": accessors,
            "dry_run": dry_run,
            "spared": spared.len(),
            "scanned": page.scanned,
            "next": page.next.unwrap_or_default(),
        })))
    })
}

fn limit(args: &Args) -> Result<usize, Fault> {
    let Some(given) = args.int("limit") else { return Ok(USUAL_LIMIT) };
    let limit = usize::try_from(given).ok().filter(|n| (1..=MAX_LIMIT).contains(n));
    limit.ok_or_else(|| Fault::invalid(format!("limit must be a number from 1 to {MAX_LIMIT}")))
}

async fn page(call: &Call<'_>, filter: &Filter<'_>, limit: usize) -> Result<Page, Fault> {
    let namespace = call.namespace();
    let prefix = keys::within(namespace.id.as_str(), keys::TOKEN, "");
    let mut after = match call.args.text_or_empty("after") {
        "" => None,
        accessor => Some([prefix.as_slice(), accessor.as_bytes()].concat()),
    };
    let mut page = Page::default();
    loop {
        // A transaction of its own: what is shown need not be of one moment, and must not grow without end.
        let mut txn = call.core.txn_in(namespace);
        let found = txn.list(&prefix, after.as_deref(), PAGE).await?;
        for key in &found {
            let accessor = String::from_utf8_lossy(key.strip_prefix(prefix.as_slice()).unwrap_or_default());
            page.scanned += 1;
            if let Some(entry) = call.core.find_accessor(&accessor).await? {
                let used = call.core.last_use(&mut txn, &accessor).await?;
                if filter.takes(&entry, used) {
                    page.found.push((entry, used));
                }
            }
            if page.found.len() == limit || page.scanned == MAX_SCANNED {
                page.next = Some(accessor.into_owned());
                return Ok(page);
            }
        }
        match found.last() {
            Some(last) if found.len() == PAGE => after = Some(last.to_vec()),
            _ => return Ok(page),
        }
    }
}

/// Accessors of the caller's token and of those that it ends with.
async fn own_line(call: &Call<'_>) -> Result<Vec<String>, Fault> {
    let mut line = Vec::new();
    let mut next = call.req.token.map(|token| token.entry.clone());
    while let Some(entry) = next.take().filter(|_| line.len() < MAX_GENERATIONS) {
        line.push(entry.accessor.clone());
        if let Some(parent) = &entry.parent {
            next = call.core.find_accessor(parent).await?;
        }
    }
    Ok(line)
}

async fn revoke_slice(call: &Call<'_>, accessors: &[&str]) -> Result<(), Fault> {
    for _ in 0..TRIES {
        let mut txn = call.core.txn_in(call.namespace());
        for accessor in accessors {
            call.core.revoke_token(&mut txn, accessor).await?;
        }
        match call.core.commit(txn).await {
            // One of them was renewed or revoked meanwhile.
            Err(Fault::Conflict) => {}
            other => return other,
        }
    }
    Err(Fault::Conflict)
}

fn show(entry: &TokenEntry, used: Option<Timestamp>, now: Timestamp) -> Value {
    json!({
        "accessor": entry.accessor,
        "display_name": entry.display_name,
        "policies": entry.policies,
        "path": entry.path,
        "role": filter::role(entry).unwrap_or_default(),
        "entity_id": entry.entity,
        "orphan": entry.parent.is_none(),
        "parent_accessor": entry.parent.as_deref().unwrap_or_default(),
        "issue_time": rfc3339(entry.issued),
        "expire_time": entry.expires.map(rfc3339),
        "last_renewal_time": entry.renewed.map(rfc3339),
        "last_use_hour": used.map(rfc3339),
        "ttl": entry.ttl(now),
        "period": entry.period,
        "explicit_max_ttl": entry.explicit_max_ttl,
        "renewable": entry.renewable,
        "num_uses": entry.num_uses.max(0),
    })
}
