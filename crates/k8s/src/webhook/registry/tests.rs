use super::*;
use crate::fake::answers;
use serde_json::json;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A registry that gives tokens, and one image behind an index.
async fn registry(asked: Arc<AtomicUsize>, wanted: Option<&'static str>) -> String {
    answers(move |address, request| {
        asked.fetch_add(1, Ordering::Relaxed);
        let authorization = request.headers().get("authorization").and_then(|value| value.to_str().ok());
        let path = request.uri().path().to_owned();
        if path == "/token" {
            assert_eq!(request.uri().query(), Some("service=here&scope=repository%3Ateam%2Fweb%3Apull"));
            let granted = authorization == wanted;
            return (if granted { 200 } else { 401 }, Vec::new(), json!({"token": "t"}));
        }
        if authorization != Some("Bearer t") {
            let realm = format!("Bearer realm=\"http://{address}/token\",service=\"here\"");
            return (401, vec![("www-authenticate", realm)], json!({}));
        }
        let kind = |kind: &str| vec![("content-type", kind.to_owned())];
        match path.strip_prefix("/v2/team/web/").unwrap_or_default() {
            "manifests/1" => {
                let platform = |os: &str| json!({"os": os, "architecture": "s390x"});
                let manifests = json!([
                    {"digest": "sha256:win", "platform": platform("windows")},
                    {"digest": "sha256:one", "platform": platform("linux")},
                ]);
                (200, kind(INDEXES[0]), json!({"manifests": manifests}))
            }
            "manifests/sha256:one" => (200, kind(MANIFESTS[1]), json!({"config": {"digest": "sha256:c"}})),
            "blobs/sha256:c" => {
                let config = json!({"Entrypoint": ["/run", "-x"], "Cmd": null});
                (200, kind("application/octet-stream"), json!({"config": config}))
            }
            _ => (404, Vec::new(), json!({})),
        }
    })
    .await
}

#[tokio::test]
async fn an_image_is_looked_up_through_index_and_token_and_remembered() {
    let asked = Arc::new(AtomicUsize::new(0));
    let host = registry(Arc::clone(&asked), None).await;
    let registries = Registries::new(&[format!("http://{host}")], Keyring::new()).unwrap();
    let image = format!("{host}/team/web:1");
    let expected = Entrypoint { entrypoint: vec!["/run".to_owned(), "-x".to_owned()], command: Vec::new() };
    assert_eq!(registries.entrypoint(&image, &Keyring::new()).await, Ok(expected.clone()));
    let first = asked.swap(0, Ordering::Relaxed);
    assert_eq!(registries.entrypoint(&image, &Keyring::new()).await, Ok(expected));
    assert_eq!(asked.load(Ordering::Relaxed), first - 1, "the config was asked for again");
    let absent = registries.entrypoint(&format!("{host}/team/web:2"), &Keyring::new()).await.unwrap_err();
    assert!(absent.contains("does not have it"), "{absent}");
}

#[tokio::test]
async fn credentials_are_the_pods_or_the_operators() {
    let wanted = "Basic dTpw";
    let host = registry(Arc::default(), Some(wanted)).await;
    let file = json!({"auths": {format!("https://{host}/v1/"): {"auth": "dTpw"}}}).to_string();
    let (image, none) = (format!("{host}/team/web:1"), Keyring::new());
    let allowed = [format!("http://{host}")];
    let without = Registries::new(&allowed, Keyring::new()).unwrap();
    assert!(without.entrypoint(&image, &none).await.is_err());
    assert!(without.entrypoint(&image, &keyring(&file).unwrap()).await.is_ok());
    let with = Registries::new(&allowed, keyring(&file).unwrap()).unwrap();
    assert!(with.entrypoint(&image, &none).await.is_ok());
}

#[tokio::test]
async fn only_allowed_hosts_are_asked_and_none_that_they_name_inside() {
    let registries = Registries::new(&["registry.example".to_owned()], Keyring::new()).unwrap();
    let why = registries.entrypoint("other.example/x", &Keyring::new()).await.unwrap_err();
    assert!(why.contains("-allowed-registry"), "{why}");
    for realm in ["https://10.0.0.1/token", "https://kubernetes.default.svc/x", "http://auth.example/token"] {
        let host = answers(move |_, _| {
            (401, vec![("www-authenticate", format!("Bearer realm=\"{realm}\",service=\"s\""))], json!({}))
        })
        .await;
        let registries = Registries::new(&[format!("http://{host}")], Keyring::new()).unwrap();
        let why = registries.entrypoint(&format!("{host}/x:1"), &Keyring::new()).await.unwrap_err();
        assert!(why.contains("which is not asked"), "{realm}: {why}");
    }
}
