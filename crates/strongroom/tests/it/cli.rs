//! The command line against a real server on the embedded store, called `vault` as scripts call it.

use crate::stand::{Stand, program};
use serde_json::Value;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use strongroom_testkit::server::{Server, free_port};

/// A person at a terminal, with a home folder and an environment.
struct Person {
    home: tempfile::TempDir,
    variables: Vec<(&'static str, String)>,
}

struct Ran {
    line: String,
    code: i32,
    out: String,
    err: String,
}

impl Person {
    fn at(address: &str) -> Self {
        let variables = vec![("VAULT_ADDR", format!("http://{address}"))];
        Self { home: tempfile::tempdir().unwrap(), variables }
    }

    /// The same person with another environment for one command.
    fn with(&self, name: &'static str, value: &str) -> Person {
        let home = tempfile::tempdir().unwrap();
        let _ = std::fs::copy(self.home.path().join(".vault-token"), home.path().join(".vault-token"));
        let mut variables = self.variables.clone();
        variables.push((name, value.to_owned()));
        Person { home, variables }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(program());
        for (name, _) in std::env::vars().filter(|(n, _)| n.starts_with("VAULT_")) {
            command.env_remove(name);
        }
        command.arg0("vault").env("HOME", self.home.path()).envs(self.variables.clone());
        command.current_dir(self.home.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs a command line of words between spaces.
    fn run(&self, line: &str) -> Ran {
        self.run_with(line, "")
    }

    fn run_with(&self, line: &str, stdin: &str) -> Ran {
        let mut child = self.command().args(line.split_whitespace()).stdin(Stdio::piped()).spawn().unwrap();
        // A command that does not read it has ended already.
        let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
        ran(line, &child.wait_with_output().unwrap())
    }

    /// The output of a command that must succeed.
    fn must(&self, line: &str) -> String {
        self.run(line).ends(0).out
    }

    /// The JSON of a command that must succeed.
    fn json(&self, line: &str) -> Value {
        serde_json::from_str(&self.must(&format!("{line} -format=json"))).unwrap()
    }

    fn write(&self, file: &str, text: &str) {
        std::fs::write(self.home.path().join(file), text).unwrap();
    }
}

impl Ran {
    #[track_caller]
    fn ends(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}\n{}{}", self.line, self.out, self.err);
        self
    }

    #[track_caller]
    fn says(self, text: &str) -> Self {
        let all = format!("{}{}", self.out, self.err);
        assert!(all.contains(text), "{}: {text:?} is missing in\n{all}", self.line);
        self
    }
}

fn ran(line: &str, output: &Output) -> Ran {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let ran = Ran {
        line: line.to_owned(),
        code: output.status.code().unwrap_or(-1),
        out: text(&output.stdout),
        err: text(&output.stderr),
    };
    assert!(!ran.err.contains("panicked"), "{line}: {}", ran.err);
    ran
}

/// An unsealed server with a store of version 2 at secret/, and its administrator, logged in.
fn administered() -> (Stand, Person) {
    let stand = Stand::new("");
    let admin = Person::at(&stand.server.address);
    admin.run_with("login -", &stand.root).ends(0).says("Success! You are now authenticated.");
    admin.must("secrets enable -path=secret -version=2 kv");
    (stand, admin)
}

/// A person with a token of these policies.
fn limited(admin: &Person, policies: &str) -> Person {
    let token = admin.must(&format!("token create -policy={policies} -ttl=1h -field=token"));
    admin.with("VAULT_TOKEN", &token)
}

#[test]
fn the_articles_lines() {
    let (stand, admin) = administered();
    let trail = stand.folder.path().join("audit.log");
    admin.must(&format!("audit enable file file_path={}", trail.display()));
    let rule = "path \"secret/data/my-secret\" { capabilities = [\"create\", \"update\", \"read\"] }";
    admin.run_with("policy write my-app -", rule).ends(0).says("Success! Uploaded policy: my-app");
    let app = limited(&admin, "my-app");
    let put = app.must("kv put secret/my-secret username=admin password=s3cr3t");
    assert!(put.starts_with("==== Secret Path ====\nsecret/data/my-secret\n\n======= Metadata"), "{put}");
    let got = app.must("kv get secret/my-secret");
    assert!(
        got.ends_with(
            "\n====== Data ======\nKey         Value\n---         -----\npassword    s3cr3t\nusername    admin\n"
        ),
        "{got}"
    );
    assert_eq!(app.must("kv get -field=password secret/my-secret"), "s3cr3t");
    let denied = app.run("kv get secret/other").ends(2).says("Code: 403. Errors:");
    denied.says("vault policy explain TOKEN GET secret/data/other");
    admin.run("auth enable nosuch").ends(2).says("plugin not found in the catalog: nosuch; this version has");
    let trail = std::fs::read_to_string(trail).unwrap();
    assert!(trail.contains("secret/data/my-secret") && !trail.contains("s3cr3t"), "{trail}");
}

#[test]
fn secrets_with_versions() {
    let (_stand, me) = administered();
    me.must("kv put secret/a x=1 y=2");
    me.run("kv put -cas=0 secret/a x=1").ends(2).says("check-and-set parameter did not match");
    me.must("kv put -cas=1 -mount=secret a x=2 y=2");
    me.must("kv patch secret/a z=3");
    me.must("kv patch -method=rw secret/a -remove-data=y");
    assert_eq!(me.json("kv get secret/a")["data"]["data"], serde_json::json!({"x": "2", "z": "3"}));
    assert_eq!(me.must("kv get -version=1 -field=x secret/a"), "1");
    assert_eq!(me.must("kv get -field=data secret/a"), "map[x:2 z:3]");
    me.run("kv get secret").ends(2).says("vault kv list secret/");
    me.run("kv put secret/ a=b").ends(2).says("name a secret in it, as in secret/NAME");
    me.run("kv get -field=none secret/a").ends(1).says("Field \"none\" not present in secret");
    me.must("kv delete secret/a");
    me.run("kv get -field=x secret/a").ends(2).says("No data found at secret/data/a");
    me.run("kv get secret/a").ends(0).says("deletion_time");
    me.must("kv undelete -versions=4 secret/a");
    me.must("kv destroy -versions=1 secret/a");
    me.run("kv rollback -version=1 secret/a").ends(2).says("destroyed");
    assert_eq!(me.must("kv rollback -version=2 -field=version secret/a"), "5");
    assert_eq!(me.must("kv get -field=y secret/a"), "2");
    me.must("kv metadata put -max-versions=3 -custom-metadata=owner=a -custom-metadata=b=c secret/a");
    me.must("kv metadata patch -remove-custom-metadata=b secret/a");
    let metadata = &me.json("kv metadata get secret/a")["data"];
    assert_eq!(metadata["custom_metadata"], serde_json::json!({"owner": "a"}));
    assert_eq!((&metadata["max_versions"], &metadata["current_version"]), (&3.into(), &5.into()));
    assert_eq!(me.must("kv list secret"), "Keys\n----\na\n");
    me.must("kv metadata delete secret/a");
    me.run("kv metadata get secret/a").ends(2).says("No value found at secret/metadata/a");
    assert_eq!(me.run("kv list -format=json secret").ends(2).out, "{}\n");
}

#[test]
fn secrets_without_versions_gain_them() {
    let (_stand, me) = administered();
    me.must("secrets enable -path=plain kv");
    me.run("kv put plain/a x=1").ends(0).says("Success! Data written to: plain/a");
    assert_eq!(me.must("kv get plain/a"), "== Data ==\nKey    Value\n---    -----\nx      1\n");
    me.run("kv rollback -version=1 plain/a").ends(1).says("not supported on KV Version 1");
    me.must("kv enable-versioning plain");
    assert_eq!(me.json("kv get plain/a")["data"]["metadata"]["version"], 1);
    me.run("secrets move plain/ moved/").ends(0).says("Success! Finished moving");
    assert_eq!(me.must("kv get -field=x moved/a"), "1");
    me.must("secrets tune -default-lease-ttl=1h moved/");
    assert_eq!(me.json("secrets list")["moved/"]["config"]["default_lease_ttl"], 3600);
    me.must("secrets disable moved/");
    me.run("kv get moved/a").ends(2).says("vault secrets list");
}

#[test]
fn values_arrive_as_they_are() {
    let (_stand, me) = administered();
    me.write("doc.json", "{\"n\": 12345678901234567890.10, \"list\": [1, null], \"text\": \"a\\nb\"}");
    me.write("key.pem", "-----BEGIN-----\n@x\n");
    me.must("kv put secret/doc @doc.json");
    assert_eq!(me.must("kv get -field=n secret/doc"), "12345678901234567890.10");
    assert_eq!(me.must("kv get -field=list -format=json secret/doc"), "[\n  1,\n  null\n]");
    me.run_with("kv put secret/doc file=@key.pem pipe=- at=\\@home eq=a=b empty=", "line\n").ends(0);
    let data = &me.json("kv get secret/doc")["data"]["data"];
    let expected = serde_json::json!({
        "file": "-----BEGIN-----\n@x\n", "pipe": "line\n", "at": "@home", "eq": "a=b", "empty": "",
    });
    assert_eq!(data, &expected);
    let yaml = me.must("kv get -format=yaml secret/doc");
    assert!(yaml.contains("    eq: \"a=b\"\n") && yaml.contains("    pipe: |\n      line\n"), "{yaml}");
    std::fs::write(me.home.path().join("binary"), [0xff, 0, 0xfe]).unwrap();
    me.run("kv put secret/doc x=@binary").ends(1).says("is not UTF-8 text");
    me.run("kv put secret/doc x=@none").ends(1).says("error reading file none");
    me.run("kv put secret/doc s3cr3t").ends(1).says("Failed to parse K=V data");
    me.write("long", &"x".repeat(1_100_000));
    me.run("kv put secret/doc x=@long").ends(2).says("longer than 1048576 bytes");
    assert_eq!(me.json("kv get secret/doc")["data"]["metadata"]["version"], 2);
}

#[test]
fn policies_say_why() {
    let (_stand, admin) = administered();
    admin.write("app.hcl", "path \"secret/data/+/db\" {capabilities=[\"read\"]}");
    admin.must("policy fmt app.hcl");
    admin.must("policy write app app.hcl");
    assert_eq!(
        admin.must("policy read app"),
        "path \"secret/data/+/db\" {\n  capabilities = [\"read\"]\n}\n"
    );
    assert_eq!(admin.must("policy list"), "app\ndefault\nroot\n");
    let token = admin.must("token create -policy=app -field=token");
    let allowed = admin.json(&format!("policy explain {token} GET secret/data/x/db"));
    assert_eq!(
        (&allowed["data"]["allowed"], &allowed["data"]["rule"]),
        (&true.into(), &"secret/data/+/db".into())
    );
    let denied = admin.run(&format!("policy explain {token} PUT secret/data/x/db")).ends(0);
    denied.says("allowed          false").says("of policy \"app\" does not give");
    admin.run("policy explain nosuch GET a").ends(2).says("unknown, expired or revoked");
    admin.write("bad.hcl", "path \"x\" { capabilities = [\"reed\"] }");
    admin.run("policy write bad bad.hcl").ends(2).says("line 1: path \"x\": capabilities");
    admin.run("policy fmt bad.hcl").ends(1).says("reed");
    admin.run("policy read none").ends(2).says("No policy named: none");
    admin.must("policy delete app");
    assert_eq!(admin.json("policy list"), serde_json::json!(["default", "root"]));
}

#[test]
fn a_tokens_life() {
    let (_stand, admin) = administered();
    let made = admin.json("token create -policy=default -ttl=1h -metadata=who=me -display-name=x");
    let (token, accessor) =
        (made["auth"]["client_token"].as_str().unwrap(), made["auth"]["accessor"].as_str().unwrap());
    assert_eq!(made["auth"]["lease_duration"], 3600);
    let me = admin.with("VAULT_TOKEN", token);
    assert_eq!(me.json("token lookup")["data"]["meta"]["who"], "me");
    assert_eq!(admin.json(&format!("token lookup -accessor {accessor}"))["data"]["id"], "");
    assert_eq!(me.json("token renew -increment=30m")["auth"]["lease_duration"], 1800);
    assert_eq!(me.must("token capabilities auth/token/lookup-self"), "read\n");
    assert_eq!(me.must("token capabilities sys/mounts"), "deny\n");
    me.run("token create").ends(2).says("permission denied");
    let wrapped = admin.must("token create -policy=default -wrap-ttl=1m -field=wrapping_token");
    let inner = admin.json(&format!("unwrap {wrapped}"));
    assert_eq!(inner["auth"]["token_policies"], serde_json::json!(["default"]));
    admin.run(&format!("unwrap {wrapped}")).ends(2).says("Error unwrapping");
    admin.must(&format!("token revoke -accessor {accessor}"));
    me.run("token lookup").ends(2).says("Code: 403. Errors:");
    admin.run("token revoke").ends(1).says("-self");
}

#[test]
fn a_program_logs_in_with_approle() {
    let (stand, admin) = administered();
    admin.run_with("policy write app -", "path \"secret/data/app\" { capabilities = [\"read\"] }").ends(0);
    admin.must("kv put secret/app password=s3cr3t");
    admin.must("auth enable approle");
    admin.must("write auth/approle/role/app token_policies=app token_ttl=10m");
    let role = admin.must("read -field=role_id auth/approle/role/app/role-id");
    let secret = admin.must("write -f -field=secret_id auth/approle/role/app/secret-id");
    let app = Person::at(&stand.server.address);
    app.write("secret-id", &format!("{secret}\n"));
    let token = app
        .must(&format!("login -method=approle -field=token -no-store role_id={role} secret_id=@secret-id"));
    assert!(!app.home.path().join(".vault-token").exists());
    app.run("kv get secret/app").ends(2).says("No token was sent. Log in (vault login) or set VAULT_TOKEN.");
    assert_eq!(app.with("VAULT_TOKEN", &token).must("kv get -field=password secret/app"), "s3cr3t");
    app.must(&format!("login -no-print -method=approle role_id={role} secret_id={secret}"));
    assert_eq!(app.must("kv get -field=password secret/app"), "s3cr3t");
    app.run(&format!("login -method=approle role_id={role} secret_id=wrong"))
        .ends(2)
        .says("Error authenticating");
    app.must("token revoke -self");
    app.run("kv get secret/app").ends(2).says("permission denied");
}

/// The server's life from its first start, its keys in several hands.
#[test]
fn an_operators_work() {
    let folder = tempfile::tempdir().unwrap();
    let server = fresh(folder.path());
    let me = Person::at(&server.address);
    me.run("status").ends(2).says("Initialized        false");
    me.run("operator init -status").ends(2).says("Vault is not initialized");
    let init = me.json("operator init -key-shares=3 -key-threshold=2");
    let keys = texts(&init["unseal_keys_b64"]);
    me.run("operator init").ends(2).says("Vault is already initialized");
    me.run("operator init -status").ends(0);
    me.run("kv get secret/a").ends(2).says("The server is sealed. Unseal it: vault operator unseal");
    assert_eq!(me.json(&format!("operator unseal {}", keys[0]))["progress"], 1);
    me.must("operator unseal -reset");
    for key in &keys[1..] {
        me.must(&format!("operator unseal {key}"));
    }
    assert_eq!(me.json("status")["sealed"], false);
    me.run_with("login -no-print -", init["root_token"].as_str().unwrap()).ends(0);
    me.must("secrets enable -path=secret -version=2 kv");
    me.must("kv put secret/a x=1");

    assert_eq!(me.json("operator rotate")["term"], 2);
    me.run("version-history").ends(0).says("Version    Installation Time");
    me.run("operator key-status").ends(0).says("Key Term            2");
    me.must("operator snapshot save before.snap");
    me.must("kv put secret/a x=2");
    me.must("operator snapshot restore before.snap");
    me.run("status").ends(0);
    assert_eq!(me.must("kv get -field=x secret/a"), "1");

    let rekey = me.json("operator rekey -init -key-shares=1 -key-threshold=1");
    let nonce = rekey["nonce"].as_str().unwrap();
    me.must(&format!("operator rekey -nonce={nonce} {}", keys[0]));
    let done = me.json(&format!("operator rekey -nonce={nonce} {}", keys[1]));
    let key = texts(&done["keys_base64"]).remove(0);

    let begun = me.json("operator generate-root -init");
    let (nonce, otp) = (begun["nonce"].as_str().unwrap(), begun["otp"].as_str().unwrap());
    let made = me.json(&format!("operator generate-root -nonce={nonce} {key}"));
    let encoded = made["encoded_token"].as_str().unwrap();
    let root = me.must(&format!("operator generate-root -decode={encoded} -otp={otp}"));
    let other = me.with("VAULT_TOKEN", root.trim());
    assert_eq!(other.json("token lookup")["data"]["policies"], serde_json::json!(["root"]));

    me.run("operator seal").ends(0).says("Success! Vault is sealed.");
    me.run("status").ends(2);
    me.must(&format!("operator unseal {key}"));
    me.run("status").ends(0);
}

#[test]
fn mistakes_end_with_the_codes_scripts_expect() {
    let (stand, admin) = administered();
    admin.must("kv put secret/a x=1");
    for (line, code, text) in [
        ("kv get", 1, "Not enough arguments (expected 1, got 0)"),
        ("kv get a b", 1, "Too many arguments (expected 1, got 2)"),
        ("kv get -feild=x a", 1, "Did you mean -field?"),
        ("kv get -format=xml secret/a", 1, "Invalid output format: xml"),
        ("read secret/nosuch/x -field=y", 1, "not present"),
        ("read sys/nosuch", 2, "Code: 404."),
        ("list secret/metadata/nosuch", 2, "No value found at secret/metadata/nosuch"),
        ("write secret/data/a", 1, "Must supply data or use -force"),
        ("kv get nomount/a", 2, "vault secrets list"),
        ("kv get -address=http://127.0.0.1:1 secret/a", 2, "Nothing listens at http://127.0.0.1:1."),
        ("status -address=http://127.0.0.1:1", 1, "vault server -dev"),
        ("status -address=ftp://x", 1, "must begin with http://"),
        ("nosuch", 127, "There is no command \"nosuch\"."),
    ] {
        admin.run(line).ends(code).says(text);
    }
    admin.with("VAULT_TOKEN", "wrong").run("token lookup").ends(2).says("Code: 403. Errors:");
    admin.with("VAULT_TOKEN", "").run("token lookup").ends(0).says("root");
    admin.with("VAULT_FORMAT", "json").run("kv get secret/a").ends(0).says("\"x\": \"1\"");
    admin.with("VAULT_FORMAT", "nosuch").run("kv get secret/a").ends(1).says("Invalid output format");
    let slash = admin.with("VAULT_ADDR", &format!("http://{}/", stand.server.address));
    assert_eq!(slash.must("kv get -field=x secret/a"), "1");
    let tls = admin.with("VAULT_ADDR", &format!("https://{}", stand.server.address));
    tls.run("kv get secret/a").ends(2).says("server gave HTTP response to HTTPS client");
    let odd = admin.with("NO_COLOR", "1");
    std::fs::remove_file(odd.home.path().join(".vault-token")).unwrap();
    std::fs::create_dir(odd.home.path().join(".vault-token")).unwrap();
    odd.run("kv get secret/a").ends(1).says("Error reading the stored token from");
    odd.run_with("login -no-store -", &stand.root).ends(0);
    let homeless = admin.with("HOME", "/nonexistent");
    homeless.run_with("login -", &stand.root).ends(2).says(&stand.root).says("not stored");
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    let (_stand, me) = administered();
    let many: Vec<String> = (0..9_000).map(|n| format!("\"key-{n}\": \"value\"")).collect();
    me.write("many.json", &format!("{{{}}}", many.join(",")));
    me.must("kv put secret/many @many.json");
    for line in ["kv get secret/many", "kv get -format=json secret/many", "-help"] {
        let mut child = me.command().args(line.split(' ')).stdin(Stdio::null()).spawn().unwrap();
        drop(child.stdout.take());
        ran(line, &child.wait_with_output().unwrap()).ends(0);
    }
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let output = me.command().args(["kv", "get", "secret/many"]).stdout(full).output().unwrap();
    ran("into a full disk", &output).ends(1).says("Error writing the output");
}

/// A server that was never initialised.
fn fresh(folder: &Path) -> Server {
    let address = format!("127.0.0.1:{}", free_port().unwrap());
    let config = folder.join("strongroom.hcl");
    let data = folder.join("data");
    let text = format!(
        "storage \"redb\" {{ path = {data:?} }}\nlistener \"tcp\" {{\n  address = {address:?}\n  tls_disable = true\n}}\n"
    );
    std::fs::write(&config, text).unwrap();
    let flag = format!("-config={}", config.display());
    Server::start(program(), folder, &["server", &flag], address).unwrap()
}

fn texts(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|v| v.as_str().unwrap().to_owned()).collect()
}
