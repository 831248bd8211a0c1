//! `sys/remount`: a mount gets another path. Its entries stand under its id, so only the record changes;
//! the leases and tokens that carry the old path are revoked.

use super::{Named, check_no_namespace, find, live, place};
use crate::Answering;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;
use strongroom_core::jobs::Job;
use strongroom_core::{Call, Class, Fault, Mount, Operation, Record, Response, Route, Txn};
use strongroom_crypto::random;
use strongroom_wire::field::{Field, Kind};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new("remount", "Moves a mount to another path.", MOVE)
            .sudo(Operation::Update, start)
            .top_level(),
        Route::new("remount/status/{migration_id}", "How a move of a mount went.", STATUS)
            .on(Operation::Read, status),
    ]
}

const MOVE: &[Field] = &[
    Field::new("from", Kind::Text, "The path of the mount; auth/... for auth methods."),
    Field::new("to", Kind::Text, "The path it moves to."),
];
const STATUS: &[Field] = &[Field::new("migration_id", Kind::Text, "What the move answered.")];

/// Moves that were made, by id.
const MOVES: &str = "remount/";
/// Seconds for which a move can be looked up.
const REMEMBERED: i64 = 24 * 3600;

/// A move that was made.
#[derive(Debug, Serialize, Deserialize)]
struct Move {
    from: String,
    to: String,
    at: Timestamp,
}

impl Record for Move {}

fn start(mut call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let from = full_path(&call, "from")?;
        let to = full_path(&call, "to")?;
        if from.class != to.class {
            return Err(Fault::invalid("a mount cannot move between secret engines and auth methods"));
        }
        let mounts = live(&mut call).await?;
        let old = movable(&mounts, &from)?;
        place::check_path(to.class, &to.path)?;
        let mount = Mount { path: to.path, ..Mount::clone(&old) };
        place::check_free(&mounts, &mount.full_path())?;
        check_no_namespace(&mut call, &mount.full_path()).await?;
        call.txn.put(&mount.record_key(), &mount)?;
        let random = call.core.random.as_ref();
        let now = call.now();
        let namespace = old.namespace.clone();
        Job::RevokePrefix { namespace, prefix: old.full_path(), before: now, force: false }
            .enqueue(call.txn, random)?;
        forget_old_moves(call.txn, now).await?;
        let id = random::uuid(random);
        let made = Move { from: old.full_path(), to: mount.full_path(), at: now };
        call.txn.put(&call.txn.key(MOVES, &id), &made)?;
        let note = "The mount has moved; leases and tokens that were given under its old path are revoked.";
        Ok(Response::json(json!({ "migration_id": id })).warn(note))
    })
}

fn status(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let id = call.args.text_or_empty("migration_id");
        let made = call.txn.get::<Move>(&call.txn.key(MOVES, id)).await?.ok_or(Fault::NotFound)?;
        let info = json!({ "source_mount": made.from, "target_mount": made.to, "status": "success" });
        Ok(Response::json(json!({ "migration_id": id, "migration_info": info })))
    })
}

fn full_path(call: &Call<'_>, field: &str) -> Result<Named, Fault> {
    let given = call.args.text_or_empty(field).trim_matches('/');
    if given.is_empty() {
        return Err(Fault::invalid(format!("field \"{field}\": the path of a mount is needed")));
    }
    Ok(match given.strip_prefix("auth/") {
        Some(path) => Named { class: Class::Auth, path: format!("{path}/"), tune: false },
        None => Named { class: Class::Secret, path: format!("{given}/"), tune: false },
    })
}

fn movable(mounts: &[Arc<Mount>], from: &Named) -> Result<Arc<Mount>, Fault> {
    place::check_removable(from.class, &from.path)
        .map_err(|_| Fault::invalid(format!("cannot remount \"{}\": it belongs to the server", from.path)))?;
    find(mounts, from).ok_or_else(|| Fault::invalid(format!("no matching mount at \"{}\"", from.path)))
}

async fn forget_old_moves(txn: &mut Txn, now: Timestamp) -> Result<(), Fault> {
    for id in txn.names(&txn.key(MOVES, "")).await? {
        let key = txn.key(MOVES, &id);
        let old =
            txn.get::<Move>(&key).await?.is_some_and(|m| now.duration_since(m.at).as_secs() > REMEMBERED);
        if old {
            txn.delete(&key);
        }
    }
    Ok(())
}
