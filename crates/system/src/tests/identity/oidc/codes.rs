//! The way from a code to tokens, and all that must not lead there.

use super::*;
use strongroom_core::Request;

pub(super) const BACK: &str = "https://app.example/cb";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
pub(super) const TOKEN: &str = "identity/oidc/provider/default/token";

/// An application: its id and secret.
pub(super) struct App {
    pub(super) id: String,
    pub(super) secret: String,
}

/// A client of this name.
pub(super) async fn app(h: &Harness, name: &str, more: Value) -> App {
    let mut body = json!({"redirect_uris": BACK, "assignments": "allow_all"});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    assert_eq!(write(h, &format!("identity/oidc/client/{name}"), body).await, 204);
    let shown = read(h, &format!("identity/oidc/client/{name}")).await;
    let secret = shown.at("/data/client_secret").as_str().unwrap_or_default().to_owned();
    App { id: text(&shown, "/data/client_id"), secret }
}

/// What the authorization endpoint says to a user's token.
pub(super) async fn ask(h: &Harness, token: &str, app: &App, more: Value) -> Reply {
    let mut query = json!({
        "client_id": app.id, "scope": "openid", "response_type": "code", "redirect_uri": BACK, "state": "st",
    });
    query.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let path = "identity/oidc/provider/default/authorize";
    h.call_as(Some(token), Operation::Read, path, query).await
}

pub(super) async fn code(h: &Harness, token: &str, app: &App, more: Value) -> String {
    let reply = ask(h, token, app, more).await;
    assert_eq!(reply.at("/state"), "st", "{reply:?}");
    text(&reply, "/code")
}

/// The request that takes a code back, as the application sends it.
pub(super) fn exchange(h: &Harness, app: &App, code: &str, more: Value) -> Request {
    let mut body = json!({
        "grant_type": "authorization_code", "code": code, "redirect_uri": BACK,
        "client_id": app.id, "client_secret": app.secret,
    });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    h.request(None, Operation::Update, TOKEN, body)
}

async fn refused(h: &Harness, request: Request) -> (u16, String) {
    let reply = h.send(request).await;
    assert!(reply.at("/id_token").is_null() && reply.at("/access_token").is_null(), "{reply:?}");
    (reply.status, text(&reply, "/error"))
}

fn error(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[tokio::test]
async fn a_code_counts_once_whoever_is_first() {
    let h = Arc::new(start().await);
    let (token, _) = user(&h).await;
    let app = app(&h, "app", json!({})).await;
    for _ in 0..4 {
        let code = code(&h, &token, &app, json!({})).await;
        let tries: Vec<_> = (0..8)
            .map(|_| {
                let (h, request) = (h.clone(), exchange(&h, &app, &code, json!({})));
                tokio::spawn(async move { h.send(request).await.status })
            })
            .collect();
        let mut good = 0;
        for attempt in tries {
            good += usize::from(attempt.await.unwrap() == 200);
        }
        assert_eq!(good, 1);
    }
}

#[tokio::test]
async fn a_code_is_used_up_by_a_request_that_fails() {
    let h = start().await;
    let (token, _) = user(&h).await;
    let app_a = app(&h, "app", json!({})).await;
    let other = app(&h, "other", json!({})).await;
    let pkce = json!({"code_challenge": CHALLENGE, "code_challenge_method": "S256"});
    for (ask, wrong, why) in [
        (json!({}), json!({"redirect_uri": "https://app.example/other"}), "invalid_grant"),
        (json!({}), json!({"redirect_uri": ""}), "invalid_request"),
        (json!({}), json!({"client_id": other.id, "client_secret": other.secret}), "invalid_grant"),
        (json!({}), json!({"code_verifier": VERIFIER}), "invalid_request"),
        (pkce.clone(), json!({}), "invalid_request"),
        (pkce.clone(), json!({"code_verifier": CHALLENGE}), "invalid_grant"),
    ] {
        let code = code(&h, &token, &app_a, ask.clone()).await;
        assert_eq!(refused(&h, exchange(&h, &app_a, &code, wrong.clone())).await, error(400, why), "{wrong}");
        let right = if ask == pkce { json!({"code_verifier": VERIFIER}) } else { json!({}) };
        let again = refused(&h, exchange(&h, &app_a, &code, right)).await;
        assert_eq!(again, error(400, "invalid_grant"), "{wrong}");
    }
    let code = code(&h, &token, &app_a, pkce).await;
    assert_eq!(h.send(exchange(&h, &app_a, &code, json!({"code_verifier": VERIFIER}))).await.status, 200);
}

/// Whoever is not the application can neither use a code nor spoil it.
#[tokio::test]
async fn only_the_application_uses_its_codes() {
    let h = start().await;
    let (token, _) = user(&h).await;
    let app = app(&h, "app", json!({})).await;
    let code = code(&h, &token, &app, json!({})).await;
    for wrong in [
        json!({"client_secret": ""}),
        json!({"client_secret": "hvo_secret_x"}),
        json!({"client_secret": app.secret[1..]}),
        json!({"client_secret": format!("{}x", app.secret)}),
        json!({"client_id": "x"}),
    ] {
        let reply = refused(&h, exchange(&h, &app, &code, wrong.clone())).await;
        assert_eq!(reply, error(401, "invalid_client"), "{wrong}");
    }
    let with_header = |secret: &str, body: Value| {
        use base64::Engine as _;
        let pair = base64::engine::general_purpose::STANDARD.encode(format!("{}:{secret}", app.id));
        let mut request = exchange(&h, &app, &code, body);
        request.headers.insert("authorization", format!("Basic {pair}").parse().unwrap());
        request
    };
    let bare = json!({"client_id": null, "client_secret": null});
    assert_eq!(refused(&h, with_header("x", bare.clone())).await, error(401, "invalid_client"));
    // Two ways at once are refused, whatever they show.
    assert_eq!(refused(&h, with_header(&app.secret, json!({}))).await, error(400, "invalid_request"));
    assert_eq!(h.send(with_header(&app.secret, bare)).await.status, 200);
}

#[tokio::test]
async fn codes_end_and_leave_nothing_behind() {
    let h = start().await;
    let (token, _) = user(&h).await;
    let app = app(&h, "app", json!({})).await;
    let old = code(&h, &token, &app, json!({})).await;
    for _ in 0..5 {
        code(&h, &token, &app, json!({})).await;
    }
    let mount = h.core.mounts().at("identity/").unwrap().entry.clone();
    let kept = async || h.core.txn().names(&mount.key("oidc/code/")).await.unwrap();
    assert_eq!(kept().await.len(), 6);
    assert!(!kept().await.iter().any(|key| key.contains(&old[10..])), "keys do not give codes away");
    later(&h, 300);
    assert_eq!(refused(&h, exchange(&h, &app, &old, json!({}))).await, error(400, "invalid_grant"));
    code(&h, &token, &app, json!({})).await;
    code(&h, &token, &app, json!({})).await;
    assert_eq!(kept().await.len(), 2);
}

#[tokio::test]
async fn public_applications_prove_that_they_asked() {
    let h = start().await;
    let (token, _) = user(&h).await;
    let app = app(&h, "spa", json!({"client_type": "public"})).await;
    assert_eq!(app.secret, "");
    assert_eq!(ask(&h, &token, &app, json!({})).await.at("/error"), "invalid_request");
    for (challenge, method, good) in
        [(CHALLENGE, "S256", VERIFIER), (VERIFIER, "plain", VERIFIER), (VERIFIER, "", VERIFIER)]
    {
        let query = json!({"code_challenge": challenge, "code_challenge_method": method});
        let code_a = code(&h, &token, &app, query.clone()).await;
        let request = exchange(&h, &app, &code_a, json!({"code_verifier": &good[..42]}));
        assert_eq!(refused(&h, request).await, error(400, "invalid_grant"));
        let code_b = code(&h, &token, &app, query).await;
        let request = exchange(&h, &app, &code_b, json!({"code_verifier": good}));
        assert_eq!(h.send(request).await.status, 200, "{method}");
    }
    for bad in [
        json!({"code_challenge": CHALLENGE, "code_challenge_method": "s256"}),
        json!({"code_challenge": "short"}),
        json!({"code_challenge_method": "S256"}),
    ] {
        assert_eq!(ask(&h, &token, &app, bad.clone()).await.at("/error"), "invalid_request", "{bad}");
    }
}

#[tokio::test]
async fn a_user_who_was_let_go_gets_nothing_for_a_code() {
    let h = start().await;
    let (token, entity) = user(&h).await;
    let members = |ids: Value| json!({ "entity_ids": ids });
    assert_eq!(write(&h, "identity/oidc/assignment/as", members(json!([entity]))).await, 204);
    let app = app(&h, "app", json!({"assignments": "as"})).await;
    let path = format!("identity/entity/id/{entity}");
    let before = code(&h, &token, &app, json!({})).await;
    assert_eq!(write(&h, &path, json!({"disabled": true})).await, 204);
    assert_eq!(ask(&h, &token, &app, json!({})).await.status, 403);
    assert_eq!(refused(&h, exchange(&h, &app, &before, json!({}))).await, error(400, "invalid_grant"));
    assert_eq!(write(&h, &path, json!({"disabled": false})).await, 204);
    let before = code(&h, &token, &app, json!({})).await;
    assert_eq!(write(&h, "identity/oidc/assignment/as", members(json!([]))).await, 204);
    assert_eq!(ask(&h, &token, &app, json!({})).await.at("/error"), "access_denied");
    assert_eq!(refused(&h, exchange(&h, &app, &before, json!({}))).await, error(400, "invalid_grant"));
}
