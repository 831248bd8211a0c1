//! Removing secret ids that have expired, and what is left of deleted roles. It runs beside the
//! requests, in small commits; stopped half-way it is simply done again.

use super::role::{self, Role};
use super::secret_id::{self, SecretId};
use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use strongroom_core::{BoxFuture, Call, Core, Fault, Mount, Record, Response, Txn};
use strongroom_wire::time;

/// Looks through the mount now.
pub(super) fn start(call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(async move {
        let started = spawn(call.core, &call.req.mounted.entry);
        Ok(Response::none().warn(if started { STARTED } else { UNDER_WAY_ALREADY }).with_status(202))
    })
}

/// Looks through the mount if that was last done a while ago: called where secret ids are made, so
/// that expired ones never heap up. Running it once more than needed does no harm, so it need not
/// wait for the commit.
pub(super) async fn when_due(core: &Arc<Core>, txn: &mut Txn, mount: &Mount) -> Result<(), Fault> {
    let (key, now) = (mount.key("tidied"), core.clock.now());
    let last = txn.get::<Tidied>(&key).await?;
    if last.is_some_and(|last| time::after(last.at, INTERVAL_SECONDS) > now) {
        return Ok(());
    }
    txn.put(&key, &Tidied { at: now })?;
    spawn(core, mount);
    Ok(())
}

/// Removes what has expired at a mount.
pub(super) async fn sweep(core: &Arc<Core>, mount: &Mount) -> Result<(), Fault> {
    for name in core.txn().names(&mount.key(role::FOLDER)).await? {
        if let Some(role) = Role::find(&mut core.txn(), mount, &name).await? {
            sweep_role(core, mount, &role.id).await?;
        }
    }
    for id in core.txn().names(&secret_id::gone_key(mount, "")).await? {
        sweep_gone(core, mount, &id).await?;
    }
    Ok(())
}

const STARTED: &str = "Tidy operation successfully started. What it finds is printed to the server's log.";
const UNDER_WAY_ALREADY: &str = "Tidy operation already in progress.";
const INTERVAL_SECONDS: u64 = 3600;
/// Secret ids looked at in one go.
const PAGE: usize = 256;
/// A commit that loses to logins again and again is left to the next tidying.
const MAX_TRIES: usize = 8;

/// When a mount was looked through last.
#[derive(Serialize, Deserialize)]
struct Tidied {
    at: Timestamp,
}

impl Record for Tidied {}

/// The mounts that are being looked through in this process: which core, and the mount's id.
static UNDER_WAY: Mutex<BTreeSet<(usize, String)>> = Mutex::new(BTreeSet::new());

/// Marks a mount as being looked through, until dropped.
struct Running((usize, String));

impl Running {
    fn enter(core: &Arc<Core>, mount: &Mount) -> Option<Self> {
        let entry = (Arc::as_ptr(core).addr(), mount.id.clone());
        let mut all = UNDER_WAY.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(entry.clone()).then(|| Self(entry))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        UNDER_WAY.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.0);
    }
}

/// Starts a sweep; false when one is under way.
fn spawn(core: &Arc<Core>, mount: &Mount) -> bool {
    let Some(running) = Running::enter(core, mount) else { return false };
    let (core, mount) = (core.clone(), mount.clone());
    tokio::spawn(async move {
        let _running = running;
        if let Err(error) = sweep(&core, &mount).await {
            tracing::warn!(%error, mount = mount.full_path(), "tidying secret ids stopped half-way");
        }
    });
    true
}

async fn sweep_role(core: &Arc<Core>, mount: &Mount, role: &str) -> Result<(), Fault> {
    let prefix = secret_id::hash_key(mount, role, "");
    let mut after: Option<Bytes> = None;
    loop {
        let page = core.txn().list(&prefix, after.as_deref(), PAGE).await?;
        let expired = expired(core, &page).await?;
        if !expired.is_empty() {
            remove(core, mount, role, &prefix, &expired).await?;
        }
        after = match page.last() {
            Some(last) if page.len() == PAGE => Some(last.clone()),
            _ => return Ok(()),
        };
    }
}

/// Those of the keys whose secret ids have expired; looked up apart from the removing, so that a
/// login with another of them is no conflict.
async fn expired(core: &Arc<Core>, keys: &[Bytes]) -> Result<Vec<Bytes>, Fault> {
    let (mut txn, now, mut expired) = (core.txn(), core.clock.now(), Vec::new());
    for key in keys {
        if txn.get::<SecretId>(key).await?.is_some_and(|s| s.is_expired(now)) {
            expired.push(key.clone());
        }
    }
    Ok(expired)
}

async fn remove(
    core: &Arc<Core>,
    mount: &Mount,
    role: &str,
    prefix: &[u8],
    keys: &[Bytes],
) -> Result<(), Fault> {
    for _ in 0..MAX_TRIES {
        let (mut txn, now) = (core.txn(), core.clock.now());
        for key in keys {
            let hash = key.strip_prefix(prefix).and_then(|h| std::str::from_utf8(h).ok());
            let (Some(hash), Some(record)) = (hash, txn.get::<SecretId>(key).await?) else { continue };
            if record.is_expired(now) {
                secret_id::remove(&mut txn, mount, role, hash, &record);
            }
        }
        match core.commit(txn).await {
            Err(Fault::Conflict) => {}
            other => return other,
        }
    }
    Ok(())
}

async fn sweep_gone(core: &Arc<Core>, mount: &Mount, role: &str) -> Result<(), Fault> {
    loop {
        let mut txn = core.txn();
        let done = secret_id::remove_some(&mut txn, mount, role).await?;
        if done {
            txn.delete(&secret_id::gone_key(mount, role));
        }
        match core.commit(txn).await {
            Ok(()) if done => return Ok(()),
            Ok(()) | Err(Fault::Conflict) => {}
            Err(other) => return Err(other),
        }
    }
}
