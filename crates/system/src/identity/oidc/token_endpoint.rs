//! `identity/oidc/provider/<name>/token`: an application takes back a code and gets the tokens of a user.

use super::claims::Basics;
use super::client::{Client, Kind as ClientKind};
use super::code::{self, Code, base64url};
use super::key::{self, Key};
use super::named::{self, NAME};
use super::oauth::{INVALID_CLIENT, INVALID_GRANT, INVALID_REQUEST, Refusal, SERVER_ERROR};
use super::pair;
use super::provider::Provider;
use super::scope::Scope;
use super::template::{RESERVED_OF_SCOPES, Subject, Template};
use crate::Answering;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::sync::Arc;
use strongroom_core::identity::entities;
use strongroom_core::token::Kind as TokenKind;
use strongroom_core::{Call, Fault, Grant, Map, Mount, Operation, Response, Route, Txn, once};
use strongroom_crypto::ct_eq;
use strongroom_wire::field::{Args, Field, Kind};

const FIELDS: &[Field] = &[
    NAME,
    Field::new("grant_type", Kind::Text, "What is shown: authorization_code."),
    Field::new("code", Kind::Text, "The code.").secret(),
    Field::new("redirect_uri", Kind::Text, "Where the code was sent to."),
    Field::new("client_id", Kind::Text, "Id of the application, if not in the header Authorization."),
    Field::new("client_secret", Kind::Text, "Its secret, if not in the header Authorization.").secret(),
    Field::new("code_verifier", Kind::Text, "The verifier of PKCE.").secret(),
];

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new("oidc/provider/{name}/token", "Gives an application the tokens of a user.", FIELDS)
            .open(Operation::Update, exchange)
            .never_wrapped()
            .plain(),
    ]
}

fn exchange(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let tokens = answer(call).await?.map_err(|refusal| refusal.answer(None))?;
        Ok(Response { headers: super::discovery::not_kept(), ..Response::bare(tokens) })
    })
}

/// The provider that is asked and the client that asks, with its key.
struct Parties {
    provider_name: String,
    provider: Arc<Provider>,
    client: Arc<Client>,
    key: Arc<Key>,
}

async fn answer(call: Call<'_>) -> Result<Result<Value, Refusal>, Fault> {
    let (core, req, args) = (call.core, call.req, call.args);
    let mount = &req.mounted.entry;
    let txn = call.txn;
    let parties = match authenticate(Call { core, req, args, txn: &mut *txn }).await? {
        Ok(parties) => parties,
        Err(refusal) => return Ok(Err(refusal)),
    };
    if let Err(refusal) = check_form(args) {
        return Ok(Err(refusal));
    }
    // From here on the code is used up, whatever comes.
    let now = core.clock.now();
    let taken = once::take::<Code>(txn, &code::prefix(mount), now, args.text_or_empty("code")).await?;
    let code = match taken.map(|code| check_code(&code, &parties, args).map(|()| code)) {
        None => return refuse(INVALID_GRANT, "authorization grant is invalid or expired"),
        Some(Err(refusal)) => return Ok(Err(refusal)),
        Some(Ok(code)) => code,
    };
    let entity = entities::find_merged(txn, &code.entity).await?.filter(|entity| !entity.disabled);
    let Some(entity) = entity else {
        return refuse(INVALID_GRANT, "identity entity associated with the request not found");
    };
    let subject = Subject::of(txn, entity, now).await?;
    if !parties.client.admits(txn, mount, &subject).await? {
        return refuse(INVALID_GRANT, "identity entity not authorized by client assignment");
    }
    let claims = match scope_claims(txn, mount, &code.scopes, &subject).await? {
        Ok(claims) => claims,
        Err(refusal) => return Ok(Err(refusal)),
    };
    issue(Call { core, req, args, txn }, &parties, &code, &subject, claims).await.map(Ok)
}

fn refuse<T>(code: &'static str, why: &str) -> Result<Result<T, Refusal>, Fault> {
    Ok(Err(Refusal::new(code, why)))
}

async fn authenticate(call: Call<'_>) -> Result<Result<Parties, Refusal>, Fault> {
    let (mount, args) = (&call.req.mounted.entry, call.args);
    let provider_name = args.text_or_empty("name").to_owned();
    let Some(provider) = named::find::<Provider>(call.txn, mount, &provider_name).await? else {
        return refuse(INVALID_REQUEST, "provider not found");
    };
    let shown = match Credentials::read(call.req.request.header("authorization"), args) {
        Ok(shown) => shown,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let client = Client::with_id(call.txn, mount, &shown.id).await?;
    let Some(client) = client.filter(|client| shown.fit(client)) else {
        return refuse(INVALID_CLIENT, "client failed to authenticate");
    };
    if !provider.allows(&client.client_id) {
        return refuse(INVALID_CLIENT, "client is not authorized to use the provider");
    }
    let Some(key) = named::find::<Key>(call.txn, mount, &client.key).await? else {
        return refuse(SERVER_ERROR, "the key of the client is not there");
    };
    if !key.allows(&client.client_id) {
        return refuse(INVALID_CLIENT, "client is not authorized to use the key");
    }
    Ok(Ok(Parties { provider_name, provider, client, key }))
}

/// What a client shows of itself.
struct Credentials {
    id: String,
    secret: Option<String>,
}

impl Credentials {
    /// From the header, or from the body.
    fn read(authorization: Option<&str>, args: &Args) -> Result<Self, Refusal> {
        let given = |name: &str| args.text(name).filter(|text| !text.is_empty()).map(str::to_owned);
        let (id, secret) = (given("client_id"), given("client_secret"));
        let basic = authorization.and_then(|header| header.split_once(' '));
        let Some((_, basic)) = basic.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic")) else {
            let missing = || Refusal::new(INVALID_REQUEST, "client_id parameter is required");
            return Ok(Self { id: id.ok_or_else(missing)?, secret });
        };
        let malformed =
            || Refusal::new(INVALID_CLIENT, "the header Authorization holds no id and secret of a client");
        let shown = Self::from_basic(basic.trim()).ok_or_else(malformed)?;
        if secret.is_some() || id.is_some_and(|id| id != shown.id) {
            let why = "the client shows itself in the header Authorization and, otherwise, in the body";
            return Err(Refusal::new(INVALID_REQUEST, why));
        }
        Ok(shown)
    }

    /// Both parts are encoded as in forms (RFC 6749, section 2.3.1).
    fn from_basic(encoded: &str) -> Option<Self> {
        let decoded = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
        let (id, secret) = decoded.split_once(':')?;
        Some(Self { id: form_decoded(id)?, secret: Some(form_decoded(secret)?) })
    }

    fn fit(&self, client: &Client) -> bool {
        match client.kind {
            // It has no secret; the verifier of its code speaks for it.
            ClientKind::Public => true,
            ClientKind::Confidential => {
                let shown = self.secret.as_deref().unwrap_or_default();
                !client.client_secret.is_empty() && ct_eq(shown.as_bytes(), client.client_secret.as_bytes())
            }
        }
    }
}

fn form_decoded(text: &str) -> Option<String> {
    let (mut out, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match first {
            b'+' => out.push(b' '),
            b'%' => {
                let (digits, after) = rest.split_at_checked(2)?;
                let digits = std::str::from_utf8(digits).ok().filter(|d| !d.starts_with('+'))?;
                out.push(u8::from_str_radix(digits, 16).ok()?);
                rest = after;
            }
            other => out.push(*other),
        }
    }
    String::from_utf8(out).ok()
}

fn check_form(args: &Args) -> Result<(), Refusal> {
    let missing = |name: &str| Err(Refusal::new(INVALID_REQUEST, format!("{name} parameter is required")));
    match args.text_or_empty("grant_type") {
        "" => return missing("grant_type"),
        "authorization_code" => {}
        _ => return Err(Refusal::new("unsupported_grant_type", "unsupported grant_type value")),
    }
    if args.text_or_empty("code").is_empty() { missing("code") } else { Ok(()) }
}

/// Whether a code was given out for this request.
fn check_code(code: &Code, parties: &Parties, args: &Args) -> Result<(), Refusal> {
    let refuse = |error, why: &str| Err(Refusal::new(error, why));
    if code.client_id != parties.client.client_id {
        return refuse(INVALID_GRANT, "authorization code was not issued to the client");
    }
    if code.provider != parties.provider_name {
        return refuse(INVALID_GRANT, "authorization code was not issued by the provider");
    }
    match args.text_or_empty("redirect_uri") {
        "" => return refuse(INVALID_REQUEST, "redirect_uri parameter is required"),
        uri if uri != code.redirect_uri => {
            let why =
                "redirect_uri parameter does not match the redirect_uri used in the authorization request";
            return refuse(INVALID_GRANT, why);
        }
        _ => {}
    }
    let verifier = args.text_or_empty("code_verifier");
    match &code.challenge {
        None if parties.client.kind == ClientKind::Public => {
            refuse(INVALID_GRANT, "PKCE is required for public clients")
        }
        // Somebody has taken the challenge out of the request on its way.
        None if !verifier.is_empty() => {
            refuse(INVALID_REQUEST, "unexpected code_verifier for token exchange")
        }
        None => Ok(()),
        Some(_) if verifier.is_empty() => refuse(INVALID_REQUEST, "code_verifier parameter is required"),
        Some(challenge) if challenge.is_of(verifier) => Ok(()),
        Some(_) => refuse(INVALID_GRANT, "invalid code_verifier for token exchange"),
    }
}

/// What the scopes say of a user.
pub(super) async fn scope_claims(
    txn: &mut Txn,
    mount: &Mount,
    scopes: &[String],
    subject: &Subject,
) -> Result<Result<Map, Refusal>, Fault> {
    let mut claims = Map::new();
    for name in scopes {
        // One that was deleted since says nothing.
        let Some(scope) = named::find::<Scope>(txn, mount, name).await? else { continue };
        let Ok(filled) = Template::claims(&scope.template, subject, &RESERVED_OF_SCOPES) else {
            return refuse(SERVER_ERROR, &format!("failed to populate the template of the scope {name:?}"));
        };
        for (claim, value) in filled {
            if claims.insert(claim, value).is_some() {
                return refuse(SERVER_ERROR, "scope templates have conflicting top-level keys");
            }
        }
    }
    Ok(Ok(claims))
}

/// The metadata of access tokens, for the userinfo endpoint.
pub(super) const INTERNAL_PROVIDER: &str = "oidc_provider";
/// The id of the client.
pub(super) const INTERNAL_CLIENT: &str = "oidc_client_id";
/// The scopes.
pub(super) const INTERNAL_SCOPES: &str = "oidc_scopes";

async fn issue(
    call: Call<'_>,
    parties: &Parties,
    code: &Code,
    subject: &Subject,
    claims: Map,
) -> Result<Value, Fault> {
    let (core, mount, client) = (call.core, &call.req.mounted.entry, &parties.client);
    let internal = json!({
        INTERNAL_PROVIDER: parties.provider_name,
        INTERNAL_CLIENT: client.client_id,
        INTERNAL_SCOPES: code.scopes,
    });
    // It opens the userinfo endpoint, which looks at what it says of itself, and nothing else.
    let grant = Grant {
        kind: TokenKind::Batch,
        no_default_policy: true,
        no_identity_policies: true,
        ttl: client.access_token_ttl,
        entity: subject.entity().id.clone(),
        internal: if let Value::Object(internal) = internal { internal } else { Map::new() },
        display_name: "oidc".to_owned(),
        ..Grant::default()
    };
    let made = core.make_token(call.txn, mount, call.req.request.path.as_str(), grant).await?;
    let access = made.token.expose();
    let issuer = parties.provider.issuer(core, mount, &parties.provider_name);
    let basics = Basics {
        issuer: &issuer,
        subject: &subject.entity().id,
        audience: &client.client_id,
        namespace: mount.namespace.as_str(),
        issued: core.clock.now().as_second(),
        ttl: client.id_token_ttl,
    };
    let mut claims = basics.claims(claims);
    if !code.nonce.is_empty() {
        claims.insert("nonce".to_owned(), code.nonce.clone().into());
    }
    if let Some(time) = code.auth_time {
        claims.insert("auth_time".to_owned(), time.as_second().into());
    }
    let shown = call.args.text_or_empty("code");
    let bound = |algorithm: &str| bind(claims, algorithm, access, shown);
    let key = (client.key.as_str(), parties.key.clone());
    let id_token = key::sign(core, call.txn, mount, key, bound).await?;
    Ok(json!({
        "access_token": access,
        "expires_in": made.entry.granted_ttl,
        "id_token": id_token,
        "token_type": "Bearer",
    }))
}

/// Ties an ID token to the access token and the code beside it: the first half of their digests.
fn bind(mut claims: Map, algorithm: &str, access: &str, code: &str) -> Map {
    let Ok(algorithm) = pair::algorithm(algorithm) else { return claims };
    for (claim, text) in [("at_hash", access), ("c_hash", code)] {
        let digest = algorithm.digest().of(text.as_bytes());
        let half = digest.get(..digest.len() / 2).unwrap_or_default();
        claims.insert(claim.to_owned(), base64url(half).into());
    }
    claims
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_credentials_are_decoded_as_forms() {
        let shown = Credentials::from_basic(&STANDARD.encode("a%2Db:c%3Ad+e%25")).unwrap();
        assert_eq!((shown.id.as_str(), shown.secret.as_deref()), ("a-b", Some("c:d e%")));
        for bad in ["a", "a:%", "a:%1", "a:%+1", "a:%zz", "a:%ff"] {
            assert!(Credentials::from_basic(&STANDARD.encode(bad)).is_none(), "{bad}");
        }
        assert!(Credentials::from_basic("!").is_none());
    }
}
