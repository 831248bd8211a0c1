//! `version-history`.

use crate::command::{Command, Run, Shared};
use crate::context::Context;
use crate::failure::{Doing, Failure, Outcome};
use crate::output::Format;
use crate::{Exit, output};
use serde_json::Value;

pub(super) const COMMANDS: &[Command] = &[Command {
    name: "version-history",
    about: "Show which versions have served this store.",
    usage: "[options]",
    details: "The versions are those of Vault's API that the server spoke.",
    examples: &[("Since when", "{} version-history")],
    flags: &[],
    shared: Shared::ServerFormat,
    args: (0, 0),
    run: Run::Async(|cx| Box::pin(show(cx))),
}];

async fn show(cx: &mut Context<'_>) -> Outcome {
    let secret = cx.client()?.list("sys/version-history").await.doing("reading the version history")?;
    let secret = secret.ok_or_else(|| Failure::server("The server has no version history"))?;
    if cx.format()? != Format::Table {
        return cx.print_secret(&secret);
    }
    let details = secret.get("key_info").and_then(Value::as_object);
    let cell = |version: &str, key: &str| {
        details.and_then(|d| d.get(version)?.get(key)).map_or_else(String::new, output::go)
    };
    let header = ["Version", "Installation Time", "Build Date"].map(str::to_owned).to_vec();
    let versions = secret.get("keys").and_then(Value::as_array).into_iter().flatten();
    let rows = versions.filter_map(Value::as_str).map(|version| {
        vec![version.to_owned(), cell(version, "timestamp_installed"), cell(version, "build_date")]
    });
    let rows: Vec<Vec<String>> = std::iter::once(header).chain(rows).collect();
    cx.print_table(&rows);
    Ok(Exit::OK)
}
