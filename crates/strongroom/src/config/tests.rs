use super::load::read;
use super::*;
use std::path::Path;
use std::time::Duration;
use strongroom_http::Bind;
use strongroom_http::tls::Version;

fn parse(text: &str) -> Result<Config, String> {
    let mut config = Config::default();
    read(Path::new("test.hcl"), text, &mut config).map_err(|e| e.to_string())?;
    Ok(config)
}

fn listener(body: &str) -> Result<Config, String> {
    parse(&format!("listener \"tcp\" {{\n{body}\n}}"))
}

#[test]
fn reads_what_vaults_documentation_shows() {
    let config = parse(
        r#"
        ui            = false
        cluster_addr  = "https://127.0.0.1:8201"
        api_addr      = "https://127.0.0.1:8200"
        disable_mlock = true
        default_lease_ttl = "1h"
        max_lease_ttl = 7200
        log_level = "debug"
        log_format = "json"
        pid_file = "/run/x.pid"
        cache_bytes = "64MiB"
        storage "file" {
          path = "/srv/nothing-here"
        }
        listener "tcp" {
          address       = "127.0.0.1:8200"
          tls_cert_file = "/path/to/full-chain.pem"
          tls_key_file  = "/path/to/private-key.pem"
          tls_min_version = "tls13"
        }
        telemetry {
          prometheus_retention_time = "30s"
          disable_hostname = true
        }
        seal "shamir" {}
        "#,
    )
    .unwrap();
    let storage = Storage::Redb { path: "/srv/nothing-here".into(), named: "file".into(), cache_bytes: None };
    assert_eq!(config.storage, Some(storage));
    assert_eq!(config.default_lease_ttl, Some(3600));
    assert_eq!(config.max_lease_ttl, Some(7200));
    assert_eq!(config.cache_bytes, Some(64 << 20));
    assert_eq!(config.log_format.as_deref(), Some("json"));
    let [listener] = config.listeners.as_slice() else { panic!("one listener") };
    assert_eq!(listener.bind, Bind::Tcp("127.0.0.1:8200".into()));
    assert_eq!(listener.tls.as_ref().unwrap().min_version, Version::Tls13);
    assert_eq!(config.warnings, Vec::<String>::new());
}

#[test]
fn reads_the_same_as_json() {
    let config = parse(
        r#"{"backend": {"inmem": {}},
            "listener": [{"tcp": {"address": "127.0.0.1:1", "tls_disable": 1}},
                         {"unix": {"address": "/run/s.sock", "socket_mode": "0660", "socket_user": "1000"}}],
            "max_lease_ttl": "10h", "disable_mlock": true}"#,
    )
    .unwrap();
    assert_eq!(config.storage, Some(Storage::Memory));
    assert_eq!(config.listeners.len(), 2);
    let unix =
        Bind::Unix { path: "/run/s.sock".into(), mode: Some(0o660), user: Some("1000".into()), group: None };
    assert_eq!(config.listeners[1].bind, unix);
    assert!(config.listeners.iter().all(|l| l.tls.is_none()));
    assert_eq!(config.warnings, Vec::<String>::new());
}

#[test]
fn reads_every_key_of_a_listener() {
    let config = listener(
        r#"
        tls_disable = "true"
        max_request_size = 1024
        max_request_duration = "5s"
        max_json_depth = 10
        max_json_string_value_length = "1k"
        max_json_object_entry_count = 5
        max_json_array_element_count = 6
        max_connections = 7
        http_read_header_timeout = "1s"
        http_read_timeout = 2
        http_idle_timeout = "3m"
        http_write_timeout = "0"
        x_forwarded_for_authorized_addrs = "10.0.0.0/8, 127.0.0.1"
        x_forwarded_for_hop_skips = "1"
        x_forwarded_for_reject_not_present = false
        custom_response_headers {
          "default" = { "X-Frame-Options" = ["DENY"] }
          "2xx" = { "X-Two" = "a" }
        }
        telemetry { unauthenticated_metrics_access = false }
        "#,
    )
    .unwrap();
    let listener = &config.listeners[0];
    assert_eq!(listener.limits.body, 1024);
    assert_eq!(listener.limits.connections, 7);
    let json = listener.limits.json;
    assert_eq!((json.depth, json.string, json.entries, json.elements), (10, 1024, 5, 6));
    assert_eq!(listener.timeouts.request, Duration::from_secs(5));
    assert_eq!(listener.timeouts.header, Duration::from_secs(1));
    assert_eq!(listener.timeouts.body, Duration::from_secs(2));
    assert_eq!(listener.timeouts.idle, Duration::from_secs(180));
    let forwarded = listener.forwarded.as_ref().unwrap();
    assert_eq!((forwarded.authorized.len(), forwarded.hop_skips), (2, 1));
    assert!(!forwarded.reject_not_present && forwarded.reject_not_authorized);
    assert_eq!(config.warnings, Vec::<String>::new());
}

#[test]
fn a_port_is_added_where_none_is_given() {
    for (given, wanted) in [
        ("10.0.0.1", "10.0.0.1:8200"),
        ("10.0.0.1:80", "10.0.0.1:80"),
        ("[::1]", "[::1]:8200"),
        ("[::1]:1", "[::1]:1"),
        (":8300", ":8300"),
        ("", "127.0.0.1:8200"),
    ] {
        let config = listener(&format!("address = {given:?}\ntls_disable = true")).unwrap();
        assert_eq!(config.listeners[0].bind, Bind::Tcp(wanted.into()), "{given}");
    }
}

#[test]
fn warns_with_the_line() {
    let config =
        parse("\nfoo = 1\nlistener \"tcp\" {\n  tls_disable = true\n  bar = 2\n}\nha_storage \"raft\" {}\n")
            .unwrap();
    let warnings = config.warnings.join("\n");
    for wanted in [
        "test.hcl:2: unknown key \"foo\"",
        "test.hcl:5: unknown key \"bar\" in listener \"tcp\"",
        "test.hcl:7: ha_storage: not supported",
    ] {
        assert!(warnings.contains(wanted), "{wanted} in {warnings}");
    }
    assert_eq!(config.warnings.len(), 3);
    let config = listener(
        "tls_disable = true\nmax_json_depth = 300\ntelemetry { unauthenticated_metrics_access = true }",
    )
    .unwrap();
    assert!(config.warnings.len() == 1 && config.listeners[0].open_metrics, "{:?}", config.warnings);
}

#[test]
fn each_listener_opens_the_metrics_for_itself() {
    let open =
        "listener \"tcp\" {\ntls_disable = true\ntelemetry { unauthenticated_metrics_access = true }\n}\n";
    let closed = "listener \"tcp\" {\naddress = \":1\"\ntls_disable = true\n}\n";
    let config = parse(&format!("{open}{closed}")).unwrap();
    let opened: Vec<bool> = config.listeners.iter().map(|l| l.open_metrics).collect();
    assert_eq!((opened, config.warnings.len()), (vec![true, false], 0));
}

#[test]
fn reads_user_lockout() {
    let config = parse(
        r#"
        user_lockout "all" { lockout_threshold = "15" lockout_duration = "20m" }
        user_lockout "userpass" { lockout_counter_reset = 30 disable_lockout = "true" odd = 1 }
        "#,
    )
    .unwrap();
    let all = &config.lockout["all"];
    assert_eq!(
        (all.threshold, all.duration, all.counter_reset, all.disable),
        (Some(15), Some(1200), None, None)
    );
    let userpass = &config.lockout["userpass"];
    assert_eq!((userpass.counter_reset, userpass.disable), (Some(30), Some(true)));
    assert_eq!(config.warnings.len(), 1, "{:?}", config.warnings);
}

#[test]
fn refuses_with_place_and_reason() {
    for (text, wanted) in [
        ("storage \"raft\" { path = \"/x\" }", "test.hcl:1: there is no storage \"raft\" here: use \"redb\""),
        ("storage \"file\" {}", "test.hcl:1: storage \"file\": needs a path"),
        ("storage \"inmem\" {}\nbackend \"inmem\" {}", "test.hcl:2: there is a second storage stanza"),
        ("seal \"awskms\" {}", "test.hcl:1: there is no seal \"awskms\" here"),
        ("listener \"udp\" {}", "there is no listener \"udp\": use \"tcp\" or \"unix\""),
        ("listener \"unix\" {}", "needs an address"),
        ("user_lockout \"pki\" {}", "there is no user lockout for \"pki\": use one of all, userpass"),
        ("listener \"tcp\" {}", "needs tls_cert_file and tls_key_file, or tls_disable = true"),
        ("default_lease_ttl = \"1x\"", "test.hcl:1: default_lease_ttl must be a duration"),
        ("ui = \"maybe\"", "ui must be true or false"),
        ("storage = 5", "must be followed by a block"),
        ("a = ", "test.hcl:1:"),
    ] {
        let error = parse(text).unwrap_err();
        assert!(error.contains(wanted), "{text}: {error}");
    }
    for (body, wanted) in [
        (
            "proxy_protocol_behavior = \"use_always\"",
            "test.hcl:2: listener \"tcp\": proxy_protocol_behavior: the PROXY protocol is not supported",
        ),
        ("redact_version = true", "answers cannot be redacted yet"),
        ("chroot_namespace = \"x\"", "there are no namespaces yet"),
        ("max_request_size = \"many\"", "max_request_size must be a number of bytes"),
        ("tls_min_version = \"tls10\"", "tls_min_version must be \"tls12\" or \"tls13\""),
        ("x_forwarded_for_authorized_addrs = \"here\"", "\"here\" is no address or block"),
        ("custom_response_headers { \"abc\" = { \"A\" = [\"b\"] } }", "\"abc\" is no status"),
        ("custom_response_headers { \"200\" = { \"X-Vault-A\" = [\"b\"] } }", "the server's own"),
    ] {
        let error = listener(&format!("{body}\ntls_disable = true")).unwrap_err();
        assert!(error.contains(wanted), "{body}: {error}");
    }
    let error = parse("listener \"unix\" {\n address = \"/x\"\n socket_mode = \"rw\" }").unwrap_err();
    assert!(error.contains("test.hcl:3: listener \"unix\": socket_mode must be permission bits"), "{error}");
}

#[test]
fn another_servers_data_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("core")).unwrap();
    std::fs::write(folder.path().join("core/_keyring"), "x").unwrap();
    let error = parse(&format!("storage \"file\" {{ path = {:?} }}", folder.path())).unwrap_err();
    assert!(error.contains("holds the data of a Vault server (file storage)"), "{error}");
}

#[test]
fn later_files_win_and_listeners_add_up() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    put("b.hcl", "log_level = \"debug\"\nlistener \"tcp\" { tls_disable = true }");
    put(
        "a.json",
        r#"{"log_level": "info", "cluster_name": "c", "listener": {"tcp": {"address": ":1", "tls_disable": true}}}"#,
    );
    put(".hidden.hcl", "broken");
    put("readme.txt", "broken");
    let config = load(&[folder.path().to_owned()]).unwrap();
    assert_eq!(config.log_level.as_deref(), Some("debug"));
    assert_eq!(config.cluster_name.as_deref(), Some("c"));
    assert_eq!(config.listeners.len(), 2);
    let empty = tempfile::tempdir().unwrap();
    assert!(load(&[empty.path().to_owned()]).unwrap_err().to_string().contains("no .hcl or .json file"));
    assert!(load(&["/does/not/exist".into()]).unwrap_err().to_string().contains("no such file"));
}

#[test]
fn reads_both_stanzas_of_a_migration() {
    let file = tempfile::NamedTempFile::with_suffix(".hcl").unwrap();
    let put = |text: &str| std::fs::write(file.path(), text).unwrap();
    put("storage_source \"redb\" { path = \"/a\" }\nstorage_destination \"file\" { path = \"/b\" }");
    let plan = migration(file.path()).unwrap();
    assert_eq!((plan.source.kind(), plan.destination.kind()), ("redb", "file"));
    put("storage_source \"redb\" { path = \"/a\" }");
    assert!(
        migration(file.path()).unwrap_err().to_string().contains("there is no storage_destination stanza")
    );
}

proptest::proptest! {
    #[test]
    fn never_panics(text in "[ -~\\n]{0,200}") {
        let _ = parse(&text);
    }

    #[test]
    fn no_value_panics(
        key in "(address|tls_disable|tls_min_version|max_request_size|socket_mode|x_forwarded_for_hop_skips|\
                x_forwarded_for_authorized_addrs|custom_response_headers|telemetry|http_idle_timeout|tls_cipher_suites)",
        value in "(-1|0|1|1e999|99999999999999999999|\"\"|\"-1h\"|\"99999999999h\"|\"\u{e9}\"|\\[\\]|\\[1,\"a\"\\]|\\{\\}|\\{ \"a\" = \\[1\\] \\}|true|null)",
        label in "(tcp|unix|x)",
    ) {
        let _ = parse(&format!("listener \"{label}\" {{ address = \"a\"\n {key} = {value} }}"));
        let _ = parse(&format!("{key} = {value}"));
    }
}
