//! `completion`.

use crate::command::{Command, Run, Shared};
use crate::completion;
use crate::failure::Exit;

pub(super) const COMMANDS: &[Command] = &[Command {
    name: "completion",
    about: "Print completions for a shell.",
    usage: "bash|zsh|fish",
    details: "With -autocomplete-install instead of a command, the line that loads them is added to .bashrc and\n\
              .zshrc; with -autocomplete-uninstall it is removed.",
    examples: &[("For this shell only", "source <({} completion bash)")],
    flags: &[],
    shared: Shared::Nothing,
    args: (1, 1),
    run: Run::Plain(|cx| {
        let script = completion::script(cx.arg(0), cx.commands, cx.program())?;
        cx.say_bytes(script.as_bytes());
        Ok(Exit::OK)
    }),
}];
