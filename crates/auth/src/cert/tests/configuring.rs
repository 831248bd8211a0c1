//! Roles and configuration as they are written and read.

use super::*;

#[tokio::test]
async fn roles_are_checked() {
    let root = authority("root");
    let server = client(&root, "a", |p| p.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]);
    let key = KeyPair::generate().unwrap();
    let b = Bench::start().await;
    let good = root.pem();
    for (field, bad) in [
        ("certificate", json!({})),
        ("certificate", json!({"certificate": "garbage"})),
        (
            "certificate",
            json!({"certificate": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"}),
        ),
        ("certificate", json!({"certificate": key.serialize_pem()})),
        ("certificate", json!({"certificate": format!("{good}{}", key.serialize_pem())})),
        ("certificate", json!({"certificate": server.pem()})),
        ("required_extensions", json!({"certificate": good, "required_extensions": "1.2.3.4"})),
        ("required_extensions", json!({"certificate": good, "required_extensions": "x:y"})),
        ("allowed_metadata_extensions", json!({"certificate": good, "allowed_metadata_extensions": "x"})),
        ("ocsp_ca_certificates", json!({"certificate": good, "ocsp_ca_certificates": "garbage"})),
        ("ocsp_servers_override", json!({"certificate": good, "ocsp_servers_override": "ldap://a"})),
        ("ocsp_max_retries", json!({"certificate": good, "ocsp_max_retries": -1})),
        ("token_period", json!({"certificate": good, "token_period": "9999h"})),
    ] {
        let reply = b.write("certs/r", bad).await;
        let told = reply.at("/errors/0");
        assert_eq!(reply.status, 400, "{field}");
        assert!(told.as_str().unwrap().contains(field), "{field}: {told}");
        assert!(!told.to_string().contains("PRIVATE KEY"));
    }
    assert_eq!(b.read("certs/r").await.status, 404);
}

#[tokio::test]
async fn further_ocsp_fields_are_shown_once_they_are_written() {
    let b = Bench::with_role(&authority("root"), json!({})).await;
    assert_eq!(b.read("certs/r").await.at("/data/ocsp_max_retries"), Value::Null);
    let more = json!({"ocsp_max_retries": 2, "ocsp_this_update_max_age": "1h"});
    assert_eq!(b.write("certs/r", more).await.status, 204);
    let shown = b.read("certs/R").await.at("/data");
    assert_eq!((&shown["ocsp_max_retries"], &shown["ocsp_this_update_max_age"]), (&json!(2), &json!(3600)));
}

#[tokio::test]
async fn no_role_gives_root() {
    let root = authority("root");
    let b = Bench::with_role(&root, json!({"token_policies": "ROOT"})).await;
    assert_eq!(b.status(&[&client(&root, "a", |_| {})]).await, 400);
}

#[tokio::test]
async fn the_cache_has_a_size_within_bounds() {
    let b = Bench::start().await;
    assert_eq!(b.write("config", json!({"ocsp_cache_size": 5})).await.status, 204);
    assert_eq!(b.read("config").await.at("/data/ocsp_cache_size"), json!(5));
    for bad in [-1, 1_000_000_000] {
        assert_eq!(b.write("config", json!({"ocsp_cache_size": bad})).await.status, 400);
    }
}
