//! `sys/leader` and `sys/ha-status`: one node, always the active one.

use crate::Answering;
use serde_json::json;
use strongroom_core::{Call, Operation, Response, Route};
use strongroom_wire::time;

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::new("leader", "Which node is active.", &[])
            .open(Operation::Read, leader)
            .works_sealed()
            .never_wrapped()
            .plain(),
        Route::new("ha-status", "The nodes of the cluster.", &[]).on(Operation::Read, nodes).top_level(),
    ]
}

fn leader(_call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        Ok(Response::bare(json!({
            "ha_enabled": false,
            "is_self": false,
            "leader_address": "",
            "leader_cluster_address": "",
            "performance_standby": false,
            "performance_standby_last_remote_wal": 0,
        })))
    })
}

fn nodes(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let settings = &call.core.settings;
        Ok(Response::json(json!({ "nodes": [{
            "hostname": settings.node_name,
            "api_address": settings.api_addr,
            "cluster_address": settings.cluster_addr,
            "active_node": true,
            "last_echo": null,
            "start_time": time::rfc3339(call.core.started),
            "version": settings.version,
            "strongroom_version": settings.own_version,
        }]})))
    })
}
