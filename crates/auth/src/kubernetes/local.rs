//! The service account of the Pod that this server runs in. Kubernetes rotates both files, so they are
//! read whenever they are needed. No other file is ever read here.

use std::path::Path;
use strongroom_core::Core;
use tokio::io::AsyncReadExt;

/// The token of this server's own service account; none outside of a Pod.
pub(super) async fn token(core: &Core) -> Option<String> {
    read(&core.settings.service_account.join("token")).await
}

/// The authorities of the cluster that this server runs in; none outside of a Pod.
pub(super) async fn authorities(core: &Core) -> Option<String> {
    read(&core.settings.service_account.join("ca.crt")).await
}

const MAX_BYTES: u64 = 1024 * 1024;

async fn read(path: &Path) -> Option<String> {
    let mut text = String::new();
    let file = tokio::fs::File::open(path).await.ok()?;
    file.take(MAX_BYTES).read_to_string(&mut text).await.ok()?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}
