//! `sys/config`: server-wide settings.

mod cors;
mod headers;

use crate::Answering;
use serde_json::json;
use strongroom_core::{Call, Fault, Operation, Response, Route};
use strongroom_wire::field::{Field, Kind};

pub(crate) fn routes() -> Vec<Route> {
    use Operation::{Delete, List, Read, Update};
    let mut routes = cors::routes();
    routes.extend(headers::routes());
    routes.extend([
        Route::new("config/state/sanitized", "The configuration without secrets.", &[]).on(Read, sanitized),
        Route::new("config/ui/headers", "Headers of the web interface.", &[]).sudo(List, no_ui_headers),
        Route::new("config/ui/headers/{header}", "Headers of the web interface; not supported.", UI_HEADER)
            .sudo(Read, no_ui_headers)
            .sudo(Update, refuse_ui_header)
            .sudo(Delete, delete_ui_header),
    ]);
    routes
}

const UI_HEADER: &[Field] = &[
    Field::new("header", Kind::Text, "The name of the header."),
    Field::new("values", Kind::List, "Its values."),
    Field::new("multivalue", Kind::Bool, "Whether all values are shown."),
];

fn sanitized(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move { Ok(Response::json(json!(call.core.settings.sanitized))) })
}

fn no_ui_headers(_call: Call<'_>) -> Answering<'_> {
    Box::pin(async { Err(Fault::NotFound) })
}

fn delete_ui_header(_call: Call<'_>) -> Answering<'_> {
    Box::pin(async { Ok(Response::none()) })
}

fn refuse_ui_header(_call: Call<'_>) -> Answering<'_> {
    Box::pin(async { Err(Fault::invalid("there is no web interface whose headers could be set")) })
}
