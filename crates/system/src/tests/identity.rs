//! Entities, aliases and groups through the pipeline.

mod entities;
mod groups;
mod logins;
mod names;
mod oidc;
mod security;

use super::{Plug, delete, list, read, write};
use crate::{Identity, System, TokenMethod};
use serde_json::{Value, json};
use std::sync::{Arc, LazyLock};
use strongroom_core::core::Plugs;
use strongroom_core::engine::Times;
use strongroom_core::token::{Kind as TokenKind, TokenEntry};
use strongroom_core::{
    AuthMethod, BoxFuture, Call, Class, Core, Engine, Fault, Grant, Mount, Operation, Response, Route,
    RouteTable, Txn,
};
use strongroom_testkit::{Harness, Reply};
use strongroom_wire::field::{Field, Kind};

/// A server with the door mounted at `a/` and `b/`, and a mount at `kv/`.
async fn start() -> Harness {
    let plugs = Plugs::default()
        .engine(Arc::new(System::new()))
        .engine(Arc::new(Identity))
        .engine(Arc::new(Plug("kv")))
        .auth(Arc::new(TokenMethod))
        .auth(Arc::new(Door));
    let h = Harness::start(plugs).await;
    for path in ["a/", "b/"] {
        h.mount(Class::Auth, path, "door", &[]).await.unwrap();
    }
    for (name, path) in [("own", "kv/own"), ("more", "kv/more"), ("deep", "kv/deep")] {
        h.policy(name, &format!("path \"{path}\" {{ capabilities = [\"read\"] }}")).await.unwrap();
    }
    h
}

async fn accessor(h: &Harness, mount: &str) -> String {
    text(&read(h, &format!("sys/auth/{mount}")).await, "/data/accessor")
}

fn text(reply: &Reply, pointer: &str) -> String {
    reply.at(pointer).as_str().unwrap_or_else(|| panic!("no {pointer} in {reply:?}")).to_owned()
}

async fn make(h: &Harness, path: &str, body: Value) -> String {
    let reply = h.call(Operation::Update, &format!("identity/{path}"), body).await;
    text(&reply, "/data/id")
}

/// The answer to a login, as anybody sends it.
async fn login(h: &Harness, mount: &str, name: &str, body: Value) -> Reply {
    h.call_as(None, Operation::Update, &format!("auth/{mount}/login/{name}"), body).await
}

/// Token and entity of a login.
async fn enter(h: &Harness, mount: &str, name: &str) -> (String, String) {
    let reply = login(h, mount, name, json!({})).await;
    (text(&reply, "/auth/client_token"), text(&reply, "/auth/entity_id"))
}

async fn status(h: &Harness, token: &str) -> u16 {
    h.call_as(Some(token), Operation::Read, "auth/token/lookup-self", Value::Null).await.status
}

async fn can(h: &Harness, token: &str, path: &str) -> Value {
    let body = json!({ "path": path });
    h.call_as(Some(token), Operation::Update, "sys/capabilities-self", body).await.at("/capabilities")
}

async fn can_read(h: &Harness, token: &str, path: &str) -> bool {
    can(h, token, path).await == json!(["read"])
}

/// An auth method that takes everybody's word for who they are.
struct Door;

const FIELDS: &[Field] = &[
    Field::new("name", Kind::Text, "Who it is."),
    Field::new("groups", Kind::CommaList, "The groups."),
    Field::new("batch", Kind::Bool, "A batch token."),
];

static TABLE: LazyLock<Arc<RouteTable>> = LazyLock::new(|| {
    let login = Route::new("login/{name:rest}", "Lets in.", FIELDS).open(Operation::Update, enter_door);
    Arc::new(RouteTable::new(vec![login]))
});

fn enter_door(call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(async move {
        let batch = call.args.bool("batch").unwrap_or(false);
        Ok(Response::grant(Grant {
            kind: if batch { TokenKind::Batch } else { TokenKind::Service },
            policies: vec!["own".to_owned()],
            alias: call.args.text_or_empty("name").to_owned(),
            alias_metadata: Some([("seen".to_owned(), "yes".to_owned())].into()),
            group_aliases: call.args.list("groups").unwrap_or_default().to_vec(),
            renewable: true,
            ..Grant::default()
        }))
    })
}

impl Engine for Door {
    fn kind(&self) -> &'static str {
        "door"
    }

    fn routes(&self, _mount: &Mount) -> Arc<RouteTable> {
        TABLE.clone()
    }
}

impl AuthMethod for Door {
    fn renew_login<'a>(
        &'a self,
        _core: &'a Arc<Core>,
        _txn: &'a mut Txn,
        _mount: &'a Mount,
        _entry: &'a TokenEntry,
        _shown: &'a [Vec<u8>],
    ) -> BoxFuture<'a, Result<Times, Fault>> {
        Box::pin(async { Ok(Times::default()) })
    }
}
