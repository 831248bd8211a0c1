//! `path-help`.

use crate::command::{Command, Run, Shared};
use crate::context::Context;
use crate::failure::{Doing, Exit, Failure, Outcome};
use crate::output::Format;
use strongroom_client::{Method, Request};

pub(super) const COMMANDS: &[Command] = &[Command {
    name: "path-help",
    about: "Explain a path of the API.",
    usage: "[options] PATH",
    details: "Only paths that are mounted on the server have help.",
    examples: &[("What can be done with users", "{} path-help auth/userpass/users/ada")],
    flags: &[],
    shared: Shared::ServerFormat,
    args: (1, 1),
    run: Run::Async(|cx| Box::pin(path_help(cx))),
}];

async fn path_help(cx: &mut Context<'_>) -> Outcome {
    let path = cx.path_arg(0);
    let request = Request::new(Method::Get, &path).query("help", "1");
    let answer =
        cx.client()?.send(request).await.and_then(|answer| answer.json()).doing("retrieving help")?;
    if cx.format()? != Format::Table {
        return cx.print_value(&answer);
    }
    let body = answer.get("data").filter(|data| data.get("help").is_some()).unwrap_or(&answer);
    let help = body.get("help").and_then(|h| h.as_str());
    let help = help.ok_or_else(|| Failure::server(format!("There is no help on {path}")))?;
    cx.say(help.trim_end());
    Ok(Exit::OK)
}
