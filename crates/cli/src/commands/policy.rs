//! `policy list`, `read`, `write`, `delete`, `fmt`, `explain`.

pub(super) mod check;
mod layout;

use crate::command::{Command, Flag, Run, Shared};
use crate::context::Context;
use crate::failure::{Doing, Exit, Failure, Outcome};
use crate::output::Format;
use serde_json::{Value, json};
use std::path::Path;
use strongroom_client::{Method, Request};
use strongroom_wire::{Map, Operation};

pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "policy list",
        about: "List the policies.",
        usage: "[options]",
        details: "",
        examples: &[("Their names", "{} policy list")],
        flags: &[],
        shared: Shared::ServerFormat,
        args: (0, 0),
        run: Run::Async(|cx| Box::pin(list(cx))),
    },
    Command {
        name: "policy read",
        about: "Print a policy.",
        usage: "[options] NAME",
        details: "",
        examples: &[("Into a file", "{} policy read app > app.hcl")],
        flags: &[],
        shared: Shared::ServerField,
        args: (1, 1),
        run: Run::Async(|cx| Box::pin(read(cx))),
    },
    Command {
        name: "policy write",
        about: "Create or replace a policy.",
        usage: "[options] NAME FILE",
        details: "FILE holds HCL or JSON; - stands for standard input.",
        examples: &[
            ("From a file", "{} policy write app app.hcl"),
            ("From standard input", "cat app.hcl | {} policy write app -"),
        ],
        flags: &[],
        shared: Shared::Server,
        args: (2, 2),
        run: Run::Async(|cx| Box::pin(write(cx))),
    },
    Command {
        name: "policy delete",
        about: "Delete a policy.",
        usage: "[options] NAME",
        details: "Tokens that have it lose at once what it allowed.",
        examples: &[("By name", "{} policy delete app")],
        flags: &[],
        shared: Shared::Server,
        args: (1, 1),
        run: Run::Async(|cx| Box::pin(delete(cx))),
    },
    Command {
        name: "policy fmt",
        about: "Lay out a policy file in the usual way.",
        usage: "FILE",
        details: "Checks the policy and writes the file anew. No server is asked.",
        examples: &[("A file", "{} policy fmt app.hcl")],
        flags: &[],
        shared: Shared::Nothing,
        args: (1, 1),
        run: Run::Plain(fmt),
    },
    Command {
        name: "policy explain",
        about: "Show which rule decides whether a token may do something.",
        usage: "[options] TOKEN METHOD PATH",
        details: "METHOD is a verb (GET, PUT, LIST, ...) or a capability (read, update, list, ...). TOKEN may be - for\n\
                  standard input, an accessor with -accessor, or names of policies with -policies.",
        examples: &[
            ("Why may a token not read", "{} policy explain hvs.CAES... GET secret/data/app"),
            (
                "What would two policies allow",
                "{} policy explain -policies app,default LIST secret/metadata/",
            ),
        ],
        flags: &[
            Flag::switch("accessor", "TOKEN is an accessor."),
            Flag::switch("policies", "TOKEN is a list of policies, with commas."),
        ],
        shared: Shared::ServerField,
        args: (3, 3),
        run: Run::Async(|cx| Box::pin(explain(cx))),
    },
];

async fn list(cx: &mut Context<'_>) -> Outcome {
    let request = Request::new(Method::List, "sys/policies/acl");
    let found = super::status::fields(&cx.client()?, request).await.doing("listing policies")?;
    let names = found.get("keys").or_else(|| found.get("policies")).and_then(Value::as_array);
    let names = names.cloned().unwrap_or_default();
    if cx.format()? != Format::Table {
        return cx.print_value(&Value::Array(names));
    }
    for name in names.iter().filter_map(Value::as_str) {
        cx.say(name);
    }
    Ok(Exit::OK)
}

async fn read(cx: &mut Context<'_>) -> Outcome {
    let name = policy_name(cx);
    let found = cx.client()?.read(&format!("sys/policies/acl/{name}")).await;
    let found = found.doing(format!("reading policy named {name}"))?;
    let rules = found.as_ref().and_then(|f| f.text("policy").or_else(|| f.text("rules")));
    let rules = rules.ok_or_else(|| Failure::server(format!("No policy named: {name}")))?.to_owned();
    if let Some(field) = cx.text("field").map(str::to_owned) {
        let value = (field == "policy").then(|| Value::from(rules));
        return cx.print_field(value, &field);
    }
    if cx.format()? != Format::Table {
        return cx.print_value(&json!({ "policy": rules }));
    }
    cx.say(rules.trim());
    Ok(Exit::OK)
}

async fn write(cx: &mut Context<'_>) -> Outcome {
    let name = policy_name(cx);
    let rules = source(cx, 1)?;
    let path = format!("sys/policies/acl/{name}");
    cx.client()?.write(&path, json!({ "policy": rules })).await.doing("uploading policy")?;
    check::warn_of(cx, &name, &rules);
    cx.say(format!("Success! Uploaded policy: {name}"));
    Ok(Exit::OK)
}

/// The rules in the file that an argument names, or on standard input.
fn source(cx: &mut Context<'_>, index: usize) -> Result<String, Failure> {
    match cx.arg(index).trim() {
        "-" => String::from_utf8(cx.read_stdin()?)
            .map_err(|_| Failure::server("Error reading from stdin: it is not UTF-8 text")),
        file => {
            let file = file.strip_prefix('@').unwrap_or(file);
            std::fs::read_to_string(file)
                .map_err(|e| Failure::server(format!("Error opening policy file {file}: {e}")))
        }
    }
}

/// A verb as requests about policies have it: the name of the field, and what it holds.
fn verb(given: &str) -> (&'static str, String) {
    let given = given.trim();
    let lower = match given.to_ascii_lowercase().as_str() {
        "write" => Operation::Update.as_str().to_owned(),
        lower => lower.to_owned(),
    };
    let is_operation = Operation::ALL.iter().any(|o| o.as_str() == lower);
    if is_operation { ("operation", lower) } else { ("method", given.to_ascii_uppercase()) }
}

async fn delete(cx: &mut Context<'_>) -> Outcome {
    let name = policy_name(cx);
    let path = format!("sys/policies/acl/{name}");
    cx.client()?.delete(&path).await.doing(format!("deleting {name}"))?;
    cx.say(format!("Success! Deleted policy: {name}"));
    Ok(Exit::OK)
}

fn fmt(cx: &mut Context<'_>) -> Outcome {
    let file = cx.arg(0).to_owned();
    let text = std::fs::read_to_string(&file)
        .map_err(|e| Failure::local(format!("Error opening policy file {file}: {e}")))?;
    strongroom_policy::parse(&file, &text)
        .map_err(|e| Failure::local(format!("Error parsing policy file {file}: {e}")))?;
    if text.trim_start().starts_with('{') {
        return Err(Failure::local(format!("{file} is a policy in JSON: only HCL is laid out")));
    }
    let neat = layout::neat(&text);
    if neat != text {
        super::operator::snapshot::write_file(Path::new(&file), neat.as_bytes())
            .map_err(|e| Failure::local(format!("Error writing {file}: {e}")))?;
    }
    cx.say(format!("Success! Formatted policy: {file}"));
    Ok(Exit::OK)
}

async fn explain(cx: &mut Context<'_>) -> Outcome {
    let who = match cx.arg(0).trim() {
        "-" => String::from_utf8(cx.read_stdin()?)
            .map_err(|_| Failure::local("The token on standard input is not text"))?
            .trim()
            .to_owned(),
        who => who.to_owned(),
    };
    let (verb_field, verb) = verb(cx.arg(1));
    let path = cx.arg(2).trim().to_owned();
    let who_field = match (cx.is_on("accessor"), cx.is_on("policies")) {
        (true, true) => return Err(Failure::local("use only one of -accessor and -policies")),
        (true, false) => "accessor",
        (false, true) => "policies",
        (false, false) => "token",
    };
    let body = Map::from_iter([
        (who_field.to_owned(), who.into()),
        (verb_field.to_owned(), verb.into()),
        ("path".to_owned(), path.clone().into()),
    ]);
    let request = Request::new(Method::Post, "sys/internal/explain").body(body.into());
    let answer = cx.client()?.send(request).await.and_then(|answer| answer.secret());
    let answer = answer.doing(format!("explaining {path}"))?;
    let answer = answer.ok_or_else(|| Failure::server("The server's answer is empty"))?;
    cx.print_secret(&answer)
}

/// Names of policies are lower case, whatever was typed.
fn policy_name(cx: &Context<'_>) -> String {
    cx.arg(0).trim().to_lowercase()
}
