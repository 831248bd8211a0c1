//! `print token`.

use crate::command::{Command, Run, Shared};
use crate::context::Context;
use crate::failure::{Exit, Failure, Outcome};
use crate::token_helper;

pub(super) const COMMANDS: &[Command] = &[Command {
    name: "print token",
    about: "Print the token in use.",
    usage: "",
    details: "That is VAULT_TOKEN, or else the one \"login\" stored.",
    examples: &[(
        "Use it with curl",
        "curl -H \"X-Vault-Token: $({} print token)\" $VAULT_ADDR/v1/secret/data/app",
    )],
    flags: &[],
    shared: Shared::Nothing,
    args: (0, 0),
    run: Run::Plain(print),
}];

fn print(cx: &mut Context<'_>) -> Outcome {
    let token = match cx.variable("VAULT_TOKEN") {
        Some(token) => Some(token),
        None => token_helper::load(&*cx.host.variable)?,
    };
    let token = token.ok_or_else(|| {
        Failure::local("There is no token.").advised("Log in ({} login) or set VAULT_TOKEN.")
    })?;
    cx.say(token.trim());
    Ok(Exit::OK)
}
