//! How a command is declared.

use crate::context::Context;
use crate::failure::Outcome;
use std::future::Future;
use std::pin::Pin;

/// A command: what the parser, the help text and the completions need, and what it does.
#[derive(Debug, Clone, Copy)]
pub struct Command {
    /// Its words, as in `kv metadata get`.
    pub name: &'static str,
    /// One line for lists of commands.
    pub about: &'static str,
    /// What follows the name, as in `[options] PATH [KEY=VALUE ...]`.
    pub usage: &'static str,
    /// What a user has to know, a paragraph or two; may be empty.
    pub details: &'static str,
    /// At least one.
    pub examples: &'static [Example],
    /// Its own flags.
    pub flags: &'static [Flag],
    /// The flags it shares with others.
    pub shared: Shared,
    /// The least and the largest number of arguments.
    pub args: (usize, usize),
    /// What it does.
    pub run: Run,
}

/// A purpose and a command line, in which `{}` stands for the program's name.
pub type Example = (&'static str, &'static str);

/// What a command does.
#[derive(Debug, Clone, Copy)]
pub enum Run {
    /// Talks to a server, on a runtime of one thread. Written `Run::Async(|cx| Box::pin(get(cx)))`.
    Async(for<'c, 'h> fn(&'c mut Context<'h>) -> Work<'c>),
    /// Needs no runtime, and calls another program: flags that it does not have are arguments for that.
    Wrapper(for<'c, 'h> fn(&'c mut Context<'h>) -> Outcome),
    /// Needs no runtime, or makes one itself.
    Plain(for<'c, 'h> fn(&'c mut Context<'h>) -> Outcome),
}

/// A command at work.
pub type Work<'c> = Pin<Box<dyn Future<Output = Outcome> + 'c>>;

/// Which of the shared flags a command takes. All take `-help`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shared {
    /// None.
    Nothing,
    /// `-format`.
    Format,
    /// Those about reaching the server.
    Server,
    /// Those and `-format`.
    ServerFormat,
    /// Those, `-format` and `-field`.
    ServerField,
}

/// A flag. Written with one dash or two.
#[derive(Debug, Clone, Copy)]
pub struct Flag {
    /// Its name, without dashes.
    pub name: &'static str,
    /// Other names.
    pub aliases: &'static [&'static str],
    /// What follows it.
    pub takes: Takes,
    /// What it is for, one or two sentences.
    pub help: &'static str,
    /// The environment variable that stands in for it, for the help text; may be empty.
    pub env: &'static str,
}

/// What follows a flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// Nothing, or `=true` and `=false`.
    Switch,
    /// One text, called so in the help; the last one given counts.
    Text(&'static str),
    /// A text, any number of times.
    List(&'static str),
    /// A duration.
    Duration,
    /// A whole number, perhaps negative.
    Number,
}

impl Flag {
    /// A flag that is there or not.
    pub const fn switch(name: &'static str, help: &'static str) -> Self {
        Self { name, aliases: &[], takes: Takes::Switch, help, env: "" }
    }

    /// A flag with a text, which the help calls `what`.
    pub const fn text(name: &'static str, what: &'static str, help: &'static str) -> Self {
        Self { name, aliases: &[], takes: Takes::Text(what), help, env: "" }
    }

    /// A flag that may be given many times.
    pub const fn list(name: &'static str, what: &'static str, help: &'static str) -> Self {
        Self { name, aliases: &[], takes: Takes::List(what), help, env: "" }
    }

    /// A flag with a duration such as `90`, `1h30m` or `7d`.
    pub const fn duration(name: &'static str, help: &'static str) -> Self {
        Self { name, aliases: &[], takes: Takes::Duration, help, env: "" }
    }

    /// A flag with a whole number.
    pub const fn number(name: &'static str, help: &'static str) -> Self {
        Self { name, aliases: &[], takes: Takes::Number, help, env: "" }
    }

    /// The same with further names.
    #[must_use]
    pub const fn or(self, aliases: &'static [&'static str]) -> Self {
        Self { aliases, ..self }
    }

    /// The same with a variable that stands in for it.
    #[must_use]
    pub const fn env(self, env: &'static str) -> Self {
        Self { env, ..self }
    }

    /// Whether `name` is one of its names.
    pub(crate) fn is_called(&self, name: &str) -> bool {
        self.name == name || self.aliases.contains(&name)
    }
}

impl Command {
    /// Its own flags and the shared ones.
    pub(crate) fn all_flags(&self) -> impl Iterator<Item = &'static Flag> {
        let (server, format, field) = match self.shared {
            Shared::Nothing => (false, false, false),
            Shared::Format => (false, true, false),
            Shared::Server => (true, false, false),
            Shared::ServerFormat => (true, true, false),
            Shared::ServerField => (true, true, true),
        };
        let pick = |on: bool, flags: &'static [Flag]| if on { flags } else { &[] };
        (self.flags.iter())
            .chain(pick(field, crate::flags::FIELD))
            .chain(pick(format, crate::flags::FORMAT))
            .chain(pick(server, crate::flags::SERVER))
    }
}
