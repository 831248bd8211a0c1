//! `sys/config/cors`: which web pages may call the API.

use crate::Answering;
use serde_json::json;
use strongroom_core::cors::{CorsConfig, STANDARD_HEADERS};
use strongroom_core::{Call, Fault, Operation, Response, Route};
use strongroom_wire::field::{Field, Kind};

pub(super) fn routes() -> Vec<Route> {
    use Operation::{Delete, Read, Update};
    vec![
        Route::new("config/cors", "Which web pages may call the API.", FIELDS)
            .sudo(Read, read)
            .sudo(Update, write)
            .sudo(Delete, delete)
            .top_level(),
    ]
}

const FIELDS: &[Field] = &[
    Field::new("enabled", Kind::Bool, "Ignored: setting origins enables."),
    Field::new("allowed_origins", Kind::CommaList, "Origins whose pages may call; * alone for all."),
    Field::new("allowed_headers", Kind::CommaList, "Headers beyond the standard ones that pages may send."),
];

fn read(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let config = call.txn.get::<CorsConfig>(&CorsConfig::key()).await?.unwrap_or_default();
        if !config.enabled {
            return Ok(Response::json(json!({ "enabled": false })));
        }
        let further = config.allowed_headers.iter().map(String::as_str);
        let headers: Vec<&str> = STANDARD_HEADERS.into_iter().chain(further).collect();
        Ok(Response::json(json!({
            "enabled": true,
            "allowed_origins": config.allowed_origins,
            "allowed_headers": headers,
        })))
    })
}

fn write(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let origins = call.args.list("allowed_origins").unwrap_or_default();
        if origins.is_empty() {
            return Err(Fault::invalid(
                "field \"allowed_origins\": at least one origin, or \"*\" for all, is needed",
            ));
        }
        if origins.len() > 1 && origins.iter().any(|o| o == "*") {
            return Err(Fault::invalid("field \"allowed_origins\": \"*\" must be the only value"));
        }
        let headers = call.args.list("allowed_headers").unwrap_or_default();
        if headers.iter().any(|h| !super::headers::is_header_name(h)) {
            return Err(Fault::invalid("field \"allowed_headers\": a value is no header name"));
        }
        let standard = |h: &String| STANDARD_HEADERS.iter().any(|s| s.eq_ignore_ascii_case(h));
        let config = CorsConfig {
            enabled: true,
            allowed_origins: origins.to_vec(),
            allowed_headers: headers.iter().filter(|h| !standard(h)).cloned().collect(),
        };
        call.txn.put(&CorsConfig::key(), &config)?;
        Ok(Response::none())
    })
}

fn delete(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        call.txn.delete(&CorsConfig::key());
        Ok(Response::none())
    })
}
