//! The commands, one file each. A new one is a module that holds `COMMANDS`, and its line in `TABLE`.

use crate::command::Command;

pub(crate) mod version;

mod completion;
mod delete;
mod kv;
mod list;
mod login;
mod path_help;
mod print;
mod read;
mod token;
mod unwrap;
mod write;

const TABLE: &[&[Command]] = &[
    completion::COMMANDS,
    delete::COMMANDS,
    kv::COMMANDS,
    kv::metadata::COMMANDS,
    kv::versions::COMMANDS,
    list::COMMANDS,
    login::COMMANDS,
    path_help::COMMANDS,
    print::COMMANDS,
    read::COMMANDS,
    token::COMMANDS,
    unwrap::COMMANDS,
    version::COMMANDS,
    write::COMMANDS,
];

/// What the first word of several commands stands for.
pub(crate) const GROUPS: &[(&str, &str)] = &[
    ("audit", "Audit devices: where every request is recorded."),
    ("auth", "Auth methods: the ways to log in."),
    ("kv", "Secrets in a key/value store."),
    ("kv metadata", "What is known about a secret beside its values."),
    ("lease", "Leases: how long what was granted lives."),
    ("operator", "Running the server: initialise, unseal, rotate, back up."),
    ("policy", "Policies: what a token may do."),
    ("print", "What the command line itself knows."),
    ("secrets", "Secrets engines and where they are mounted."),
    ("token", "Tokens."),
];

/// All commands, `extra` ones included.
pub(crate) fn all(extra: &'static [Command]) -> Vec<&'static Command> {
    TABLE.iter().copied().flatten().chain(extra).collect()
}
