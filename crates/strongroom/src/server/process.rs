//! The process itself: what it must not leave behind, and what it needs.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Memory holds keys, so no core dump may hold memory; and every connection is a file. Memory is not
/// locked: that takes a privilege and keeps nothing off a swap that is off or encrypted, as it should
/// be. What the operating system refuses is logged, not fatal.
pub(crate) fn harden() {
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    if let Err(error) = setrlimit(Resource::Core, none) {
        tracing::warn!(%error, "core dumps could not be switched off");
    }
    let files = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: files.maximum, ..files }) {
        tracing::warn!(%error, "the limit on open files could not be raised");
    }
    if let Err(error) = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)
    {
        tracing::warn!(%error, "the memory could not be closed to debuggers");
    }
    std::panic::set_hook(Box::new(|panic| {
        // The message of a panic may hold anything; its place is enough to find it.
        let place = panic.location().map_or_else(String::new, ToString::to_string);
        let text = panic.payload().downcast_ref::<&'static str>().copied().unwrap_or("");
        tracing::error!(place, text, "a panic");
    }));
}

/// The file with the process id, which goes with the server.
pub(super) struct PidFile(PathBuf);

impl PidFile {
    pub(super) fn write(path: &Path) -> std::io::Result<Self> {
        let mut file =
            std::fs::OpenOptions::new().create(true).write(true).truncate(true).mode(0o644).open(path)?;
        writeln!(file, "{}", std::process::id())?;
        Ok(Self(path.to_owned()))
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
