//! What the cluster answers, and who asks it.

use super::{Bench, CA, HOST, REVIEW, user};
use crate::web_token::tests::sign;
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::path::PathBuf;

#[tokio::test]
async fn only_a_review_that_vouches_for_the_very_account_counts() {
    let b = Bench::start().await;
    for (status, accepted) in [
        (json!({}), true),
        (json!({"authenticated": false}), false),
        (json!({"authenticated": null}), false),
        (json!({"error": "token has expired"}), false),
        (user("prod", "other", "u1"), false),
        (user("dev", "app", "u1"), false),
        (json!({"user": {"username": "app", "uid": "u1"}}), false),
        (json!({"user": {"username": "system:node:prod:app", "uid": "u1"}}), false),
        (user("prod", "app", "u2"), false),
        (user("prod", "app", ""), false),
        (json!({"user": {}}), false),
        (json!({"authenticated": "true"}), false),
    ] {
        b.vouch(status.clone());
        let reply = b.login(&b.jwt(json!({}))).await;
        assert_eq!(reply.status, if accepted { 200 } else { 403 }, "{status}: {reply:?}");
    }
    for body in [json!({}), json!([]), json!({"status": "Failure"}), json!({"status": null})] {
        b.outside.set(REVIEW, 200, body);
        assert_eq!(b.status(json!({})).await, 403);
    }
}

#[tokio::test]
async fn the_bound_pod_is_checked() {
    let b = Bench::start().await;
    let bound = |name: &str, uid: &str| {
        json!({"kubernetes.io": {
            "namespace": "prod",
            "serviceaccount": {"name": "app", "uid": "u1"},
            "pod": {"name": name, "uid": uid},
        }})
    };
    let says = |name: Value, uid: Value| {
        let mut status = user("prod", "app", "u1");
        status["user"]["extra"] = json!({
            "authentication.kubernetes.io/pod-name": name,
            "authentication.kubernetes.io/pod-uid": uid,
        });
        status
    };
    for (claims, status, expected) in [
        (bound("p", "pu"), says(json!(["p"]), json!(["pu"])), 200),
        (bound("p", "pu"), says(json!(["q"]), json!(["pu"])), 403),
        (bound("p", "pu"), says(json!(["p"]), json!(["qu"])), 403),
        (bound("p", "pu"), says(json!(["p", "q"]), json!(["pu"])), 403),
        (bound("p", "pu"), user("prod", "app", "u1"), 403),
        (bound("p", ""), says(json!(["p"]), json!([""])), 403),
    ] {
        b.vouch(status.clone());
        assert_eq!(b.status(claims.clone()).await, expected, "{claims} {status}");
    }
}

#[tokio::test]
async fn tokens_of_the_oldest_kind_are_taken() {
    let b = Bench::start().await;
    let claims = |namespace: &str| {
        json!({
            "iss": "kubernetes/serviceaccount",
            "sub": "system:serviceaccount:prod:app",
            "aud": null, "exp": null, "nbf": null, "iat": null, "kubernetes.io": null,
            "kubernetes.io/serviceaccount/namespace": namespace,
            "kubernetes.io/serviceaccount/secret.name": "s",
            "kubernetes.io/serviceaccount/service-account.name": "app",
            "kubernetes.io/serviceaccount/service-account.uid": "u1",
        })
    };
    let reply = b.login(&b.jwt(claims("prod"))).await;
    assert_eq!(reply.at("/auth/metadata/service_account_secret_name"), json!("s"), "{reply:?}");
    assert_eq!(b.status(claims("dev")).await, 403, "subject and claims contradict each other");
}

#[tokio::test]
async fn what_is_no_service_account_is_refused() {
    let b = Bench::start().await;
    for claims in [
        json!({"kubernetes.io": null}),
        json!({"kubernetes.io": {"namespace": "prod"}}),
        json!({"kubernetes.io": "x"}),
        json!({"kubernetes.io": {"namespace": "../prod", "serviceaccount": {"name": "app", "uid": "u1"}}}),
        json!({"kubernetes.io": {"namespace": "prod", "serviceaccount": {"name": "app", "uid": ""}}}),
        json!({"sub": "system:serviceaccount:prod:root"}),
        json!({"sub": null}),
    ] {
        assert_eq!(b.status(claims.clone()).await, 403, "{claims}");
    }
    assert_eq!(b.outside.count(), 0);
}

#[tokio::test]
async fn a_cluster_that_does_not_answer_lets_nobody_in() {
    let b = Bench::start().await;
    b.outside.cut(REVIEW);
    assert_eq!(b.status(json!({})).await, 403);
    for status in [401, 403, 404, 500, 302] {
        b.outside.set(REVIEW, status, json!({"status": {"authenticated": true}}));
        let reply = b.login(&b.jwt(json!({}))).await;
        assert_eq!(reply.status, 403);
        assert!(reply.body.to_string().contains(&status.to_string()), "{reply:?}");
    }
}

#[tokio::test]
async fn strangers_keys_cost_the_cluster_few_reviews() {
    let b = Bench::bare(PathBuf::from("/nonexistent")).await;
    b.write("config", json!({"kubernetes_host": HOST, "kubernetes_ca_cert": CA})).await;
    b.role(json!({})).await;
    b.vouch(json!({}));
    let of_key = |key: &str| sign(1, json!({"kid": key}), &b.claims(json!({})));
    assert_eq!(b.login(&of_key("the-cluster's")).await.status, 200);
    b.vouch(json!({"authenticated": false}));
    let before = b.outside.count();
    let mut refused = Vec::new();
    for nth in 0..60 {
        refused.push(b.login(&of_key(&format!("made-up-{nth}"))).await.status);
    }
    assert_eq!((refused[0], refused[59]), (403, 429));
    assert!(b.outside.count() - before < 50);
    b.vouch(json!({}));
    assert_eq!(b.login(&of_key("the-cluster's")).await.status, 200, "who is known does not wait for others");
    assert_eq!(b.login(&of_key("new")).await.status, 429);
    b.harness.clock.advance(SignedDuration::from_secs(1));
    assert_eq!(b.login(&of_key("new")).await.status, 200, "a new key of the cluster finds its way in");
}

#[tokio::test]
async fn the_configured_reviewer_asks_else_this_server_else_the_caller() {
    let folder = std::env::temp_dir().join(format!("strongroom-kubernetes-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let b = Bench::bare(folder.clone()).await;
    b.role(json!({})).await;
    b.vouch(json!({}));
    let jwt = b.jwt(json!({}));
    let asked = async || {
        assert_eq!(b.login(&jwt).await.status, 200);
        let asked = b.outside.asked.lock().unwrap().last().unwrap().clone();
        let bearer = asked.headers.iter().find(|(name, _)| name == "authorization").unwrap().1.clone();
        (bearer, asked.ca_pem.unwrap())
    };
    std::fs::write(folder.join("token"), "local-1\n").unwrap();
    std::fs::write(folder.join("ca.crt"), "ca-1\n").unwrap();
    b.write("config", json!({"kubernetes_host": HOST})).await;
    assert_eq!(asked().await, ("Bearer local-1".to_owned(), "ca-1".to_owned()));
    // Kubernetes rotates both.
    std::fs::write(folder.join("token"), "local-2").unwrap();
    std::fs::write(folder.join("ca.crt"), "ca-2").unwrap();
    assert_eq!(asked().await, ("Bearer local-2".to_owned(), "ca-2".to_owned()));
    let reviewer = b.jwt(json!({"sub": "reviewer"}));
    let config = json!({"kubernetes_host": HOST, "kubernetes_ca_cert": CA, "token_reviewer_jwt": format!("{reviewer}\n")});
    assert_eq!(b.write("config", config).await.status, 204);
    assert_eq!(asked().await, (format!("Bearer {reviewer}"), CA.to_owned()));
    b.write(
        "config",
        json!({"kubernetes_host": HOST, "kubernetes_ca_cert": CA, "disable_local_ca_jwt": true}),
    )
    .await;
    assert_eq!(asked().await, (format!("Bearer {jwt}"), CA.to_owned()));
    std::fs::remove_file(folder.join("token")).unwrap();
    b.write("config", json!({"kubernetes_host": HOST})).await;
    assert_eq!(asked().await, (format!("Bearer {jwt}"), "ca-2".to_owned()));
    std::fs::remove_file(folder.join("ca.crt")).unwrap();
    let reply = b.login(&jwt).await;
    assert!(reply.status == 400 && reply.body.to_string().contains("kubernetes_ca_cert"), "{reply:?}");
    std::fs::remove_dir_all(folder).unwrap();
    let away = Bench::bare(PathBuf::from("/nonexistent")).await;
    away.role(json!({})).await;
    let reply = away.login(&jwt).await;
    assert!(reply.status == 400 && reply.body.to_string().contains("config"), "{reply:?}");
}
