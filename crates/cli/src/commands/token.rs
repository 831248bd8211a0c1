//! `token create`, `lookup`, `renew`, `revoke`, `capabilities`.

use crate::command::{Command, Flag, Run, Shared};
use crate::context::Context;
use crate::failure::{Doing, Exit, Failure, Outcome};
use crate::output::Format;
use serde_json::{Value, json};
use strongroom_client::Error;
use strongroom_wire::{Map, duration};

pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "token create",
        about: "Create a token.",
        usage: "[options]",
        details: "The new token is a child of the one in use and is revoked with it, unless -orphan is given.\n\
                  Without -policy it has the policies of the token in use.",
        examples: &[
            ("One for an application", "{} token create -policy=app -period=24h"),
            ("One to use twice within the hour", "{} token create -policy=app -ttl=1h -use-limit=2"),
        ],
        flags: CREATE_FLAGS,
        shared: Shared::ServerField,
        args: (0, 0),
        run: Run::Async(|cx| Box::pin(create(cx))),
    },
    Command {
        name: "token lookup",
        about: "Show what is known about a token.",
        usage: "[options] [TOKEN | ACCESSOR]",
        details: "Without an argument: about the token in use.",
        examples: &[
            ("The token in use", "{} token lookup"),
            ("By accessor", "{} token lookup -accessor 9793c9b3..."),
        ],
        flags: &[ACCESSOR],
        shared: Shared::ServerField,
        args: (0, 1),
        run: Run::Async(|cx| Box::pin(lookup(cx))),
    },
    Command {
        name: "token renew",
        about: "Prolong the life of a token.",
        usage: "[options] [TOKEN | ACCESSOR]",
        details: "Without an argument: that of the token in use. Not beyond its maximum.",
        examples: &[("The token in use, for an hour", "{} token renew -increment=1h")],
        flags: &[ACCESSOR, Flag::duration("increment", "How long it should live from now on.").or(&["i"])],
        shared: Shared::ServerField,
        args: (0, 1),
        run: Run::Async(|cx| Box::pin(renew(cx))),
    },
    Command {
        name: "token revoke",
        about: "Revoke a token and its children.",
        usage: "[options] [TOKEN | ACCESSOR | PATH]",
        details: "",
        examples: &[
            ("One that leaked", "{} token revoke -accessor 9793c9b3..."),
            ("The token in use", "{} token revoke -self"),
            ("All that a login path granted", "{} token revoke -mode=path auth/userpass/login"),
        ],
        flags: &[
            ACCESSOR,
            Flag::switch("self", "Revoke the token in use."),
            Flag::text(
                "mode",
                "MODE",
                "\"orphan\" keeps the children; \"path\" revokes all that were granted below a path.",
            ),
        ],
        shared: Shared::ServerFormat,
        args: (0, 1),
        run: Run::Async(|cx| Box::pin(revoke(cx))),
    },
    Command {
        name: "token capabilities",
        about: "Show what a token may do with a path.",
        usage: "[options] [TOKEN | ACCESSOR] PATH",
        details: "Without TOKEN: the token in use.",
        examples: &[("What may I do with a secret", "{} token capabilities secret/data/app")],
        flags: &[ACCESSOR],
        shared: Shared::ServerFormat,
        args: (1, 2),
        run: Run::Async(|cx| Box::pin(capabilities(cx))),
    },
];

const ACCESSOR: Flag = Flag::switch("accessor", "The argument is an accessor, not a token.");

const CREATE_FLAGS: &[Flag] = &[
    Flag::list("policy", "NAME", "A policy of the token. May be given many times."),
    Flag::duration("ttl", "How long it lives unless it is renewed."),
    Flag::duration("explicit-max-ttl", "How long it lives at most, renewed or not."),
    Flag::duration("period", "It lives for ever if it is renewed within each such period."),
    Flag::switch("renewable", "Whether it can be renewed; true if not given."),
    Flag::switch("orphan", "It has no parent and outlives the token in use."),
    Flag::switch("no-default-policy", "Leave out the policy \"default\"."),
    Flag::number("use-limit", "How many requests it is good for; 0 for no limit."),
    Flag::text("type", "TYPE", "\"service\" or \"batch\"; service if not given."),
    Flag::text("display-name", "NAME", "A name for people to recognise it by."),
    Flag::list("metadata", "KEY=VALUE", "Metadata for the audit log. May be given many times."),
    Flag::text("role", "NAME", "The token role to create it by."),
    Flag::text("id", "ID", "The token itself. For root tokens' owners only."),
    Flag::text("entity-alias", "NAME", "The alias it belongs to; needs -role."),
];

async fn create(cx: &mut Context<'_>) -> Outcome {
    let mut body = Map::new();
    for (field, flag) in
        [("id", "id"), ("display_name", "display-name"), ("type", "type"), ("entity_alias", "entity-alias")]
    {
        if let Some(text) = cx.text(flag).filter(|t| !t.is_empty()) {
            body.insert(field.to_owned(), text.into());
        }
    }
    for (field, flag) in [("ttl", "ttl"), ("explicit_max_ttl", "explicit-max-ttl"), ("period", "period")] {
        if let Some(given) = cx.duration(flag) {
            body.insert(field.to_owned(), duration::go(given).into());
        }
    }
    for (field, flag) in [("no_parent", "orphan"), ("no_default_policy", "no-default-policy")] {
        if cx.is_on(flag) {
            body.insert(field.to_owned(), true.into());
        }
    }
    if let Some(limit) = cx.number("use-limit") {
        body.insert("num_uses".to_owned(), limit.into());
    }
    if !cx.list("policy").is_empty() {
        body.insert("policies".to_owned(), cx.list("policy").to_vec().into());
    }
    if !cx.list("metadata").is_empty() {
        body.insert("meta".to_owned(), cx.pairs("metadata")?.into());
    }
    // A batch token is never renewable, and the server refuses to be told so.
    if cx.text("type") != Some("batch") {
        body.insert("renewable".to_owned(), cx.switch("renewable").unwrap_or(true).into());
    }
    let path =
        cx.text("role").map_or("auth/token/create".to_owned(), |role| format!("auth/token/create/{role}"));
    let secret = cx.client()?.write(&path, body.into()).await.doing("creating token")?;
    let secret = secret.ok_or_else(|| Failure::server("The server's answer holds no token"))?;
    cx.print_secret(&secret)
}

async fn lookup(cx: &mut Context<'_>) -> Outcome {
    let client = cx.client()?;
    let argument = cx.arg(0).trim().to_owned();
    let result = match (argument.is_empty(), cx.is_on("accessor")) {
        (true, true) => return Err(accessor_missing()),
        (true, false) => client.read("auth/token/lookup-self").await,
        (false, true) => client.write("auth/token/lookup-accessor", json!({ "accessor": argument })).await,
        (false, false) => client.write("auth/token/lookup", json!({ "token": argument })).await,
    };
    let secret = result.doing("looking up token")?;
    let secret = secret.ok_or_else(|| Failure::server("The server's answer to the look-up is empty"))?;
    cx.print_secret(&secret)
}

async fn renew(cx: &mut Context<'_>) -> Outcome {
    let argument = cx.arg(0).trim().to_owned();
    let mut body = Map::new();
    if let Some(increment) = cx.duration("increment") {
        body.insert("increment".to_owned(), increment.as_secs().into());
    }
    let path = match (argument.is_empty(), cx.is_on("accessor")) {
        (true, true) => return Err(accessor_missing()),
        (true, false) => "auth/token/renew-self",
        (false, true) => {
            body.insert("accessor".to_owned(), argument.into());
            "auth/token/renew-accessor"
        }
        (false, false) => {
            body.insert("token".to_owned(), argument.into());
            "auth/token/renew"
        }
    };
    let secret = cx.client()?.write(path, body.into()).await.doing("renewing token")?;
    cx.print_written(secret, "Success! Renewed token")
}

async fn revoke(cx: &mut Context<'_>) -> Outcome {
    let argument = cx.arg(0).trim().to_owned();
    let mode = cx.text("mode").unwrap_or_default();
    let (itself, accessor) = (cx.is_on("self"), cx.is_on("accessor"));
    let (path, body) = match (itself, accessor, mode, argument.is_empty()) {
        (true, _, _, false) => {
            return Err(Failure::local("Too many arguments (with -self, expected 0, got 1)"));
        }
        (true, false, "", true) => ("auth/token/revoke-self".to_owned(), json!({})),
        (true, ..) => return Err(Failure::local("-self cannot be used together with -accessor or -mode")),
        (false, _, _, true) => {
            return Err(Failure::local("Not enough arguments: name a token, or use -self"));
        }
        (_, true, "", _) => ("auth/token/revoke-accessor".to_owned(), json!({ "accessor": argument })),
        (_, true, ..) => return Err(Failure::local("-accessor cannot be used together with -mode")),
        (_, _, "", _) => ("auth/token/revoke".to_owned(), json!({ "token": argument })),
        (_, _, "orphan", _) => ("auth/token/revoke-orphan".to_owned(), json!({ "token": argument })),
        (_, _, "path", _) => {
            (format!("sys/leases/revoke-prefix/{}", argument.trim_end_matches('/')), json!({}))
        }
        (_, _, other, _) => {
            return Err(Failure::local(format!("Invalid -mode {other:?}: use orphan or path")));
        }
    };
    let secret = cx.client()?.write(&path, body).await.doing("revoking token")?;
    cx.print_written(secret, "Success! Revoked token (if it existed)")
}

async fn capabilities(cx: &mut Context<'_>) -> Outcome {
    let (first, second) = (cx.arg(0).trim().to_owned(), cx.arg(1).trim().to_owned());
    let client = cx.client()?;
    let (path, result): (String, Result<_, Error>) = match (second.is_empty(), cx.is_on("accessor")) {
        (true, true) => {
            return Err(Failure::local("Not enough arguments: -accessor needs an accessor and a path"));
        }
        (true, false) => {
            let body = json!({ "paths": [first] });
            (first, client.write("sys/capabilities-self", body).await)
        }
        (false, true) => {
            let body = json!({ "accessor": first, "paths": [second] });
            (second, client.write("sys/capabilities-accessor", body).await)
        }
        (false, false) => {
            let body = json!({ "token": first, "paths": [second] });
            (second, client.write("sys/capabilities", body).await)
        }
    };
    let secret = result.doing("listing capabilities")?.unwrap_or_default();
    let list = secret.get("capabilities").or_else(|| secret.get(&path)).cloned();
    let mut names: Vec<String> = match list {
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => return Err(Failure::server("The server's answer holds no capabilities")),
    };
    names.sort();
    if cx.format()? == Format::Table {
        cx.say(names.join(", "));
        return Ok(Exit::OK);
    }
    cx.print_value(&Value::from(names))
}

fn accessor_missing() -> Failure {
    Failure::local("Not enough arguments: -accessor needs an accessor")
}
