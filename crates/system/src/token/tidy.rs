//! `auth/token/tidy`: removes index entries whose token is gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use strongroom_core::lease::LeaseRecord;
use strongroom_core::{BoxFuture, Call, Core, Fault, Namespace, Operation, Response, Route, keys};

/// Entries looked at in one commit.
const SLICE: usize = 256;

static RUNNING: AtomicBool = AtomicBool::new(false);

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new("tidy", "Removes what tokens that are gone have left in the indexes.", &[])
            .on(Operation::Update, tidy)
            .goes_on(),
    ]
}

fn tidy(call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(async move {
        if RUNNING.swap(true, Ordering::AcqRel) {
            return Ok(Response::none().warn("Tidy operation already in progress."));
        }
        let (core, namespace) = (call.core.clone(), call.namespace().clone());
        tokio::spawn(async move {
            match sweep(&core, &namespace).await {
                Ok(removed) => tracing::info!(removed, "token tidy is done"),
                Err(fault) => tracing::error!(%fault, "token tidy failed"),
            }
            RUNNING.store(false, Ordering::Release);
        });
        let started = "Tidy operation successfully started. Any information from the operation will be printed to \
                       the server's logs.";
        Ok(Response::none().warn(started).with_status(202))
    })
}

async fn sweep(core: &Arc<Core>, namespace: &Namespace) -> Result<usize, Fault> {
    let mut removed = 0;
    for kind in [keys::CHILD, keys::LEASE] {
        let prefix = keys::within(namespace.id.as_str(), kind, "");
        let mut after = None;
        loop {
            let mut txn = core.txn_in(namespace);
            let page = txn.list(&prefix, after.as_deref(), SLICE).await?;
            let mut stale = 0;
            for key in &page {
                let accessor = match kind {
                    keys::CHILD => {
                        key.rsplit(|b| *b == b'/').next().map(|a| String::from_utf8_lossy(a).into_owned())
                    }
                    _ => txn.get::<LeaseRecord>(key).await?.and_then(|r| match r.as_ref() {
                        LeaseRecord::Token { accessor } => Some(accessor.clone()),
                        LeaseRecord::Secret(_) => None,
                    }),
                };
                let Some(accessor) = accessor else { continue };
                if !txn.exists(&keys::of(keys::TOKEN, &accessor)).await? {
                    txn.delete(key);
                    stale += 1;
                }
            }
            match core.commit(txn).await {
                Ok(()) => removed += stale,
                // Somebody works on these entries right now: look at the page again.
                Err(Fault::Conflict) => continue,
                Err(fault) => return Err(fault),
            }
            match page.last() {
                Some(last) if page.len() == SLICE => after = Some(last.clone()),
                _ => break,
            }
        }
    }
    Ok(removed)
}
