//! Mistakes, help and completions.

use crate::Stage;
use crate::canned::json;

#[test]
fn errors_name_the_way_on() {
    let mut stage = Stage::new(|seen| match seen.target.as_str() {
        "/v1/sealed" => json(503, r#"{"errors":["Vault is sealed"]}"#),
        "/v1/none" => json(403, r#"{"errors":["missing client token"]}"#),
        "/v1/lost" => json(404, r#"{"request_id":"","data":null,"warnings":["Try elsewhere."]}"#),
        "/v1/secret/x" => json(403, r#"{"errors":["1 error occurred:\n\t* permission denied\n\n"]}"#),
        _ => json(403, r#"{"errors":["permission denied"]}"#),
    });
    let ran = stage.run("read secret/x");
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    let expected = format!(
        "Error reading secret/x: Error making API request.\n\nURL: GET {}/v1/secret/x\nCode: 403. Errors:\n\n\
         * 1 error occurred:\n\t* permission denied\n\n\n\nTo learn which rule decides, with a token that may: vault policy explain TOKEN GET secret/x\n",
        stage.server.address
    );
    assert_eq!(ran.err, expected);
    assert!(stage.run("read sealed").err.contains("operator unseal"));
    assert!(
        stage.run("read other").err.contains("revoked, or may not be used from this address. Log in anew")
    );
    assert!(stage.run("write lost a=b").err.ends_with("Code: 404. Errors:\n\n* Try elsewhere.\n"));
    assert!(!stage.run("write auth/u/login/a password=x").err.contains("anew"));
    assert!(stage.run("read none").err.contains("login"));
    assert!(!stage.run("login hvs.bad").err.contains("policy explain"));
    assert!(!stage.run("write auth/approle/login role_id=r").err.contains("policy explain"));
    let ran = stage.run("read -address=http://127.0.0.1:1 x");
    assert!(
        ran.code == 2 && ran.err.contains("http://127.0.0.1:1") && ran.err.contains("VAULT_ADDR"),
        "{}",
        ran.err
    );
    let https = stage.server.address.replace("http:", "https:");
    let ran = stage.run(&format!("read -tls-skip-verify -address={https} x"));
    assert!(ran.err.contains("server gave HTTP response to HTTPS client"), "{}", ran.err);
    let ran = stage.run("read -address=127.0.0.1 x");
    assert!(ran.code == 1 && ran.err.contains("must begin with http://"), "{}", ran.err);
    assert_eq!(
        stage.run("read sealed").err.lines().last(),
        Some("The server is sealed. Unseal it: vault operator unseal")
    );
    stage.variables.remove("VAULT_TOKEN");
    let ran = stage.run("read secret/x");
    let told = "\n\nNo token was sent. Log in (vault login) or set VAULT_TOKEN.\n";
    assert!(ran.code == 2 && ran.err.ends_with(told), "{}", ran.err);
    assert!(stage.run("read -mfa=x y").err.contains("no login MFA"));
    assert!(stage.run("read -header=X-Vault-Token=x y").err.contains("flags of their own"));
}

#[test]
fn usage_mistakes_end_with_1_and_an_example() {
    let stage = Stage::new(|_| json(500, "{}"));
    for (line, code, text) in [
        ("read", 1, "Not enough arguments (expected 1, got 0)"),
        ("list a b", 1, "Too many arguments (expected 1, got 2)"),
        ("read -feild=x a", 1, "Did you mean -field?"),
        ("read -field", 1, "flag needs an argument: -field"),
        ("read -wrap-ttl=soon a", 1, "-wrap-ttl"),
        ("kv get -version=two a", 1, "whole number"),
        ("write -force=maybe a", 1, "true or false"),
        ("kv got a", 1, "no command \"got\""),
        ("kv", 1, "metadata get"),
        ("transit x", 127, "This version has no command \"transit\""),
        ("operator migrte", 1, "no command \"migrte\""),
        ("raed a", 127, "Did you mean read?"),
        ("", 127, "Common commands"),
    ] {
        let ran = stage.run(line);
        assert!(ran.code == code && ran.err.contains(text), "{line}: {} {}", ran.code, ran.err);
    }
    assert!(stage.run("read").err.contains("Example: vault read"));
    assert!(stage.server.lines().is_empty());
}

#[test]
fn version_and_help() {
    let stage = Stage::new(|_| json(500, "{}"));
    for line in ["version", "-version", "--version", "-v"] {
        let ran = stage.run(line);
        assert!(ran.code == 0 && ran.out.starts_with("Vault v1.20.4 ("), "{line}: {}", ran.out);
        assert!(ran.out.lines().nth(1).unwrap().starts_with("Strongroom v"));
    }
    for line in ["-help", "help", "-h"] {
        assert!(stage.run(line).out.contains("Common commands"), "{line}");
    }
    for line in ["kv get -h", "help kv get", "kv get secret/app --help"] {
        let ran = stage.run(line);
        assert!(
            ran.code == 0 && ran.out.contains("$ vault kv get -mount=secret -field=password app/db"),
            "{}",
            ran.out
        );
    }
    assert!(stage.run("kv -h").out.contains("enable-versioning"));
    assert!(stage.run("read -h").out.contains("(VAULT_ADDR)"));
}

#[test]
fn completions_are_installed_once_and_taken_away() {
    let stage = Stage::new(|_| json(500, "{}"));
    for shell in ["bash", "zsh", "fish"] {
        let out = stage.run(&format!("completion {shell}")).out;
        assert!(out.contains("metadata") && out.contains("remove-custom-metadata"), "{shell}");
    }
    assert_eq!(stage.run("completion tcsh").code, 1);
    assert_eq!(stage.run("-autocomplete-install").code, 1, "there is no start-up file");
    let rc = stage.home.path().join(".bashrc");
    std::fs::write(&rc, "alias x=y").unwrap();
    assert_eq!(stage.run("-autocomplete-install").code, 0);
    assert_eq!(stage.run("-autocomplete-install").code, 0);
    assert_eq!(std::fs::read_to_string(&rc).unwrap(), "alias x=y\nsource <(vault completion bash)\n");
    assert_eq!(stage.run("-autocomplete-uninstall").code, 0);
    assert_eq!(std::fs::read_to_string(&rc).unwrap(), "alias x=y\n");
}
