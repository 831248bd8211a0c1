//! `operator migrate`: copies a store into another one.

use crate::config::{self, Storage};
use crate::stores::Opened;
use std::path::Path;
use strongroom_barrier::snapshot;
use strongroom_cli::{Command, Context, Exit, Failure, Flag, Outcome, Run, Shared};

pub(crate) const COMMAND: Command = Command {
    name: "operator migrate",
    about: "Copy all entries of one store into another.",
    usage: "-config=FILE",
    details: "No server may run on either store. The file has a stanza storage_source and a stanza \
              storage_destination. The destination must be empty; a copy that was interrupted is continued by \
              the same command. Entries stay encrypted as they are, so the keys stay the same.",
    examples: &[("Copy what the file says", "{} operator migrate -config=migrate.hcl")],
    flags: &[Flag::text("config", "FILE", "The file with both stanzas.")],
    shared: Shared::Nothing,
    args: (0, 0),
    run: Run::Plain(run),
};

fn run(cx: &mut Context<'_>) -> Outcome {
    let file = cx.text("config").map(str::to_owned);
    let file = file.ok_or_else(|| Failure::local("Missing -config=FILE, the file that names both stores"))?;
    let plan = config::migration(Path::new(&file)).map_err(|e| Failure::local(e.to_string()))?;
    for warning in &plan.warnings {
        cx.warn(format!("Warning: {warning}"));
    }
    if [&plan.source, &plan.destination].into_iter().any(|s| *s == Storage::Memory) {
        return Err(Failure::local("\"inmem\" keeps nothing, so there is nothing to copy from or to it"));
    }
    let source = open("storage_source", &plan.source)?;
    let destination = open("storage_destination", &plan.destination)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::local(format!("cannot start: {e}")))?;
    let copied = runtime.block_on(async {
        let copied = snapshot::migrate(&*source.store(), &*destination.store()).await;
        source.close().await;
        destination.close().await;
        copied
    });
    let copied = copied.map_err(|e| Failure::local(format!("Error copying: {e}")))?;
    let again = if copied.resumed { " (an earlier attempt was continued)" } else { "" };
    cx.say(format!("Success! All of the keys have been migrated: {} entries{again}.", copied.entries));
    Ok(Exit::OK)
}

fn open(stanza: &str, storage: &Storage) -> Result<Opened, Failure> {
    Opened::open(storage).map_err(|why| Failure::local(format!("{stanza}: {why}")))
}
