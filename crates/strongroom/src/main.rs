//! The program; it lives in the library beside it, where fuzzing can reach its parts.

use std::process::ExitCode;

/// Requests are made of many small, short-lived pieces, freed by other threads than made them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    strongroom_server::main()
}
