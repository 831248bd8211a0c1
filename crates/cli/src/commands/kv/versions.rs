//! `kv delete`, `undelete`, `destroy`, `rollback`.

use super::place::find_secret;
use super::{MOUNT, with_options};
use crate::command::{Command, Flag, Run, Shared};
use crate::context::Context;
use crate::failure::{Doing, Failure, Outcome};
use serde_json::{Value, json};
use strongroom_client::{Method, Request, Secret};

pub(in crate::commands) const COMMANDS: &[Command] = &[
    Command {
        name: "kv delete",
        about: "Delete a secret, or versions of it.",
        usage: "[options] KEY",
        details: "In a store with versions this can be undone with \"kv undelete\"; the latest version is meant if\n\
                  none is named. In one without, the secret is gone.",
        examples: &[
            ("The latest version", "{} kv delete secret/app/db"),
            ("Two old ones", "{} kv delete -versions=1,2 secret/app/db"),
        ],
        flags: &[MOUNT, VERSIONS],
        shared: Shared::ServerField,
        args: (1, 1),
        run: Run::Async(|cx| Box::pin(delete(cx))),
    },
    Command {
        name: "kv undelete",
        about: "Bring deleted versions back.",
        usage: "[options] KEY",
        details: "",
        examples: &[("One version", "{} kv undelete -versions=3 secret/app/db")],
        flags: &[MOUNT, VERSIONS],
        shared: Shared::ServerField,
        args: (1, 1),
        run: Run::Async(|cx| Box::pin(change(cx, "undelete", "Undelete"))),
    },
    Command {
        name: "kv destroy",
        about: "Destroy versions for good.",
        usage: "[options] KEY",
        details: "",
        examples: &[("A version that leaked", "{} kv destroy -versions=2 secret/app/db")],
        flags: &[MOUNT, VERSIONS],
        shared: Shared::ServerField,
        args: (1, 1),
        run: Run::Async(|cx| Box::pin(change(cx, "destroy", "Destroy"))),
    },
    Command {
        name: "kv rollback",
        about: "Make an older version the latest again.",
        usage: "[options] KEY",
        details: "The older version is written anew, as the next version.",
        examples: &[("To the second version", "{} kv rollback -version=2 secret/app/db")],
        flags: &[MOUNT, Flag::number("version", "The version to go back to.")],
        shared: Shared::ServerField,
        args: (1, 1),
        run: Run::Async(|cx| Box::pin(rollback(cx))),
    },
];

const VERSIONS: Flag = Flag::list("versions", "NUMBERS", "The versions, as in -versions=1,2.");

async fn delete(cx: &mut Context<'_>) -> Outcome {
    let versions = versions(cx)?;
    let client = cx.client()?;
    let place = find_secret(cx, &client).await?;
    let path = place.path("data");
    let doing = format!("deleting {path}");
    let secret = if versions.is_empty() {
        client.delete(&path).await.doing(doing)?
    } else {
        place.require_versions("Deleting single versions is")?;
        client.write(&place.path("delete"), json!({ "versions": versions })).await.doing(doing)?
    };
    cx.print_written(secret, &format!("Success! Data deleted (if it existed) at: {path}"))
}

async fn change(cx: &mut Context<'_>, section: &str, what: &str) -> Outcome {
    let versions = versions(cx)?;
    if versions.is_empty() {
        return Err(Failure::local(format!(
            "No versions provided, use the \"-versions\" flag to name those to {section}"
        )));
    }
    let client = cx.client()?;
    let place = find_secret(cx, &client).await?;
    place.require_versions(what)?;
    let path = place.path(section);
    let secret = client
        .write(&path, json!({ "versions": versions }))
        .await
        .doing(format!("writing data to {path}"))?;
    cx.print_written(secret, &format!("Success! Data written to: {path}"))
}

async fn rollback(cx: &mut Context<'_>) -> Outcome {
    let wanted = cx.number("version").filter(|v| *v > 0);
    let wanted = wanted.ok_or_else(|| Failure::local("Name the version to go back to, as in -version=2"))?;
    let client = cx.client()?;
    let place = find_secret(cx, &client).await?;
    place.require_versions("Rollback")?;
    let path = place.path("data");
    let nothing = || Failure::server(format!("No value found at {path}"));
    let live = client.with(|config| {
        config.preview = None;
        config.wrap_ttl.clear();
    });
    let current = live.read(&path).await.doing(format!("doing pre-read at {path}"))?.ok_or_else(nothing)?;
    let latest = metadata(&current, "version").and_then(Value::as_i64).ok_or_else(nothing)?;
    let request = Request::new(Method::Get, &path).query("version", wanted.to_string());
    let older = live.fetch(request).await.doing(format!("doing pre-read at {path}"))?.ok_or_else(nothing)?;
    let gone =
        |how: &str| Failure::server(format!("Cannot roll back to version {wanted}: it has been {how}"));
    if metadata(&older, "destroyed") == Some(&Value::Bool(true)) {
        return Err(gone("destroyed"));
    }
    let data = older.get("data").and_then(Value::as_object).cloned().ok_or_else(|| gone("deleted"))?;
    let secret = client
        .write(&path, with_options(data, Some(latest)))
        .await
        .doing(format!("writing data to {path}"))?;
    cx.print_written(secret, &format!("Success! Data written to: {path}"))
}

fn metadata<'a>(secret: &'a Secret, key: &str) -> Option<&'a Value> {
    secret.get("metadata")?.get(key)
}

fn versions(cx: &Context<'_>) -> Result<Vec<u64>, Failure> {
    let texts =
        cx.list("versions").iter().flat_map(|v| v.split(',')).map(str::trim).filter(|v| !v.is_empty());
    texts
        .map(|v| v.parse().map_err(|_| Failure::local(format!("-versions: {v:?} is not a version's number"))))
        .collect()
}
