//! Tokens, logins and wrapped answers.

use crate::canned::json;
use crate::{Seen, Stage, kv2};
use serde_json::json;

#[test]
fn a_new_token_as_a_table() {
    let stage = Stage::new(|_| {
        json(
            200,
            r#"{"request_id":"r","auth":{"client_token":"hvs.new","accessor":"acc","policies":["default","app"],
            "token_policies":["default","app"],"metadata":{"k":"v"},"lease_duration":0,"renewable":false}}"#,
        )
    });
    let ran = stage.run("token create -policy=default -policy app -ttl=90m -metadata=k=v -use-limit=3");
    assert_eq!(
        ran.out,
        "Key                  Value\n\
         ---                  -----\n\
         token                hvs.new\n\
         token_accessor       acc\n\
         token_duration       ∞\n\
         token_renewable      false\n\
         token_policies       [\"default\" \"app\"]\n\
         identity_policies    []\n\
         policies             [\"default\" \"app\"]\n\
         token_meta_k         v\n"
    );
    assert_eq!(
        stage.bodies(),
        [
            json!({"policies": ["default", "app"], "ttl": "1h30m0s", "meta": {"k": "v"}, "num_uses": 3, "renewable": true})
        ]
    );
    assert_eq!(stage.run("token create -field=token").out, "hvs.new");
}

#[test]
fn wrapped_answers() {
    let stage = Stage::new(kv2(|_| {
        json(
            200,
            r#"{"request_id":"","data":null,"wrap_info":{"token":"hvs.w","accessor":"a","ttl":300,
            "creation_time":"2026-11-24T17:00:00.5Z","creation_path":"secret/data/app"}}"#,
        )
    }));
    let ran = stage.run("kv get -wrap-ttl=5m secret/app");
    assert_eq!(
        ran.out,
        "Key                              Value\n\
         ---                              -----\n\
         wrapping_token:                  hvs.w\n\
         wrapping_accessor:               a\n\
         wrapping_token_ttl:              5m\n\
         wrapping_token_creation_time:    2026-11-24 17:00:00.5 +0000 UTC\n\
         wrapping_token_creation_path:    secret/data/app\n"
    );
    let seen = stage.server.seen.lock().unwrap().clone();
    let ttls: Vec<&str> = seen.iter().map(|s| s.header("x-vault-wrap-ttl")).collect();
    assert_eq!(ttls, ["", "5m"], "the question for the mount is not wrapped");
}

#[test]
fn logging_in_keeps_the_token() {
    let mut stage = Stage::new(|seen| match seen.target.as_str() {
        "/v1/auth/token/lookup-self" => {
            json(200, r#"{"data":{"accessor":"a","policies":["root"],"ttl":0,"renewable":false}}"#)
        }
        _ => json(
            200,
            r#"{"auth":{"client_token":"hvs.user","accessor":"a","policies":["default"],"lease_duration":60}}"#,
        ),
    });
    stage.variables.remove("VAULT_TOKEN");
    let file = stage.home.path().join(".vault-token");
    let ran = stage.run("login hvs.root");
    assert!(
        ran.code == 0 && ran.out.starts_with("Success! You are now authenticated."),
        "{}{}",
        ran.out,
        ran.err
    );
    assert!(ran.out.contains("token_duration       ∞\n"), "{}", ran.out);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "hvs.root");
    assert_eq!(stage.run("print token").out, "hvs.root\n");
    stage.stdin = "pw\n".to_owned();
    let ran = stage.run("login -method=userpass -path=people username=ada password=-");
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(stage.server.lines().last().unwrap(), "PUT /v1/auth/people/login/ada");
    assert_eq!(stage.bodies(), [json!({"password": "pw"})]);
    assert_eq!(
        stage.server.seen.lock().unwrap().last().unwrap().header("x-vault-token"),
        "",
        "a login sends no token"
    );
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "hvs.user");
    std::fs::remove_file(&file).unwrap();
    assert_eq!(stage.run("login -token-only -method=approle role_id=r secret_id=s").out, "hvs.user");
    assert_eq!(stage.run("login -no-print -no-store hvs.x").out, "");
    assert!(!file.exists());
    for (line, text) in [
        ("login", "Token (will be hidden) is needed"),
        ("login -method=approle secret_id=s", "role_id"),
        ("login -method=userpass username=ada", "Password"),
        ("login -method=saml", "browser"),
        ("login role=x", "-method"),
    ] {
        let ran = stage.run(line);
        assert!(ran.code == 1 && ran.err.contains(text), "{line}: {}", ran.err);
    }
}

#[test]
fn a_token_that_cannot_be_kept_is_shown() {
    let mut stage = Stage::new(|_| json(200, r#"{"data":{"accessor":"a","policies":["root"]}}"#));
    stage.variables.remove("VAULT_TOKEN");
    let home = stage.home.path().join("missing").to_string_lossy().into_owned();
    stage.variables.insert("HOME".to_owned(), home.clone());
    let ran = stage.run("login hvs.root");
    assert!(ran.code == 2 && ran.out.contains("token                hvs.root\n"), "{}{}", ran.out, ran.err);
    assert!(ran.err.contains(&home) && ran.err.contains("not stored"), "{}", ran.err);
    let ran = stage.run("login -no-print hvs.root");
    assert!(ran.code == 2 && ran.out.is_empty() && ran.err.contains(&home), "{}{}", ran.out, ran.err);
}

#[test]
fn tokens_are_looked_up_renewed_and_revoked() {
    let stage = Stage::new(|seen| match seen.target.as_str() {
        t if t.contains("capabilities") => json(200, r#"{"data":{"capabilities":["update","read"]}}"#),
        t if t.contains("revoke") => (204, vec![], String::new()),
        _ => json(200, r#"{"data":{"ttl":3600}}"#),
    });
    for (line, sent, body) in [
        ("token lookup", "GET /v1/auth/token/lookup-self", None),
        ("token lookup hvs.x", "PUT /v1/auth/token/lookup", Some(json!({"token": "hvs.x"}))),
        ("token lookup -accessor ac", "PUT /v1/auth/token/lookup-accessor", Some(json!({"accessor": "ac"}))),
        ("token renew -increment=1h", "PUT /v1/auth/token/renew-self", Some(json!({"increment": 3600}))),
        ("token renew hvs.x", "PUT /v1/auth/token/renew", Some(json!({"token": "hvs.x"}))),
        ("token revoke -self", "PUT /v1/auth/token/revoke-self", Some(json!({}))),
        (
            "token revoke -mode=orphan hvs.x",
            "PUT /v1/auth/token/revoke-orphan",
            Some(json!({"token": "hvs.x"})),
        ),
        ("token revoke -mode=path a/b", "PUT /v1/sys/leases/revoke-prefix/a/b", Some(json!({}))),
        ("token capabilities a/b", "PUT /v1/sys/capabilities-self", Some(json!({"paths": ["a/b"]}))),
        (
            "token capabilities t a/b",
            "PUT /v1/sys/capabilities",
            Some(json!({"token": "t", "paths": ["a/b"]})),
        ),
    ] {
        let ran = stage.run(line);
        assert_eq!(ran.code, 0, "{line}: {}", ran.err);
        assert_eq!(stage.server.lines().last().unwrap(), sent, "{line}");
        if let Some(body) = body {
            assert_eq!(stage.bodies().last(), Some(&body), "{line}");
        }
    }
    assert_eq!(stage.run("token capabilities a/b").out, "read, update\n");
    assert_eq!(stage.run("token capabilities -format=json a/b").out, "[\n  \"read\",\n  \"update\"\n]\n");
    for line in ["token revoke", "token revoke -self x", "token lookup -accessor", "token revoke -mode=x y"] {
        assert_eq!(stage.run(line).code, 1, "{line}");
    }
}

#[test]
fn unwrapping_uses_the_token_that_fits() {
    let mut stage = Stage::new(|_| json(200, r#"{"data":{"a":"b"}}"#));
    assert_eq!(stage.run("unwrap hvs.w").code, 0);
    assert_eq!(stage.bodies(), [json!({"token": "hvs.w"})]);
    stage.variables.remove("VAULT_TOKEN");
    assert_eq!(stage.run("unwrap -field=a hvs.w").out, "b");
    let seen = stage.server.seen.lock().unwrap().last().cloned().unwrap();
    assert_eq!((seen.header("x-vault-token"), seen.body.as_str()), ("hvs.w", ""));
}

/// The canned server has the browser come back as soon as it is asked where to log in.
#[test]
fn a_login_through_a_browser_ends_with_what_it_brought() {
    use std::io::{Read, Write};
    let page = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
    let shown = page.clone();
    let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let nonce = std::sync::Mutex::new(String::new());
    let stage = Stage::new(move |seen: &Seen| {
        if seen.line() == "PUT /v1/auth/corp/oidc/auth_url" {
            let asked: serde_json::Value = serde_json::from_str(&seen.body).unwrap();
            assert_eq!(asked["redirect_uri"], format!("http://localhost:{free}/oidc/callback"));
            assert_eq!(asked["role"], "dev");
            *nonce.lock().unwrap() = asked["client_nonce"].as_str().unwrap().to_owned();
            let shown = shown.clone();
            std::thread::spawn(move || {
                for target in ["/favicon.ico", "/oidc/callback?state=st_1&code=a%2Fb"] {
                    let mut stream = std::net::TcpStream::connect(("localhost", free)).unwrap();
                    write!(stream, "GET {target} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
                    stream.read_to_string(&mut shown.lock().unwrap()).unwrap();
                }
            });
            return json(200, r#"{"data":{"auth_url":"https://p.example/authorize?x=1"}}"#);
        }
        let nonce = nonce.lock().unwrap();
        assert_eq!(
            seen.line(),
            format!("GET /v1/auth/corp/oidc/callback?client_nonce={nonce}&state=st_1&code=a%2Fb")
        );
        json(200, r#"{"auth":{"client_token":"hvs.browser","policies":["default"]}}"#)
    });
    let ran = stage
        .run(&format!("login -token-only -method=oidc -path=corp role=dev skip_browser=true port={free}"));
    assert_eq!((ran.code, ran.out.as_str()), (0, "hvs.browser"), "{}", ran.err);
    assert!(ran.err.contains("https://p.example/authorize?x=1"));
    let page = page.lock().unwrap();
    assert!(page.contains("404 Not Found") && page.contains("You are logged in"), "{page}");
    for (line, why) in [
        ("login -method=oidc port=x", "no port"),
        ("login -method=oidc rol=x", "does not know rol="),
        ("login -method=oidc skip_browser=perhaps", "true or false"),
        ("login -method=oidc callbackmethod=ftp", "http or https"),
    ] {
        assert!(stage.run(line).err.contains(why), "{line}: {}", stage.run(line).err);
    }
}

#[test]
fn the_inventory_is_asked_for_page_by_page() {
    let stage = Stage::new(|seen| {
        let row = |accessor: &str| {
            format!(r#"{{"accessor":"{accessor}","display_name":"d","last_use_hour":null}}"#)
        };
        match seen.target.contains("after=a1") {
            false => json(200, &format!(r#"{{"data":{{"tokens":[{}],"next":"a1"}}}}"#, row("a1"))),
            true => json(200, &format!(r#"{{"data":{{"tokens":[{}],"next":""}}}}"#, row("a2"))),
        }
    });
    let ran = stage.run("token list -older-than=48h -role=ci");
    assert!(ran.out.contains("a1") && ran.out.contains("a2") && ran.out.contains("Last Use"), "{}", ran.out);
    let seen = stage.server.seen.lock().unwrap().clone();
    assert_eq!(seen.len(), 2);
    for part in ["/v1/sys/tokens?", "older_than=172800", "role=ci", "limit=1000"] {
        assert!(seen[0].target.contains(part), "{}", seen[0].target);
    }
}

#[test]
fn many_tokens_are_revoked_until_none_is_left() {
    let stage = Stage::new(|seen| {
        let next = if seen.body.contains("after") { "" } else { "a1" };
        json(200, &format!(r#"{{"data":{{"accessors":["a"],"spared":1,"dry_run":false,"next":"{next}"}}}}"#))
    });
    let ran = stage.run("token revoke-matching -unused-for=1h");
    assert_eq!(ran.out, "Success! Revoked 2 tokens; 2 were left alone\n");
    let body = json!({"unused_for": 3600, "dry_run": false, "include_root": false, "limit": 1000});
    assert_eq!(stage.bodies()[0], body);
    assert_eq!(stage.bodies()[1]["after"], json!("a1"));
    let ran = stage.run("token revoke-matching");
    assert_eq!((ran.code, stage.bodies().len()), (1, 2), "nothing was named");
}
