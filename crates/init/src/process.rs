//! This process and others: core dumps, who is watching, whom to signal.

use crate::report::say;
use rustix::process::{DumpableBehavior, Pid, Signal, kill_process, set_dumpable_behavior};
use std::path::Path;

/// Values are not to rest in a core dump. The next program sets this for itself.
pub(crate) fn leave_no_core() {
    if let Err(e) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        say(&format!("core dumps could not be switched off: {e}"));
    }
}

/// Tells `strongroom-init ready` that everything was written. The process's name carries it: it needs no place
/// to write to, and ends with the process.
pub(crate) fn show_watching() {
    if let Err(e) = rustix::thread::set_name(WATCHING) {
        say(&format!("readiness cannot be shown: {e}"));
    }
}

/// Whether a watch has written its files.
pub(crate) fn is_watching() -> bool {
    WATCHING.to_str().is_ok_and(|name| !named(name).is_empty())
}

/// Sends a signal to every process of this name.
pub(crate) fn notify(name: &str, signal: &str) {
    let Some(number) = signal_number(signal) else { return };
    let processes = named(name);
    if processes.is_empty() {
        say(&format!("no process is called {name:?}: {signal} not sent (is shareProcessNamespace set?)"));
    }
    for pid in processes {
        match kill_process(pid, number) {
            Ok(()) => say(&format!("{signal} sent to {name} ({})", pid.as_raw_nonzero())),
            Err(e) => say(&format!(
                "{signal} could not be sent to {name} ({}): {e}; give both containers the same runAsUser, or this \
                 one the capability KILL",
                pid.as_raw_nonzero()
            )),
        }
    }
}

/// The signals that programs are told by to read their files again, or to end.
pub(crate) fn signal_number(name: &str) -> Option<Signal> {
    Some(match name.strip_prefix("SIG").unwrap_or(name) {
        "HUP" => Signal::HUP,
        "INT" => Signal::INT,
        "QUIT" => Signal::QUIT,
        "USR1" => Signal::USR1,
        "USR2" => Signal::USR2,
        "TERM" => Signal::TERM,
        "WINCH" => Signal::WINCH,
        _ => return None,
    })
}

/// The processes of this name, but for this one.
fn named(name: &str) -> Vec<Pid> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let own = std::process::id();
    let pids = entries.flatten().filter_map(|entry| {
        let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
        let is_other = u32::try_from(pid).is_ok_and(|pid| pid != own);
        (is_other && is_called(&entry.path(), name)).then(|| Pid::from_raw(pid)).flatten()
    });
    pids.collect()
}

/// The kernel keeps the first 15 bytes of a name.
fn is_called(process: &Path, name: &str) -> bool {
    let kept = name.as_bytes().get(..KEPT).unwrap_or(name.as_bytes());
    std::fs::read(process.join("comm")).is_ok_and(|comm| comm.strip_suffix(b"\n").unwrap_or(&comm) == kept)
}

const KEPT: usize = 15;
const WATCHING: &std::ffi::CStr = c"strongroom-keep";
