//! `kv search`, `overdue`, `copy`, `move`, and `scan`: what goes beyond one secret or one folder.

use super::MOUNT;
use super::place::find;
use crate::command::{Command, Flag, Run, Shared};
use crate::context::Context;
use crate::failure::{Doing, Exit, Failure, Outcome};
use crate::output::Format;
use serde_json::{Value, json};
use strongroom_client::{Client, Method, Request, Secret};
use strongroom_wire::Map;

pub(in crate::commands) const COMMANDS: &[Command] = &[
    Command {
        name: "kv search",
        about: "Find secrets by name or metadata, at all levels below a path.",
        usage: "[options] PATH [PATTERN]",
        details: "PATTERN is a glob: * within a name, ** across folders, ? for one character. It is matched with the\n\
                  name, or with the path below PATH if it has a slash. Values are not searched. What the token may\n\
                  not list, or whose metadata it may not read where metadata is asked about, is not found.",
        examples: &[
            ("By name", "{} kv search secret 'db*'"),
            ("By path", "{} kv search secret 'prod/**/db'"),
            ("By metadata", "{} kv search -custom-metadata=team=blue secret"),
        ],
        flags: &[
            MOUNT,
            Flag::text("contains", "TEXT", "A part of the path, whatever the case of its letters."),
            Flag::text("custom-metadata", "NAME[=GLOB]", "What the custom metadata must have."),
            Flag::text("owner", "GLOB", "Whose they are."),
        ],
        shared: Shared::ServerFormat,
        args: (0, 2),
        run: Run::Async(|cx| Box::pin(search(cx))),
    },
    Command {
        name: "kv overdue",
        about: "List the secrets that should have been replaced by now.",
        usage: "[options] PATH",
        details: "Until when a secret is to be replaced is set with: kv metadata put -rotate-by=90d",
        examples: &[
            ("Of a store", "{} kv overdue secret"),
            (
                "Those of one team, and what is due next month",
                "{} kv overdue -owner=team-a -within=30d secret",
            ),
        ],
        flags: &[
            MOUNT,
            Flag::text("owner", "GLOB", "Whose they are."),
            Flag::duration("within", "Those as well that are due within this time."),
        ],
        shared: Shared::ServerFormat,
        args: (0, 1),
        run: Run::Async(|cx| Box::pin(overdue(cx))),
    },
    Command {
        name: "kv copy",
        about: "Copy a secret to another path or store; its values stay in the server.",
        usage: "[options] SOURCE TARGET",
        details: TRANSFER,
        examples: &[
            ("The newest version", "{} kv copy secret/app/db other/app/db"),
            ("All versions and the metadata", "{} kv copy -history secret/app/db secret/app/db-old"),
        ],
        flags: &[CAS, HISTORY],
        shared: Shared::ServerField,
        args: (2, 2),
        run: Run::Async(|cx| Box::pin(transfer(cx, "copy"))),
    },
    Command {
        name: "kv move",
        about: "Move a secret to another path or store; its values stay in the server.",
        usage: "[options] SOURCE TARGET",
        details: TRANSFER,
        examples: &[
            ("With all its versions", "{} kv move secret/app/db secret/app/database"),
            ("Only the newest version", "{} kv move -history=false secret/app/db other/app/db"),
        ],
        flags: &[CAS, HISTORY],
        shared: Shared::ServerField,
        args: (2, 2),
        run: Run::Async(|cx| Box::pin(transfer(cx, "move"))),
    },
    Command {
        name: "scan",
        about: "List what is below a path, at all levels.",
        usage: "[options] PATH",
        details: "The path is that of the API: secret/metadata/app. For stores \"kv list -recursive\" finds it.",
        examples: &[("All secrets of a store with versions", "{} scan secret/metadata")],
        flags: &[],
        shared: Shared::ServerFormat,
        args: (1, 1),
        run: Run::Async(|cx| Box::pin(scan(cx))),
    },
];

const TRANSFER: &str = "SOURCE and TARGET are paths as \"kv get\" takes them. The token needs read on the source's data and create\n\
                        or update on the target's; for a history read and create on the metadata too; for a move delete on\n\
                        the source's metadata.";
const CAS: Flag =
    Flag::number("cas", "Only if the target's current version is this one; 0 if there must be none.");
const HISTORY: Flag = Flag::switch(
    "history",
    "All versions and the metadata; there must be nothing at the target. Moves between stores with versions do so.",
);

async fn search(cx: &mut Context<'_>) -> Outcome {
    let pattern = cx.arg(if cx.text("mount").is_some() && cx.args().len() == 1 { 0 } else { 1 }).to_owned();
    let mut query =
        filters(cx, &[("contains", "contains"), ("custom-metadata", "custom_metadata"), ("owner", "owner")]);
    if !pattern.is_empty() {
        query.push(("match", pattern));
    }
    if query.is_empty() {
        return Err(Failure::local(
            "Nothing to search for: give a PATTERN, -contains, -custom-metadata or -owner",
        ));
    }
    let client = cx.client()?;
    let path = match cx.text("mount") {
        Some(_) if cx.args().len() == 1 => format!("{}/", find_root(cx, &client).await?),
        _ => find(cx, &client).await?.path("metadata"),
    };
    list_all(cx, &client, &path, &query).await
}

/// The list of the store that `-mount` names, where the only argument is a pattern.
async fn find_root(cx: &mut Context<'_>, client: &Client) -> Result<String, Failure> {
    let arguments = std::mem::take(&mut cx.parsed.args);
    let place = find(cx, client).await;
    cx.parsed.args = arguments;
    Ok(place?.path("metadata"))
}

async fn overdue(cx: &mut Context<'_>) -> Outcome {
    let mut query = filters(cx, &[("owner", "owner"), ("within", "due_within")]);
    query.extend([("overdue", "true".to_owned()), ("detailed", "true".to_owned())]);
    let client = cx.client()?;
    let place = find(cx, &client).await?;
    place.require_versions("A report of what is overdue")?;
    let path = place.path("metadata");
    let found = all_pages(&client, &path, &query).await?.unwrap_or_default();
    if cx.format()? != Format::Table {
        return cx.print_value(&Value::Object(found.details)).map(|_| Exit::OK);
    }
    if found.keys.is_empty() {
        cx.say("Nothing is overdue.");
        return Ok(Exit::OK);
    }
    let text = |info: &Value, name: &str| info.get(name).and_then(Value::as_str).unwrap_or("-").to_owned();
    let mut rows = vec![["Secret", "Due", "Owner", "Rotate by"].map(str::to_owned).to_vec()];
    for (name, info) in &found.details {
        rows.push(vec![
            name.clone(),
            text(info, "rotation_due"),
            text(info, "owner"),
            text(info, "rotate_by"),
        ]);
    }
    cx.print_table(&rows);
    Ok(Exit::OK)
}

async fn transfer(cx: &mut Context<'_>, what: &str) -> Outcome {
    let (source, target) = (cx.path_arg(0), cx.path_arg(1));
    let mut body = json!({ "source": source, "target": target });
    if let (Some(cas), Some(body)) = (cx.number("cas"), body.as_object_mut()) {
        body.insert("cas".to_owned(), cas.into());
    }
    if let (Some(history), Some(body)) = (cx.switch("history"), body.as_object_mut()) {
        body.insert("history".to_owned(), history.into());
    }
    let doing = format!("{} {source} to {target}", if what == "copy" { "copying" } else { "moving" });
    let secret = cx.client()?.write(&format!("sys/kv/{what}"), body).await.doing(doing)?;
    cx.print_written(secret, &format!("Success! {target} is there"))
}

async fn scan(cx: &mut Context<'_>) -> Outcome {
    let path = cx.path_arg(0);
    let client = cx.client()?;
    list_all(cx, &client, &path, &[]).await
}

/// Prints all names below a path that a scan with this query finds.
pub(super) async fn list_all(
    cx: &mut Context<'_>,
    client: &Client,
    path: &str,
    query: &[(&str, String)],
) -> Outcome {
    let Some(found) = all_pages(client, path, query).await? else {
        return crate::commands::list::print(cx, None, path);
    };
    if !found.closed.is_empty() && cx.format()? == Format::Table {
        cx.warn(format!("Not opened, for the token may not list them: {}", found.closed.join(", ")));
    }
    let keys = Map::from_iter([("keys".to_owned(), found.keys.into())]);
    cx.print_keys(&Secret { data: Some(keys), ..Secret::default() })
}

/// What a scan has found, all pages together.
#[derive(Default)]
struct Found {
    keys: Vec<Value>,
    closed: Vec<String>,
    details: Map,
}

async fn all_pages(client: &Client, path: &str, query: &[(&str, String)]) -> Result<Option<Found>, Failure> {
    let mut found: Option<Found> = None;
    let mut after = None::<String>;
    loop {
        let mut request = Request::new(Method::List, path).query("scan", "true");
        for (name, value) in query {
            request = request.query(*name, value.clone());
        }
        if let Some(after) = &after {
            request = request.query("after", after.clone());
        }
        let page = client.fetch(request).await.doing(format!("listing {path} at all levels"))?;
        let Some(data) = page.and_then(|p| p.data) else { return Ok(found) };
        let sum = found.get_or_insert_default();
        let list = |name: &str| data.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
        sum.keys.extend(list("keys"));
        sum.closed.extend(list("not_listed").iter().filter_map(Value::as_str).map(str::to_owned));
        if let Some(details) = data.get("key_info").and_then(Value::as_object) {
            sum.details.extend(details.clone());
        }
        match data.get("next").and_then(Value::as_str) {
            // A server that does not move on would be asked for ever.
            Some(next) if after.as_deref() != Some(next) => after = Some(next.to_owned()),
            _ => return Ok(found),
        }
    }
}

/// The flags that were given, as the query has them.
fn filters(cx: &Context<'_>, names: &[(&str, &'static str)]) -> Vec<(&'static str, String)> {
    names.iter().filter_map(|(flag, field)| Some((*field, cx.text(flag)?.to_owned()))).collect()
}
