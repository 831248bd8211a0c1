//! `operator raft snapshot save`, `restore`, and the same without `raft`.

use crate::command::{Command, Flag, Run, Shared};
use crate::context::Context;
use crate::failure::{Doing, Exit, Failure, Outcome};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use strongroom_client::{Method, Request};

pub(in crate::commands) const COMMANDS: &[Command] = &[
    Command { name: "operator raft snapshot save", ..SAVE },
    Command { name: "operator raft snapshot restore", ..RESTORE },
    SAVE,
    RESTORE,
];

const SAVE: Command = Command {
    name: "operator snapshot save",
    about: "Save the whole store into a file.",
    usage: "[options] FILE",
    details: "The file is encrypted as the store is: restoring it needs the unseal keys of today. It is written beside\n\
              FILE first, so that a save that fails leaves an older FILE as it was. A dash is standard output.",
    examples: &[
        ("A backup", "{} operator snapshot save backup.snap"),
        ("Into another program", "{} operator snapshot save - | ssh backup 'cat > strongroom.snap'"),
    ],
    flags: &[],
    shared: Shared::Server,
    args: (1, 1),
    run: Run::Async(|cx| Box::pin(save(cx))),
};

const RESTORE: Command = Command {
    name: "operator snapshot restore",
    about: "Replace the whole store by a snapshot.",
    usage: "[options] FILE",
    details: "All that was written since the snapshot is gone. -force also takes a snapshot of another server, or from\n\
              before a rekeying; then the keys that belong to it unseal the server. A dash is standard input.",
    examples: &[("Back to yesterday", "{} operator snapshot restore backup.snap")],
    flags: &[Flag::switch("force", "Take a snapshot with other keys too.")],
    shared: Shared::Server,
    args: (1, 1),
    run: Run::Async(|cx| Box::pin(restore(cx))),
};

async fn save(cx: &mut Context<'_>) -> Outcome {
    let file = cx.arg(0).to_owned();
    let request = Request::new(Method::Get, PATH).timeout(LONG);
    let snapshot = cx.client()?.send(request).await.doing("taking the snapshot")?;
    if snapshot.body.is_empty() {
        return Err(Failure::server("Error taking the snapshot: the server's answer is empty"));
    }
    if file == "-" {
        cx.say_bytes(&snapshot.body);
        return Ok(Exit::OK);
    }
    write_file(Path::new(&file), &snapshot.body)
        .map_err(|e| Failure::local(format!("Error writing the snapshot to {file}: {e}")))?;
    Ok(Exit::OK)
}

async fn restore(cx: &mut Context<'_>) -> Outcome {
    let file = cx.arg(0).to_owned();
    let client = cx.client()?;
    let path = if cx.is_on("force") { FORCED_PATH } else { PATH };
    let bytes = match file.as_str() {
        "-" => cx.read_stdin()?,
        _ => fs::read(&file).map_err(|e| Failure::local(format!("Error opening {file}: {e}")))?,
    };
    let request = Request::new(Method::Post, path).bytes(bytes).timeout(LONG);
    client.send(request).await.doing("installing the snapshot")?;
    if cx.is_on("force") {
        cx.warn("If the snapshot is from before a rekeying or of another server, its own keys unseal the server now.");
    }
    Ok(Exit::OK)
}

/// Writes a file that only its owner may read, whole or not at all.
pub(in crate::commands) fn write_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}.part", std::process::id()));
    let beside = PathBuf::from(beside);
    let mode = fs::metadata(path).ok().map(|old| old.permissions());
    let written = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside).and_then(
        |mut file: File| {
            file.write_all(bytes)?;
            if let Some(mode) = mode {
                file.set_permissions(mode)?;
            }
            file.sync_all()
        },
    );
    let moved = written.and_then(|()| fs::rename(&beside, path));
    if moved.is_err() {
        // What is left of it is of no use; the error that counts is the one at hand.
        let _ = fs::remove_file(&beside);
    }
    moved
}

const PATH: &str = "sys/storage/raft/snapshot";
const FORCED_PATH: &str = "sys/storage/raft/snapshot-force";
const LONG: Duration = Duration::from_secs(60 * 60);
