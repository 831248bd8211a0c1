//! What is taken as configuration and roles.

use super::{Bench, CA, HOST};
use serde_json::json;
use std::path::PathBuf;
use strongroom_core::Operation;

#[tokio::test]
async fn a_reviewer_token_is_a_token_and_never_a_file() {
    let b = Bench::start().await;
    let file = std::env::temp_dir().join(format!("strongroom-reviewer-{}", std::process::id()));
    std::fs::write(&file, b.jwt(json!({}))).unwrap();
    for given in [
        file.to_str().unwrap(),
        "path/to/jwt",
        "/var/run/secrets/kubernetes.io/serviceaccount/token",
        "a.b.c",
        "canary",
    ] {
        let reply = b.write("config", json!({"kubernetes_host": HOST, "token_reviewer_jwt": given})).await;
        let text = reply.body.to_string();
        assert!(reply.status == 400 && text.contains("token_reviewer_jwt=@path"), "{reply:?}");
        assert!(!text.contains("canary"));
    }
    std::fs::remove_file(file).unwrap();
    let jwt = b.jwt(json!({}));
    assert_eq!(
        b.write("config", json!({"kubernetes_host": HOST, "token_reviewer_jwt": jwt})).await.status,
        204
    );
    let shown = b.read("config").await;
    assert_eq!(shown.at("/data/token_reviewer_jwt_set"), json!(true));
    assert!(!shown.body.to_string().contains(&jwt));
}

#[tokio::test]
async fn addresses_of_the_api_are_checked() {
    let b = Bench::bare(PathBuf::from("/nonexistent")).await;
    for (host, status) in [
        ("https://k:6443", 204),
        ("https://k:6443/prefix/", 204),
        ("k.example", 204),
        ("k.example:6443", 204),
        ("http://127.0.0.1:8001", 204),
        ("http://k.example", 200),
        ("ftp://k", 400),
        ("https://u:p@k", 400),
        ("https://k/?a=b", 400),
        ("https://k /", 400),
    ] {
        let reply = b.write("config", json!({"kubernetes_host": host})).await;
        assert_eq!(reply.status, status, "{host}: {reply:?}");
        if status == 204 {
            assert_eq!(b.read("config").await.at("/data/kubernetes_host"), json!(host));
        }
    }
}

#[tokio::test]
async fn authorities_are_pem() {
    let b = Bench::bare(PathBuf::from("/nonexistent")).await;
    for (pem, status) in [
        (CA, 204),
        // Clients send this in their tests, and read it back; it serves no login.
        ("-----BEGIN CERTIFICATE-----\\n.....\\n-----END CERTIFICATE-----", 200),
        ("garbage", 400),
        ("/path/to/ca.crt", 400),
    ] {
        let reply = b.write("config", json!({"kubernetes_host": HOST, "kubernetes_ca_cert": pem})).await;
        assert_eq!(reply.status, status, "{pem}: {reply:?}");
    }
}

#[tokio::test]
async fn roles_bind_something() {
    let b = Bench::bare(PathBuf::from("/nonexistent")).await;
    let selector = r#"{"matchExpressions":[{"key":"team","operator":"Exists"}]}"#;
    for (body, status) in [
        (
            json!({"bound_service_account_names": "a", "bound_service_account_namespace_selector": selector}),
            204,
        ),
        (json!({"bound_service_account_namespace_selector": ""}), 400),
        (json!({"bound_service_account_namespace_selector": "team: red"}), 400),
        (json!({"alias_name_source": "odd"}), 400),
        (json!({"bound_service_account_names": "a,*"}), 400),
        (json!({"alias_name_source": "serviceaccount_name"}), 204),
    ] {
        let reply = b.write("role/R", body.clone()).await;
        assert_eq!(reply.status, status, "{body}: {reply:?}");
    }
    let role = b.read("role/r").await.at("/data");
    assert_eq!(role["bound_service_account_namespace_selector"], json!(selector));
    assert_eq!(role["alias_name_source"], json!("serviceaccount_name"));
}

/// Names against policy: a deny on `role/admin` holds for every casing.
#[tokio::test]
async fn casing_does_not_dodge_a_deny() {
    let b = Bench::start().await;
    let policy = "path \"auth/k/role/*\" { capabilities = [\"create\", \"update\"] }\npath \"auth/k/role/admin\" { capabilities = [\"deny\"] }";
    b.harness.policy("p", policy).await.unwrap();
    let token = b.harness.token(&["p"]).await.unwrap();
    let body = json!({"bound_service_account_names": "*", "bound_service_account_namespaces": "*"});
    for (name, status) in [("other", 204), ("admin", 403), ("ADMIN", 403), ("Admin", 403)] {
        let path = format!("auth/k/role/{name}");
        let reply = b.harness.call_as(Some(&token), Operation::Update, &path, body.clone()).await;
        assert_eq!(reply.status, status, "{name}");
    }
}
