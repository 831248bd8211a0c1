//! The webhook as a whole: reviews as a real API server sent them, certificates by several replicas, the server.

use super::images::Images;
use super::keeper::Keeper;
use super::review::{Decision, Review};
use super::{Rules, Shared, Webhook, certificates, mutate, serve};
use crate::api::exchange::{Origin, Trust};
use crate::api::{Api, text};
use crate::fake::{Fake, StillClock};
use crate::lower::Settings;
use arc_swap::{ArcSwap, ArcSwapOption};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use strongroom_wire::Clock;

fn rules(more: &[(&str, &str)]) -> Rules {
    let mut settings = Settings::default();
    let usual = [("address", "https://strongroom.strongroom.svc:8200"), ("image", "strongroom:test")];
    for (name, value) in usual.iter().chain(more) {
        assert!(settings.set(name, value).unwrap());
    }
    Rules { settings, allowed: vec!["https://vault.example:8200".to_owned()] }
}

const ABLE: &str = r#"{"nodes":[{"name":"n","kubeletVersion":"v1.35.4","envFiles":true}]}"#;

/// The response to a review.
fn respond(review: &Value, rules: &Rules) -> Value {
    let review = Review::read(review.to_string().as_bytes()).unwrap();
    let mut known = mutate::Entrypoints::new();
    for _ in 0..2 {
        match review.decide(rules, &known) {
            Decision::Answer(mut answer) => return answer["response"].take(),
            Decision::Images(images) => {
                known.extend(
                    images
                        .into_iter()
                        .map(|image| (image.clone(), Err(format!("what {image} starts is not known")))),
                );
            }
        }
    }
    panic!("no decision");
}

/// The Pod of a review after the response's patch.
fn patched(review: &Value, response: &Value) -> Value {
    let mut pod = review["request"]["object"].clone();
    let Some(patch) = response["patch"].as_str() else { return pod };
    let patch: Vec<Value> = serde_json::from_slice(&STANDARD.decode(patch).unwrap()).unwrap();
    for step in patch {
        let list = step["path"].as_str().unwrap().strip_prefix("/spec/").unwrap().to_owned();
        assert_eq!(step["op"], "add");
        pod["spec"][list] = step["value"].clone();
    }
    pod
}

/// Each review in `tests/reviews`, with fileKeyRef and with the shim, against what is recorded in `out` beside it.
/// `UPDATE_GOLDEN=1` writes what comes out.
#[test]
fn recorded_reviews_get_the_recorded_answers() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reviews");
    let (mut seen, mut wrong) = (0, Vec::new());
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            continue;
        }
        let review: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let mut got = json!({});
        for (target, rules) in [("fileKeyRef", rules(&[("nodes", ABLE)])), ("shim", rules(&[]))] {
            let response = respond(&review, &rules);
            assert_eq!(response, respond(&review, &rules), "{path:?}: the same review, another answer");
            assert_eq!(response["uid"], review["request"]["uid"]);
            got[target] = if response["allowed"] == true {
                let pod = patched(&review, &response);
                let mut again = review.clone();
                again["request"]["object"] = pod.clone();
                let second = respond(&again, &rules);
                assert!(second.get("patch").is_none() && second["allowed"] == true, "{path:?}: {second}");
                json!({"spec": pod["spec"], "warnings": response["warnings"]})
            } else {
                json!({"refused": response["status"]["message"].as_str().unwrap().lines().collect::<Vec<_>>()})
            };
        }
        let out = folder.join("out").join(path.file_name().unwrap());
        let got = serde_json::to_string_pretty(&got).unwrap() + "\n";
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&out, &got).unwrap();
        }
        if std::fs::read_to_string(&out).unwrap_or_default() != got {
            wrong.push(format!("--- {} should be:\n{got}", out.display()));
        }
        seen += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen >= 5, "{seen}");
}

fn review(pod: Value) -> Value {
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": "u-1", "operation": "CREATE", "namespace": "team", "object": pod,
        "resource": {"group": "", "version": "v1", "resource": "pods"},
    }})
}

fn pod(value: &str, annotations: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "annotations": annotations}, "spec": {
        "serviceAccountName": "app",
        "containers": [{"name": "main", "image": "i", "env": [{"name": "PASSWORD", "value": value}]}],
    }})
}

/// The plan of the first container of ours.
fn plan(pod: &Value) -> Value {
    let env = &pod["spec"]["initContainers"][0]["env"][0];
    assert_eq!(env["name"], "STRONGROOM_PLAN");
    serde_json::from_str(&env["value"].as_str().unwrap().replace("$$", "$")).unwrap()
}

#[test]
fn annotations_reach_the_plan_and_ours_win() {
    let bank = |name: &str| format!("vault.security.banzaicloud.io/{name}");
    let plan_of = |annotations: Value| {
        let review = review(pod("vault:secret/data/app#password", annotations));
        let response = respond(&review, &rules(&[("nodes", ABLE)]));
        assert_eq!(response["allowed"], true, "{response}");
        plan(&patched(&review, &response))
    };
    // Bank-Vaults takes the service account's name as role.
    assert_eq!(plan_of(json!({}))["server"]["role"], "app");
    assert_eq!(plan_of(json!({bank("vault-role"): "other"}))["server"]["role"], "other");
    let both = plan_of(json!({bank("vault-role"): "other", "strongroom.io/role": "ours"}));
    assert_eq!(both["server"]["role"], "ours");
    let elsewhere =
        plan_of(json!({bank("vault-addr"): "https://vault.example:8200/", bank("vault-path"): "c1"}));
    assert_eq!(elsewhere["server"]["address"], "https://vault.example:8200");
    assert_eq!(elsewhere["server"]["authMount"], "c1");
    assert_eq!(plan_of(json!({bank("vault-skip-verify"): "true"}))["server"]["tlsSkipVerify"], true);
    let missing = plan_of(json!({bank("vault-ignore-missing-secrets"): "true"}));
    assert_eq!(missing["envFiles"][0]["entries"][0]["parts"][0]["secret"]["optional"], true);
}

#[test]
fn refusals_name_container_and_variable() {
    let refused = |value: &str, annotations: Value| {
        let response = respond(&review(pod(value, annotations)), &rules(&[("nodes", ABLE)]));
        assert_eq!(response["allowed"], false, "{response}");
        response["status"]["message"].as_str().unwrap().to_owned()
    };
    let message = refused("vault:secret/data/app", json!({}));
    let place = "Pod/p: spec.containers[0].env[0].value (container main, variable PASSWORD): it names no key";
    assert!(message.starts_with(place), "{message}");
    for annotation in ["vault.security.banzaicloud.io/vault-addr", "strongroom.io/address"] {
        let message = refused("vault:secret/data/app#k", json!({annotation: "https://evil:8200"}));
        assert!(message.contains(annotation) && message.contains("allowedAddresses"), "{message}");
    }
    // The shim needs a command.
    let response = respond(&review(pod("vault:secret/data/app#k", json!({}))), &rules(&[]));
    let message = response["status"]["message"].as_str().unwrap();
    assert!(message.contains("container main") && message.contains("set command"), "{message}");
}

#[test]
fn pods_without_references_and_those_that_ask_so_are_left_alone() {
    for (value, annotations) in [
        ("plain", json!({"strongroom.io/role": "r"})),
        ("vault:secret/data/app#k", json!({"vault.security.banzaicloud.io/mutate": "skip"})),
    ] {
        let response = respond(&review(pod(value, annotations)), &rules(&[]));
        assert_eq!(response, json!({"uid": "u-1", "allowed": true}));
    }
}

#[test]
fn only_pods_are_changed() {
    for (resource, sub, operation) in [
        ("secrets", "", "CREATE"),
        ("configmaps", "", "UPDATE"),
        ("pods", "", "UPDATE"),
        ("pods", "status", "UPDATE"),
    ] {
        let mut review = review(json!({}));
        review["request"]["resource"]["resource"] = json!(resource);
        review["request"]["subResource"] = json!(sub);
        review["request"]["operation"] = json!(operation);
        let response = respond(&review, &rules(&[]));
        assert!(response["status"]["message"].as_str().unwrap().contains("is not handled"), "{response}");
    }
}

#[test]
fn ephemeral_containers_take_what_a_volume_holds() {
    let created = review(pod("vault:secret/data/app#password", json!({})));
    let rules = rules(&[("nodes", ABLE)]);
    let mut running = patched(&created, &respond(&created, &rules));
    let debug =
        |value: &str| json!([{"name": "debug", "image": "i", "env": [{"name": "P", "value": value}]}]);
    let add = |pod: &Value| {
        let mut review = review(pod.clone());
        review["request"]["subResource"] = json!("ephemeralcontainers");
        review["request"]["operation"] = json!("UPDATE");
        let response = respond(&review, &rules);
        (patched(&review, &response), response)
    };
    running["spec"]["ephemeralContainers"] = debug("vault:secret/data/app#password");
    let (pod, _) = add(&running);
    let source = &pod["spec"]["ephemeralContainers"][0]["env"][0]["valueFrom"]["fileKeyRef"];
    assert_eq!(*source, json!({"volumeName": "strongroom-env-main", "path": "env", "key": "PASSWORD"}));
    for other in ["vault:secret/data/app#user", "vault:secret/data/app#password#1", "vault:secret/data/app"] {
        running["spec"]["ephemeralContainers"] = debug(other);
        let message = add(&running).1["status"]["message"].as_str().unwrap().to_owned();
        assert!(message.contains("container debug, variable P"), "{message}");
    }
}

const SECRET: &str = "/api/v1/namespaces/sr/secrets/hook-tls";
const LEASE: &str = "/apis/coordination.k8s.io/v1/namespaces/sr/leases/hook";
const CONFIGURATION: &str = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/hook";
const CONFIG: &str = "/api/v1/namespaces/sr/configmaps/strongroom-config";
const NODES: &str = "/api/v1/namespaces/sr/configmaps/strongroom-nodes";

async fn cluster() -> (Arc<Fake>, Api) {
    let webhooks = json!([{"name": "pods", "clientConfig": {}}]);
    Fake::start(&[
        (SECRET, json!({"metadata": {}})),
        (LEASE, json!({"metadata": {}})),
        (CONFIGURATION, json!({"metadata": {}, "webhooks": webhooks})),
        (CONFIG, json!({"metadata": {}, "data": {"address": "https://s:8200"}})),
        (NODES, json!({"metadata": {}})),
    ])
    .await
}

struct Replica {
    keeper: Keeper,
    shared: Arc<Shared>,
}

async fn replica(api: Api, clock: &Arc<StillClock>, identity: &str) -> Replica {
    let webhook = Webhook {
        listen: "127.0.0.1:0".parse().unwrap(),
        namespace: "sr".to_owned(),
        service: "hook".to_owned(),
        secret: "hook-tls".to_owned(),
        lease: "hook".to_owned(),
        configuration: "hook".to_owned(),
        allowed_addresses: Vec::new(),
        allowed_registries: Vec::new(),
        registry_credentials: None,
        lifetime: SignedDuration::from_hours(24 * 90),
        identity: identity.to_owned(),
    };
    let names = certificates::names("hook", "sr");
    let first = certificates::Pair::make(&names, clock.now(), webhook.lifetime).unwrap();
    let api = Arc::new(api);
    let images = Images::new(Arc::clone(&api), &[], None).await.unwrap();
    let shared = Arc::new(Shared {
        rules: ArcSwapOption::empty(),
        tls: ArcSwap::from(first.server_config().unwrap()),
        is_published: AtomicBool::new(false),
        images,
        obstacle: ArcSwapOption::empty(),
    });
    let keeper = Keeper::new(webhook, api, Arc::clone(clock) as Arc<dyn Clock>, Arc::clone(&shared));
    Replica { keeper, shared }
}

fn bundle(fake: &Fake) -> String {
    let configuration = fake.get(CONFIGURATION);
    String::from_utf8(STANDARD.decode(text(&configuration, "/webhooks/0/clientConfig/caBundle")).unwrap())
        .unwrap()
}

/// A time at which certificates are checked.
#[derive(Debug)]
struct At(jiff::Timestamp);

impl rustls::time_provider::TimeProvider for At {
    fn current_time(&self) -> Option<rustls::pki_types::UnixTime> {
        let seconds = u64::try_from(self.0.as_second()).unwrap();
        Some(rustls::pki_types::UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}

/// Whether the API server would take what a replica serves.
async fn is_trusted(fake: &Fake, replica: &Replica, clock: &Arc<StillClock>) -> bool {
    let server = serve::Server::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let port = server.address().port();
    let (_keep, end) = tokio::sync::watch::channel(false);
    let serving = tokio::spawn(server.run(Arc::clone(&replica.shared), end));
    let pem = bundle(fake);
    let tls = strongroom_client::Tls { ca_cert_pem: Some(pem), ..strongroom_client::Tls::default() };
    let mut config = (*strongroom_client::client_config(&tls).unwrap()).clone();
    config.time_provider = Arc::new(At(clock.now()));
    let stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let name = rustls::pki_types::ServerName::try_from("hook.sr.svc").unwrap();
    let shaken = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await;
    serving.abort();
    shaken.is_ok()
}

#[tokio::test]
async fn replicas_share_a_certificate_and_rotate_it_without_a_gap() {
    let (fake, api) = cluster().await;
    let other_api = Api::new(&fake.address(), Some("none".into()), None).unwrap();
    let clock = StillClock::new();
    let mut one = replica(api, &clock, "one").await;
    let mut two = replica(other_api, &clock, "two").await;
    two.keeper.tick().await;
    one.keeper.tick().await;
    assert_eq!(text(&fake.get(LEASE), "/spec/holderIdentity"), "two");
    for replica in [&one, &two] {
        assert!(replica.shared.is_published.load(Ordering::Acquire));
        assert!(replica.shared.rules.load().is_some() && replica.shared.obstacle.load().is_none());
        assert!(is_trusted(&fake, replica, &clock).await);
    }
    let first = bundle(&fake);
    let writes = || fake.writes.lock().unwrap().iter().filter(|write| !write.contains("/leases/")).count();
    let before = writes();
    two.keeper.tick().await;
    assert_eq!(writes(), before, "nothing is due, and something was written");

    clock.advance(SignedDuration::from_hours(24 * 61));
    two.keeper.tick().await;
    one.keeper.tick().await;
    assert_eq!(bundle(&fake).matches("BEGIN").count(), 2);
    assert!(is_trusted(&fake, &one, &clock).await && is_trusted(&fake, &two, &clock).await);
    clock.advance(SignedDuration::from_secs(61));
    let old = one.shared.tls.load_full();
    two.keeper.tick().await;
    // One replica has the new certificate, the other not yet: both are trusted.
    assert!(Arc::ptr_eq(&old, &one.shared.tls.load_full()));
    assert!(is_trusted(&fake, &one, &clock).await && is_trusted(&fake, &two, &clock).await);
    one.keeper.tick().await;
    assert!(!Arc::ptr_eq(&old, &one.shared.tls.load_full()));
    assert!(is_trusted(&fake, &one, &clock).await && bundle(&fake).contains(&first));
}

#[tokio::test]
async fn a_leader_that_is_gone_is_followed() {
    let (fake, api) = cluster().await;
    let clock = StillClock::new();
    let held = json!({"metadata": {}, "spec": {"holderIdentity": "gone", "leaseDurationSeconds": 1, "renewTime": "x"}});
    fake.put(LEASE, held);
    let mut replica = replica(api, &clock, "here").await;
    replica.keeper.tick().await;
    assert!(replica.shared.obstacle.load().as_ref().unwrap().contains("no replica has made a certificate"));
    tokio::time::sleep(Duration::from_millis(1100)).await;
    replica.keeper.tick().await;
    assert!(replica.shared.is_published.load(Ordering::Acquire));
    assert_eq!(text(&fake.get(LEASE), "/spec/holderIdentity"), "here");
    replica.keeper.end().await;
    assert_eq!(text(&fake.get(LEASE), "/spec/holderIdentity"), "");
}

#[tokio::test]
async fn the_record_of_nodes_counts_only_while_it_is_renewed() {
    let (fake, api) = cluster().await;
    let clock = StillClock::new();
    let renewed = json!({"strongroom.io/looked": clock.now().to_string()});
    fake.put(NODES, json!({"metadata": {"annotations": renewed}, "data": {"nodes": ABLE}}));
    let mut replica = replica(api, &clock, "here").await;
    let knows = |replica: &Replica| replica.shared.rules.load().as_ref().unwrap().settings.nodes.is_some();
    replica.keeper.tick().await;
    assert!(knows(&replica));
    clock.advance(SignedDuration::from_secs(91));
    replica.keeper.tick().await;
    assert!(!knows(&replica));
}

#[tokio::test]
async fn bad_requests_are_told_what_is_wrong() {
    let (fake, api) = cluster().await;
    let clock = StillClock::new();
    let mut replica = replica(api, &clock, "here").await;
    let server = serve::Server::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = format!("https://localhost:{}", server.address().port());
    let (_keep, end) = tokio::sync::watch::channel(false);
    tokio::spawn(server.run(Arc::clone(&replica.shared), end));
    let trust = strongroom_client::Tls { skip_verify: true, ..strongroom_client::Tls::default() };
    let origin =
        Origin::new(&address, Trust::Ready(strongroom_client::client_config(&trust).unwrap())).unwrap();
    let send = async |method: &str, path: &str, kind: &str, body: Vec<u8>| {
        let request = http::Request::builder().method(method).uri(path).header("content-type", kind);
        let answer = origin.send(request, body.into(), 1 << 20, Duration::from_secs(10)).await.unwrap();
        (answer.status, String::from_utf8(answer.body.to_vec()).unwrap())
    };
    let json_type = "application/json";
    let good = review(pod("plain", json!({}))).to_string().into_bytes();
    assert_eq!(send("GET", "/ready", "", Vec::new()).await.0, 503);
    assert_eq!(send("POST", "/mutate", json_type, good.clone()).await.0, 503);
    replica.keeper.tick().await;
    assert!(!bundle(&fake).is_empty());
    assert_eq!(send("GET", "/ready", "", Vec::new()).await.0, 200);
    assert_eq!(send("GET", "/health", "", Vec::new()).await.0, 200);
    assert_eq!(send("POST", "/mutate", "application/json; charset=utf-8", good.clone()).await.0, 200);
    for (method, path, kind, body, status, told) in [
        ("GET", "/mutate", json_type, &b""[..], 405, "POST"),
        ("POST", "/other", json_type, b"", 404, "/mutate"),
        ("POST", "/mutate", "text/plain", b"{}", 415, "Content-Type"),
        ("POST", "/mutate", json_type, b"{\"secret\":hunter2}", 400, "line 1"),
        ("POST", "/mutate", json_type, b"{}", 400, "apiVersion"),
        (
            "POST",
            "/mutate",
            json_type,
            br#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}"#,
            400,
            "request",
        ),
        (
            "POST",
            "/mutate",
            json_type,
            br#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{}}"#,
            400,
            "uid",
        ),
    ] {
        let (got, text) = send(method, path, kind, body.to_vec()).await;
        assert!(got == status && text.contains(told) && !text.contains("hunter2"), "{path}: {got} {text}");
    }
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(send("POST", "/mutate", json_type, deep.into_bytes()).await.0, 400);
    assert_eq!(send("POST", "/mutate", json_type, vec![b' '; (8 << 20) + 1]).await.0, 413);
}
