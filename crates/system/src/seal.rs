//! `sys/seal`, `sys/unseal` and `sys/seal-status`.

use crate::{Answering, shares};
use serde_json::json;
use std::sync::Arc;
use strongroom_barrier::GetError;
use strongroom_barrier::unseal::UnsealError;
use strongroom_core::bootstrap::Cluster;
use strongroom_core::{Call, Core, Fault, Operation, Response, Route};
use strongroom_wire::field::{Field, Kind};

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::new("seal-status", "The state of the seal.", &[])
            .open(Operation::Read, status)
            .works_sealed()
            .never_wrapped()
            .plain(),
        Route::new("unseal", "Takes one share of the unseal key.", UNSEAL_FIELDS)
            .open(Operation::Update, unseal)
            .works_sealed()
            .never_wrapped()
            .plain(),
        Route::new("seal", "Seals the server.", &[]).sudo(Operation::Update, seal).works_sealed(),
    ]
}

const UNSEAL_FIELDS: &[Field] = &[
    Field::new("key", Kind::Text, "A share, in hexadecimal or base64.").secret(),
    Field::new("reset", Kind::Bool, "Forget the shares given so far."),
    Field::new("migrate", Kind::Bool, "Change the kind of seal; not supported."),
];

fn status(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move { seal_status(call.core).await })
}

fn seal(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        // The request's own audit entry is written by now; the answer's would need the devices that go
        // with the keys, so there is none, as in Vault.
        let _turn = call.core.exclusive.lock().await;
        call.core.seal().await;
        tracing::info!("the server is sealed");
        Ok(Response::none())
    })
}

fn unseal(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let core = call.core;
        if call.args.bool("migrate") == Some(true) {
            return Err(Fault::invalid("migrate is not supported: there is one kind of seal, shamir"));
        }
        let _turn = core.exclusive.lock().await;
        if call.args.bool("reset") == Some(true) {
            if !core.barrier.is_sealed() {
                return Err(Fault::invalid("there is nothing to reset: the server is unsealed"));
            }
            core.barrier.reset_unseal().await?;
            return seal_status(core).await;
        }
        let share = shares::given(call.args)?.ok_or_else(|| {
            Fault::invalid("'key' must be specified in request body as JSON, or 'reset' set to true")
        })?;
        let was_sealed = core.barrier.is_sealed();
        if was_sealed {
            core.hold();
        }
        core.barrier.unseal(share).await.map_err(refused)?;
        if was_sealed && !core.barrier.is_sealed() {
            core.after_unseal().await?;
            tracing::info!("the server is unsealed");
        }
        seal_status(core).await
    })
}

fn refused(error: UnsealError) -> Fault {
    match error {
        UnsealError::NotInitialized | UnsealError::Share(_) => Fault::invalid(error.to_string()),
        UnsealError::Get(GetError::Sealed) => Fault::Sealed,
        UnsealError::Get(_) | UnsealError::Lead(_) => Fault::Internal(error.to_string()),
    }
}

async fn seal_status(core: &Arc<Core>) -> Result<Response, Fault> {
    let status = core.barrier.seal_status().await?;
    let settings = &core.settings;
    let mut shown = json!({
        "type": status.kind,
        "initialized": status.initialized,
        "sealed": status.sealed || core.is_sealed(),
        "t": status.threshold,
        "n": status.shares,
        "progress": status.progress,
        "nonce": status.nonce,
        "version": settings.version,
        "strongroom_version": settings.own_version,
        "build_date": settings.build_date,
        "commit_date": "",
        "migration": status.migration,
        "recovery_seal": status.recovery_seal,
        "storage_type": core.barrier.store_kind(),
    });
    if let (Some(cluster), Some(shown)) = (cluster(core).await, shown.as_object_mut()) {
        shown.insert("cluster_name".to_owned(), cluster.name.clone().into());
        shown.insert("cluster_id".to_owned(), cluster.id.clone().into());
    }
    Ok(Response::bare(shown))
}

/// Who this cluster is; not known while sealed.
pub(crate) async fn cluster(core: &Arc<Core>) -> Option<Arc<Cluster>> {
    if core.is_sealed() {
        return None;
    }
    core.txn().get::<Cluster>(&Cluster::key()).await.ok().flatten()
}
