//! Keys, roles, identity tokens and what introspection says of them.

use super::*;

/// A key and a role `r` with these settings.
async fn role(h: &Harness, key: Value, role: Value) {
    assert_eq!(write(h, "identity/oidc/key/k", key).await, 204);
    assert_eq!(write(h, "identity/oidc/role/r", role).await, 204);
}

async fn token_of(h: &Harness, token: &str) -> String {
    let reply = h.call_as(Some(token), Operation::Read, "identity/oidc/token/r", Value::Null).await;
    text(&reply, "/data/token")
}

async fn introspected(h: &Harness, token: &str) -> Value {
    let reply = h.call(Operation::Update, "identity/oidc/introspect", json!({ "token": token })).await;
    assert_eq!(reply.status, 200);
    reply.body
}

#[tokio::test]
async fn tokens_say_who_their_holder_is() {
    let h = start().await;
    let (token, entity) = user(&h).await;
    let group = make(&h, "group", json!({"name": "ops", "member_entity_ids": [entity]})).await;
    for algorithm in ["RS256", "ES256", "ES384", "ES512", "EdDSA"] {
        let template = "{\"groups\": {{identity.entity.groups.ids}}, \"until\": {{time.now.plus.1m}}}";
        role(
            &h,
            json!({"allowed_client_ids": "*", "algorithm": algorithm}),
            json!({"key": "k", "template": template, "client_id": "app", "ttl": "5m"}),
        )
        .await;
        let signed = token_of(&h, &token).await;
        let claims = verified(&h, ROLE_KEYS, &signed).await.expect(algorithm);
        let now = h.core.clock.now().as_second();
        let wanted = json!({
            "iss": "/v1/identity/oidc", "sub": entity, "aud": "app", "namespace": "root",
            "iat": now, "exp": now + 300, "groups": [group], "until": now + 60,
        });
        assert_eq!(claims, wanted);
        assert_eq!(introspected(&h, &signed).await, json!({"active": true}));
    }
    assert_eq!(write(&h, "identity/oidc/config", json!({"issuer": "https://v.example"})).await, 200);
    let claims = verified(&h, ROLE_KEYS, &token_of(&h, &token).await).await.unwrap();
    assert_eq!(claims["iss"], "https://v.example/v1/identity/oidc");
}

#[tokio::test]
async fn introspection_refuses_what_does_not_hold() {
    let h = start().await;
    let (token, entity) = user(&h).await;
    role(
        &h,
        json!({"allowed_client_ids": "*", "algorithm": "ES256"}),
        json!({"key": "k", "client_id": "app", "ttl": 300}),
    )
    .await;
    let signed = token_of(&h, &token).await;
    let with = |client: &str| json!({"token": signed, "client_id": client});
    let path = "identity/oidc/introspect";
    assert_eq!(h.call(Operation::Update, path, with("app")).await.body["active"], true);
    assert_eq!(h.call(Operation::Update, path, with("other")).await.body["active"], false);
    assert_eq!(introspected(&h, "junk").await["active"], false);
    let (message, signature) = signed.rsplit_once('.').unwrap();
    let flipped = if signature.starts_with('A') { "B" } else { "A" };
    let forged = format!("{message}.{flipped}{}", &signature[1..]);
    assert_eq!(introspected(&h, &forged).await["active"], false);
    // Another issuer's tokens are not ours, even signed with our keys.
    assert_eq!(write(&h, "identity/oidc/config", json!({"issuer": "https://v.example"})).await, 200);
    assert_eq!(introspected(&h, &signed).await["active"], false);
    assert_eq!(write(&h, "identity/oidc/config", json!({"issuer": ""})).await, 204);
    let disable = |disabled: bool| {
        let h = &h;
        let path = format!("identity/entity/id/{entity}");
        async move { write(h, &path, json!({ "disabled": disabled })).await }
    };
    assert_eq!(disable(true).await, 204);
    assert_eq!(introspected(&h, &signed).await["error"], "entity is disabled");
    assert_eq!(disable(false).await, 204);
    assert_eq!(introspected(&h, &signed).await["active"], true);
    later(&h, 300);
    assert_eq!(introspected(&h, &signed).await["active"], false);
    assert_eq!(delete(&h, &format!("identity/entity/id/{entity}")).await, 204);
    assert_eq!(introspected(&h, &signed).await["active"], false);
}

/// A public key must not be taken for the secret of a keyed hash, nor for the key of another algorithm.
#[tokio::test]
async fn algorithms_are_not_to_be_confused() {
    use base64::Engine as _;
    let base64 = base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let h = start().await;
    let (token, _) = user(&h).await;
    role(&h, json!({"allowed_client_ids": "*"}), json!({"key": "k"})).await;
    let signed = token_of(&h, &token).await;
    let (header, rest) = signed.split_once('.').unwrap();
    let header: Value = serde_json::from_slice(&base64.decode(header).unwrap()).unwrap();
    for algorithm in ["none", "HS256", "RS384", "PS256", "ES256", "EdDSA"] {
        let mut changed = header.clone();
        changed["alg"] = algorithm.into();
        let forged = format!("{}.{rest}", base64.encode(changed.to_string()));
        assert_eq!(introspected(&h, &forged).await["active"], false, "{algorithm}");
    }
    let mut nameless = header;
    nameless.as_object_mut().unwrap().remove("kid");
    let forged = format!("{}.{rest}", base64.encode(nameless.to_string()));
    assert_eq!(introspected(&h, &forged).await["active"], false);
}

#[tokio::test]
async fn keys_rotate_when_they_sign_after_their_period_and_are_verified_until_their_time_is_over() {
    let h = start().await;
    let (token, _) = user(&h).await;
    role(
        &h,
        json!({"allowed_client_ids": "*", "algorithm": "EdDSA", "rotation_period": 60, "verification_ttl": 120}),
        json!({"key": "k", "ttl": 120}),
    )
    .await;
    let kid = |signed: &str| WebToken::parse(signed).unwrap().key_id.unwrap();
    let first = token_of(&h, &token).await;
    assert_eq!(kid(&first), kid(&token_of(&h, &token).await));
    let published = async || read(&h, ROLE_KEYS).await.at("/keys").as_array().unwrap().len();
    assert_eq!(published().await, 2, "the next one is known before it signs");
    later(&h, 60);
    assert_eq!(published().await, 2, "who only looks changes nothing");
    let before: Vec<Value> = read(&h, ROLE_KEYS).await.at("/keys").as_array().unwrap().clone();
    let second = token_of(&h, &token).await;
    assert_ne!(kid(&first), kid(&second));
    assert!(before.iter().any(|key| key["kid"] == kid(&second)));
    assert!(verified(&h, ROLE_KEYS, &first).await.is_some() && published().await == 3);
    later(&h, 119);
    assert!(verified(&h, ROLE_KEYS, &first).await.is_some());
    later(&h, 1);
    assert!(verified(&h, ROLE_KEYS, &first).await.is_none());
    assert!(verified(&h, ROLE_KEYS, &second).await.is_some());
    // A key that is no longer to be trusted goes at once.
    let path = "identity/oidc/key/k/rotate";
    assert_eq!(write(&h, path, json!({"verification_ttl": 0})).await, 204);
    assert!(verified(&h, ROLE_KEYS, &second).await.is_none());
    let third = token_of(&h, &token).await;
    // With another algorithm, what was signed before stays good.
    assert_eq!(write(&h, "identity/oidc/key/k", json!({"algorithm": "ES256"})).await, 204);
    assert_eq!(introspected(&h, &third).await["active"], true);
    assert_eq!(WebToken::parse(&token_of(&h, &token).await).unwrap().algorithm_name, "ES256");
}

#[tokio::test]
async fn keys_stay_as_long_as_they_are_needed() {
    let h = start().await;
    role(&h, json!({"algorithm": "EdDSA"}), json!({"key": "k"})).await;
    assert_eq!(delete(&h, "identity/oidc/key/k").await, 400);
    let shorter = json!({"verification_ttl": "1h"});
    assert_eq!(write(&h, "identity/oidc/key/k", shorter.clone()).await, 400, "a role's tokens live longer");
    assert_eq!(write(&h, "identity/oidc/role/r", json!({"ttl": "25h"})).await, 400);
    assert_eq!(write(&h, "identity/oidc/role/r", json!({"ttl": "1h"})).await, 204);
    assert_eq!(write(&h, "identity/oidc/key/k", shorter).await, 204);
    let client = json!({"key": "k", "id_token_ttl": "2h"});
    assert_eq!(write(&h, "identity/oidc/client/c", client).await, 400);
    assert_eq!(write(&h, "identity/oidc/client/c", json!({"key": "k", "id_token_ttl": "1h"})).await, 204);
    assert_eq!(delete(&h, "identity/oidc/role/r").await, 204);
    assert_eq!(delete(&h, "identity/oidc/key/k").await, 400, "a client refers to it");
    assert_eq!(delete(&h, "identity/oidc/client/c").await, 204);
    assert_eq!(delete(&h, "identity/oidc/key/k").await, 204);
    assert_eq!(delete(&h, "identity/oidc/key/default").await, 400);
    for bad in [
        json!({"rotation_period": 59}),
        json!({"rotation_period": 60, "verification_ttl": 601}),
        json!({"algorithm": "PS256"}),
        json!({"algorithm": "none"}),
    ] {
        assert_eq!(write(&h, "identity/oidc/key/bad", bad.clone()).await, 400, "{bad}");
    }
}

/// What is checked when a template is written may come out otherwise when it is filled in.
#[tokio::test]
async fn nobody_takes_a_reserved_claim_by_their_name() {
    let h = start().await;
    let (token, entity) = user(&h).await;
    let template = "{ {{identity.entity.metadata.k}}: \"root\" }";
    role(
        &h,
        json!({"allowed_client_ids": "*", "algorithm": "EdDSA"}),
        json!({"key": "k", "template": template}),
    )
    .await;
    let path = format!("identity/entity/id/{entity}");
    for (name, status) in [("team", 200), ("sub", 400), ("iss", 400), ("exp", 400)] {
        assert_eq!(write(&h, &path, json!({"metadata": {"k": name}})).await, 204);
        let reply = h.call_as(Some(&token), Operation::Read, "identity/oidc/token/r", Value::Null).await;
        assert_eq!(reply.status, status, "{name}");
    }
}

#[tokio::test]
async fn policies_decide_on_the_names_of_roles_as_they_are() {
    let h = start().await;
    h.policy("own", "path \"identity/oidc/token/R\" { capabilities = [\"read\"] }").await.unwrap();
    let (token, _) = enter(&h, "a", "ann").await;
    assert_eq!(write(&h, "identity/oidc/key/k", json!({"allowed_client_ids": "*"})).await, 204);
    assert_eq!(write(&h, "identity/oidc/role/r", json!({"key": "k"})).await, 204);
    for (path, status) in [
        // There is no such role: letters count.
        ("identity/oidc/token/R", 400),
        ("identity/oidc/token/r", 403),
        ("identity/oidc/token/r/", 403),
    ] {
        let reply = h.call_as(Some(&token), Operation::Read, path, Value::Null).await;
        assert_eq!(reply.status, status, "{path}");
    }
}
