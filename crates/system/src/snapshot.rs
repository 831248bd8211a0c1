//! `sys/storage/raft/snapshot`: the whole store as a file, under the path that Vault's clients know.

use crate::Answering;
use bytes::Bytes;
use std::sync::Arc;
use strongroom_barrier::replace::{ReplaceError, Replaced};
use strongroom_barrier::snapshot::{Incoming, RestoreError, Restored};
use strongroom_core::response::Stream;
use strongroom_core::{Call, Core, Fault, Operation, Response, Route};
use strongroom_wire::field::{Field, Kind};
use tokio::sync::mpsc;

pub(crate) fn routes() -> Vec<Route> {
    use Operation::{Delete, List, Read, Update};
    vec![
        Route::new("storage/raft/snapshot", "Saves and restores the whole store.", &[])
            .on(Read, save)
            .on(Update, restore)
            .raw_body()
            .bytes(),
        Route::new("storage/raft/snapshot-force", "Restores a snapshot of whatever root key.", &[])
            .on(Update, restore_any)
            .raw_body(),
        Route::new("storage/raft/{rest:rest}", "Raft clusters; not supported.", REST)
            .on(Read, no_raft)
            .on(List, no_raft)
            .on(Update, no_raft)
            .on(Delete, no_raft)
            .refuses(),
    ]
}

const REST: &[Field] = &[Field::new("rest", Kind::Text, "What of it.")];

/// Bytes handed on at a time while a snapshot is verified.
const PIECE: usize = 256 << 10;

fn save(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let mut chunks = call.core.barrier.snapshot().await.map_err(|e| Fault::Internal(e.to_string()))?;
        let (to, from) = mpsc::channel(2);
        tokio::spawn(async move {
            while let Some(chunk) = chunks.recv().await {
                let chunk: Result<Bytes, String> = chunk.map_err(|e| {
                    tracing::error!(error = %e, "a snapshot could not be read to its end");
                    e.to_string()
                });
                // A client that went away wants no more of it.
                if to.send(chunk).await.is_err() {
                    return;
                }
            }
        });
        let name = "attachment; filename=\"strongroom.snap\"".to_owned();
        Ok(Response {
            stream: Some(("application/octet-stream".to_owned(), Stream::new(from))),
            headers: vec![("Content-Disposition".to_owned(), name)],
            ..Response::default()
        })
    })
}

fn restore(call: Call<'_>) -> Answering<'_> {
    Box::pin(replace(call, false))
}

fn restore_any(call: Call<'_>) -> Answering<'_> {
    Box::pin(replace(call, true))
}

/// Replaces the store. The file is verified as a whole before; while the store is replaced nothing else
/// is answered. If the root key in memory opens the snapshot, the server goes on with what is in it; if
/// not, it is sealed, and the snapshot's own shares unseal it.
async fn replace(call: Call<'_>, any_keys: bool) -> Result<Response, Fault> {
    let core = call.core;
    let snapshot = verified(call.req.request.raw.as_ref()).await?;
    let entries = snapshot.count();
    let _turn = core.exclusive.lock().await;
    core.hold();
    let replaced = core.barrier.replace(snapshot, any_keys).await.map_err(|error| {
        // Nothing was changed, or the barrier is closed.
        core.go_live();
        refused(error)
    })?;
    match replaced {
        Replaced::Open => {
            reload(core).await?;
            tracing::warn!(entries, "the store was replaced by a snapshot");
            Ok(Response::none())
        }
        Replaced::Sealed => {
            core.seal().await;
            tracing::warn!(
                entries,
                "the store was replaced by a snapshot of another root key; the server is sealed"
            );
            Ok(Response::none())
        }
    }
}

/// Everything that memory holds is read anew. Encryptions since the snapshot are not counted in it, so
/// what is written from now on gets a key of its own.
async fn reload(core: &Arc<Core>) -> Result<(), Fault> {
    core.audit.disable_all().await;
    core.after_unseal().await?;
    core.barrier.rotate(core.clock.now()).await?;
    Ok(())
}

async fn verified(file: Option<&Bytes>) -> Result<Restored, Fault> {
    let file = file.filter(|f| !f.is_empty());
    let file = file.ok_or_else(|| Fault::invalid("the body must be a snapshot, and it is empty"))?;
    let mut incoming = Incoming::new(&std::env::temp_dir());
    for piece in file.chunks(PIECE) {
        incoming.push(piece).await.map_err(unreadable)?;
    }
    incoming.finish().await.map_err(unreadable)
}

fn no_raft(_call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        Err(Fault::invalid(
            "this server keeps no raft cluster: of sys/storage/raft there are snapshot and snapshot-force",
        ))
    })
}

fn unreadable(error: RestoreError) -> Fault {
    match error {
        RestoreError::Spool(why) => Fault::Internal(format!("a snapshot could not be spooled: {why}")),
        other => Fault::invalid(other.to_string()),
    }
}

fn refused(error: ReplaceError) -> Fault {
    match error {
        ReplaceError::Sealed => Fault::Sealed,
        ReplaceError::OtherKeys | ReplaceError::NotInitialized => Fault::invalid(error.to_string()),
        ReplaceError::Read(_) | ReplaceError::Commit(_) => {
            Fault::Internal(format!("the store was not replaced: {error}"))
        }
    }
}
