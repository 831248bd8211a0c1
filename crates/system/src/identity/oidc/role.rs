//! `identity/oidc/role`: what identity tokens say.

use super::key::{self, DAY, Key};
use super::named::{self, NAME, Named};
use super::template::{RESERVED, Template};
use crate::Answering;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::json;
use strongroom_core::{Call, Fault, Operation, Record, Response, Route};
use strongroom_crypto::random;
use strongroom_wire::field::{Field, Kind};

const FIELDS: &[Field] = &[
    NAME,
    Field::new("key", Kind::Text, "Name of the key that signs; needed."),
    Field::new("template", Kind::Text, "Claims as JSON with placeholders, plain or in base64."),
    Field::new("ttl", Kind::Seconds, "How long tokens hold; 24h by default."),
    Field::new("client_id", Kind::Text, "Whom tokens are for; a random id by default."),
];

/// A role.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Role {
    pub(super) key: String,
    pub(super) template: String,
    /// Seconds.
    pub(super) ttl: u64,
    pub(super) client_id: String,
}

impl Record for Role {}

impl Named for Role {
    const FOLDER: &'static str = "role/";
    const WHAT: &'static str = "role";
}

pub(super) fn routes() -> Vec<Route> {
    use Operation::{Delete, List, Read, Update};
    vec![
        Route::new("oidc/role", "The names of the roles of identity tokens.", &[])
            .on(List, named::list::<Role>),
        Route::new("oidc/role/{name}", "A role of identity tokens.", FIELDS)
            .on(Read, read)
            .on(Update, write)
            .on(Delete, delete)
            .exists(named::exists::<Role>),
    ]
}

fn read(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let name = call.args.text_or_empty("name");
        let role = named::find::<Role>(call.txn, &call.req.mounted.entry, name).await?;
        let role = role.ok_or(Fault::NotFound)?;
        Ok(Response::json(json!({
            "client_id": role.client_id,
            "key": role.key,
            "template": role.template,
            "ttl": role.ttl,
        })))
    })
}

fn write(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let (mount, args) = (&call.req.mounted.entry, call.args);
        let name = args.text_or_empty("name");
        let before = named::find::<Role>(call.txn, mount, name).await?;
        let mut role = match before {
            Some(role) => Role::clone(&role),
            None => Role {
                ttl: DAY,
                client_id: random::base62(call.core.random.as_ref(), CLIENT_ID_LEN),
                ..Role::default()
            },
        };
        if let Some(key) = args.text("key") {
            key.clone_into(&mut role.key);
        }
        if role.key.is_empty() {
            return Err(Fault::invalid("field \"key\": the key parameter is required"));
        }
        if let Some(template) = args.text("template") {
            role.template = plain(template);
        }
        Template::check(&role.template, &RESERVED)?;
        role.ttl = args.seconds("ttl").unwrap_or(role.ttl);
        if let Some(id) = args.text("client_id").filter(|id| !id.is_empty()) {
            id.clone_into(&mut role.client_id);
        }
        let key = named::named_in::<Key>(call.txn, mount, "key", &role.key).await?;
        if role.ttl > key.verification_ttl {
            return Err(Fault::invalid(
                "field \"ttl\": a role's token ttl cannot be longer than the verification_ttl of the key it references",
            ));
        }
        key::equip(call.core, call.txn, mount, &role.key).await?;
        named::put(call.txn, mount, name, &role)?;
        Ok(Response::none())
    })
}

fn delete(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let name = call.args.text_or_empty("name");
        named::delete::<Role>(call.txn, &call.req.mounted.entry, name)?;
        Ok(Response::none())
    })
}

const CLIENT_ID_LEN: usize = 26;

/// A template as it was before base64; JSON itself never is base64.
pub(super) fn plain(template: &str) -> String {
    let decoded = STANDARD.decode(template).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    decoded.unwrap_or_else(|| template.to_owned())
}
