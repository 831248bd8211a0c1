//! `?help=1`: what a path takes, from its route's own declaration.

use crate::pipeline::Routed;
use crate::{Response, Route, openapi};
use serde_json::json;
use std::fmt::Write;

/// What a mount has: its routes.
pub(crate) fn describe_mount(routed: &Routed) -> Response {
    let mounted = &routed.mounted;
    let mut text = format!(
        "## DESCRIPTION\n\n{}, of type {}.\n\n## PATHS\n\nBelow {}:\n",
        if mounted.entry.description.is_empty() { "A mount" } else { &mounted.entry.description },
        mounted.entry.kind,
        mounted.full_path,
    );
    for route in mounted.table.routes().iter().filter(|r| !r.refuses) {
        let _ = write!(text, "\n    {}\n        {}\n", route.pattern.text(), route.summary);
    }
    Response::bare(json!({ "help": text, "see_also": null }))
}

/// What one of its routes takes, in words and as an OpenAPI document of its own.
pub(crate) fn describe(routed: &Routed, route: &Route, version: &str) -> Response {
    let mut text =
        format!("Request:        {}\nMatching Route: {}\n\n", routed.mounted.full_path, route.pattern.text());
    let _ = writeln!(text, "{}\n", route.summary);
    if !route.fields.is_empty() {
        text.push_str("## PARAMETERS\n");
        for field in route.fields {
            let _ = write!(text, "\n    {} ({})\n        {}\n", field.name, field.kind.name(), field.help);
        }
    }
    let operations: Vec<&str> = route.operations.iter().map(|op| op.operation.as_str()).collect();
    let _ = write!(text, "\n## OPERATIONS\n\n    {}\n", operations.join(", "));
    let openapi = openapi::of_route(&routed.mounted, route, version);
    Response::bare(json!({ "help": text, "see_also": null, "openapi": openapi }))
}
