use super::*;

#[tokio::test]
async fn one_alias_is_one_entity_however_often_it_logs_in() {
    let h = start().await;
    let (_, first) = enter(&h, "a", "bob").await;
    let (token, again) = enter(&h, "a", "BOB").await;
    assert_eq!(first, again);
    let shown = read(&h, &format!("identity/entity/id/{first}")).await;
    assert_eq!((shown.at("/data/aliases/0/name"), shown.at("/data/aliases/1")), (json!("bob"), Value::Null));
    assert_eq!(shown.at("/data/aliases/0/metadata"), json!({"seen": "yes"}));
    assert_eq!(shown.at("/data/aliases/0/mount_path"), "auth/a/");
    let own = h.call_as(Some(&token), Operation::Read, "auth/token/lookup-self", Value::Null).await;
    assert_eq!(own.at("/data/entity_id"), json!(first));
    assert_eq!(
        (own.at("/data/identity_policies"), own.at("/data/policies")),
        (Value::Null, json!(["default", "own"]))
    );
}

#[tokio::test]
async fn logins_at_the_same_moment_make_one_entity() {
    let h = start().await;
    let core = h.core.clone();
    let request = || h.request(None, Operation::Update, "auth/a/login/bob", json!({}));
    let all: Vec<_> = (0..16)
        .map(|_| {
            let (core, request) = (core.clone(), request());
            tokio::spawn(async move { core.handle(request).await.status })
        })
        .collect();
    for one in all {
        assert_eq!(one.await.unwrap(), 200);
    }
    let entities = list(&h, "identity/entity/id").await;
    assert_eq!(entities.at("/data/keys").as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn children_belong_to_the_entity_and_orphans_do_not() {
    let h = start().await;
    h.policy("own", "path \"auth/token/create*\" { capabilities = [\"update\", \"sudo\"] }").await.unwrap();
    let (token, entity) = enter(&h, "a", "bob").await;
    for (path, body, owner) in [
        ("auth/token/create", json!({}), entity.as_str()),
        ("auth/token/create", json!({"type": "batch"}), entity.as_str()),
        ("auth/token/create", json!({"no_parent": true}), ""),
        ("auth/token/create-orphan", json!({}), ""),
    ] {
        let made = h.call_as(Some(&token), Operation::Update, path, body.clone()).await;
        assert_eq!(made.at("/auth/entity_id"), json!(owner), "{path} {body}");
    }
}

#[tokio::test]
async fn a_token_role_says_which_entities_can_be_named() {
    let h = start().await;
    assert_eq!(
        write(&h, "auth/token/roles/r", json!({"allowed_entity_aliases": ["app-*", "Exact"]})).await,
        204
    );
    let mut seen = Vec::new();
    for (alias, status) in
        [("app-one", 200), ("APP-one", 200), ("exact", 200), ("other", 400), ("xapp-one", 400)]
    {
        let body = json!({"policies": ["own"], "entity_alias": alias});
        let made = h.call(Operation::Update, "auth/token/create/r", body).await;
        assert_eq!(made.status, status, "{alias}");
        seen.push(made.at("/auth/entity_id"));
    }
    assert!(seen[0] == seen[1] && seen[0] != seen[2] && seen[2].is_string());
    let (_, elsewhere) = enter(&h, "a", "app-one").await;
    assert_ne!(seen[0], json!(elsewhere));
    let status = write(&h, "auth/token/create", json!({"entity_alias": "app-one"})).await;
    assert_eq!(status, 400);
    let id = seen[0].as_str().unwrap();
    assert_eq!(write(&h, &format!("identity/entity/id/{id}"), json!({"disabled": true})).await, 204);
    let body = json!({"policies": ["own"], "entity_alias": "app-one"});
    assert_eq!(write(&h, "auth/token/create/r", body).await, 403);
}

#[tokio::test]
async fn renewal_and_look_ups_show_what_identity_gives_now() {
    let h = start().await;
    let (token, entity) = enter(&h, "a", "bob").await;
    assert_eq!(write(&h, &format!("identity/entity/id/{entity}"), json!({"policies": "more"})).await, 204);
    let renewed = h.call_as(Some(&token), Operation::Update, "auth/token/renew-self", json!({})).await;
    assert_eq!(renewed.at("/auth/policies"), json!(["default", "more", "own"]));
    assert_eq!(renewed.at("/auth/token_policies"), json!(["default", "own"]));
    assert_eq!(renewed.at("/auth/identity_policies"), json!(["more"]));
    let shown = h.call(Operation::Update, "auth/token/lookup", json!({"token": token})).await;
    assert_eq!(shown.at("/data/identity_policies"), json!(["more"]));
    let told = h.call(
        Operation::Update,
        "sys/internal/explain",
        json!({"token": token, "method": "GET", "path": "kv/more"}),
    );
    let told = told.await;
    assert_eq!((told.at("/data/allowed"), told.at("/data/rule_policies")), (json!(true), json!(["more"])));
}
