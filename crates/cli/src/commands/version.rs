//! `version`.

use crate::command::{Command, Run, Shared};
use crate::failure::Exit;

pub(crate) const COMMANDS: &[Command] = &[Command {
    name: "version",
    about: "Print the version.",
    usage: "",
    details: "The first line is the Vault version whose API and command line this program speaks, for\n\
              scripts that parse it; the second is its own.",
    examples: &[("Print it", "{} version")],
    flags: &[],
    shared: Shared::Nothing,
    args: (0, 0),
    run: Run::Plain(|cx| {
        cx.host.write_out(&text());
        Ok(Exit::OK)
    }),
}];

/// Both lines.
pub(crate) fn text() -> String {
    let commit = option_env!("STRONGROOM_COMMIT").unwrap_or("strongroom");
    let own = env!("CARGO_PKG_VERSION");
    format!("Vault v{VAULT} ({commit}), built {BUILD_DATE}\nStrongroom v{own}\n")
}

/// When this program was built, as worked out by the build script: alike for all builds of a commit.
pub const BUILD_DATE: &str = env!("STRONGROOM_BUILT");

/// Clients choose features by it.
const VAULT: &str = "1.20.4";
