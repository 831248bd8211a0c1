//! `identity/oidc/client`: applications that users sign in to.

use super::assignment::{Assignment, once_each};
use super::key::{self, DAY, DEFAULT, Key};
use super::named::{self, NAME, Named, place};
use super::template::Subject;
use crate::Answering;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;
use strongroom_core::identity::Pointer;
use strongroom_core::{Call, Core, Fault, Map, Mount, Operation, Record, Response, Route, Txn, Value};
use strongroom_crypto::random;
use strongroom_wire::field::{Args, Field, Kind as FieldKind};

const FIELDS: &[Field] = &[
    NAME,
    Field::new("redirect_uris", FieldKind::CommaList, "Where users may be sent back to."),
    Field::new("assignments", FieldKind::CommaList, "Names of the assignments of those who may use it."),
    Field::new(
        "key",
        FieldKind::Text,
        "Name of the key that signs; default unless given, and never another.",
    ),
    Field::new("id_token_ttl", FieldKind::Seconds, "How long ID tokens hold; 24h by default."),
    Field::new("access_token_ttl", FieldKind::Seconds, "How long access tokens hold; 24h by default."),
    Field::new(
        "client_type",
        FieldKind::Text,
        "confidential, which keeps a secret, or public; never changed.",
    ),
];

/// A client.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Client {
    pub(super) redirect_uris: Vec<String>,
    pub(super) assignments: Vec<String>,
    pub(super) key: String,
    /// Seconds.
    pub(super) id_token_ttl: u64,
    /// Seconds.
    pub(super) access_token_ttl: u64,
    pub(super) kind: Kind,
    pub(super) client_id: String,
    /// Empty for public ones.
    pub(super) client_secret: String,
}

/// Whether it can keep a secret.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    /// It can: it runs on a server.
    #[default]
    Confidential,
    /// It cannot: it runs at its users, and proves by PKCE that it is the one that asked.
    Public,
}

impl Record for Client {}

impl Named for Client {
    const FOLDER: &'static str = "client/";
    const WHAT: &'static str = "client";
}

const BY_ID: &str = "client-id/";
const ID_LEN: usize = 32;
const SECRET_PREFIX: &str = "hvo_secret_";
const SECRET_LEN: usize = 64;

impl Client {
    /// The client with this id.
    pub(super) async fn with_id(txn: &mut Txn, mount: &Mount, id: &str) -> Result<Option<Arc<Self>>, Fault> {
        if id.is_empty() || id.len() > ID_LEN {
            return Ok(None);
        }
        match txn.get::<Pointer>(&place(mount, BY_ID, id)).await? {
            Some(pointer) => named::find::<Self>(txn, mount, &pointer.id).await,
            None => Ok(None),
        }
    }

    /// Whether one of its assignments covers somebody.
    pub(super) async fn admits(
        &self,
        txn: &mut Txn,
        mount: &Mount,
        subject: &Subject,
    ) -> Result<bool, Fault> {
        for name in &self.assignments {
            let found = named::find::<Assignment>(txn, mount, name).await?;
            if found.is_some_and(|assignment| assignment.covers(subject)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn new(core: &Core, kind: Kind) -> Self {
        let secret = || format!("{SECRET_PREFIX}{}", random::base62(core.random.as_ref(), SECRET_LEN));
        Self {
            key: DEFAULT.to_owned(),
            id_token_ttl: DAY,
            access_token_ttl: DAY,
            kind,
            client_id: random::base62(core.random.as_ref(), ID_LEN),
            client_secret: if kind == Kind::Confidential { secret() } else { String::new() },
            ..Self::default()
        }
    }

    fn show(&self) -> Map {
        let shown = json!({
            "access_token_ttl": self.access_token_ttl,
            "assignments": self.assignments,
            "client_id": self.client_id,
            "client_type": self.kind,
            "id_token_ttl": self.id_token_ttl,
            "key": self.key,
            "redirect_uris": self.redirect_uris,
        });
        if let Value::Object(shown) = shown { shown } else { Map::new() }
    }
}

pub(super) fn routes() -> Vec<Route> {
    use Operation::{Delete, List, Read, Update};
    vec![
        Route::new("oidc/client", "The clients, without their secrets.", &[]).on(List, list),
        Route::new("oidc/client/{name}", "An application that users sign in to.", FIELDS)
            .on(Read, read)
            .on(Update, write)
            .on(Delete, delete)
            .exists(named::exists::<Client>),
    ]
}

fn list(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let clients = named::all::<Client>(call.txn, &call.req.mounted.entry).await?;
        let info = clients.iter().map(|(name, client)| (name.clone(), client.show().into())).collect();
        let names: Vec<String> = clients.into_iter().map(|(name, _)| name).collect();
        super::super::listing::answer(&names, info)
    })
}

fn read(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let name = call.args.text_or_empty("name");
        let client = named::find::<Client>(call.txn, &call.req.mounted.entry, name).await?;
        let client = client.ok_or(Fault::NotFound)?;
        let mut shown = client.show();
        if client.kind == Kind::Confidential {
            shown.insert("client_secret".to_owned(), client.client_secret.clone().into());
        }
        Ok(Response::data(shown))
    })
}

fn write(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let (mount, args) = (&call.req.mounted.entry, call.args);
        let name = args.text_or_empty("name");
        let before = named::find::<Client>(call.txn, mount, name).await?;
        let kind = kind(args)?;
        let mut client = match &before {
            Some(client) => Client::clone(client),
            None => Client::new(call.core, kind.unwrap_or_default()),
        };
        if kind.is_some_and(|kind| kind != client.kind) {
            return Err(Fault::invalid("field \"client_type\": client_type modification is not allowed"));
        }
        match args.text("key").filter(|key| !key.is_empty()) {
            Some(key) if before.is_none() => key.clone_into(&mut client.key),
            Some(key) if key != client.key => {
                return Err(Fault::invalid("field \"key\": key modification is not allowed"));
            }
            _ => {}
        }
        apply(&mut client, args);
        check(call.txn, mount, &client).await?;
        key::equip(call.core, call.txn, mount, &client.key).await?;
        let pointer = Pointer { id: name.to_owned(), name: String::new() };
        call.txn.put(&place(mount, BY_ID, &client.client_id), &pointer)?;
        named::put(call.txn, mount, name, &client)?;
        Ok(Response::none())
    })
}

fn delete(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let (mount, name) = (&call.req.mounted.entry, call.args.text_or_empty("name"));
        if let Some(client) = named::find::<Client>(call.txn, mount, name).await? {
            call.txn.delete(&place(mount, BY_ID, &client.client_id));
        }
        named::delete::<Client>(call.txn, mount, name)?;
        Ok(Response::none())
    })
}

fn kind(args: &Args) -> Result<Option<Kind>, Fault> {
    match args.text_or_empty("client_type") {
        "" => Ok(None),
        "confidential" => Ok(Some(Kind::Confidential)),
        "public" => Ok(Some(Kind::Public)),
        _ => Err(Fault::invalid(
            "field \"client_type\": invalid client_type; use \"confidential\" or \"public\"",
        )),
    }
}

fn apply(client: &mut Client, args: &Args) {
    if let Some(uris) = args.list("redirect_uris") {
        client.redirect_uris = once_each(uris);
    }
    if let Some(names) = args.list("assignments") {
        client.assignments = once_each(names);
    }
    client.id_token_ttl = args.seconds("id_token_ttl").unwrap_or(client.id_token_ttl);
    client.access_token_ttl = args.seconds("access_token_ttl").unwrap_or(client.access_token_ttl);
}

async fn check(txn: &mut Txn, mount: &Mount, client: &Client) -> Result<(), Fault> {
    let key = named::named_in::<Key>(txn, mount, "key", &client.key).await?;
    if client.id_token_ttl > key.verification_ttl {
        return Err(Fault::invalid(
            "field \"id_token_ttl\": a client's id_token_ttl cannot be greater than the verification_ttl of the key it references",
        ));
    }
    for name in &client.assignments {
        named::named_in::<Assignment>(txn, mount, "assignments", name).await?;
    }
    Ok(())
}
