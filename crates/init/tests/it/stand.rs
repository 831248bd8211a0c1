//! A folder, a server and the program.

use crate::server::Server;
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_strongroom-init");

pub(crate) struct Stand {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) server: Server,
}

/// What a program left behind.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) message: String,
}

impl Stand {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("token"), "the.pod.token\n").unwrap();
        Self { folder, server: Server::start() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn mode(&self, name: &str) -> u32 {
        self.path(name).metadata().unwrap().permissions().mode() & 0o7777
    }

    /// A plan with this beside version, server and deadline.
    pub(crate) fn plan(&self, more: Value) -> Value {
        let mut plan = json!({"version": 1, "deadlineSeconds": 20, "server":
            {"address": self.server.address, "role": "app", "tokenFile": self.path("token")}});
        plan.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        plan
    }

    /// A file of a plan with the value of a key.
    pub(crate) fn file(&self, name: &str, path: &str, key: &str) -> Value {
        json!({"container": "app", "path": self.path(name), "mode": "0440", "value": {"path": path, "key": key}})
    }

    /// An environment file of a plan: `NAME path key` each.
    pub(crate) fn env_file(&self, name: &str, entries: &[(&str, &str, &str)]) -> Value {
        let entries: Vec<Value> = entries
            .iter()
            .map(|(name, path, key)| json!({"name": name, "parts": [{"secret": {"path": path, "key": key}}]}))
            .collect();
        json!({"container": "app", "path": self.path(name), "entries": entries})
    }

    pub(crate) fn command(&self, args: &[&str], plan: &Value) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(args).env("STRONGROOM_PLAN", plan.to_string());
        command.env("STRONGROOM_TERMINATION_LOG", self.path("message"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(crate) fn run(&self, args: &[&str], plan: &Value) -> End {
        self.end(self.command(args, plan).output().unwrap())
    }

    pub(crate) fn end(&self, output: Output) -> End {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        End {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
            message: std::fs::read_to_string(self.path("message")).unwrap_or_default(),
        }
    }
}

/// Waits for something that must come.
#[track_caller]
pub(crate) fn wait(what: &str, is_there: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_there() {
        assert!(begun.elapsed() < Duration::from_secs(20), "{what} does not come");
        std::thread::sleep(Duration::from_millis(20));
    }
}

pub(crate) fn terminate(child: &Child) {
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
}
