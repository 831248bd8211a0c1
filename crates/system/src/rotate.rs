//! `sys/rotate` and `sys/key-status`: the key that entries are encrypted with.

use crate::Answering;
use serde_json::{Value, json};
use strongroom_barrier::rotate::RotateConfigError;
use strongroom_core::{Call, Fault, Operation, Response, Route};
use strongroom_wire::field::{Field, Kind};
use strongroom_wire::{duration, time};

pub(crate) fn routes() -> Vec<Route> {
    use Operation::{Read, Update};
    vec![
        Route::new("key-status", "The newest encryption key.", &[]).on(Read, status).top_level(),
        Route::new("rotate", "Installs a new encryption key.", &[]).sudo(Update, rotate),
        Route::new("rotate/keyring", "Installs a new encryption key.", &[]).sudo(Update, rotate),
        Route::new("rotate/config", "When the encryption key changes by itself.", FIELDS)
            .on(Read, read_config)
            .on(Update, write_config),
        Route::new("rotate/keyring/config", "When the encryption key changes by itself.", FIELDS)
            .on(Read, read_config)
            .on(Update, write_config),
    ]
}

const FIELDS: &[Field] = &[
    Field::new("enabled", Kind::Bool, "Whether the key changes by itself before the cipher's own bound."),
    Field::new("interval", Kind::Seconds, "After how long; 0 for never."),
    Field::new("max_operations", Kind::Int, "After how many encryptions."),
];

fn status(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let key = call.core.barrier.key_status()?;
        Ok(Response::json(json!({
            "term": key.term,
            "install_time": time::rfc3339(key.install_time),
            "encryptions": key.encryptions,
        })))
    })
}

fn rotate(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let key = call.core.barrier.rotate(call.now()).await?;
        tracing::info!(term = key.term, "a new encryption key is installed");
        Ok(Response::none())
    })
}

fn read_config(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let config = call.core.barrier.rotate_config()?;
        let interval: Value = match config.interval_seconds {
            0 => json!(0),
            seconds => duration::go(std::time::Duration::from_secs(seconds)).into(),
        };
        Ok(Response::json(json!({
            "enabled": config.enabled,
            "interval": interval,
            "max_operations": config.max_operations,
        })))
    })
}

fn write_config(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let mut config = call.core.barrier.rotate_config()?;
        if let Some(enabled) = call.args.bool("enabled") {
            config.enabled = enabled;
        }
        if let Some(seconds) = call.args.seconds("interval") {
            config.interval_seconds = seconds;
        }
        if let Some(operations) = call.args.int("max_operations") {
            config.max_operations = u64::try_from(operations)
                .map_err(|_| Fault::invalid(RotateConfigError::MaxOperations.to_string()))?;
        }
        call.core.barrier.set_rotate_config(config).await.map_err(|e| match e {
            RotateConfigError::Commit(e) => e.into(),
            other => Fault::invalid(other.to_string()),
        })?;
        Ok(Response::none())
    })
}
