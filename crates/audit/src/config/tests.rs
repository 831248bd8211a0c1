use super::*;

fn read(kind: &str, options: &[(&str, &str)]) -> Result<Settings, ConfigError> {
    let options = options.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    settings(&DeviceConfig::new(kind, "", options, false))
}

fn complaint(kind: &str, options: &[(&str, &str)]) -> String {
    read(kind, options).unwrap_err().to_string()
}

#[test]
fn defaults_are_vaults() {
    let settings = read("file", &[("file_path", " /var/log/a.log "), ("colour", "red")]).unwrap();
    assert_eq!(settings.sink, SinkSpec::File { path: "/var/log/a.log".into(), mode: Some(0o600) });
    assert!(settings.hmac_accessor && !settings.log_raw && !settings.elide_list_responses);
    assert_eq!(settings.unknown, ["colour"]);
    let socket = read("socket", &[("address", "[::1]:9090")]).unwrap().sink;
    let SinkSpec::Socket { kind, write_timeout, .. } = socket else { panic!("no socket") };
    assert_eq!((kind, write_timeout), (SocketKind::Tcp, Duration::from_secs(2)));
    assert_eq!(read("file", &[("path", "stdout")]).unwrap().sink, SinkSpec::Stdout);
    assert_eq!(read("file", &[("file_path", "discard")]).unwrap().sink, SinkSpec::Discard);
}

#[test]
fn modes_never_allow_execution() {
    let mode = |text: &str| read("file", &[("file_path", "/a"), ("mode", text)]).map(|s| s.sink);
    let file = |mode| SinkSpec::File { path: "/a".into(), mode };
    assert_eq!(mode("0640").unwrap(), file(Some(0o640)));
    assert_eq!(mode("0000").unwrap(), file(None));
    for bad in ["0700", "0755", "0601", "4600", "1600", "abc", "888", "-600", "+600", "99999999999"] {
        assert!(matches!(mode(bad), Err(ConfigError::Option { name: "mode", .. })), "{bad}");
    }
}

#[test]
fn errors_name_the_option() {
    let file = |name, value| complaint("file", &[("file_path", "/a"), (name, value)]);
    assert!(complaint("file", &[]).starts_with("option file_path: missing"));
    assert!(file("log_raw", "maybe").starts_with("option log_raw: \"maybe\" is neither"));
    assert!(file("format", "jsonx").starts_with("option format: jsonx is not supported"));
    assert!(file("filter", "mount_type == kv").starts_with("option filter: "));
    assert!(file("fallback", "true").starts_with("option fallback: "));
    assert!(file("prefix", "#!/bin/sh\n").starts_with("option prefix: "));
    assert!(complaint("socket", &[]).starts_with("option address: missing"));
    assert!(complaint("socket", &[("address", "host")]).starts_with("option address: \"host\" lacks a port"));
    assert!(
        complaint("socket", &[("address", "h:1"), ("socket_type", "x")]).starts_with("option socket_type: ")
    );
    assert!(
        complaint("socket", &[("address", "h:1"), ("write_timeout", "x")])
            .starts_with("option write_timeout: ")
    );
    assert!(complaint("syslog", &[]).contains("not supported"));
    assert!(complaint("paper", &[]).starts_with("unknown backend type: \"paper\""));
}

#[test]
fn persists_with_its_salt_and_never_prints_it() {
    let mut config = DeviceConfig::new("file", "trail", BTreeMap::new(), true);
    config.salt = Secret::new("pepper".to_owned());
    let text = serde_json::to_string(&config).unwrap();
    assert_eq!(serde_json::from_str::<DeviceConfig>(&text).unwrap(), config);
    assert!(text.contains("pepper") && !format!("{config:?}").contains("pepper"));
}
