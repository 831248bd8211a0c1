//! `kv metadata get`, `put`, `patch`, `delete`.

use super::place::{Place, find_secret};
use super::{MOUNT, say_path, section};
use crate::command::{Command, Flag, Run, Shared};
use crate::context::Context;
use crate::failure::{Doing, Exit, Failure, Outcome};
use crate::output::Format;
use serde_json::Value;
use strongroom_client::Client;
use strongroom_wire::{Map, duration};

pub(in crate::commands) const COMMANDS: &[Command] = &[
    Command {
        name: "kv metadata get",
        about: "Show a secret's metadata and versions.",
        usage: "[options] KEY",
        details: "",
        examples: &[("Which versions there are", "{} kv metadata get secret/app/db")],
        flags: &[MOUNT],
        shared: Shared::ServerField,
        args: (1, 1),
        run: Run::Async(|cx| Box::pin(get(cx))),
    },
    Command {
        name: "kv metadata put",
        about: "Set a secret's limits and custom metadata.",
        usage: "[options] KEY",
        details: "Custom metadata is replaced as a whole.",
        examples: &[
            ("Keep five versions", "{} kv metadata put -max-versions=5 secret/app/db"),
            ("Say whose it is", "{} kv metadata put -custom-metadata=owner=team-a secret/app/db"),
            (
                "It is to be replaced every 90 days",
                "{} kv metadata put -owner=team-a -rotate-by=90d secret/app/db",
            ),
        ],
        flags: &[MOUNT, MAX_VERSIONS, CAS_REQUIRED, DELETE_AFTER, OWNER, ROTATE_BY, CUSTOM],
        shared: Shared::Server,
        args: (1, 1),
        run: Run::Async(|cx| Box::pin(put(cx))),
    },
    Command {
        name: "kv metadata patch",
        about: "Change some of a secret's limits and custom metadata.",
        usage: "[options] KEY",
        details: "What is not named stays as it is.",
        examples: &[("Change one entry", "{} kv metadata patch -custom-metadata=owner=team-b secret/app/db")],
        flags: &[MOUNT, MAX_VERSIONS, CAS_REQUIRED, DELETE_AFTER, OWNER, ROTATE_BY, CUSTOM, REMOVE_CUSTOM],
        shared: Shared::Server,
        args: (1, 1),
        run: Run::Async(|cx| Box::pin(patch(cx))),
    },
    Command {
        name: "kv metadata delete",
        about: "Delete a secret with all its versions, for good.",
        usage: "[options] KEY",
        details: "",
        examples: &[("All of a secret", "{} kv metadata delete secret/app/db")],
        flags: &[MOUNT],
        shared: Shared::Server,
        args: (1, 1),
        run: Run::Async(|cx| Box::pin(delete(cx))),
    },
];

const MAX_VERSIONS: Flag =
    Flag::number("max-versions", "How many versions to keep; 0 for what the store says.");
const CAS_REQUIRED: Flag =
    Flag::switch("cas-required", "Whether each write must name the current version (-cas).");
const DELETE_AFTER: Flag =
    Flag::duration("delete-version-after", "How long after its writing a version is deleted.");
const OWNER: Flag = Flag::text("owner", "NAME", "Who answers for the secret; \"\" for nobody.");
const ROTATE_BY: Flag = Flag::text(
    "rotate-by",
    "WHEN",
    "Until when it is to be replaced: a time (RFC 3339), or how long a version may be used, as in 90d; \"\" for ever.",
);
const CUSTOM: Flag =
    Flag::list("custom-metadata", "KEY=VALUE", "An entry of the custom metadata. May be given many times.");
const REMOVE_CUSTOM: Flag =
    Flag::list("remove-custom-metadata", "KEY", "An entry to take out. May be given many times.");

async fn get(cx: &mut Context<'_>) -> Outcome {
    let (client, place) = versioned_place(cx).await?;
    let path = place.path("metadata");
    let secret = client.read(&path).await.doing(format!("reading {path}"))?;
    let secret = secret.ok_or_else(|| Failure::server(format!("No value found at {path}")))?;
    let plain_table =
        cx.text("field").is_none() && cx.format()? == Format::Table && secret.wrap_info.is_none();
    let (true, Some(mut data)) = (plain_table, secret.data.clone()) else {
        return cx.print_secret(&secret);
    };
    cx.print_warnings(&secret);
    let versions = data.remove("versions");
    say_path(cx, "Metadata Path", &path);
    section(cx, "Metadata", &data)?;
    let mut versions: Vec<(u64, Map)> = (versions.as_ref().and_then(Value::as_object).into_iter().flatten())
        .filter_map(|(number, version)| Some((number.parse().ok()?, version.as_object()?.clone())))
        .collect();
    versions.sort_by_key(|(number, _)| *number);
    for (number, version) in &versions {
        cx.say("");
        section(cx, &format!("Version {number}"), version)?;
    }
    Ok(Exit::OK)
}

async fn put(cx: &mut Context<'_>) -> Outcome {
    let body = limits(cx, cx.pairs("custom-metadata")?);
    let (client, place) = versioned_place(cx).await?;
    let path = place.path("metadata");
    let secret = client.write(&path, body.into()).await.doing(format!("writing data to {path}"))?;
    cx.print_written(secret, &format!("Success! Data written to: {path}"))
}

async fn patch(cx: &mut Context<'_>) -> Outcome {
    let mut custom = cx.pairs("custom-metadata")?;
    for key in cx.list("remove-custom-metadata") {
        custom.insert(key.clone(), Value::Null);
    }
    let body = limits(cx, custom);
    let (client, place) = versioned_place(cx).await?;
    let path = place.path("metadata");
    let secret = client.patch(&path, body.into()).await.doing(format!("patching data at {path}"))?;
    cx.print_written(secret, &format!("Success! Data written to: {path}"))
}

async fn delete(cx: &mut Context<'_>) -> Outcome {
    let (client, place) = versioned_place(cx).await?;
    let path = place.path("metadata");
    let secret = client.delete(&path).await.doing(format!("deleting {path}"))?;
    cx.print_written(secret, &format!("Success! Data deleted (if it existed) at: {path}"))
}

async fn versioned_place(cx: &mut Context<'_>) -> Result<(Client, Place), Failure> {
    let client = cx.client()?;
    let place = find_secret(cx, &client).await?;
    place.require_versions("Metadata")?;
    Ok((client, place))
}

/// The fields that were named.
fn limits(cx: &Context<'_>, custom: Map) -> Map {
    let mut body = Map::new();
    if let Some(most) = cx.number("max-versions").filter(|n| *n >= 0) {
        body.insert("max_versions".to_owned(), most.into());
    }
    if let Some(required) = cx.switch("cas-required") {
        body.insert("cas_required".to_owned(), required.into());
    }
    if let Some(after) = cx.duration("delete-version-after") {
        body.insert("delete_version_after".to_owned(), duration::go(after).into());
    }
    for (flag, field) in [("owner", "owner"), ("rotate-by", "rotate_by")] {
        if let Some(text) = cx.text(flag) {
            body.insert(field.to_owned(), text.into());
        }
    }
    if !custom.is_empty() {
        body.insert("custom_metadata".to_owned(), custom.into());
    }
    body
}
