//! `list`.

use crate::command::{Command, Run, Shared};
use crate::context::Context;
use crate::failure::{Doing, Failure, Outcome};
use crate::output::Format;
use serde_json::json;
use strongroom_client::Secret;

pub(super) const COMMANDS: &[Command] = &[Command {
    name: "list",
    about: "List what is below a path.",
    usage: "[options] PATH",
    details: "Secrets of a key/value store are easier to list with \"kv list\".",
    examples: &[("The names of all users", "{} list auth/userpass/users")],
    flags: &[],
    shared: Shared::ServerFormat,
    args: (1, 1),
    run: Run::Async(|cx| Box::pin(list(cx))),
}];

async fn list(cx: &mut Context<'_>) -> Outcome {
    let path = cx.path_arg(0);
    let secret = cx.client()?.list(&path).await.doing(format!("listing {path}"))?;
    print(cx, secret, &path)
}

/// Prints a listing, or says that there is none.
pub(super) fn print(cx: &mut Context<'_>, secret: Option<Secret>, path: &str) -> Outcome {
    let Some(secret) = secret else {
        if cx.format()? != Format::Table {
            cx.print_value(&json!({}))?;
        }
        return Err(Failure::server(format!("No value found at {path}")));
    };
    if secret.wrap_info.is_some() {
        return cx.print_secret(&secret);
    }
    if secret.get("keys").is_none() {
        cx.print_warnings(&secret);
        return Err(Failure::server(format!("No entries found at {path}")));
    }
    cx.print_keys(&secret)
}
