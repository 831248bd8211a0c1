//! The end of a login.

use super::super::role::Role;
use super::super::{claims, keys, login};
use super::{Posted, State, configured, exchange, name_of, role, states};
use crate::web_token::WebToken;
use bytes::Bytes;
use strongroom_core::{BoxFuture, Call, Fault, Response, Value, cidr, once};
use strongroom_crypto::ct_eq;

/// Ends a login with what the provider gave the browser.
pub(in super::super) fn callback(call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(async move {
        let (mount, args, core, now) = (&call.req.mounted.entry, call.args, call.core, call.now());
        let name = name_of(args.text_or_empty("state"));
        let state = once::take::<State>(call.txn, &states(mount), now, name).await?.ok_or_else(expired)?;
        if !ct_eq(state.client_nonce.as_bytes(), args.text_or_empty("client_nonce").as_bytes()) {
            return Err(Fault::invalid("login failed: invalid client_nonce"));
        }
        let config = configured(call.txn, mount).await?;
        let role = role(call.txn, mount, &state.role).await?;
        let grant = role.token.grant(mount)?;
        if !cidr::allows(&grant.bound_cidrs, call.req.request.remote.address) {
            return Err(Fault::Denied);
        }
        refuse_error(args.text_or_empty("error"))?;
        let provider = keys::provider(core, &config, now).await?;
        let given = |name: &str, posted: &str| match args.text_or_empty(name) {
            "" => posted.to_owned(),
            given => given.to_owned(),
        };
        let tokens = if state.verifier.is_some() {
            let code = given("code", &state.posted.code);
            if code.is_empty() {
                return Err(Fault::invalid("login failed: OAuth code parameter not provided"));
            }
            exchange::tokens(core, &config, &provider, &state, &code).await?
        } else {
            let id_token = given("id_token", &state.posted.id_token);
            exchange::Tokens { id_token, access_token: String::new() }
        };
        if tokens.id_token.is_empty() {
            return Err(Fault::invalid("login failed: No id_token found in response"));
        }
        let mut token = WebToken::parse(&tokens.id_token)
            .map_err(|why| Fault::invalid(format!("login failed: error validating ID token: {why}")))?;
        keys::verify(core, &config, &token, now).await?;
        login::check_dates(&role, &token, now.as_second())?;
        check_token(&token, &state, &config.oidc_client_id)?;
        check_age(&role, &token, now.as_second())?;
        exchange::add_user_info(core, &config, &provider, &tokens.access_token, &mut token).await;
        if role.verbose_oidc_logging {
            tracing::debug!(role = state.role, claims = %token.claims, "what a provider says of a user");
        }
        claims::check_signed_in(&role, &token)?;
        Ok(Response::grant(login::describe(grant, &state.role, &role, &token)?))
    })
}

/// Keeps what the provider posts; who began the login ends it.
pub(in super::super) fn form(call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(async move {
        let (mount, args, now) = (&call.req.mounted.entry, call.args, call.now());
        let name = name_of(args.text_or_empty("state"));
        let state = once::peek::<State>(call.txn, &states(mount), now, name).await?.ok_or_else(expired)?;
        refuse_error(args.text_or_empty("error"))?;
        let posted = Posted {
            code: args.text_or_empty("code").to_owned(),
            id_token: args.text_or_empty("id_token").to_owned(),
        };
        if posted.code.is_empty() && posted.id_token.is_empty() {
            return Err(Fault::invalid("login failed: neither a code nor an id_token was posted"));
        }
        if posted.code.len() > MAX_POSTED || posted.id_token.len() > MAX_POSTED {
            return Err(Fault::invalid(format!("login failed: more than {MAX_POSTED} bytes were posted")));
        }
        once::replace(call.txn, &states(mount), name, &State { posted, ..State::clone(&state) })?;
        let page = ("text/html; charset=utf-8".to_owned(), Bytes::from_static(PAGE.as_bytes()));
        Ok(Response { raw: Some(page), ..Response::default() })
    })
}

const MAX_POSTED: usize = 64 * 1024;
const PAGE: &str = "<!doctype html>\n<title>Signed in</title>\n<p>The provider's answer has arrived. You can close this window and go back to where you began to log in.\n";

fn expired() -> Fault {
    Fault::invalid("login failed: Expired or missing OAuth state; begin again")
}

/// The provider's own words stay out of ours: whoever makes a link can write what they like there.
fn refuse_error(error: &str) -> Result<(), Fault> {
    if error.is_empty() {
        return Ok(());
    }
    let code: String = error.chars().filter(|c| c.is_ascii_lowercase() || *c == '_').take(64).collect();
    Err(Fault::invalid(format!("login failed: the provider answered with the error {code:?}")))
}

/// The token must be for us, and of this login.
fn check_token(token: &WebToken, state: &State, client_id: &str) -> Result<(), Fault> {
    let refuse = |why: &str| Err(Fault::invalid(format!("login failed: error validating ID token: {why}")));
    let audiences = token.audiences().unwrap_or_default();
    if !audiences.contains(&client_id) {
        return refuse("it is for another audience (aud)");
    }
    let party = token.claim("azp");
    if (audiences.len() > 1 || party.is_some()) && party.and_then(Value::as_str) != Some(client_id) {
        return refuse("it was asked for by another client (azp)");
    }
    if !ct_eq(token.text("nonce").as_bytes(), state.nonce.as_bytes()) {
        return refuse("it belongs to another login (nonce)");
    }
    Ok(())
}

/// How far clocks may differ where a role says how long ago the user may have signed in.
const SKEW: i64 = 60;

fn check_age(role: &Role, token: &WebToken, now: i64) -> Result<(), Fault> {
    if role.max_age == 0 {
        return Ok(());
    }
    let max_age = i64::try_from(role.max_age).unwrap_or(i64::MAX);
    let signed_in = token.claim("auth_time").and_then(Value::as_i64);
    match signed_in {
        Some(at) if now.saturating_sub(at) <= max_age.saturating_add(SKEW) => Ok(()),
        Some(_) => {
            Err(Fault::invalid("login failed: the user signed in longer ago than the role's 'max_age'"))
        }
        None => {
            Err(Fault::invalid("login failed: the ID token says not when the user signed in (auth_time)"))
        }
    }
}
