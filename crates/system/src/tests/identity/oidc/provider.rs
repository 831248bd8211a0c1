//! What applications learn of their users, and where they may be answered.

use super::codes::{App, BACK, app, ask, code, exchange};
use super::*;

/// What a user's sign-in gives an application.
async fn tokens(h: &Harness, token: &str, app: &App, more: Value) -> Reply {
    let code = code(h, token, app, more).await;
    let reply = h.send(exchange(h, app, &code, json!({}))).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply
}

async fn userinfo(h: &Harness, access: &str) -> Reply {
    let path = "identity/oidc/provider/default/userinfo";
    h.call_as(Some(access), Operation::Read, path, Value::Null).await
}

#[tokio::test]
async fn scopes_say_what_an_application_may_know() {
    let h = start().await;
    let (token, entity) = user(&h).await;
    for (name, template) in [
        ("name", "{\"name\": {{identity.entity.name}}}"),
        ("groups", "{\"g\": {{identity.entity.groups.names}}}"),
    ] {
        assert_eq!(
            write(&h, &format!("identity/oidc/scope/{name}"), json!({ "template": template })).await,
            204
        );
    }
    let provider = json!({"scopes_supported": "name,groups"});
    assert_eq!(write(&h, "identity/oidc/provider/default", provider).await, 204);
    let app = app(&h, "app", json!({"id_token_ttl": 60, "access_token_ttl": 120})).await;
    let query = json!({"scope": "openid name other", "nonce": "n", "max_age": "60"});
    let reply = tokens(&h, &token, &app, query).await;
    assert_eq!((reply.at("/token_type"), reply.at("/expires_in")), (json!("Bearer"), json!(120)));
    let claims = verified(&h, PROVIDER_KEYS, &text(&reply, "/id_token")).await.unwrap();
    let now = h.core.clock.now().as_second();
    let name = text(&read(&h, &format!("identity/entity/id/{entity}")).await, "/data/name");
    for (claim, value) in [
        ("iss", json!("/v1/identity/oidc/provider/default")),
        ("sub", json!(entity)),
        ("aud", json!(app.id)),
        ("nonce", json!("n")),
        ("auth_time", json!(now)),
        ("exp", json!(now + 60)),
        ("name", json!(name)),
        ("g", json!(null)),
    ] {
        assert_eq!(claims.get(claim).cloned().unwrap_or_default(), value, "{claim}");
    }
    let access = text(&reply, "/access_token");
    assert_eq!(userinfo(&h, &access).await.body, json!({"sub": entity, "name": name}));
    // What is not supported any more is not told any more, though the token was given for it.
    let provider = json!({"scopes_supported": "groups"});
    assert_eq!(write(&h, "identity/oidc/provider/default", provider).await, 204);
    assert_eq!(userinfo(&h, &access).await.body, json!({"sub": entity}));
    later(&h, 120);
    assert_eq!(userinfo(&h, &access).await.status, 403);
}

#[tokio::test]
async fn access_tokens_open_nothing_but_userinfo_and_nothing_else_opens_it() {
    let h = start().await;
    let (token, entity) = user(&h).await;
    // What identity gives is for the user, not for the application that holds a token of theirs.
    let path = format!("identity/entity/id/{entity}");
    assert_eq!(write(&h, &path, json!({"policies": "default,own,deep"})).await, 204);
    assert!(can_read(&h, &token, "kv/deep").await);
    let app = app(&h, "app", json!({})).await;
    let access = text(&tokens(&h, &token, &app, json!({})).await, "/access_token");
    for path in ["auth/token/lookup-self", "kv/deep", "identity/oidc/token/r"] {
        let reply = h.call_as(Some(&access), Operation::Read, path, Value::Null).await;
        assert_eq!(reply.status, 403, "{path}");
    }
    assert_eq!(ask(&h, &access, &app, json!({})).await.status, 403);
    assert_eq!(userinfo(&h, &token).await.status, 403);
    assert_eq!(userinfo(&h, "junk").await.status, 403);
    let reply = userinfo(&h, &h.root).await;
    assert_eq!((reply.status, reply.at("/error")), (401, json!("invalid_token")));
    // Of another provider it is none.
    assert_eq!(write(&h, "identity/oidc/provider/p", json!({"allowed_client_ids": "*"})).await, 204);
    let elsewhere = "identity/oidc/provider/p/userinfo";
    assert_eq!(h.call_as(Some(&access), Operation::Read, elsewhere, Value::Null).await.status, 401);
    assert_eq!(userinfo(&h, &access).await.status, 200);
    let path = format!("identity/entity/id/{entity}");
    assert_eq!(write(&h, &path, json!({"disabled": true})).await, 204);
    assert_eq!(userinfo(&h, &access).await.status, 403);
    assert_eq!(write(&h, &path, json!({"disabled": false})).await, 204);
    assert_eq!(userinfo(&h, &access).await.status, 200);
    assert_eq!(delete(&h, "identity/oidc/client/app").await, 204);
    assert_eq!(userinfo(&h, &access).await.status, 403);
}

#[tokio::test]
async fn answers_go_to_the_application_and_nowhere_else() {
    let h = start().await;
    let (token, _) = user(&h).await;
    let app = app(&h, "app", json!({"redirect_uris": [BACK, "http://127.0.0.1/cb"]})).await;
    for good in [BACK, "http://127.0.0.1/cb", "http://127.0.0.1:1234/cb"] {
        assert_eq!(ask(&h, &token, &app, json!({"redirect_uri": good})).await.status, 200, "{good}");
    }
    for bad in [
        "https://app.example/cb/",
        "https://app.example/CB",
        "https://app.example/cb?x=1",
        "https://app.example/cb#x",
        "https://app.example:443/cb",
        "https://app.example.evil/cb",
        "https://app.example@evil/cb",
        "http://app.example/cb",
        "http://127.0.0.1/cb/..",
        "http://localhost/cb",
    ] {
        let reply = ask(&h, &token, &app, json!({"redirect_uri": bad})).await;
        assert_eq!((reply.status, reply.at("/error")), (400, json!("invalid_redirect_uri")), "{bad}");
    }
}

#[tokio::test]
async fn requests_that_cannot_be_granted_say_why() {
    let h = start().await;
    let (token, _) = user(&h).await;
    let app = app(&h, "app", json!({})).await;
    later(&h, 30);
    for (change, why) in [
        (json!({"scope": "profile"}), "invalid_request"),
        (json!({"scope": ""}), "invalid_request"),
        (json!({"response_type": ""}), "invalid_request"),
        (json!({"response_type": "token"}), "unsupported_response_type"),
        (json!({"client_id": ""}), "invalid_request"),
        (json!({"client_id": "nobody"}), "invalid_client_id"),
        (json!({"redirect_uri": ""}), "invalid_request"),
        (json!({"request": "x"}), "request_not_supported"),
        (json!({"request_uri": "x"}), "request_uri_not_supported"),
        (json!({"max_age": "0"}), "invalid_request"),
        (json!({"max_age": "x"}), "invalid_request"),
        (json!({"max_age": "29"}), "max_age_violation"),
    ] {
        let reply = ask(&h, &token, &app, change.clone()).await;
        let said = (reply.status, reply.at("/error"), reply.at("/state"));
        assert_eq!(said, (400, json!(why), json!("st")), "{change}");
    }
    assert_eq!(ask(&h, &token, &app, json!({"max_age": "30"})).await.status, 200);
    // A token that stands for nobody signs nobody in.
    assert_eq!(ask(&h, &h.root, &app, json!({})).await.at("/error"), "access_denied");
    let closed = json!({"allowed_client_ids": "other"});
    assert_eq!(write(&h, "identity/oidc/provider/default", closed).await, 204);
    assert_eq!(ask(&h, &token, &app, json!({})).await.at("/error"), "unauthorized_client");
    let code_of_nobody = exchange(&h, &app, "code", json!({}));
    assert_eq!(h.send(code_of_nobody).await.at("/error"), "invalid_client");
}

#[tokio::test]
async fn groups_of_an_assignment_count_through_others() {
    let h = start().await;
    let (token, entity) = user(&h).await;
    let inner = make(&h, "group", json!({"member_entity_ids": [entity]})).await;
    let outer = make(&h, "group", json!({"member_group_ids": [inner]})).await;
    assert_eq!(write(&h, "identity/oidc/assignment/as", json!({"group_ids": [outer]})).await, 204);
    let app = app(&h, "app", json!({"assignments": ["as"]})).await;
    assert_eq!(ask(&h, &token, &app, json!({})).await.status, 200);
    let (stranger, _) = enter(&h, "b", "bob").await;
    assert_eq!(ask(&h, &stranger, &app, json!({})).await.at("/error"), "access_denied");
}

#[tokio::test]
async fn what_others_refer_to_stays() {
    let h = start().await;
    let base = "identity/oidc";
    assert_eq!(write(&h, &format!("{base}/scope/s"), json!({"template": "{\"a\": 1}"})).await, 204);
    assert_eq!(write(&h, &format!("{base}/scope/t"), json!({"template": "{\"a\": 2}"})).await, 204);
    let provider = format!("{base}/provider/p");
    assert_eq!(write(&h, &provider, json!({"scopes_supported": "s,t"})).await, 400, "both claim a");
    assert_eq!(write(&h, &provider, json!({"scopes_supported": "none"})).await, 400);
    assert_eq!(write(&h, &provider, json!({"issuer": "https://v.example/path"})).await, 400);
    assert_eq!(
        write(&h, &provider, json!({"scopes_supported": "s", "issuer": "https://v.example"})).await,
        204
    );
    let configuration = format!("{provider}/.well-known/openid-configuration");
    let shown = h.call_as(None, Operation::Read, &configuration, Value::Null).await;
    assert_eq!(shown.at("/issuer"), "https://v.example/v1/identity/oidc/provider/p");
    assert_eq!(shown.at("/scopes_supported"), json!(["s", "openid"]));
    assert_eq!(delete(&h, &format!("{base}/scope/s")).await, 400);
    assert_eq!(delete(&h, &provider).await, 204);
    assert_eq!(delete(&h, &format!("{base}/scope/s")).await, 204);
    let client = format!("{base}/client/c");
    assert_eq!(write(&h, &client, json!({"assignments": "none"})).await, 400);
    assert_eq!(write(&h, &client, json!({"key": "none"})).await, 400);
    assert_eq!(write(&h, &client, json!({"client_type": "secretive"})).await, 400);
    assert_eq!(write(&h, &client, json!({"client_type": "public"})).await, 204);
    for change in [json!({"client_type": "confidential"}), json!({"key": "other"})] {
        assert_eq!(write(&h, &client, change.clone()).await, 400, "{change}");
    }
    assert_eq!(write(&h, &format!("{base}/assignment/allow_all"), json!({"entity_ids": ""})).await, 400);
}
