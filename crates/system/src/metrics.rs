//! `sys/metrics`: counters, in Prometheus' text form and in the JSON of Vault's metrics.

mod collect;
mod write;

use crate::Answering;
use bytes::Bytes;
use strongroom_core::{Call, Fault, Operation, Response, Route};
use strongroom_wire::field::{Field, Kind};

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::new("metrics", "Counters and gauges of this node.", FIELDS)
            .on(Operation::Read, metrics)
            .never_wrapped()
            .bytes()
            .opened_with_metrics(),
    ]
}

const FIELDS: &[Field] = &[Field::new("format", Kind::Text, "prometheus; without it, JSON.")];

fn metrics(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let accepted = call.req.request.header("accept").unwrap_or("");
        let text = match call.args.text_or_empty("format") {
            "prometheus" => true,
            "" => accepted.contains("openmetrics") || accepted.contains("text/plain"),
            "json" => false,
            other => {
                let message = format!("metrics format {other:?} is unknown; formats are prometheus and json");
                return Err(Fault::invalid(message));
            }
        };
        let metrics = collect::all(call.core);
        let (kind, body) = if text {
            ("text/plain; version=0.0.4; charset=utf-8", write::prometheus(&metrics))
        } else {
            ("application/json", write::json(&metrics, call.now()))
        };
        Ok(Response { raw: Some((kind.to_owned(), Bytes::from(body))), ..Response::default() })
    })
}
