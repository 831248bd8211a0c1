//! `policy lint` and `policy test`: a policy before it is written.

use crate::command::{Command, Run, Shared};
use crate::context::Context;
use crate::failure::{Doing, Exit, Failure, Outcome};
use crate::output::Format;
use serde_json::{Value, json};
use strongroom_client::{Method, Request};
use strongroom_policy::lint;
use strongroom_wire::Map;

pub(in crate::commands) const COMMANDS: &[Command] = &[
    Command {
        name: "policy lint",
        about: "Look a policy over for what is hardly meant.",
        usage: "[options] FILE|NAME",
        details: "Finds typos, rules that match nothing or that others stand before, paths of stores with versions without\n\
                  data/, places where nothing is mounted, and rules that give away too much. - stands for standard input;\n\
                  what is no file is the name of a policy on the server. Ends with 2 if there are findings.",
        examples: &[
            ("A file before it is written", "{} policy lint app.hcl"),
            ("One that is in force", "{} policy lint app"),
        ],
        flags: &[],
        shared: Shared::ServerFormat,
        args: (1, 1),
        run: Run::Async(|cx| Box::pin(check(cx))),
    },
    Command {
        name: "policy test",
        about: "Show what a policy would allow, without writing it.",
        usage: "[options] FILE METHOD PATH",
        details: "METHOD is a verb (GET, PUT, LIST, ...) or a capability (read, update, list, ...). What the policy\n\
                  \"default\" adds is left out.",
        examples: &[("May its holder read a secret", "{} policy test app.hcl GET secret/data/app/db")],
        flags: &[],
        shared: Shared::ServerField,
        args: (3, 3),
        run: Run::Async(|cx| Box::pin(test(cx))),
    },
];

/// Prints what in a policy is hardly meant, as far as it shows without knowing the mounts.
pub(super) fn warn_of(cx: &mut Context<'_>, name: &str, text: &str) {
    let Ok(policy) = strongroom_policy::parse(name, text) else { return };
    for finding in lint::lint(&policy, None) {
        cx.warn(format!("Warning: path {:?}: {}", finding.pattern, finding.message));
    }
}

async fn check(cx: &mut Context<'_>) -> Outcome {
    let text = text(cx).await?;
    let answer = cx.client()?.write("sys/policies/lint", json!({ "policy": text })).await;
    let answer = answer.doing("looking the policy over")?;
    let answer = answer.ok_or_else(|| Failure::server("The server's answer is empty"))?;
    let findings = answer.get("findings").and_then(Value::as_array).cloned().unwrap_or_default();
    let is_clean = findings.is_empty();
    if cx.format()? != Format::Table {
        cx.print_value(&Value::Array(findings))?;
    } else if is_clean {
        cx.say("Nothing to object to.");
    } else {
        for finding in &findings {
            let text = |name: &str| finding.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            let place = match finding.get("line").and_then(Value::as_u64) {
                Some(line) => format!("line {line}"),
                None => format!("path {:?}", text("path")),
            };
            cx.say(format!("{place}: {} ({})", text("message"), text("kind")));
        }
    }
    if is_clean { Ok(Exit::OK) } else { Ok(Exit(2)) }
}

/// The policy that the first argument means.
async fn text(cx: &mut Context<'_>) -> Result<String, Failure> {
    let named = cx.arg(0).trim().to_owned();
    if named == "-" || std::path::Path::new(named.strip_prefix('@').unwrap_or(&named)).is_file() {
        return super::source(cx, 0);
    }
    let found = cx.client()?.read(&format!("sys/policies/acl/{}", named.to_lowercase())).await;
    let found = found.doing(format!("reading policy named {named}"))?;
    let rules = found.as_ref().and_then(|f| f.text("policy"));
    rules
        .map(str::to_owned)
        .ok_or_else(|| Failure::server(format!("There is neither a file nor a policy named {named}")))
}

async fn test(cx: &mut Context<'_>) -> Outcome {
    let policy = super::source(cx, 0)?;
    let (verb_field, verb) = super::verb(cx.arg(1));
    let path = cx.arg(2).trim().to_owned();
    let body = Map::from_iter([
        ("policy".to_owned(), policy.into()),
        (verb_field.to_owned(), verb.into()),
        ("path".to_owned(), path.clone().into()),
    ]);
    let request = Request::new(Method::Post, "sys/policies/test").body(body.into());
    let answer = cx.client()?.send(request).await.and_then(|answer| answer.secret());
    let answer = answer.doing(format!("testing {path}"))?;
    let answer = answer.ok_or_else(|| Failure::server("The server's answer is empty"))?;
    cx.print_secret(&answer)
}
