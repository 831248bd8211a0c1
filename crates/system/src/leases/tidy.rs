//! `sys/leases/tidy`: revokes leases whose token is gone, in the background.

use crate::Answering;
use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use strongroom_core::lease::LeaseRecord;
use strongroom_core::{Call, Core, Fault, Namespace, Response, keys};

/// Leases looked at in one commit.
const SLICE: usize = 128;

/// One sweep of this process at a time.
static RUNNING: AtomicBool = AtomicBool::new(false);

pub(super) fn start(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        if RUNNING.swap(true, Ordering::AcqRel) {
            return Ok(Response::none().warn("Tidy operation already in progress.").with_status(202));
        }
        let (core, namespace) = (call.core.clone(), call.namespace().clone());
        tokio::spawn(async move {
            let _running = Running;
            match sweep(&core, &namespace).await {
                Ok(removed) => tracing::info!(removed, "lease tidy is done"),
                Err(fault) => tracing::error!(%fault, "lease tidy failed"),
            }
        });
        let started = "Tidy operation successfully started. Any information from the operation will be \
                       printed to the server's logs.";
        Ok(Response::none().warn(started).with_status(202))
    })
}

struct Running;

impl Drop for Running {
    fn drop(&mut self) {
        RUNNING.store(false, Ordering::Release);
    }
}

async fn sweep(core: &Arc<Core>, namespace: &Namespace) -> Result<usize, Fault> {
    let prefix = keys::within(namespace.id.as_str(), keys::LEASE, "");
    let (mut removed, mut after) = (0, None::<Bytes>);
    loop {
        let page = core.barrier.list(&prefix, after.as_deref(), SLICE).await?;
        for key in &page.keys {
            removed += usize::from(end_if_orphaned(core, namespace, key).await?);
        }
        match page.keys.last() {
            Some(last) if page.more => after = Some(last.clone()),
            _ => return Ok(removed),
        }
    }
}

/// Ends a lease that belongs to nobody; true if it did. One that changes meanwhile is not orphaned.
async fn end_if_orphaned(core: &Arc<Core>, namespace: &Namespace, key: &[u8]) -> Result<bool, Fault> {
    let mut txn = core.txn_in(namespace);
    let Some(record) = txn.get::<LeaseRecord>(key).await? else { return Ok(false) };
    let owner = match record.as_ref() {
        LeaseRecord::Token { accessor } => accessor,
        LeaseRecord::Secret(entry) => &entry.token,
    };
    if owner.is_empty() || txn.exists(&keys::of(keys::TOKEN, owner)).await? {
        return Ok(false);
    }
    match record.as_ref() {
        LeaseRecord::Token { .. } => txn.delete(key),
        LeaseRecord::Secret(entry) => match core.revoke_lease(&mut txn, &entry.id, false).await {
            Ok(()) => {}
            Err(fault @ (Fault::Conflict | Fault::Sealed)) => return Err(fault),
            Err(fault) => {
                core.postpone_revocation(&entry.id, &fault.to_string()).await?;
                return Ok(false);
            }
        },
    }
    match core.commit(txn).await {
        Ok(()) => Ok(true),
        Err(Fault::Conflict) => Ok(false),
        Err(fault) => Err(fault),
    }
}
