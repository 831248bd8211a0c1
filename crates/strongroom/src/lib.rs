//! Strongroom: the server and its command line in one program. Here the parts are put together.

mod cluster;
mod config;
mod log;
mod migrate;
mod server;
mod stores;

pub use config::check as check_config;
pub use server::plugs;

use std::process::ExitCode;
use strongroom_cli::Command;

/// The commands that need more than the API.
const COMMANDS: &[Command] = &[server::COMMAND, migrate::COMMAND, cluster::WEBHOOK, cluster::OPERATOR];

/// Runs the program with the process's arguments.
pub fn main() -> ExitCode {
    strongroom_cli::main(COMMANDS)
}
