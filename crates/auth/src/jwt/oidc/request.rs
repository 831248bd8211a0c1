//! The address of the provider that a login begins at.

use super::super::config::Config;
use super::super::keys;
use super::super::role::Role;
use super::{Posted, STATE_MARK, State, TTL, configured, role, states};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::json;
use strongroom_core::{BoxFuture, Call, Core, Fault, Mount, Response, cidr, once, redirect};
use strongroom_crypto::{digest, random};

/// What comes to a state is kept there and in the address, so it is bounded.
const MAX_CLIENT_NONCE: usize = 256;
const NONCE_LEN: usize = 22;
/// RFC 7636 wants 43 at least.
const VERIFIER_LEN: usize = 64;

/// Begins a login.
pub(in super::super) fn auth_url(call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(async move {
        let (mount, args, core) = (&call.req.mounted.entry, call.args, call.core);
        if !matches!(args.text_or_empty("callback_mode"), "" | "client") {
            return Err(Fault::invalid(super::NO_POLL));
        }
        let config = configured(call.txn, mount).await?;
        let name = Some(args.text_or_empty("role")).filter(|n| !n.is_empty()).unwrap_or(&config.default_role);
        if name.is_empty() {
            return Err(Fault::invalid("missing role"));
        }
        let redirect_uri = args.text_or_empty("redirect_uri");
        if redirect_uri.is_empty() {
            return Err(Fault::invalid("missing redirect_uri"));
        }
        let role = role(call.txn, mount, name).await?;
        if !cidr::allows(&role.token.grant(mount)?.bound_cidrs, call.req.request.remote.address) {
            return Err(Fault::Denied);
        }
        if !redirect::is_allowed(redirect_uri, role.allowed_redirect_uris.as_deref().unwrap_or_default()) {
            return Err(Fault::invalid(
                "unauthorized redirect_uri: it is not among the role's 'allowed_redirect_uris'",
            ));
        }
        let client_nonce = args.text_or_empty("client_nonce");
        if client_nonce.len() > MAX_CLIENT_NONCE {
            return Err(Fault::invalid(format!("'client_nonce' has more than {MAX_CLIENT_NONCE} bytes")));
        }
        let fresh = |len| random::base62(core.random.as_ref(), len);
        let state = State {
            role: name.to_owned(),
            redirect_uri: redirect_uri.to_owned(),
            nonce: format!("n_{}", fresh(NONCE_LEN)),
            client_nonce: client_nonce.to_owned(),
            verifier: config.wants_code().then(|| fresh(VERIFIER_LEN)),
            posted: Posted::default(),
        };
        let endpoint = keys::provider(core, &config, call.now()).await?.authorization_endpoint;
        let random = core.random.as_ref();
        let kept = once::put(call.txn, random, &states(mount), call.now(), TTL, &state).await?;
        let query =
            query(&config, &role, &state, &format!("{STATE_MARK}{kept}{}", place(core, &config, mount)));
        let mark = if endpoint.contains('?') { '&' } else { '?' };
        Ok(Response::json(json!({ "auth_url": format!("{endpoint}{mark}{query}") })))
    })
}

/// Tells whoever the browser comes back to which namespace the login belongs to; nothing in root.
fn place(core: &Core, config: &Config, mount: &Mount) -> String {
    let space = core.space(&mount.namespace).filter(|_| config.namespace_in_state);
    let path = space.as_ref().map_or("", |space| space.namespace.path.trim_end_matches('/'));
    if path.is_empty() { String::new() } else { format!(",ns={path}") }
}

/// What the provider is asked, in order of the names.
fn query(config: &Config, role: &Role, state: &State, name: &str) -> String {
    let mut scopes = vec!["openid"];
    let more = role.oidc_scopes.iter().flatten().map(String::as_str);
    scopes.extend(more.filter(|scope| !scope.is_empty() && *scope != "openid"));
    let mut pairs = vec![
        ("client_id", config.oidc_client_id.clone()),
        ("nonce", state.nonce.clone()),
        ("redirect_uri", state.redirect_uri.clone()),
        ("response_type", if config.wants_code() { "code" } else { "id_token" }.to_owned()),
        ("scope", scopes.join(" ")),
        ("state", name.to_owned()),
    ];
    if let Some(verifier) = &state.verifier {
        let challenge = BASE64_URL_SAFE_NO_PAD.encode(digest::sha256(verifier.as_bytes()));
        pairs.push(("code_challenge", challenge));
        pairs.push(("code_challenge_method", "S256".to_owned()));
    }
    if config.oidc_response_mode == "form_post" {
        pairs.push(("response_mode", "form_post".to_owned()));
    }
    if role.max_age > 0 {
        pairs.push(("max_age", role.max_age.to_string()));
    }
    pairs.sort_unstable();
    form_encoded(&pairs)
}

/// Pairs in the form of queries and of bodies of forms.
pub(super) fn form_encoded(pairs: &[(&str, String)]) -> String {
    let encode = |text: &str| {
        let mut out = String::with_capacity(text.len());
        for byte in text.bytes() {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    out.push(char::from(byte));
                }
                b' ' => out.push('+'),
                other => out.push_str(&format!("%{other:02X}")),
            }
        }
        out
    };
    let encoded: Vec<String> = pairs.iter().map(|(n, v)| format!("{}={}", encode(n), encode(v))).collect();
    encoded.join("&")
}
