//! `kv get`, `put`, `patch`, `list`, `enable-versioning`.

mod place;

pub(super) mod across;
pub(super) mod metadata;
pub(super) mod versions;

use crate::command::{Command, Flag, Run, Shared};
use crate::context::Context;
use crate::failure::{Doing, Exit, Failure, Outcome};
use crate::output::{Format, centred, titled};
use place::{Place, find, find_secret};
use serde_json::{Value, json};
use strongroom_client::{Client, Error, Method, Request, Secret};
use strongroom_wire::Map;

pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "kv get",
        about: "Read a secret.",
        usage: "[options] KEY",
        details: "",
        examples: &[
            ("All of a secret", "{} kv get secret/app/db"),
            ("One value, for a script", "{} kv get -mount=secret -field=password app/db"),
            ("An older version", "{} kv get -version=1 secret/app/db"),
        ],
        flags: &[MOUNT, Flag::number("version", "The version to read; the latest if not given.")],
        shared: Shared::ServerField,
        args: (1, 1),
        run: Run::Async(|cx| Box::pin(get(cx))),
    },
    Command {
        name: "kv put",
        about: "Write a secret, all of it.",
        usage: "[options] KEY KEY=VALUE ...",
        details: VALUES,
        examples: &[
            ("Two values", "{} kv put secret/app/db username=app password=s3cret"),
            (
                "A value that must not show in the process list",
                "{} kv put secret/app/db password=- < password.txt",
            ),
            ("Only if there is none yet", "{} kv put -cas=0 secret/app/db @db.json"),
        ],
        flags: &[MOUNT, CAS],
        shared: Shared::ServerField,
        args: (1, usize::MAX),
        run: Run::Async(|cx| Box::pin(put(cx))),
    },
    Command {
        name: "kv patch",
        about: "Change some values of a secret and keep the rest.",
        usage: "[options] KEY [KEY=VALUE ...]",
        details: VALUES,
        examples: &[
            ("One value", "{} kv patch secret/app/db password=n3w"),
            ("Take a value out", "{} kv patch -remove-data=old_password secret/app/db"),
        ],
        flags: &[
            MOUNT,
            CAS,
            Flag::text(
                "method",
                "METHOD",
                "\"patch\" asks the server to merge, \"rw\" reads and writes. Without it: patch, then rw.",
            ),
            Flag::list("remove-data", "NAME", "A value to take out. May be given many times."),
        ],
        shared: Shared::ServerField,
        args: (1, usize::MAX),
        run: Run::Async(|cx| Box::pin(patch(cx))),
    },
    Command {
        name: "kv list",
        about: "List the secrets below a path.",
        usage: "[options] [PATH]",
        details: "",
        examples: &[
            ("What there is for one application", "{} kv list secret/app"),
            ("All of it, at all levels", "{} kv list -recursive secret/app"),
        ],
        flags: &[MOUNT, Flag::switch("recursive", "List all levels, as far as the token may.")],
        shared: Shared::ServerFormat,
        args: (0, 1),
        run: Run::Async(|cx| Box::pin(list(cx))),
    },
    Command {
        name: "kv enable-versioning",
        about: "Turn a store of version 1 into one that keeps versions.",
        usage: "[options] PATH",
        details: "It cannot be turned back.",
        examples: &[("The store at secret/", "{} kv enable-versioning secret")],
        flags: &[],
        shared: Shared::Server,
        args: (1, 1),
        run: Run::Async(|cx| Box::pin(enable_versioning(cx))),
    },
];

const VALUES: &str = "Values: key=text, key=@file for a file's content, key=- for standard input, key=\\@text for text\n\
                      that begins with @. A lone @file.json or - stands for a whole JSON object.";

const MOUNT: Flag =
    Flag::text("mount", "PATH", "Where the store is mounted; KEY is then the rest of the path.");
const CAS: Flag =
    Flag::number("cas", "Write only if the current version is this one; 0 if there must be none.");

async fn get(cx: &mut Context<'_>) -> Outcome {
    let client = cx.client()?;
    let place = find_secret(cx, &client).await?;
    let path = place.path("data");
    let mut request = Request::new(Method::Get, &path);
    if let Some(version) = cx.number("version").filter(|v| *v > 0 && place.versioned) {
        request = request.query("version", version.to_string());
    }
    let secret = client.fetch(request).await.doing(format!("reading {path}"))?;
    let secret = secret.ok_or_else(|| Failure::server(format!("No value found at {path}")))?;
    if !place.versioned || secret.wrap_info.is_some() {
        return print_plain(cx, &secret);
    }
    if let Some(field) = cx.text("field").map(str::to_owned) {
        let data = secret.get("data").filter(|d| d.is_object());
        let data = data.ok_or_else(|| Failure::server(format!("No data found at {path}")))?;
        // The word may mean all values, or one that is called so.
        let whole = (field == "data").then_some(data);
        return cx.print_field(data.get(&field).or(whole).cloned(), &field);
    }
    if cx.format()? != Format::Table {
        return cx.print_secret(&secret);
    }
    cx.print_warnings(&secret);
    say_path(cx, "Secret Path", &path);
    let sections = [("Metadata", secret.get("metadata")), ("Data", secret.get("data"))];
    let sections: Vec<_> =
        sections.into_iter().filter_map(|(title, v)| Some((title, v?.as_object()?))).collect();
    for (i, (title, map)) in sections.iter().enumerate() {
        if i > 0 {
            cx.say("");
        }
        section(cx, title, map)?;
    }
    Ok(Exit::OK)
}

/// A secret of a store without versions: its data under a heading.
fn print_plain(cx: &mut Context<'_>, secret: &Secret) -> Outcome {
    let plain_table =
        cx.text("field").is_none() && cx.format()? == Format::Table && secret.wrap_info.is_none();
    match &secret.data {
        Some(data) if plain_table => {
            cx.print_warnings(secret);
            section(cx, "Data", data)?;
            Ok(Exit::OK)
        }
        _ => cx.print_secret(secret),
    }
}

async fn put(cx: &mut Context<'_>) -> Outcome {
    if cx.args().len() == 1 {
        return Err(Failure::local("Must supply data: KEY=VALUE, @file.json or -"));
    }
    let fields = cx.fields(1)?;
    let client = cx.client()?;
    let place = find_secret(cx, &client).await?;
    let path = place.path("data");
    let body = if place.versioned { with_options(fields, cx.number("cas")) } else { Value::Object(fields) };
    let secret = client.write(&path, body).await.doing(format!("writing data to {path}"))?;
    print_written(cx, secret, &place)
}

async fn patch(cx: &mut Context<'_>) -> Outcome {
    let remove = cx.list("remove-data").to_vec();
    if cx.args().len() == 1 && remove.is_empty() {
        return Err(Failure::local("Must supply data: KEY=VALUE, @file.json, - or -remove-data=NAME"));
    }
    let mut fields = cx.fields(1)?;
    for name in remove {
        fields.insert(name, Value::Null);
    }
    let method = cx.text("method").unwrap_or_default().to_owned();
    if !matches!(method.as_str(), "" | "patch" | "rw") {
        return Err(Failure::local(format!("Invalid -method {method:?}: use patch or rw")));
    }
    let client = cx.client()?;
    let place = find_secret(cx, &client).await?;
    place.require_versions("Patch")?;
    let path = place.path("data");
    let doing = format!("patching data at {path}");
    if method == "rw" {
        let secret = read_and_write(&client, &place, fields).await?;
        return print_written(cx, secret, &place);
    }
    match client.patch(&path, with_options(fields.clone(), cx.number("cas"))).await {
        // A policy made before there was a capability "patch" may still allow reading and writing.
        Err(Error::Api(e))
            if method.is_empty() && matches!(e.status, 403 | 405) && cx.number("cas").is_none() =>
        {
            let secret = read_and_write(&client, &place, fields).await?;
            let advice = format!(
                "The secret was read and written instead: grant the capability \"patch\" on {path} to let the server merge."
            );
            cx.warn(advice);
            print_written(cx, secret, &place)
        }
        Err(Error::Api(e)) if e.status == 404 => Err(Failure::server(format!("No value found at {path}"))),
        result => print_written(cx, result.doing(doing)?, &place),
    }
}

/// Merges here, guarded by the version that was read.
async fn read_and_write(client: &Client, place: &Place, fields: Map) -> Result<Option<Secret>, Failure> {
    let path = place.path("data");
    let current = client.read(&path).await.doing(format!("doing pre-read at {path}"))?;
    let nothing = || Failure::server(format!("No value found at {path}"));
    let current = current.ok_or_else(nothing)?;
    let version = current.get("metadata").and_then(|m| m.get("version")).and_then(Value::as_i64);
    let mut data = current.get("data").and_then(Value::as_object).cloned().ok_or_else(nothing)?;
    merge(&mut data, fields);
    client.write(&path, with_options(data, version)).await.doing(format!("writing data to {path}"))
}

/// RFC 7396: null takes out, maps merge, the rest replaces.
fn merge(into: &mut Map, changes: Map) {
    for (key, change) in changes {
        match (change, into.get_mut(&key)) {
            (Value::Null, _) => {
                into.remove(&key);
            }
            (Value::Object(change), Some(Value::Object(inner))) => merge(inner, change),
            (Value::Object(change), _) => {
                let mut inner = Map::new();
                merge(&mut inner, change);
                into.insert(key, Value::Object(inner));
            }
            (change, _) => {
                into.insert(key, change);
            }
        }
    }
}

async fn list(cx: &mut Context<'_>) -> Outcome {
    if cx.args().is_empty() && cx.text("mount").is_none() {
        return Err(Failure::local("Not enough arguments: name a path, or the store with -mount"));
    }
    let client = cx.client()?;
    let place = find(cx, &client).await?;
    let path = place.path("metadata");
    if cx.is_on("recursive") {
        return across::list_all(cx, &client, &path, &[]).await;
    }
    let secret = client.list(&path).await.doing(format!("listing {path}"))?;
    super::list::print(cx, secret, &path)
}

async fn enable_versioning(cx: &mut Context<'_>) -> Outcome {
    let mount = cx.path_arg(0);
    let body = json!({ "options": { "version": "2" } });
    cx.client()?
        .write(&format!("sys/mounts/{mount}/tune"), body)
        .await
        .doing(format!("tuning secrets engine {mount}/"))?;
    cx.say(format!("Success! Tuned the secrets engine at: {mount}/"));
    Ok(Exit::OK)
}

fn with_options(data: Map, cas: Option<i64>) -> Value {
    let options = cas.filter(|v| *v >= 0).map_or_else(|| json!({}), |cas| json!({ "cas": cas }));
    json!({ "data": data, "options": options })
}

/// Prints the metadata of the version that was written.
fn print_written(cx: &mut Context<'_>, secret: Option<Secret>, place: &Place) -> Outcome {
    let path = place.path("data");
    let plain_table = cx.text("field").is_none() && cx.format()? == Format::Table;
    match secret.as_ref().map(|s| (s, s.data.as_ref(), s.wrap_info.is_some())) {
        Some((secret, Some(metadata), false)) if place.versioned && plain_table => {
            cx.print_warnings(secret);
            say_path(cx, "Secret Path", &path);
            section(cx, "Metadata", metadata)?;
            Ok(Exit::OK)
        }
        _ => cx.print_written(secret, &format!("Success! Data written to: {path}")),
    }
}

/// A path under a heading as wide as itself.
fn say_path(cx: &mut Context<'_>, title: &str, path: &str) {
    cx.say(centred(title, path.len()));
    cx.say(path);
    cx.say("");
}

/// A heading over a table.
fn section(cx: &mut Context<'_>, title: &str, map: &Map) -> Result<(), Failure> {
    cx.say(titled(title, map));
    cx.print_value(&Value::Object(map.clone())).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merges_as_the_server_does() {
        let mut data = json!({"a": 1, "b": {"c": 1, "d": 2}, "e": 3}).as_object().cloned().unwrap();
        let changes = json!({"a": null, "b": {"c": null, "x": 9}, "e": {"f": null, "g": 1}});
        merge(&mut data, changes.as_object().cloned().unwrap());
        assert_eq!(Value::Object(data), json!({"b": {"d": 2, "x": 9}, "e": {"g": 1}}));
    }
}
