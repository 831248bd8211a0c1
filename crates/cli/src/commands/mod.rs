//! The commands, one file each. A new one is a module that holds `COMMANDS`, and its line in `TABLE`.

use crate::command::Command;

pub(crate) mod version;

mod audit;
mod auth;
mod completion;
mod delete;
mod k8s;
mod kv;
mod lease;
mod list;
mod login;
mod mounts;
mod namespace;
mod operator;
mod path_help;
mod policy;
mod print;
mod read;
mod secrets;
mod status;
mod token;
mod tokens;
mod unwrap;
mod version_history;
mod write;

const TABLE: &[&[Command]] = &[
    audit::COMMANDS,
    auth::COMMANDS,
    completion::COMMANDS,
    delete::COMMANDS,
    k8s::COMMANDS,
    kv::COMMANDS,
    kv::across::COMMANDS,
    kv::metadata::COMMANDS,
    kv::versions::COMMANDS,
    lease::COMMANDS,
    list::COMMANDS,
    login::COMMANDS,
    namespace::COMMANDS,
    operator::init::COMMANDS,
    operator::unseal::COMMANDS,
    operator::COMMANDS,
    operator::rekey::COMMANDS,
    operator::generate_root::COMMANDS,
    operator::snapshot::COMMANDS,
    path_help::COMMANDS,
    policy::COMMANDS,
    policy::check::COMMANDS,
    print::COMMANDS,
    read::COMMANDS,
    secrets::COMMANDS,
    status::COMMANDS,
    token::COMMANDS,
    tokens::COMMANDS,
    unwrap::COMMANDS,
    version::COMMANDS,
    version_history::COMMANDS,
    write::COMMANDS,
];

/// What the first word of several commands stands for.
pub(crate) const GROUPS: &[(&str, &str)] = &[
    ("audit", "Audit devices: where every request is recorded."),
    ("auth", "Auth methods: the ways to log in."),
    ("k8s", "Secrets in Kubernetes: manifests with vaultSecret. Also called as \"kubectl strongroom\"."),
    ("kv", "Secrets in a key/value store."),
    ("kv metadata", "What is known about a secret beside its values."),
    ("lease", "Leases: how long what was granted lives."),
    ("namespace", "Namespaces: servers within the server, each with mounts, policies and tokens of its own."),
    ("operator raft", "The store behind the server, under the name that scripts know."),
    ("operator raft snapshot", "Copies of the whole store."),
    ("operator snapshot", "Copies of the whole store."),
    ("operator", "Running the server: initialise, unseal, rotate, back up."),
    ("policy", "Policies: what a token may do."),
    ("print", "What the command line itself knows."),
    ("secrets", "Secrets engines and where they are mounted."),
    ("token", "Tokens."),
];

/// Commands that people may know from elsewhere and that are not here, with the way round.
pub(crate) const ABSENT: &[(&str, &str)] = &[
    ("agent", "The agent runs beside the server's clients and is not part of this program."),
    ("debug", "What the server counts can be read with \"read sys/metrics\"."),
    ("events", "Events are not published yet."),
    ("hcp", "There is no hosted service to connect to."),
    ("monitor", "The server's log is on its standard error."),
    ("pki", "There is no such engine yet."),
    ("plugin", "Engines and auth methods are part of the server: see \"read sys/plugins/catalog\"."),
    ("proxy", "The proxy runs beside the server's clients and is not part of this program."),
    ("ssh", "There is no such engine yet."),
    ("transform", "There is no such engine."),
    ("transit", "There is no such engine yet."),
];

/// All commands, `extra` ones included.
pub(crate) fn all(extra: &'static [Command]) -> Vec<&'static Command> {
    TABLE.iter().copied().flatten().chain(extra).collect()
}
