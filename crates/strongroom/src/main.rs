//! The program; it lives in the library beside it, where fuzzing can reach its parts.

use std::process::ExitCode;

fn main() -> ExitCode {
    strongroom_server::main()
}
