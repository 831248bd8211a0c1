//! `sys/audit` and `sys/audit-hash`: the audit devices.

use crate::Answering;
use serde_json::json;
use strongroom_audit::broker::EnableError;
use strongroom_audit::{DeviceConfig, DeviceInfo};
use strongroom_core::{Call, Fault, Map, Operation, Response, Route, keys};
use strongroom_wire::field::{Args, Field, Kind};

pub(crate) fn routes() -> Vec<Route> {
    use Operation::{Delete, Read, Update};
    vec![
        Route::new("audit", "The audit devices.", &[]).sudo(Read, list).top_level(),
        Route::new("audit/{path:rest}", "Enables and disables an audit device.", FIELDS)
            .sudo(Read, read)
            .sudo(Update, enable)
            .sudo(Delete, disable),
        Route::new("audit-hash/{path:rest}", "The hash that a device writes for a text.", HASH_FIELDS)
            .on(Update, hash)
            .top_level(),
    ]
}

const FIELDS: &[Field] = &[
    Field::new("path", Kind::Text, "The path of the device."),
    Field::new("type", Kind::Text, "file, socket or stdout."),
    Field::new("description", Kind::Text, "A description."),
    Field::new("options", Kind::Pairs, "Options of the type, such as file_path."),
    Field::new("local", Kind::Bool, "Whether replication leaves the device out."),
];

const HASH_FIELDS: &[Field] = &[
    Field::new("path", Kind::Text, "The path of the device."),
    Field::new("input", Kind::Text, "The text.").secret(),
];

fn list(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let devices = call.core.audit.devices();
        Ok(Response::data(devices.into_iter().map(|d| (d.path.clone(), shown(&d).into())).collect()))
    })
}

fn read(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let path = format!("{}/", path(call.args)?);
        let devices = call.core.audit.devices();
        devices.iter().find(|d| d.path == path).map(|d| Response::data(shown(d))).ok_or(Fault::NotFound)
    })
}

fn enable(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let (core, path) = (call.core, path(call.args)?);
        let kind = call.args.text_or_empty("type");
        if kind.is_empty() {
            return Err(Fault::invalid("type is required: file, socket or stdout"));
        }
        let options = call.args.pairs("options").cloned().unwrap_or_default();
        let local = call.args.bool("local").unwrap_or(false);
        let config = DeviceConfig::new(kind, call.args.text_or_empty("description"), options, local);
        let _turn = core.exclusive.lock().await;
        if core.is_sealed() {
            return Err(Fault::Sealed);
        }
        let enabled = core.audit.enable(path, config).await.map_err(refused)?;
        // Only a device that works is on record; one that is not on record does not stay.
        let mut txn = core.txn();
        txn.put(&keys::core(keys::AUDIT, path), &enabled.config)?;
        if let Err(fault) = core.commit(txn).await {
            core.audit.disable(path).await;
            return Err(fault);
        }
        tracing::info!(path, kind, "an audit device is enabled");
        Ok(Response { warnings: enabled.warnings, ..Response::default() })
    })
}

fn disable(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let (core, path) = (call.core, path(call.args)?);
        let _turn = core.exclusive.lock().await;
        let mut txn = core.txn();
        let key = keys::core(keys::AUDIT, path);
        if txn.exists(&key).await? {
            txn.delete(&key);
            core.commit(txn).await?;
        }
        if core.audit.disable(path).await {
            tracing::info!(path, "an audit device is disabled");
        }
        Ok(Response::none())
    })
}

fn hash(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let path = path(call.args)?;
        let input = call.args.text_or_empty("input");
        if input.is_empty() {
            return Err(Fault::invalid("the \"input\" parameter is empty"));
        }
        let hash = call.core.audit.hash(path, input.as_bytes());
        let hash = hash.ok_or_else(|| Fault::invalid(format!("unknown audit backend: \"{path}/\"")))?;
        Ok(Response::json(json!({ "hash": hash })))
    })
}

/// Without slashes at the ends.
fn path(args: &Args) -> Result<&str, Fault> {
    match args.text_or_empty("path").trim_matches('/') {
        "" => Err(Fault::invalid("path is required: name the audit device in the request's path")),
        path => Ok(path),
    }
}

fn shown(device: &DeviceInfo) -> Map {
    let config = &device.config;
    let shown = json!({
        "path": device.path,
        "type": config.kind,
        "description": config.description,
        "options": config.options,
        "local": config.local,
    });
    match shown {
        serde_json::Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn refused(error: EnableError) -> Fault {
    Fault::invalid(error.to_string())
}
