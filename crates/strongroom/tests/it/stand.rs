//! A real server on the embedded store, for one test.

use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use strongroom_testkit::server::{Server, free_port};

/// The program under test.
pub(crate) fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_strongroom"))
}

/// A folder with a configuration, and the server started from it.
pub(crate) struct Stand {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) server: Server,
    config: PathBuf,
    key: String,
    pub(crate) root: String,
}

impl Stand {
    /// A fresh server, initialised with one key share and unsealed. `more` is added to the configuration.
    pub(crate) fn new(more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("strongroom.hcl");
        let address = format!("127.0.0.1:{}", free_port().unwrap());
        let text = format!(
            "storage \"redb\" {{ path = {:?} }}\nlistener \"tcp\" {{\n  address = {address:?}\n  tls_disable = true\n}}\n{more}\n",
            folder.path().join("data")
        );
        std::fs::write(&config, text).unwrap();
        let server = start(&config, folder.path(), &address);
        let init =
            server.call("", "PUT", "sys/init", &json!({"secret_shares": 1, "secret_threshold": 1})).unwrap();
        assert_eq!(init.status, 200, "{}", String::from_utf8_lossy(&init.body));
        let init = init.json();
        let stand = Self {
            key: init["keys"][0].as_str().unwrap().to_owned(),
            root: init["root_token"].as_str().unwrap().to_owned(),
            folder,
            server,
            config,
        };
        stand.unseal();
        stand
    }

    pub(crate) fn unseal(&self) {
        let status = self.server.call("", "PUT", "sys/unseal", &json!({"key": self.key})).unwrap();
        assert_eq!(status.json()["sealed"], false, "{}", String::from_utf8_lossy(&status.body));
    }

    /// Kills the server without warning and starts it again.
    pub(crate) fn crash(&mut self) {
        self.server.kill().unwrap();
        let address = self.server.address.clone();
        self.server = start(&self.config, self.folder.path(), &address);
        self.unseal();
    }

    /// As root; panics unless the status is below 400.
    pub(crate) fn must(&self, method: &str, path: &str, body: Value) -> Value {
        let reply = self.server.call(&self.root, method, path, &body).unwrap();
        assert!(
            reply.status < 400,
            "{method} {path}: {} {}",
            reply.status,
            String::from_utf8_lossy(&reply.body)
        );
        reply.json()
    }
}

fn start(config: &Path, folder: &Path, address: &str) -> Server {
    let flag = format!("-config={}", config.display());
    // A write beyond the limit that a test sets is to fail as on a full disk, not to end the process.
    let script = "trap '' XFSZ; exec \"$0\" server \"$1\"";
    let program = program().to_str().unwrap();
    Server::start(Path::new("/bin/sh"), folder, &["-c", script, program, &flag], address.to_owned()).unwrap()
}
