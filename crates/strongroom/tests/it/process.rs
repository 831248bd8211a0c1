//! The server as a process: how it starts, what it says, what signals do, how it ends.

use crate::stand::{Stand, program};
use serde_json::json;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};
use strongroom_testkit::http;

/// A started program. Killed when dropped.
struct Process(Child);

impl Process {
    fn start(folder: &Path, args: &[&str], change: impl FnOnce(&mut Command)) -> Self {
        let mut command = clean(folder);
        command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        change(&mut command);
        Self(command.spawn().unwrap())
    }

    fn signal(&self, name: &str) {
        assert!(Command::new("kill").args([name, &self.0.id().to_string()]).status().unwrap().success());
    }

    /// The end of the process, which must come within `patience`.
    fn end(&mut self, patience: Duration) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status;
            }
            assert!(begun.elapsed() < patience, "it does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The address in the first log line about one.
    fn address(&mut self) -> String {
        let lines = BufReader::new(self.0.stderr.take().unwrap());
        let mut lines = lines.lines().map_while(Result::ok);
        let address =
            lines.find_map(|l| l.split_once("listening: address=").map(|(_, a)| a.to_owned())).unwrap();
        // Whoever stopped reading would be another test.
        std::thread::spawn(move || lines.for_each(drop));
        address
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The program without the environment of whoever runs the tests.
fn clean(folder: &Path) -> Command {
    let mut command = Command::new(program());
    for (name, _) in std::env::vars().filter(|(n, _)| n.starts_with("VAULT_") || n == "NOTIFY_SOCKET") {
        command.env_remove(name);
    }
    command.env("HOME", folder).current_dir(folder);
    command
}

fn run(folder: &Path, args: &[&str]) -> Output {
    clean(folder).args(args).stdin(Stdio::null()).output().unwrap()
}

const DEV: [&str; 3] = ["server", "-dev", "-dev-listen-address=127.0.0.1:0"];

#[test]
fn a_dev_server_is_ready_to_use() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Process::start(folder.path(), &DEV, |_| {});
    let address = server.address();
    let output = BufReader::new(server.0.stdout.take().unwrap()).lines().map_while(Result::ok);
    let said: Vec<String> = output.take_while(|l| !l.starts_with("Root Token: ")).collect();
    assert!(said.iter().any(|l| l.starts_with("Unseal Key: ") && l.len() == 12 + 44), "{said:?}");
    assert!(said.iter().any(|l| l == &format!("    $ export VAULT_ADDR='http://{address}'")), "{said:?}");
    let file = folder.path().join(".vault-token");
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let token = std::fs::read_to_string(&file).unwrap();
    let call = |method: &str, path: &str, body: Option<&[u8]>| {
        http::send(&address, method, path, &[("X-Vault-Token", &token)], body).unwrap()
    };
    assert_eq!(call("POST", "/v1/secret/data/a", Some(b"{\"data\":{\"b\":1}}")).status, 200);
    let own = call("GET", "/v1/auth/token/lookup-self", None).json();
    assert_eq!(own["data"]["policies"], json!(["root"]));
    server.signal("-INT");
    assert!(server.end(Duration::from_secs(5)).success());
}

#[test]
fn a_chosen_root_token_is_the_only_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut server =
        Process::start(folder.path(), &[&DEV[..], &["-dev-no-store-token"]].concat(), |command| {
            command.env("VAULT_DEV_ROOT_TOKEN_ID", "my-own");
        });
    let address = server.address();
    let token = [("X-Vault-Token", "my-own")];
    let own = http::send(&address, "GET", "/v1/auth/token/lookup-self", &token, None).unwrap().json();
    assert_eq!((&own["data"]["id"], &own["data"]["orphan"]), (&json!("my-own"), &json!(true)));
    let all = http::send(&address, "LIST", "/v1/auth/token/accessors", &token, None).unwrap().json();
    assert_eq!(all["data"]["keys"].as_array().map(Vec::len), Some(1), "{all}");
    assert!(!folder.path().join(".vault-token").exists());
    server.signal("-TERM");
    assert!(server.end(Duration::from_secs(5)).success());
}

#[test]
fn a_dev_server_speaks_tls() {
    let folder = tempfile::tempdir().unwrap();
    let certificates = folder.path().join("tls");
    let flag = format!("-dev-tls-cert-dir={}", certificates.display());
    let mut server = Process::start(folder.path(), &[&DEV[..], &["-dev-tls", &flag]].concat(), |_| {});
    let address = server.address();
    let key = std::fs::metadata(certificates.join("vault-key.pem")).unwrap();
    assert_eq!(key.permissions().mode() & 0o777, 0o600);
    let port = address.rsplit(':').next().unwrap();
    let authority = format!("-ca-cert={}", certificates.join("vault-ca.pem").display());
    for host in ["127.0.0.1", "localhost"] {
        let at = format!("-address=https://{host}:{port}");
        let read = run(folder.path(), &["read", &at, &authority, "-field=type", "auth/token/lookup-self"]);
        assert!(read.status.success(), "{host}: {}", String::from_utf8_lossy(&read.stderr));
    }
}

#[test]
fn a_pipe_that_nobody_reads_stops_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let address = format!("127.0.0.1:{}", strongroom_testkit::server::free_port().unwrap());
    let listen = format!("-dev-listen-address={address}");
    let args = ["server", "-dev", "-dev-tls", "-dev-no-store-token", "-log-level=debug", &listen];
    let mut server = Process::start(folder.path(), &args, |_| {});
    let begun = Instant::now();
    while TcpStream::connect(&address).is_err() {
        assert!(begun.elapsed() < Duration::from_secs(10), "it does not start");
        std::thread::sleep(Duration::from_millis(10));
    }
    // Each of these is a line in the log, together more than a pipe holds.
    for _ in 0..1500 {
        let mut stream = TcpStream::connect(&address).unwrap();
        stream.write_all(b"\x16\x03\x01\x00\x02\x01\x00").unwrap();
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let _ = stream.read(&mut [0; 64]);
    }
    let mut plain = TcpStream::connect(&address).unwrap();
    plain.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    plain.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("to an HTTPS server"), "{answer}");
    server.signal("-TERM");
    assert!(server.end(Duration::from_secs(10)).success());
}

#[test]
fn mistakes_are_explained() {
    let folder = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap();
    let config = |text: &str| {
        std::fs::write(folder.path().join("c.hcl"), text).unwrap();
        vec!["server", "-config=c.hcl"]
    };
    let listener = "listener \"tcp\" { address = \"127.0.0.1:0\" tls_disable = true }\n";
    let at = format!("-dev-listen-address={port}");
    for (args, wanted) in [
        (vec!["server"], "using -config, or -dev"),
        (vec!["server", "-config=missing.hcl"], "missing.hcl: there is no such file"),
        (vec!["server", "-dev", "-dev-no-store-token", &at], "address already in use"),
        (vec!["server", "-dev", "-log-level=loud"], "There is no log level \"loud\""),
        (vec!["operator", "migrate"], "Missing -config=FILE"),
    ] {
        let output = run(folder.path(), &args);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{args:?}: {said}");
        assert!(said.contains(wanted), "{args:?}: {said}");
    }
    for (text, wanted) in [
        (listener.to_owned(), "A storage stanza is missing"),
        ("storage \"inmem\" {}".to_owned(), "A listener stanza is missing"),
        (format!("{listener}storage \"consul\" {{}}"), "c.hcl:2: there is no storage \"consul\" here"),
        (
            format!("{listener}storage \"inmem\" {{}}\ndefault_lease_ttl = \"2h\"\nmax_lease_ttl = \"1h\""),
            "default_lease_ttl is longer",
        ),
        (
            format!("{listener}storage \"redb\" {{ path = \"/proc/no\" }}"),
            "Error initializing storage: the storage at /proc/no cannot be opened",
        ),
    ] {
        let output = run(folder.path(), &config(&text));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{text}: {said}");
        assert!(said.contains(wanted), "{text}: {said}");
    }
}

#[test]
fn the_store_is_one_servers_alone() {
    let stand = Stand::new("");
    let data = stand.folder.path().join("data");
    let text = format!(
        "storage \"redb\" {{ path = {data:?} }}\nlistener \"tcp\" {{ address = \"127.0.0.1:0\" tls_disable = true }}"
    );
    std::fs::write(stand.folder.path().join("second.hcl"), text).unwrap();
    let output = run(stand.folder.path(), &["server", "-config=second.hcl"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("is in use: another server runs on it"), "{said}");
}

#[test]
fn signals_reload_and_systemd_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let notify = UnixDatagram::bind(folder.path().join("notify")).unwrap();
    notify.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let told = || {
        let mut text = [0; 200];
        let count = notify.recv(&mut text).unwrap();
        String::from_utf8_lossy(&text[..count]).into_owned()
    };
    let config = |level: &str| {
        let text = format!(
            "log_level = \"{level}\"\nlog_requests_level = \"{level}\"\npid_file = \"pid\"\nlog_format = \"json\"\nlog_file = \"log\"\n"
        );
        std::fs::write(folder.path().join("c.hcl"), text).unwrap();
    };
    config("info");
    let args = [&DEV[..], &["-dev-root-token-id=root", "-dev-no-store-token", "-config=c.hcl"]].concat();
    let mut server = Process::start(folder.path(), &args, |command| {
        command.env("NOTIFY_SOCKET", folder.path().join("notify"));
    });
    assert_eq!(told(), "READY=1\n");
    let log = || std::fs::read_to_string(folder.path().join("log")).unwrap();
    // The log is written beside the requests, so a line may come a moment after what it tells.
    let line = (0..200).find_map(|_| {
        std::thread::sleep(Duration::from_millis(10));
        log().lines().find(|l| l.contains("\"listening\"")).map(str::to_owned)
    });
    let line: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
    let address = line["address"].as_str().unwrap().to_owned();
    assert_eq!((&line["@message"], &line["@module"]), (&json!("listening"), &json!("server")));
    let pid = std::fs::read_to_string(folder.path().join("pid")).unwrap();
    assert_eq!(pid.trim(), server.0.id().to_string());
    let call = |method: &str, path: &str, body: serde_json::Value| {
        let bytes = body.to_string().into_bytes();
        http::send(&address, method, path, &[("X-Vault-Token", "root")], Some(&bytes)).unwrap()
    };
    let audit = folder.path().join("audit.log");
    let device = json!({"type": "file", "options": {"file_path": audit}});
    assert_eq!(call("PUT", "/v1/sys/audit/file", device).status, 204);
    std::fs::rename(&audit, folder.path().join("audit.1")).unwrap();
    std::fs::rename(folder.path().join("log"), folder.path().join("log.1")).unwrap();
    config("debug");
    server.signal("-HUP");
    assert!(told().starts_with("RELOADING=1\nMONOTONIC_USEC="));
    assert_eq!(told(), "READY=1\n");
    let level = call("GET", "/v1/sys/loggers/core?secret=42", json!({})).json();
    assert_eq!(level["data"]["core"], "debug");
    assert!(std::fs::read_to_string(&audit).unwrap().contains("sys/loggers/core"));
    server.signal("-TERM");
    assert_eq!(told(), "STOPPING=1\n");
    assert!(server.end(Duration::from_secs(5)).success());
    assert!(log().contains("stopped"));
    let line = log().lines().find(|l| l.contains("sys/loggers/core")).map(str::to_owned).unwrap();
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    let said =
        ["@level", "@message", "@module", "method", "path", "status", "client"].map(|k| line[k].clone());
    let wanted =
        json!(["debug", "completed_request", "http", "GET", "/v1/sys/loggers/core", 200, "127.0.0.1"]);
    assert_eq!(json!(said), wanted);
    assert!(!log().contains("secret=42") && !log().contains("root"), "{}", log());
    assert!(!folder.path().join("pid").exists());
}

#[test]
fn a_migrated_store_serves_the_same_secrets() {
    let mut stand = Stand::new("");
    stand.must("POST", "sys/mounts/kv", json!({"type": "kv"}));
    stand.must("POST", "kv/a", json!({"b": "c"}));
    stand.server.kill().unwrap();
    let folder = stand.folder.path();
    let (data, copy) = (folder.join("data"), folder.join("copy"));
    let text = format!(
        "storage_source \"redb\" {{ path = {data:?} }}\nstorage_destination \"file\" {{ path = {copy:?} }}"
    );
    std::fs::write(folder.join("m.hcl"), text).unwrap();
    let output = run(folder, &["operator", "migrate", "-config=m.hcl"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && said.contains("have been migrated"), "{output:?}");
    let again = run(folder, &["operator", "migrate", "-config=m.hcl"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&again.stderr).contains("not empty"), "{again:?}");
    std::fs::remove_dir_all(&data).unwrap();
    std::fs::rename(&copy, &data).unwrap();
    stand.crash();
    assert_eq!(stand.must("GET", "kv/a", json!(null))["data"]["b"], "c");
}

#[test]
fn the_command_line_speaks_to_a_unix_socket() {
    let home = tempfile::tempdir().unwrap();
    let (folder, socket) = (home.path(), home.path().join("socket"));
    let stand =
        Stand::new(&format!("listener \"unix\" {{\naddress = {socket:?}\nsocket_mode = \"0600\"\n}}"));
    assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    let at = format!("-address=unix://{}", socket.display());
    let output = clean(folder)
        .args(["read", &at, "-field=path", "auth/token/lookup-self"])
        .env("VAULT_TOKEN", &stand.root)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "auth/token/root");
}

#[test]
fn the_configuration_opens_metrics_and_sets_the_lockout() {
    let stand = Stand::new("user_lockout \"userpass\" { lockout_threshold = 2 }");
    assert_eq!(stand.server.call("", "GET", "sys/metrics", &json!(null)).unwrap().status, 403);
    stand.must("POST", "sys/auth/userpass", json!({"type": "userpass"}));
    stand.must("POST", "auth/userpass/users/u", json!({"password": "p"}));
    let login = |password: &str| {
        let body = json!({"password": password});
        stand.server.call("", "POST", "auth/userpass/login/u", &body).unwrap().status
    };
    assert_eq!((login("p"), login("x"), login("p"), login("x"), login("x")), (200, 400, 200, 400, 400));
    assert_eq!(login("p"), 403);

    let folder = tempfile::tempdir().unwrap();
    let closed = format!("127.0.0.1:{}", strongroom_testkit::server::free_port().unwrap());
    let address = format!("127.0.0.1:{}", strongroom_testkit::server::free_port().unwrap());
    let text = format!(
        "storage \"inmem\" {{}}\nlistener \"tcp\" {{\naddress = {address:?}\ntls_disable = true\ntelemetry {{ unauthenticated_metrics_access = true }}\n}}\nlistener \"tcp\" {{\naddress = {closed:?}\ntls_disable = true\n}}"
    );
    std::fs::write(folder.path().join("c.hcl"), text).unwrap();
    let mut server = Process::start(folder.path(), &["server", "-config=c.hcl"], |_| {});
    assert_eq!(server.address(), address);
    let metrics =
        |address: &str| http::send(address, "GET", "/v1/sys/metrics?format=prometheus", &[], None).unwrap();
    let (opened, kept) = (metrics(&address), metrics(&closed));
    let text = String::from_utf8_lossy(&opened.body).into_owned();
    assert!(opened.status == 200 && text.contains("vault_core_unsealed 0"), "{text}");
    assert_eq!(kept.status, 503, "the server is sealed, and the other listener says nothing");
}

/// A device whose reader has stopped reading takes nothing from anybody as long as another one works.
#[test]
fn a_hung_audit_device_hangs_nobody() {
    let stand = Stand::new("");
    let (socket, audit) = (stand.folder.path().join("hung"), stand.folder.path().join("audit.log"));
    let reader = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let kept = std::thread::spawn(move || reader.accept().unwrap());
    stand.must("POST", "sys/audit/file", json!({"type": "file", "options": {"file_path": audit}}));
    let options = json!({"address": socket, "socket_type": "unix", "write_timeout": "300ms"});
    stand.must("POST", "sys/audit/hung", json!({"type": "socket", "options": options}));
    let _kept = kept.join().unwrap();
    let slowest = (0..1500)
        .map(|_| {
            let begun = Instant::now();
            stand.must("GET", "auth/token/lookup-self", json!(null));
            begun.elapsed()
        })
        .max();
    assert!(slowest < Some(Duration::from_secs(2)), "{slowest:?}");
    assert_eq!(stand.must("GET", "sys/health", json!(null))["audit_devices_failing"], 1);
    assert!(std::fs::read_to_string(&audit).unwrap().lines().count() > 3000);
    stand.must("DELETE", "sys/audit/hung", json!(null));
    assert_eq!(stand.must("GET", "sys/health", json!(null))["audit_devices_failing"], 0);
}
