//! `status`, and the table of the seal that unsealing shows too.

use crate::command::{Command, Run, Shared};
use crate::context::Context;
use crate::failure::{Exit, Failure, Outcome};
use crate::output::{self, Format};
use serde_json::Value;
use strongroom_client::{Client, Error, Method, Request};
use strongroom_wire::Map;

pub(super) const COMMANDS: &[Command] = &[Command {
    name: "status",
    about: "Show whether the server is initialised and unsealed.",
    usage: "[options]",
    details: "Ends with 0 if the server is unsealed, with 2 if it is sealed and with 1 on an error. Needs no token.",
    examples: &[("How is the server", "{} status"), ("For scripts", "{} status -format=json")],
    flags: &[],
    shared: Shared::ServerFormat,
    args: (0, 0),
    run: Run::Async(|cx| Box::pin(status(cx))),
}];

async fn status(cx: &mut Context<'_>) -> Outcome {
    let client = root(&cx.client()?);
    let doing = "checking seal status";
    let seal = fields(&client, Request::new(Method::Get, "sys/seal-status")).await;
    let seal = seal.map_err(|e| failed(doing, e))?;
    let is_sealed = seal.get("sealed").and_then(Value::as_bool).unwrap_or(true);
    print_seal(cx, &client, seal).await?;
    Ok(Exit(if is_sealed { SEALED } else { 0 }))
}

/// Prints the state of the seal, and who leads the cluster.
pub(super) async fn print_seal(cx: &mut Context<'_>, client: &Client, mut seal: Map) -> Outcome {
    match fields(client, Request::new(Method::Get, "sys/leader")).await {
        Ok(leader) => seal.extend(leader),
        Err(Error::Api(e)) if e.errors.iter().any(|e| e.contains("sealed")) => {
            seal.insert("ha_enabled".to_owned(), true.into());
        }
        Err(e) => return Err(failed("checking leader status", e)),
    }
    if cx.format()? != Format::Table {
        return cx.print_value(&Value::Object(seal));
    }
    let mut rows = seal_rows(&seal);
    rows.extend(cluster_rows(&seal));
    cx.print_table(&rows);
    Ok(Exit::OK)
}

/// The same client in the root namespace, where the server's own state is.
pub(super) fn root(client: &Client) -> Client {
    client.with(|config| config.namespace.clear())
}

/// Sends a request and returns the fields of its answer, in an envelope or not.
pub(super) async fn fields(client: &Client, request: Request) -> Result<Map, Error> {
    client.send(request).await?.fields()
}

/// A failure with exit code 1, for 2 says something else here.
fn failed(doing: &str, error: Error) -> Failure {
    let is_preview = matches!(error, Error::Preview(_));
    let failure = Failure::api(doing, error);
    if is_preview { failure } else { failure.exit(1) }
}

fn seal_rows(seal: &Map) -> Vec<Vec<String>> {
    let show = |name: &str| output::go(seal.get(name).unwrap_or(&Value::Null));
    let number = |name: &str| seal.get(name).and_then(Value::as_u64).unwrap_or(0);
    let is_on = |name: &str| seal.get(name).and_then(Value::as_bool).unwrap_or(false);
    let recovery = if is_on("recovery_seal") { "Recovery " } else { "" };
    let mut rows = vec![row("Key", "Value"), row("Seal Type", show("type"))];
    if is_on("recovery_seal") {
        rows.push(row("Recovery Seal Type", show("recovery_seal_type")));
    }
    rows.push(row("Initialized", is_on("initialized").to_string()));
    rows.push(row("Sealed", is_on("sealed").to_string()));
    rows.push(row(format!("Total {recovery}Shares"), number("n").to_string()));
    rows.push(row("Threshold", number("t").to_string()));
    if is_on("sealed") {
        rows.push(row("Unseal Progress", format!("{}/{}", number("progress"), number("t"))));
        rows.push(row("Unseal Nonce", text(seal, "nonce")));
    }
    if is_on("migration") {
        rows.push(row("Seal Migration in Progress", "true"));
    }
    rows.push(row("Version", text(seal, "version")));
    rows.push(row("Build Date", text(seal, "build_date")));
    rows.push(row("Storage Type", text(seal, "storage_type")));
    if !text(seal, "cluster_name").is_empty() && !text(seal, "cluster_id").is_empty() {
        rows.push(row("Cluster Name", text(seal, "cluster_name")));
        rows.push(row("Cluster ID", text(seal, "cluster_id")));
    }
    rows
}

fn cluster_rows(seal: &Map) -> Vec<Vec<String>> {
    let is_on = |name: &str| seal.get(name).and_then(Value::as_bool).unwrap_or(false);
    let mut rows = vec![row("HA Enabled", is_on("ha_enabled").to_string())];
    if is_on("ha_enabled") && !is_on("sealed") {
        rows.push(row("HA Cluster", text(seal, "leader_cluster_address")));
        if is_on("is_self") {
            rows.push(row("HA Mode", "active"));
            let since = text(seal, "active_time");
            if !since.is_empty() && !since.starts_with("0001-") {
                rows.push(row("Active Since", since));
            }
        } else {
            rows.push(row("HA Mode", "standby"));
            let leader = text(seal, "leader_address");
            rows.push(row(
                "Active Node Address",
                if leader.is_empty() { "<none>".to_owned() } else { leader },
            ));
        }
        for (label, name) in [
            ("Raft Committed Index", "raft_committed_index"),
            ("Raft Applied Index", "raft_applied_index"),
            ("Last WAL", "last_wal"),
        ] {
            match seal.get(name).and_then(Value::as_u64) {
                None | Some(0) => {}
                Some(index) => rows.push(row(label, index.to_string())),
            }
        }
    }
    if let Some(Value::Array(warnings)) = seal.get("warnings").filter(|w| *w != &Value::Array(Vec::new())) {
        rows.push(row("Warnings", output::go(&Value::Array(warnings.clone()))));
    }
    rows
}

fn text(map: &Map, name: &str) -> String {
    map.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn row(key: impl Into<String>, value: impl Into<String>) -> Vec<String> {
    vec![key.into(), value.into()]
}

/// The exit code for a sealed server.
const SEALED: u8 = 2;
