//! The command line.
//!
//! Each command is one [`Command`] value: name, flags, help, examples and the function that does the
//! work. Parser, help texts and shell completions all derive from it. Commands live in
//! `src/commands/`, one file each, with one line in that module's table. The binary adds commands
//! of its own (the server) through [`main`].

mod command;
mod commands;
mod completion;
mod context;
mod failure;
mod flags;
mod help;
mod host;
mod output;
mod parse;
mod run;
mod terminal;
mod token_helper;
mod values;

pub use command::{Command, Example, Flag, Run, Shared, Takes, Work};
pub use commands::version::BUILD_DATE;
pub use context::Context;
pub use failure::{Doing, Exit, Failure, Outcome};
pub use host::{Host, Variables};
pub use output::Format;
pub use run::{main, run};
