//! `identity/oidc/provider/<name>/authorize`: a user lets an application know who they are. What a browser
//! does elsewhere, the caller does here: it comes with the user's token, and takes the code and the state
//! to the application's address.

use super::client::{Client, Kind as ClientKind};
use super::code::{self, Challenge, Code};
use super::named::{self, NAME};
use super::oauth::{ACCESS_DENIED, INVALID_REQUEST, Refusal};
use super::provider::Provider;
use super::scope::OPENID;
use super::template::Subject;
use crate::Answering;
use jiff::Timestamp;
use serde_json::json;
use std::sync::Arc;
use strongroom_core::identity::entities;
use strongroom_core::{Call, Fault, Operation, Response, Route, once, redirect};
use strongroom_wire::field::{Args, Field, Kind};

const FIELDS: &[Field] = &[
    NAME,
    Field::new("client_id", Kind::Text, "Id of the application."),
    Field::new("scope", Kind::Text, "Names of scopes between blanks; openid among them."),
    Field::new("redirect_uri", Kind::Text, "Where the answer goes; one of the application's."),
    Field::new("response_type", Kind::Text, "What is asked for: code."),
    Field::new("state", Kind::Text, "Given back as it is."),
    Field::new("nonce", Kind::Text, "Given back in the ID token."),
    Field::new("max_age", Kind::Text, "How many seconds ago the login may have been."),
    Field::new("code_challenge", Kind::Text, "The challenge of PKCE; public applications need one."),
    Field::new("code_challenge_method", Kind::Text, "plain or S256; plain by default."),
    Field::new("request", Kind::Text, "Not supported."),
    Field::new("request_uri", Kind::Text, "Not supported."),
];

/// Longer values would only fill the store and the token.
const MAX_TEXT: usize = 2048;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new("oidc/provider/{name}/authorize", "Lets an application know who the caller is.", FIELDS)
            .on(Operation::Read, authorize)
            .on(Operation::Update, authorize)
            .asked(FIELDS)
            .plain(),
    ]
}

fn authorize(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let args = call.args;
        let state = args.text_or_empty("state");
        let (core, now, mount) = (call.core, call.now(), call.req.mounted.entry.clone());
        let txn = &mut *call.txn;
        let prefix = code::prefix(&mount);
        let granted = grant(Call { core, req: call.req, args, txn }).await?;
        let granted = granted.map_err(|refusal| refusal.answer(Some(state)))?;
        let code = once::put(call.txn, core.random.as_ref(), &prefix, now, code::TTL, &granted).await?;
        let answer = Response::bare(json!({ "code": code, "state": state }));
        Ok(Response { headers: super::discovery::not_kept(), ..answer })
    })
}

/// What the code will stand for, or why there is none.
async fn grant(call: Call<'_>) -> Result<Result<Code, Refusal>, Fault> {
    let (args, mount) = (call.args, &call.req.mounted.entry);
    let name = args.text_or_empty("name");
    let provider = named::find::<Provider>(call.txn, mount, name).await?;
    let Some(provider) = provider else { return invalid("provider not found") };
    let asked: Vec<&str> = args.text_or_empty("scope").split_ascii_whitespace().collect();
    if let Err(refusal) = check_form(args, &asked) {
        return Ok(Err(refusal));
    }
    let client = Client::with_id(call.txn, mount, args.text_or_empty("client_id")).await?;
    let client = match usable(client, &provider, args) {
        Ok(client) => client,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let Some(token) = call.req.token.filter(|token| !token.entry.entity.is_empty()) else {
        return denied("identity entity must be associated with the request");
    };
    let Some(entity) = entities::find_merged(call.txn, &token.entry.entity).await? else {
        return denied("identity entity associated with the request not found");
    };
    let subject = Subject::of(call.txn, entity, call.now()).await?;
    if !client.admits(call.txn, mount, &subject).await? {
        return denied("identity entity not authorized by client assignment");
    }
    let read = challenge(args, client.kind)
        .and_then(|challenge| Ok((challenge, auth_time(args, token.entry.issued, call.now())?)));
    let (challenge, auth_time) = match read {
        Ok(read) => read,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let supported = provider.scopes_supported.iter();
    Ok(Ok(Code {
        provider: name.to_owned(),
        client_id: client.client_id.clone(),
        redirect_uri: args.text_or_empty("redirect_uri").to_owned(),
        entity: subject.entity().id.clone(),
        scopes: supported.filter(|scope| asked.contains(&scope.as_str())).cloned().collect(),
        nonce: args.text_or_empty("nonce").to_owned(),
        auth_time,
        challenge,
    }))
}

fn invalid<T>(why: &str) -> Result<Result<T, Refusal>, Fault> {
    Ok(Err(Refusal::new(INVALID_REQUEST, why)))
}

fn denied<T>(why: &str) -> Result<Result<T, Refusal>, Fault> {
    Ok(Err(Refusal::new(ACCESS_DENIED, why)))
}

/// What can be judged without knowing the application.
fn check_form(args: &Args, scopes: &[&str]) -> Result<(), Refusal> {
    let refuse = |code, why: &str| Err(Refusal::new(code, why));
    if !scopes.contains(&OPENID) {
        return refuse(INVALID_REQUEST, &format!("scope parameter must contain the {OPENID:?} value"));
    }
    match args.text_or_empty("response_type") {
        "" => return refuse(INVALID_REQUEST, "response_type parameter is required"),
        "code" => {}
        _ => return refuse("unsupported_response_type", "unsupported response_type value"),
    }
    for required in ["client_id", "redirect_uri"] {
        if args.text_or_empty(required).is_empty() {
            return refuse(INVALID_REQUEST, &format!("{required} parameter is required"));
        }
    }
    if args.has("request") {
        return refuse("request_not_supported", "request parameter is not supported");
    }
    if args.has("request_uri") {
        return refuse("request_uri_not_supported", "request_uri parameter is not supported");
    }
    match ["nonce", "redirect_uri"].into_iter().find(|name| args.text_or_empty(name).len() > MAX_TEXT) {
        Some(name) => refuse(INVALID_REQUEST, &format!("{name} parameter has more than {MAX_TEXT} bytes")),
        None => Ok(()),
    }
}

/// The client, if it may use the provider and be answered there.
fn usable(client: Option<Arc<Client>>, provider: &Provider, args: &Args) -> Result<Arc<Client>, Refusal> {
    let client =
        client.ok_or_else(|| Refusal::new("invalid_client_id", "client with client_id not found"))?;
    if !provider.allows(&client.client_id) {
        return Err(Refusal::new("unauthorized_client", "client is not authorized to use the provider"));
    }
    if !redirect::is_allowed(args.text_or_empty("redirect_uri"), &client.redirect_uris) {
        return Err(Refusal::new("invalid_redirect_uri", "redirect_uri is not allowed for the client"));
    }
    Ok(client)
}

fn challenge(args: &Args, kind: ClientKind) -> Result<Option<Challenge>, Refusal> {
    match args.text_or_empty("code_challenge") {
        "" if kind == ClientKind::Public => Err(Refusal::new(
            INVALID_REQUEST,
            "PKCE is required for public clients: code_challenge is missing",
        )),
        "" if args.has("code_challenge_method") => {
            Err(Refusal::new(INVALID_REQUEST, "code_challenge_method without code_challenge"))
        }
        "" => Ok(None),
        value => Challenge::read(args.text_or_empty("code_challenge_method"), value)
            .map(Some)
            .map_err(|why| Refusal::new(INVALID_REQUEST, why)),
    }
}

/// When the user logged in, if it was not longer ago than the application allows; none if it does not ask.
fn auth_time(args: &Args, issued: Timestamp, now: Timestamp) -> Result<Option<Timestamp>, Refusal> {
    let given = args.text_or_empty("max_age");
    if given.is_empty() {
        return Ok(None);
    }
    let max_age = given.parse::<u32>().ok().filter(|age| *age > 0);
    let max_age =
        max_age.ok_or_else(|| Refusal::new(INVALID_REQUEST, "max_age must be a number greater than zero"))?;
    if now.as_second().saturating_sub(issued.as_second()) > i64::from(max_age) {
        return Err(Refusal::new("max_age_violation", "active re-authentication is required by max_age"));
    }
    Ok(Some(issued))
}
