//! Whole command lines against canned answers: what is sent, what is printed, how it ends.

#![allow(clippy::unwrap_used, reason = "tests may panic")]

#[path = "../../../client/tests/client/canned.rs"]
mod canned;
mod k8s;
mod kv;
mod mounts;
mod namespaces;
mod operator;
mod policies;
mod secrets;
mod tokens;
mod usage;

use canned::{Canned, Reply, Seen, json};
use serde_json::Value;
use std::collections::HashMap;
use std::io::{Cursor, Write};
use std::sync::{Arc, Mutex};
use strongroom_cli::{Host, run};

#[derive(Clone, Default)]
struct Pipe(Arc<Mutex<Vec<u8>>>);

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Pipe {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

struct Ran {
    code: u8,
    out: String,
    err: String,
}

/// A server, a home folder and variables for command lines.
struct Stage {
    server: Canned,
    home: tempfile::TempDir,
    variables: HashMap<String, String>,
    stdin: String,
    terminal: bool,
}

impl Stage {
    fn new(answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        let server = Canned::start(answer);
        let home = tempfile::tempdir().unwrap();
        let variables = HashMap::from([
            ("VAULT_ADDR".to_owned(), server.address.clone()),
            ("VAULT_TOKEN".to_owned(), "hvs.t".to_owned()),
            ("HOME".to_owned(), home.path().to_string_lossy().into_owned()),
        ]);
        Self { server, home, variables, stdin: String::new(), terminal: false }
    }

    /// Runs a command line; words are separated by one space.
    fn run(&self, line: &str) -> Ran {
        let args: Vec<String> = line.split(' ').filter(|w| !w.is_empty()).map(str::to_owned).collect();
        let (out, err) = (Pipe::default(), Pipe::default());
        let variables = self.variables.clone();
        let mut host = Host::new(
            "vault",
            Box::new(move |name| variables.get(name).cloned()),
            Box::new(Cursor::new(self.stdin.clone())),
            Box::new(out.clone()),
            Box::new(err.clone()),
        )
        .terminals(self.terminal, false);
        let code = run(&args, &[], &mut host);
        Ran { code, out: out.text(), err: err.text() }
    }

    fn bodies(&self) -> Vec<Value> {
        let seen = self.server.seen.lock().unwrap();
        seen.iter().filter(|s| !s.body.is_empty()).map(|s| serde_json::from_str(&s.body).unwrap()).collect()
    }
}

/// Answers the question which store a path is in, and passes the rest on.
fn kv2(
    rest: impl Fn(&Seen) -> Reply + Send + Sync + 'static,
) -> impl Fn(&Seen) -> Reply + Send + Sync + 'static {
    move |seen| {
        if seen.target.starts_with("/v1/sys/internal/ui/mounts/plain") {
            return json(200, r#"{"data":{"path":"plain/","options":null}}"#);
        }
        if seen.target.starts_with("/v1/sys/internal/ui/mounts/") {
            return json(200, r#"{"data":{"path":"secret/","options":{"version":"2"}}}"#);
        }
        rest(seen)
    }
}
