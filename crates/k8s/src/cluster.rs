//! What holds in the cluster: the ConfigMaps `strongroom-config` and `strongroom-nodes`.

use crate::api::{Api, text};
use crate::lower::Settings;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// The ConfigMap with settings.
pub(crate) const CONFIG: &str = "strongroom-config";
/// The ConfigMap with the record of nodes.
pub(crate) const NODES: &str = "strongroom-nodes";
/// The annotation of [`NODES`] that says when the operator last looked.
pub(crate) const LOOKED: &str = "strongroom.io/looked";

/// A record that nobody has renewed for so long is none: there may be nodes that it does not know.
pub(crate) const STALE: SignedDuration = SignedDuration::from_secs(90);

/// The path of a ConfigMap.
pub(crate) fn config_map(namespace: &str, name: &str) -> String {
    format!("/api/v1/namespaces/{namespace}/configmaps/{name}")
}

/// Reads the settings. Without a record of nodes that is fresh nothing is known of the nodes.
pub(crate) async fn settings(api: &Api, namespace: &str, now: Timestamp) -> Result<Settings, String> {
    let mut settings = Settings::default();
    let config = api.get(&config_map(namespace, CONFIG)).await;
    let config = config.map_err(|error| format!("cannot read the ConfigMap {CONFIG}: {error}"))?;
    settings.set_from_config_map(&config).map_err(|why| format!("the ConfigMap {CONFIG}: {why}"))?;
    let nodes = match api.get(&config_map(namespace, NODES)).await {
        Ok(nodes) => nodes,
        Err(error) if error.is_absent() => return Ok(settings),
        Err(error) => return Err(format!("cannot read the ConfigMap {NODES}: {error}")),
    };
    let looked = looked(&nodes);
    let is_fresh = looked.is_some_and(|looked| now.duration_since(looked) < STALE);
    let record = text(&nodes, "/data/nodes");
    if is_fresh && !record.is_empty() {
        settings.set("nodes", record).map_err(|why| format!("the ConfigMap {NODES}: {why}"))?;
    } else {
        settings.nodes = None;
    }
    Ok(settings)
}

/// When the operator last looked, as the ConfigMap [`NODES`] says.
pub(crate) fn looked(nodes: &Value) -> Option<Timestamp> {
    nodes.pointer("/metadata/annotations")?.get(LOOKED)?.as_str()?.parse().ok()
}
