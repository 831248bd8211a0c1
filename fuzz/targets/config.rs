//! Configuration files of the server. The program is no library, so its parser is included as it is.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::path::PathBuf;
use std::sync::LazyLock;

#[path = "../../crates/strongroom/src"]
#[allow(dead_code, unused_imports, unreachable_pub)]
mod program {
    pub(crate) mod config;
}

/// One file for each process, in memory where there is such a folder.
static FILE: LazyLock<PathBuf> = LazyLock::new(|| {
    let memory = PathBuf::from("/dev/shm");
    let folder = if memory.is_dir() { memory } else { std::env::temp_dir() };
    folder.join(format!("strongroom-fuzz-{}.hcl", std::process::id()))
});

fuzz_target!(|bytes: &[u8]| {
    std::fs::write(&*FILE, bytes).expect("a file to write to");
    let read = program::config::load(std::slice::from_ref(&*FILE));
    std::fs::remove_file(&*FILE).expect("the file is there");
    match read {
        Ok(config) => drop(program::config::sanitized(&config, "info", "standard")),
        Err(error) => assert!(!error.problem.is_empty()),
    }
});
