//! The real program, started for a test and ended with it.

use crate::http::{self, Reply};
use serde_json::Value;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running server. Killed when dropped.
pub struct Server {
    child: Child,
    /// `127.0.0.1:PORT`
    pub address: String,
    /// Where its output goes.
    pub log: PathBuf,
}

/// How long a server may take to answer.
const START: Duration = Duration::from_secs(20);

impl Server {
    /// Starts `program server -dev` with the root token `root` on a free port, its log in `folder`.
    pub fn dev(program: &Path, folder: &Path, flags: &[&str]) -> std::io::Result<Self> {
        let address = format!("127.0.0.1:{}", free_port()?);
        let listen = format!("-dev-listen-address={address}");
        let mut args = vec!["server", "-dev", "-dev-root-token-id=root", "-dev-no-store-token", &listen];
        args.extend(flags);
        Self::start(program, folder, &args, address)
    }

    /// Starts `program` with these arguments, and waits until `address` answers.
    pub fn start(program: &Path, folder: &Path, args: &[&str], address: String) -> std::io::Result<Self> {
        let log = folder.join(format!("server-{}.log", address.replace([':', '.'], "-")));
        let out = File::options().create(true).append(true).open(&log)?;
        let mut command = Command::new(program);
        for (name, _) in std::env::vars().filter(|(n, _)| n.starts_with("VAULT_")) {
            command.env_remove(name);
        }
        command.args(args).env("HOME", folder).stdin(Stdio::null()).stdout(out.try_clone()?).stderr(out);
        let mut server = Self { child: command.spawn()?, address, log };
        server.wait()?;
        Ok(server)
    }

    fn wait(&mut self) -> std::io::Result<()> {
        let begun = Instant::now();
        loop {
            if self.get("sys/seal-status").is_ok() {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                let log = std::fs::read_to_string(&self.log).unwrap_or_default();
                return Err(std::io::Error::other(format!("the server ended with {status}:\n{log}")));
            }
            if begun.elapsed() > START {
                return Err(std::io::Error::other("the server did not answer in time"));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it at once, as a power cut would end the process.
    pub fn kill(&mut self) -> std::io::Result<()> {
        self.child.kill()?;
        self.child.wait().map(|_| ())
    }

    /// GET below `/v1/` without token.
    pub fn get(&self, path: &str) -> std::io::Result<Reply> {
        http::send(&self.address, "GET", &format!("/v1/{path}"), &[], None)
    }

    /// A request below `/v1/` with a token and, unless it is null, a JSON body.
    pub fn call(&self, token: &str, method: &str, path: &str, body: &Value) -> std::io::Result<Reply> {
        let bytes = (!body.is_null()).then(|| body.to_string().into_bytes());
        let headers = [("X-Vault-Token", token), ("Content-Type", "application/json")];
        http::send(&self.address, method, &format!("/v1/{path}"), &headers, bytes.as_deref())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already; there is nobody to tell.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that was free a moment ago.
pub fn free_port() -> std::io::Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
