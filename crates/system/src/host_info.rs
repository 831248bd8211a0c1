//! `sys/host-info`: the machine, as its kernel tells of it.

mod read;

use crate::Answering;
use serde_json::json;
use strongroom_core::{Call, Fault, Operation, Response, Route};
use strongroom_wire::time;

pub(crate) fn routes() -> Vec<Route> {
    vec![Route::new("host-info", "The machine that the server runs on.", &[]).on(Operation::Read, host_info)]
}

fn host_info(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let now = call.now();
        let seen = tokio::task::spawn_blocking(read::Host::read).await;
        let seen = seen.map_err(|e| Fault::Internal(format!("the machine could not be looked at: {e}")))?;
        let response = Response::json(json!({
            "timestamp": time::rfc3339(now),
            "cpu": seen.cpu,
            "cpu_times": seen.cpu_times,
            "disk": seen.disk,
            "host": seen.host,
            "memory": seen.memory,
        }));
        Ok(seen.missing.into_iter().fold(response, |response, missing| response.warn(missing)))
    })
}
