//! The command line and the modes that end by themselves.

use crate::report::{self, Ending};
use crate::sessions::Sessions;
use crate::settings::{self, Mode};
use crate::{compose, exec, gather, patience::Patience, place, process, watch};
use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;
use strongroom_plan::{Plan, WATCH_ANNOTATION};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Does what the command line says. `exec` does not come back when it succeeds.
pub fn run(args: Vec<OsString>) -> ExitCode {
    process::leave_no_core();
    match dispatch(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(ending) => {
            ending.tell();
            ExitCode::from(ending.code)
        }
    }
}

fn dispatch(args: Vec<OsString>) -> Result<(), Ending> {
    let mut args = args.into_iter();
    let word = args.next().unwrap_or_default();
    let rest: Vec<OsString> = args.collect();
    match (word.to_str(), rest.as_slice()) {
        (Some("init"), []) => on_runtime(init(settings::plan(Mode::Init)?)),
        (Some("watch"), []) => on_runtime(watch::run(settings::plan(Mode::Watch)?)),
        (Some("exec"), [dashes, command @ ..]) if dashes == "--" && !command.is_empty() => {
            let plan = settings::plan(Mode::Exec)?;
            let prepared = on_runtime(exec::prepare(plan, command))?;
            Err(prepared.start())
        }
        (Some("ready"), []) => ready(),
        (Some("copy"), [to]) => copy(Path::new(to)),
        (Some("version" | "--version"), []) => {
            report::say(concat!("version ", env!("CARGO_PKG_VERSION")));
            Ok(())
        }
        _ => Err(Ending::usage(USAGE.to_owned())),
    }
}

const USAGE: &str = "usage: strongroom-init init | watch | ready | exec -- COMMAND [ARGUMENTS] | copy DESTINATION | \
                     version; what to do is read from STRONGROOM_PLAN";

/// One thread, so that the program stays small.
fn on_runtime<T>(work: impl Future<Output = Result<T, Ending>>) -> Result<T, Ending> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .max_blocking_threads(1)
        .build()
        .map_err(|e| Ending::failed(format!("cannot start: {e}")))?;
    runtime.block_on(work)
}

async fn init(plan: Plan) -> Result<(), Ending> {
    let mut stop = termination()?;
    let mut sessions = Sessions::new(&plan)?;
    let work = async {
        let secrets = gather::all(&plan, &mut sessions, &Patience::of(&plan)).await?;
        gather::refuse_leases(&secrets, &format!("annotate the Pod with {WATCH_ANNOTATION}"))?;
        place::all(compose::files(&plan, &secrets)).map(drop)
    };
    let result = unless_stopped(&mut stop, work).await;
    sessions.end().await;
    result
}

/// What tells that the Pod is to end. A program that is PID 1 does not end by itself.
pub(crate) fn termination() -> Result<Signal, Ending> {
    signal(SignalKind::terminate()).map_err(|e| Ending::failed(format!("cannot wait for SIGTERM: {e}")))
}

/// Does the work unless SIGTERM comes first.
pub(crate) async fn unless_stopped<T>(
    stop: &mut Signal,
    work: impl Future<Output = Result<T, Ending>>,
) -> Result<T, Ending> {
    tokio::select! {
        result = work => result,
        _ = stop.recv() => Err(Ending::stopped()),
    }
}

fn ready() -> Result<(), Ending> {
    if process::is_watching() {
        Ok(())
    } else {
        Err(Ending::quiet("not ready: no watch has written its files yet".to_owned()))
    }
}

/// Copies the program itself, for containers whose image lacks it.
fn copy(to: &Path) -> Result<(), Ending> {
    let failed =
        |e: std::io::Error| Ending::failed(format!("cannot copy strongroom-init to {}: {e}", to.display()));
    let own = std::env::current_exe().map_err(failed)?;
    let bytes = std::fs::read(own).map_err(failed)?;
    let to = if to.is_dir() { to.join("strongroom-init") } else { to.to_owned() };
    place::put(&to, 0o555, &bytes).map_err(Ending::failed).map(drop)
}
