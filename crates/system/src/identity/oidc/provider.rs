//! `identity/oidc/provider`: applications and scopes under one issuer, and what anybody may know of it.

use super::assignment::once_each;
use super::claims;
use super::client::Client;
use super::config;
use super::discovery::{document, key_set};
use super::key::{ALGORITHMS, Key};
use super::named::{self, NAME, Named};
use super::scope::{OPENID, Scope};
use super::template::RESERVED_OF_SCOPES;
use crate::Answering;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeSet;
use strongroom_core::{Call, Core, Fault, Map, Mount, Operation, Record, Response, Route, Txn, Value};
use strongroom_wire::field::{Field, Kind};

const FIELDS: &[Field] = &[
    NAME,
    Field::new(
        "issuer",
        Kind::Text,
        "Scheme, host and port of the issuer; empty for this server's api_addr.",
    ),
    Field::new("allowed_client_ids", Kind::CommaList, "Ids of the clients that may use it; * for all."),
    Field::new("scopes_supported", Kind::CommaList, "Names of the scopes that may be asked for."),
];
const LIST_FIELDS: &[Field] =
    &[Field::new("allowed_client_id", Kind::Text, "Only the providers that this client may use.")];

/// A provider.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Provider {
    issuer: String,
    pub(super) allowed_client_ids: Vec<String>,
    pub(super) scopes_supported: Vec<String>,
}

impl Record for Provider {}

impl Named for Provider {
    const FOLDER: &'static str = "provider/";
    const WHAT: &'static str = "provider";
    const BUILT_IN: Option<&'static str> = Some("default");

    fn built_in() -> Option<Self> {
        Some(Self { allowed_client_ids: vec!["*".to_owned()], ..Self::default() })
    }
}

impl Provider {
    /// Whether a client may use it.
    pub(super) fn allows(&self, client_id: &str) -> bool {
        self.allowed_client_ids.iter().any(|id| id == "*" || id == client_id)
    }

    /// The issuer that its tokens name.
    pub(super) fn issuer(&self, core: &Core, mount: &Mount, name: &str) -> String {
        format!("{}/provider/{name}", config::under(core, mount, &self.issuer))
    }

    fn show(&self, core: &Core, mount: &Mount, name: &str) -> Map {
        let shown = json!({
            "issuer": self.issuer(core, mount, name),
            "allowed_client_ids": self.allowed_client_ids,
            "scopes_supported": self.scopes_supported,
        });
        if let Value::Object(shown) = shown { shown } else { Map::new() }
    }
}

pub(super) fn routes() -> Vec<Route> {
    use Operation::{Delete, List, Read, Update};
    vec![
        Route::new("oidc/provider", "The providers.", LIST_FIELDS).on(List, list),
        Route::new("oidc/provider/{name}", "Applications and scopes under one issuer.", FIELDS)
            .on(Read, read)
            .on(Update, write)
            .on(Delete, delete)
            .exists(named::exists::<Provider>),
        Route::new(
            "oidc/provider/{name}/.well-known/openid-configuration",
            "What applications need to know of a provider.",
            &[NAME],
        )
        .open(Read, configuration)
        .plain(),
        Route::new("oidc/provider/{name}/.well-known/keys", "The public keys of a provider.", &[NAME])
            .open(Read, keys)
            .plain(),
    ]
}

fn list(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let mount = &call.req.mounted.entry;
        let client = call.args.text_or_empty("allowed_client_id");
        let mut providers = named::all::<Provider>(call.txn, mount).await?;
        providers.retain(|(_, provider)| client.is_empty() || provider.allows(client));
        let show = |(name, p): &(String, std::sync::Arc<Provider>)| {
            (name.clone(), p.show(call.core, mount, name).into())
        };
        let info = providers.iter().map(show).collect();
        let names: Vec<String> = providers.into_iter().map(|(name, _)| name).collect();
        super::super::listing::answer(&names, info)
    })
}

fn read(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let (mount, name) = (&call.req.mounted.entry, call.args.text_or_empty("name"));
        let provider = named::find::<Provider>(call.txn, mount, name).await?.ok_or(Fault::NotFound)?;
        Ok(Response::data(provider.show(call.core, mount, name)))
    })
}

fn write(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let (mount, name) = (&call.req.mounted.entry, call.args.text_or_empty("name"));
        let before = named::find::<Provider>(call.txn, mount, name).await?;
        let mut provider = before.as_deref().cloned().unwrap_or_default();
        if let Some(issuer) = call.args.text("issuer") {
            config::check_issuer(issuer)?;
            issuer.clone_into(&mut provider.issuer);
        }
        if let Some(ids) = call.args.list("allowed_client_ids") {
            provider.allowed_client_ids = once_each(ids);
        }
        if let Some(scopes) = call.args.list("scopes_supported") {
            provider.scopes_supported = once_each(scopes);
        }
        check_scopes(call.txn, mount, &provider.scopes_supported).await?;
        named::put(call.txn, mount, name, &provider)?;
        Ok(Response::none())
    })
}

fn delete(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        named::delete::<Provider>(call.txn, &call.req.mounted.entry, call.args.text_or_empty("name"))?;
        Ok(Response::none())
    })
}

async fn check_scopes(txn: &mut Txn, mount: &Mount, names: &[String]) -> Result<(), Fault> {
    let mut templates = Vec::with_capacity(names.len());
    for name in names {
        if name == OPENID {
            return Err(Fault::invalid(format!(
                "field \"scopes_supported\": the {OPENID:?} scope is supported always and is not listed"
            )));
        }
        let scope = named::named_in::<Scope>(txn, mount, "scopes_supported", name).await?;
        templates.push((name.clone(), scope.template.clone()));
    }
    match claims::conflict(&templates, &RESERVED_OF_SCOPES)? {
        Some((claim, one, other)) => Err(Fault::invalid(format!(
            "field \"scopes_supported\": found scope templates with conflicting top-level keys: {claim:?} in scopes {one:?}, {other:?}"
        ))),
        None => Ok(()),
    }
}

fn configuration(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let (mount, name) = (&call.req.mounted.entry, call.args.text_or_empty("name"));
        let provider = named::find::<Provider>(call.txn, mount, name).await?.ok_or(Fault::NotFound)?;
        let issuer = provider.issuer(call.core, mount, name);
        let mut scopes = provider.scopes_supported.clone();
        scopes.push(OPENID.to_owned());
        Ok(document(json!({
            "issuer": issuer,
            "jwks_uri": format!("{issuer}/.well-known/keys"),
            "authorization_endpoint": format!("{issuer}/authorize"),
            "token_endpoint": format!("{issuer}/token"),
            "userinfo_endpoint": format!("{issuer}/userinfo"),
            "request_parameter_supported": false,
            "request_uri_parameter_supported": false,
            "id_token_signing_alg_values_supported": ALGORITHMS,
            "response_types_supported": ["code"],
            "scopes_supported": scopes,
            "claims_supported": [],
            "subject_types_supported": ["public"],
            "grant_types_supported": ["authorization_code"],
            "token_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
            "code_challenge_methods_supported": ["plain", "S256"],
        })))
    })
}

fn keys(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let (mount, name) = (&call.req.mounted.entry, call.args.text_or_empty("name"));
        let provider = named::find::<Provider>(call.txn, mount, name).await?.ok_or(Fault::NotFound)?;
        let clients = named::all::<Client>(call.txn, mount).await?;
        let used = clients.iter().filter(|(_, client)| provider.allows(&client.client_id));
        let names: BTreeSet<&str> = used.map(|(_, client)| client.key.as_str()).collect();
        let mut published = Vec::new();
        for name in names {
            if let Some(key) = named::find::<Key>(call.txn, mount, name).await? {
                published.extend(key.published(call.now()));
            }
        }
        Ok(key_set(published))
    })
}
