//! `operator`: running the server. Small commands here, the others below.

pub(super) mod generate_root;
pub(super) mod init;
pub(super) mod rekey;
pub(super) mod snapshot;
pub(super) mod unseal;

use super::status::{fields, root};
use crate::command::{Command, Run, Shared};
use crate::context::Context;
use crate::failure::{Doing, Exit, Failure, Outcome};
use crate::output::{self, Format};
use serde_json::Value;
use strongroom_client::{Client, Method, Request};
use strongroom_wire::Map;

pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "operator seal",
        about: "Seal the server.",
        usage: "[options]",
        details: "It forgets its keys and answers nothing until it is unsealed again.",
        examples: &[("When a key may have leaked", "{} operator seal")],
        flags: &[],
        shared: Shared::Server,
        args: (0, 0),
        run: Run::Async(|cx| Box::pin(seal(cx))),
    },
    Command {
        name: "operator rotate",
        about: "Install a new encryption key.",
        usage: "[options]",
        details: "What is written from now on is encrypted with it; what is there stays readable. Unseal keys stay valid.",
        examples: &[("Change the key now", "{} operator rotate")],
        flags: &[],
        shared: Shared::ServerFormat,
        args: (0, 0),
        run: Run::Async(|cx| Box::pin(rotate(cx))),
    },
    Command {
        name: "operator key-status",
        about: "Show the encryption key's number and use.",
        usage: "[options]",
        details: "",
        examples: &[("How old is the key", "{} operator key-status")],
        flags: &[],
        shared: Shared::ServerFormat,
        args: (0, 0),
        run: Run::Async(|cx| Box::pin(key_status(cx))),
    },
    Command {
        name: "operator step-down",
        about: "Let another node of the cluster take over.",
        usage: "[options]",
        details: "",
        examples: &[("Before maintenance", "{} operator step-down")],
        flags: &[],
        shared: Shared::Server,
        args: (0, 0),
        run: Run::Async(|cx| Box::pin(step_down(cx))),
    },
    Command {
        name: "operator members",
        about: "List the nodes of the cluster.",
        usage: "[options]",
        details: "",
        examples: &[("Who is there", "{} operator members")],
        flags: &[],
        shared: Shared::ServerFormat,
        args: (0, 0),
        run: Run::Async(|cx| Box::pin(members(cx))),
    },
];

async fn seal(cx: &mut Context<'_>) -> Outcome {
    cx.client()?.send(Request::new(Method::Put, "sys/seal")).await.doing("sealing")?;
    cx.say("Success! Vault is sealed.");
    Ok(Exit::OK)
}

async fn rotate(cx: &mut Context<'_>) -> Outcome {
    let client = cx.client()?;
    client.send(Request::new(Method::Put, "sys/rotate")).await.doing("rotating key")?;
    if cx.format()? == Format::Table {
        cx.say("Success! Rotated key\n");
    }
    print_key(cx, &client).await
}

async fn key_status(cx: &mut Context<'_>) -> Outcome {
    let client = cx.client()?;
    print_key(cx, &client).await
}

async fn print_key(cx: &mut Context<'_>, client: &Client) -> Outcome {
    let key =
        fields(client, Request::new(Method::Get, "sys/key-status")).await.doing("reading key status")?;
    if cx.format()? != Format::Table {
        return cx.print_value(&Value::Object(key));
    }
    let show = |name: &str| key.get(name).map(output::go).unwrap_or_default();
    let installed = show("install_time");
    cx.say(output::aligned(&[
        ("Key Term", show("term")),
        ("Install Time", short_time(&installed).unwrap_or(installed)),
        ("Encryption Count", show("encryptions")),
    ]));
    Ok(Exit::OK)
}

async fn step_down(cx: &mut Context<'_>) -> Outcome {
    let client = cx.client()?;
    match client.send(Request::new(Method::Put, "sys/step-down")).await {
        Err(e) if e.status() == Some(404) => {
            return Err(Failure::server(
                "Error stepping down: the server runs alone, so no other node can take over",
            ));
        }
        answer => answer.doing("stepping down")?,
    };
    cx.say(format!("Success! Stepped down: {}", client.config().address));
    Ok(Exit::OK)
}

async fn members(cx: &mut Context<'_>) -> Outcome {
    let client = root(&cx.client()?);
    let status = fields(&client, Request::new(Method::Get, "sys/ha-status")).await;
    let status = status.doing("getting the members of the cluster")?;
    if cx.format()? != Format::Table {
        return cx.print_value(&Value::Object(status));
    }
    let header = ["Host Name", "API Address", "Cluster Address", "Active Node", "Version", "Last Echo"];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    for node in status.get("nodes").and_then(Value::as_array).into_iter().flatten() {
        let names = ["hostname", "api_address", "cluster_address", "active_node", "version", "last_echo"];
        let cell = |name: &str| node.get(name).filter(|v| !v.is_null()).map(output::go).unwrap_or_default();
        rows.push(names.map(cell).to_vec());
    }
    cx.print_table(&rows);
    Ok(Exit::OK)
}

/// One of several ways to give a share of a key: an argument, standard input (`-`), or an answer on
/// the terminal. The second value tells whether it was asked for.
async fn share(cx: &mut Context<'_>, label: &str, nonce: &str) -> Result<(String, bool), Failure> {
    match cx.arg(0).trim() {
        "" => {
            if cx.is_interactive() {
                cx.warn(format!("{label}: {nonce}"));
            }
            Ok((cx.ask(KEY_QUESTION, true)?.trim().to_owned(), true))
        }
        "-" => {
            let text = String::from_utf8(cx.read_stdin()?)
                .map_err(|_| Failure::local("The key on standard input is not text"))?;
            Ok((text.trim().to_owned(), false))
        }
        key => Ok((key.to_owned(), false)),
    }
}

/// The share, and the operation it is meant for: asked for on the terminal, the one under way; else
/// the one named with `-nonce`, so that a script cannot feed an operation that somebody else began.
async fn share_and_nonce(
    cx: &mut Context<'_>,
    label: &str,
    under_way: &str,
) -> Result<(String, String), Failure> {
    let given = cx.text("nonce").unwrap_or_default().to_owned();
    let (key, asked) = share(cx, label, under_way).await?;
    let nonce = if asked && given.is_empty() { under_way.to_owned() } else { given };
    if nonce.is_empty() {
        return Err(Failure::local("Missing nonce value: specify it via the -nonce flag"));
    }
    Ok((key, nonce))
}

/// A request that cancels an operation, naming it if `-nonce` was given.
fn cancelling(cx: &Context<'_>, path: &str) -> Request {
    let request = Request::new(Method::Delete, path);
    match cx.text("nonce") {
        Some(nonce) => request.body(Value::Object(Map::from_iter([("nonce".to_owned(), nonce.into())]))),
        None => request,
    }
}

/// `2026-11-24T20:12:28.5Z` as `24 Nov 26 20:12 UTC`.
fn short_time(rfc3339: &str) -> Option<String> {
    let (date, time) = rfc3339.strip_suffix('Z')?.split_once('T')?;
    let mut date = date.split('-');
    let (year, month, day) = (date.next()?, date.next()?.parse::<usize>().ok()?, date.next()?);
    let month = MONTHS.get(month.checked_sub(1)?)?;
    Some(format!("{day} {month} {} {} UTC", year.get(2..)?, time.get(..5)?))
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const KEY_QUESTION: &str = "Unseal Key (will be hidden): ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_in_short() {
        assert_eq!(short_time("2026-11-04T20:12:28.5Z").as_deref(), Some("04 Nov 26 20:12 UTC"));
        assert_eq!(short_time("2026-13-04T20:12:28Z"), None);
        assert_eq!(short_time("2026-00-04T20:12:28Z"), None);
        assert_eq!(short_time("soon"), None);
    }
}
