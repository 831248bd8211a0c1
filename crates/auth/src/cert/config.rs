//! What holds for all roles of a mount.

use serde::{Deserialize, Serialize};
use serde_json::json;
use strongroom_core::{BoxFuture, Call, Fault, Mount, Record, Response, Txn};

/// The configuration as it is kept.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Config {
    pub(super) disable_binding: bool,
    pub(super) enable_identity_alias_metadata: bool,
    pub(super) ocsp_cache_size: usize,
}

impl Record for Config {}

impl Config {
    /// The configuration of a mount; the defaults if there is none.
    pub(super) async fn find(txn: &mut Txn, mount: &Mount) -> Result<Self, Fault> {
        Ok(txn
            .get::<Self>(&mount.key("config"))
            .await?
            .map(|config| Self::clone(&config))
            .unwrap_or_default())
    }

    /// How many answers of OCSP responders are remembered.
    pub(super) fn ocsp_cache_size(&self) -> usize {
        if self.ocsp_cache_size == 0 { USUAL_CACHE_SIZE } else { self.ocsp_cache_size }
    }
}

pub(super) fn read(call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(async move {
        let config = Config::find(call.txn, &call.req.mounted.entry).await?;
        Ok(Response::json(json!({
            "disable_binding": config.disable_binding,
            "enable_identity_alias_metadata": config.enable_identity_alias_metadata,
            "ocsp_cache_size": config.ocsp_cache_size,
        })))
    })
}

/// Changes what is given.
pub(super) fn write(call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(async move {
        let mount = &call.req.mounted.entry;
        let mut config = Config::find(call.txn, mount).await?;
        config.disable_binding = call.args.bool("disable_binding").unwrap_or(config.disable_binding);
        config.enable_identity_alias_metadata =
            call.args.bool("enable_identity_alias_metadata").unwrap_or(config.enable_identity_alias_metadata);
        if let Some(size) = call.args.int("ocsp_cache_size") {
            let size = usize::try_from(size).ok().filter(|size| *size <= MAX_CACHE_SIZE);
            config.ocsp_cache_size = size.ok_or_else(|| {
                Fault::invalid(format!("invalid 'ocsp_cache_size': use a number from 0 to {MAX_CACHE_SIZE}"))
            })?;
        }
        call.txn.put(&mount.key("config"), &config)?;
        Ok(Response::none())
    })
}

const USUAL_CACHE_SIZE: usize = 100;
const MAX_CACHE_SIZE: usize = 100_000;
