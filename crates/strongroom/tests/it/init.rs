//! `strongroom-init` against the real server, whose cluster reviews tokens as a real one does.

use crate::kubernetes::{cluster, token};
use crate::stand::{Stand, program};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use strongroom_testkit::server::free_port;

const POLICY: &str = r#"path "secret/data/app" { capabilities = ["read"] }
path "old/*" { capabilities = ["read"] }
path "secret/data/optional" { capabilities = ["read"] }"#;

/// The program beside the one under test: `cargo test --workspace` builds both. Run for this package alone, it
/// is built here.
fn init_program() -> PathBuf {
    let path = program().with_file_name("strongroom-init");
    if !path.exists() {
        let target = path.parent().and_then(Path::parent).unwrap();
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--offline", "--package", "strongroom-init", "--target-dir"]).arg(target);
        assert!(build.current_dir(env!("CARGO_MANIFEST_DIR")).status().unwrap().success());
    }
    path
}

/// A server with secrets, and a role for the Pod whose token lies in the folder.
struct Pod {
    stand: Stand,
}

impl Pod {
    fn new() -> Self {
        let stand = Stand::new("");
        let reviewer = token("kube-system", "reviewer", "alive");
        let host = format!("http://{}", cluster(reviewer.clone()));
        stand.must("POST", "sys/auth/kubernetes", json!({"type": "kubernetes"}));
        let config = json!({"kubernetes_host": host, "token_reviewer_jwt": reviewer});
        stand.must("POST", "auth/kubernetes/config", config);
        stand.must("POST", "sys/mounts/secret", json!({"type": "kv", "options": {"version": "2"}}));
        stand.must("POST", "sys/mounts/old", json!({"type": "kv"}));
        stand.must("PUT", "sys/policies/acl/app", json!({"policy": POLICY}));
        stand.must("POST", "old/app", json!({"key": "from version 1"}));
        stand.must("POST", "secret/data/app", json!({"data": {"key": "first"}}));
        stand.must("POST", "secret/data/app", json!({"data": {"key": "second\n\"$line\"", "n": 5432}}));
        let pod = Self { stand };
        pod.role(json!({"ttl": "1h"}));
        std::fs::write(pod.path("token"), token("default", "my-app", "alive")).unwrap();
        pod
    }

    fn role(&self, more: Value) {
        let mut role = json!({"bound_service_account_names": "my-app", "token_policies": "app",
            "bound_service_account_namespaces": "default"});
        role.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.stand.must("POST", "auth/kubernetes/role/my-app", role);
    }

    fn path(&self, name: &str) -> PathBuf {
        self.stand.folder.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    fn plan(&self, more: Value) -> Value {
        let mut plan = json!({"version": 1, "deadlineSeconds": 20, "server":
            {"address": format!("http://{}", self.stand.server.address), "role": "my-app", "tokenFile": self.path("token")}});
        plan.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        plan
    }

    fn file(&self, name: &str, value: Value) -> Value {
        json!({"container": "app", "path": self.path(name), "mode": "0440", "value": value})
    }

    fn command(&self, args: &[&str], plan: &Value) -> Command {
        let mut command = Command::new(init_program());
        command.args(args).env("STRONGROOM_PLAN", plan.to_string());
        command.env("STRONGROOM_TERMINATION_LOG", self.path("message"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn run(&self, args: &[&str], plan: &Value) -> Output {
        self.command(args, plan).output().unwrap()
    }

    /// Tokens that hold, the root token among them.
    fn tokens(&self) -> usize {
        let answer = self.stand.must("LIST", "auth/token/accessors", Value::Null);
        answer["data"]["keys"].as_array().unwrap().len()
    }

    /// The message of a run that must fail.
    #[track_caller]
    fn refused(&self, value: Value) -> String {
        let output = self.run(&["init"], &self.plan(json!({"files": [self.file("refused", value)]})));
        assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
        self.read("message")
    }
}

#[track_caller]
fn wait(what: &str, is_there: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_there() {
        assert!(begun.elapsed() < Duration::from_secs(20), "{what} does not come");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Ends a sidecar as the kubelet does; returns what it said.
#[track_caller]
fn stop(child: Child) -> String {
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    said
}

#[test]
fn a_pod_gets_its_files_and_leaves_no_token_behind() {
    let pod = Pod::new();
    let part = |reference: Value| json!([{"secret": reference}]);
    let plan = pod.plan(json!({
        "envFiles": [{"container": "app", "path": pod.path("env"), "entries": [
            {"name": "NEWEST", "parts": part(json!({"path": "app", "key": "key"}))},
            {"name": "NUMBER", "parts": part(json!({"path": "app", "key": "n"}))},
            {"name": "FIRST", "parts": part(json!({"path": "app", "key": "key", "version": 1}))},
            {"name": "OPTIONAL", "parts": part(json!({"path": "optional", "key": "key", "optional": true}))},
        ]}],
        "files": [pod.file("value", json!({"mount": "old", "path": "app", "key": "key"}))],
    }));
    let output = pod.run(&["init"], &plan);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(pod.read("env"), "NEWEST='second\n\"$line\"'\nNUMBER='5432'\nFIRST='first'\n");
    assert_eq!(pod.read("value"), "from version 1");
    assert_eq!((pod.tokens(), output.stderr.len()), (1, 0));
}

#[test]
fn refusals_say_which_secret_and_why() {
    let pod = Pod::new();
    pod.stand.must("DELETE", "secret/data/app", Value::Null);
    for (value, texts) in [
        (json!({"path": "other", "key": "k"}), ["secret/other: GET http://", ": 403 "]),
        (json!({"path": "optional", "key": "k"}), ["secret/optional: there is no such secret", ""]),
        (json!({"path": "app", "key": "k"}), ["secret/app: version 2 was deleted at 20", ""]),
        (
            json!({"path": "app", "key": "none", "version": 1}),
            ["secret/app version 1, key none: ", "no such key"],
        ),
        (
            json!({"mount": "none", "path": "app", "key": "k"}),
            ["none/app (what is mounted at none): ", ": 403 "],
        ),
        (
            json!({"path": "app", "key": "k", "role": "none"}),
            ["login as role none at auth/kubernetes: ", "none"],
        ),
        (
            json!({"mount": "old", "path": "app", "key": "key", "version": 1}),
            ["old/app version 1: ", "keeps versions"],
        ),
    ] {
        let message = pod.refused(value);
        assert!(texts.iter().all(|text| message.contains(text)), "{texts:?}\n{message}");
    }
    std::fs::write(pod.path("token"), token("default", "my-app", "deleted")).unwrap();
    let message = pod.refused(json!({"path": "app", "key": "k"}));
    assert!(message.contains("the token does not hold"), "{message}");
    assert_eq!(pod.tokens(), 1);
}

#[test]
fn a_program_gets_its_variables() {
    let pod = Pod::new();
    let parts = json!([{"text": "<"}, {"secret": {"path": "app", "key": "key"}}, {"variable": "OWN"}]);
    let plan = pod.plan(json!({"variables": [{"name": "VALUE", "parts": parts}], "expand": [3]}));
    let mut command =
        pod.command(&["exec", "--", "sh", "-c", "printf '%s|' \"$VALUE\" \"$0\"; exit 3", "$(VALUE)"], &plan);
    let output = command.env("OWN", ">").output().unwrap();
    let value = "<second\n\"$line\">|";
    assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{value}{value}"));
    assert_eq!((output.status.code(), pod.tokens()), (Some(3), 1));
}

#[test]
fn a_sidecar_follows_changes_through_short_tokens_and_a_lost_server() {
    let mut pod = Pod::new();
    pod.role(json!({"token_ttl": "2s", "token_max_ttl": "4s"}));
    let plan = pod.plan(json!({
        "files": [pod.file("value", json!({"path": "app", "key": "key"}))], "onChange": {"pollSeconds": 1},
    }));
    let watch = pod.command(&["watch"], &plan).spawn().unwrap();
    wait("the value", || pod.read("value").starts_with("second"));
    let begun = Instant::now();
    pod.stand.must("POST", "secret/data/app", json!({"data": {"key": "third"}}));
    wait("the change", || pod.read("value") == "third");
    assert!(begun.elapsed() < Duration::from_secs(3));
    // Longer than a token may live.
    std::thread::sleep(Duration::from_secs(6));
    pod.stand.must("POST", "secret/data/app", json!({"data": {"key": "fourth"}}));
    wait("the change", || pod.read("value") == "fourth");
    pod.stand.crash();
    pod.stand.must("POST", "secret/data/app", json!({"data": {"key": "fifth"}}));
    wait("the change", || pod.read("value") == "fifth");
    let said = stop(watch);
    assert!(["second", "third", "fourth", "fifth"].iter().all(|value| !said.contains(value)), "{said}");
    wait("the end of all tokens", || pod.tokens() == 1);
}

/// A dev server with TLS. Killed when dropped.
struct Tls(Child);

impl Drop for Tls {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn certificates_are_checked() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let address = format!("127.0.0.1:{}", free_port().unwrap());
    let listen = format!("-dev-listen-address={address}");
    let certificates = format!("-dev-tls-cert-dir={}", path("tls").display());
    let mut server = Command::new(program());
    server.args(["server", "-dev", "-dev-tls", "-dev-no-store-token", &listen, &certificates]);
    server.current_dir(folder.path()).env("HOME", folder.path()).env("VAULT_DEV_ROOT_TOKEN_ID", "root");
    let _server = Tls(server.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    wait("the server", || std::net::TcpStream::connect(&address).is_ok());
    let ca = path("tls/vault-ca.pem");
    let vault = |args: &[&str]| {
        let mut command = Command::new(program());
        command.args(args).env("HOME", folder.path()).env("VAULT_TOKEN", "root");
        command.env("VAULT_ADDR", format!("https://{address}")).env("VAULT_CACERT", &ca);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{args:?} {}", String::from_utf8_lossy(&output.stderr));
    };
    let reviewer = token("kube-system", "reviewer", "alive");
    let host = format!("kubernetes_host=http://{}", cluster(reviewer.clone()));
    vault(&["auth", "enable", "kubernetes"]);
    vault(&["write", "auth/kubernetes/config", &host, &format!("token_reviewer_jwt={reviewer}")]);
    vault(&[
        "write",
        "auth/kubernetes/role/my-app",
        "bound_service_account_names=my-app",
        "bound_service_account_namespaces=default",
        "token_policies=app",
    ]);
    std::fs::write(path("app.hcl"), POLICY).unwrap();
    vault(&["policy", "write", "app", path("app.hcl").to_str().unwrap()]);
    vault(&["kv", "put", "-mount=secret", "app", "key=value"]);
    std::fs::write(path("token"), token("default", "my-app", "alive")).unwrap();
    let run = |more: Value| {
        let mut server =
            json!({"address": format!("https://{address}"), "role": "my-app", "tokenFile": path("token")});
        server.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let value = json!({"path": "app", "key": "key"});
        let file = json!({"container": "app", "path": path("value"), "mode": "0400", "value": value});
        let plan = json!({"version": 1, "deadlineSeconds": 5, "server": server, "files": [file]});
        let _ = std::fs::remove_file(path("value"));
        let mut command = Command::new(init_program());
        command.arg("init").env("STRONGROOM_PLAN", plan.to_string());
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.success(), path("value").exists(), "{said}");
        if output.status.success() { "fine".to_owned() } else { said }
    };
    assert_eq!(run(json!({"caFile": ca})), "fine");
    assert_eq!(
        run(json!({"caPem": std::fs::read_to_string(&ca).unwrap(), "tlsServerName": "localhost"})),
        "fine"
    );
    assert_eq!(run(json!({"tlsSkipVerify": true})), "fine");
    let wrong_name = run(json!({"caFile": ca, "tlsServerName": "vault.example"}));
    assert!(wrong_name.contains("TLS with https://") && wrong_name.lines().count() == 1, "{wrong_name}");
    assert!(run(json!({"caFile": path("token")})).contains("no PEM certificate"));
}
