//! Leases below a prefix, and those that cannot be revoked.

use crate::Answering;
use bytes::Bytes;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use strongroom_core::lease::{LeaseEntry, LeaseRecord};
use strongroom_core::{Call, Core, Fault, Namespace, Response, keys};
use strongroom_wire::field::{Field, Kind};

pub(super) const FIELDS: &[Field] = &[
    Field::new("type", Kind::Text, "The kind of leases: irrevocable."),
    Field::new("limit", Kind::Text, "How many are shown at most: a number, or none."),
    Field::new("include_child_namespaces", Kind::Bool, "Whether those of namespaces below count too."),
];

/// Keys read at a time.
const PAGE: usize = 1000;
/// Leases shown unless the caller wants more.
const USUAL_LIMIT: usize = 10_000;
/// So many failed attempts make a lease irrevocable; it is tried again all the same, ever more rarely.
const ATTEMPTS: u32 = 6;

pub(super) fn list(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let prefix = call.args.text_or_empty("prefix");
        let start = call.txn.key(keys::LEASE, prefix);
        let (mut names, mut after) = (Vec::new(), None::<Bytes>);
        loop {
            let page = call.core.barrier.list(&start, after.as_deref(), PAGE).await?;
            let Some(last) = page.keys.last().cloned() else { break };
            let mut skip_to = None;
            for key in &page.keys {
                if skip_to.as_ref().is_some_and(|s: &Bytes| key <= s) {
                    continue;
                }
                let Some(rest) = key.strip_prefix(start.as_slice()) else { continue };
                let (name, folder) = first_segment(rest);
                if folder {
                    skip_to = Some(end_of_folder(&start, &name));
                }
                if !name.is_empty() {
                    names.push(name);
                }
            }
            if !page.more {
                break;
            }
            after = Some(skip_to.filter(|s| *s > last).unwrap_or(last));
        }
        Response::keys(names)
    })
}

pub(super) fn irrevocable(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        check_type(&call)?;
        let limit = match call.args.text_or_empty("limit") {
            "" => USUAL_LIMIT,
            "none" => usize::MAX,
            text => text.parse().ok().filter(|n| *n > 0).ok_or_else(|| {
                Fault::invalid(format!("limit must be a number above 0, or \"none\", not {text:?}"))
            })?,
        };
        let (mut shown, mut count) = (Vec::new(), 0_u64);
        each_stuck(call.core, call.namespace(), |entry| {
            count += 1;
            if shown.len() < limit {
                shown.push(json!({
                    "lease_id": entry.id,
                    "error": entry.last_error,
                    "attempts": entry.attempts,
                }));
            }
        })
        .await?;
        let left_out = count > u64::try_from(shown.len()).unwrap_or(u64::MAX);
        let response = Response::json(json!({ "lease_count": count, "leases": shown }));
        Ok(if left_out {
            response.warn(format!("only the first {limit} leases are shown; see \"limit\""))
        } else {
            response
        })
    })
}

pub(super) fn count(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        check_type(&call)?;
        let mounts = call.mounts();
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        each_stuck(call.core, call.namespace(), |entry| {
            let mount =
                mounts.by_id(&entry.mount).map_or_else(|| entry.path.clone(), |m| m.full_path.clone());
            *counts.entry(mount).or_default() += 1;
        })
        .await?;
        let total: u64 = counts.values().sum();
        Ok(Response::json(json!({ "lease_count": total, "counts": counts })))
    })
}

fn check_type(call: &Call<'_>) -> Result<(), Fault> {
    match call.args.text_or_empty("type") {
        "irrevocable" => Ok(()),
        "" => Err(Fault::invalid("type is required: irrevocable")),
        other => Err(Fault::invalid(format!("type must be irrevocable, not {other:?}"))),
    }
}

async fn each_stuck(
    core: &Arc<Core>,
    namespace: &Namespace,
    mut take: impl FnMut(&LeaseEntry),
) -> Result<(), Fault> {
    let prefix = keys::within(namespace.id.as_str(), keys::LEASE, "");
    let mut after = None::<Bytes>;
    loop {
        let page = core.barrier.list(&prefix, after.as_deref(), PAGE).await?;
        let mut txn = core.txn();
        for key in &page.keys {
            if let Some(LeaseRecord::Secret(entry)) = txn.get::<LeaseRecord>(key).await?.as_deref()
                && entry.attempts >= ATTEMPTS
            {
                take(entry);
            }
        }
        match page.keys.last() {
            Some(last) if page.more => after = Some(last.clone()),
            _ => return Ok(()),
        }
    }
}

/// The first segment with its slash, and whether it has one.
fn first_segment(rest: &[u8]) -> (String, bool) {
    let end = rest.iter().position(|b| *b == b'/').map_or(rest.len(), |at| at + 1);
    let name = rest.get(..end).unwrap_or(rest);
    (String::from_utf8_lossy(name).into_owned(), name.ends_with(b"/"))
}

/// Above all keys in the folder, since no UTF-8 text has this byte.
fn end_of_folder(start: &[u8], name: &str) -> Bytes {
    let mut key = start.to_vec();
    key.extend_from_slice(name.as_bytes());
    key.push(0xff);
    key.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_end_above_all_that_is_in_them() {
        assert_eq!(first_segment(b"creds/r/x"), ("creds/".to_owned(), true));
        assert_eq!(first_segment(b"x"), ("x".to_owned(), false));
        let end = end_of_folder(b"le1/", "creds/");
        assert!(end.as_ref() > "le1/creds/\u{10ffff}".as_bytes() && end.as_ref() < b"le1/creds0".as_slice());
    }
}
