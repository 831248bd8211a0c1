//! `identity/oidc/config`, and the addresses that tokens name as their issuers.

use super::named::place;
use crate::Answering;
use serde::{Deserialize, Serialize};
use serde_json::json;
use strongroom_core::{Call, Core, Fault, Mount, Operation, Record, Response, Route, Txn};
use strongroom_wire::field::{Field, Kind};

const FIELDS: &[Field] = &[Field::new(
    "issuer",
    Kind::Text,
    "Scheme, host and port that tokens name as issuer; empty for this server's api_addr.",
)];

/// Settings of all identity tokens.
#[derive(Default, Serialize, Deserialize)]
struct Config {
    issuer: String,
}

impl Record for Config {}

const PLACE: &str = "config";
const WARNING: &str = "If \"issuer\" is set explicitly, all tokens must be validated against that address, including those that other clusters have issued. An empty issuer restores the default, the api_addr of the server.";

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new("oidc/config", "The issuer of identity tokens.", FIELDS)
            .on(Operation::Read, read)
            .on(Operation::Update, write),
    ]
}

/// The issuer of identity tokens.
pub(super) async fn issuer(core: &Core, txn: &mut Txn, mount: &Mount) -> Result<String, Fault> {
    let config = txn.get::<Config>(&place(mount, PLACE, "")).await?;
    Ok(under(core, mount, config.as_ref().map_or("", |c| c.issuer.as_str())))
}

/// What stands below `identity/oidc`, as seen from outside: under this address, or under the server's own.
pub(super) fn under(core: &Core, mount: &Mount, address: &str) -> String {
    let address = if address.is_empty() { core.settings.api_addr.as_str() } else { address };
    let space = core.space(&mount.namespace);
    let within = space.as_ref().map_or("", |table| &table.namespace.path);
    format!("{}/v1/{within}{}oidc", address.trim_end_matches('/'), mount.full_path())
}

/// An issuer is an address without path, so that what is added to it is ours.
pub(super) fn check_issuer(issuer: &str) -> Result<(), Fault> {
    if issuer.is_empty() {
        return Ok(());
    }
    strongroom_core::outbound::check_url("issuer", issuer)?;
    let rest = issuer.split_once("://").map_or("", |(_, rest)| rest);
    if rest.contains(['/', '?', '#']) {
        return Err(Fault::invalid(
            "field \"issuer\": it must be a scheme, a host and a port only, such as \"https://host:8200\"",
        ));
    }
    Ok(())
}

fn read(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let config = call.txn.get::<Config>(&place(&call.req.mounted.entry, PLACE, "")).await?;
        Ok(Response::json(json!({ "issuer": config.map_or_else(String::new, |c| c.issuer.clone()) })))
    })
}

fn write(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let Some(issuer) = call.args.text("issuer") else { return Ok(Response::none()) };
        check_issuer(issuer)?;
        let key = place(&call.req.mounted.entry, PLACE, "");
        call.txn.put(&key, &Config { issuer: issuer.to_owned() })?;
        Ok(if issuer.is_empty() { Response::none() } else { Response::none().warn(WARNING) })
    })
}
