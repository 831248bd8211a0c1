//! Version 2: the table of its routes, and what they share.

use super::json::Json;
use super::secret::{self, OldVersion, Secret};
use super::{config, data, metadata, subkeys, versions};
use jiff::Timestamp;
use std::sync::Arc;
use strongroom_core::{Call, ExistsCall, Fault, Map, Operation, Response, Route, RouteTable, Value};
use strongroom_wire::field::{Field, Kind};

/// Where the secrets of a mount stand, of either version of the engine.
pub(super) const SECRETS: &str = "s/";

pub(super) const PATH: &str = "path";
pub(super) const VERSION: &str = "version";
pub(super) const PATH_FIELD: Field = Field::new(PATH, Kind::Text, "Path of the secret.");
pub(super) const VERSION_FIELD: Field =
    Field::new(VERSION, Kind::Int, "Number of the version; 0 for the newest.");
static NO_FIELDS: [Field; 1] = [PATH_FIELD];

pub(super) fn table() -> RouteTable {
    let [delete, undelete, destroy] = versions::routes();
    let elsewhere = Route::new("{path:rest}", "Paths of version 1, answered with a hint.", &NO_FIELDS)
        // The hint says it all; what was sent needs no warning of its own.
        .free_form()
        .on(Operation::Read, |call| Box::pin(astray(call)))
        .on(Operation::Update, |call| Box::pin(astray(call)))
        .on(Operation::Delete, |call| Box::pin(astray(call)))
        .on(Operation::List, |call| Box::pin(astray(call)))
        .refuses();
    RouteTable::new(vec![
        data::route(),
        metadata::route(),
        subkeys::route(),
        delete,
        undelete,
        destroy,
        config::route().on(Operation::List, |call| Box::pin(astray(call))),
        elsewhere,
    ])
}

/// Whether there is a record of the secret, be all its versions deleted.
pub(super) async fn exists(call: ExistsCall<'_>) -> Result<bool, Fault> {
    call.txn.exists(&secret::key(call.key(SECRETS), call.args.text_or_empty(PATH))).await
}

/// Where the record of the secret stands that the call names.
pub(super) fn key(call: &Call<'_>) -> Vec<u8> {
    secret::key(call.key(SECRETS), call.args.text_or_empty(PATH))
}

/// The answer to a call for `data`, `metadata` and the like without a secret's path.
pub(super) fn at_root(call: &Call<'_>) -> Option<Response> {
    (call.args.text_or_empty(PATH).is_empty() && !call.req.local.ends_with('/'))
        .then(|| hint("Non-listing operations on the root of a K/V v2 mount are not supported.".to_owned()))
}

/// 404 without a body.
pub(super) fn missing() -> Response {
    Response::none().with_status(404)
}

/// A secret that was found, and the version of it that is meant.
pub(super) struct Found {
    pub(super) secret: Arc<Secret>,
    old: Option<Arc<OldVersion>>,
    /// What answers tell about the version.
    pub(super) metadata: Map,
    /// Deleted or destroyed: the data is not given out.
    pub(super) gone: bool,
}

impl Found {
    /// The answer to a plain read of the newest version, with its data as it is stored; none where the call
    /// asks for anything else.
    pub(super) async fn newest(call: &mut Call<'_>, now: Timestamp) -> Result<Option<Response>, Fault> {
        if !call.may_be_rendered() {
            return Ok(None);
        }
        let key = key(call);
        let secret = call.txn.get::<Secret>(&key).await?.ok_or(Fault::NotFound)?;
        let Some(newest) = secret.version(secret.current).filter(|v| !v.is_gone(now)) else {
            return Ok(None);
        };
        Ok(secret.shown(newest).map(|json| Response { rendered: Some(json), ..Response::default() }))
    }

    /// Finds the version a reading call names; 404 if there is no such secret or version.
    pub(super) async fn find(call: &mut Call<'_>, now: Timestamp) -> Result<Self, Fault> {
        let key = key(call);
        let secret = call.txn.get::<Secret>(&key).await?.ok_or(Fault::NotFound)?;
        let number = secret.number(call.args.int(VERSION).unwrap_or(0));
        let version = secret.version(number).ok_or(Fault::NotFound)?;
        let metadata = secret.describe(number, version);
        let gone = version.is_gone(now);
        let old = if gone || number == secret.current {
            None
        } else {
            let record = call.txn.get::<OldVersion>(&secret::version_key(&key, number)).await?;
            Some(record.ok_or_else(|| Fault::Internal(format!("the data of version {number} is missing")))?)
        };
        Ok(Self { secret, old, metadata, gone })
    }

    /// The data; none if it is gone, or if `null` was written.
    pub(super) fn data(&self) -> Result<Option<Map>, Fault> {
        let data = match &self.old {
            _ if self.gone => None,
            Some(old) => old.data.as_ref(),
            None => self.secret.data.as_ref(),
        };
        data.map(Json::read).transpose()
    }

    /// An answer with the version's metadata beside `value`; 404 if the version is gone.
    pub(super) fn answer(self, name: &str, value: Value) -> Response {
        let gone = self.gone;
        let body =
            Map::from_iter([(name.to_owned(), value), ("metadata".to_owned(), Value::Object(self.metadata))]);
        let response = Response::data(body);
        if gone { response.with_status(404) } else { response }
    }
}

/// Answers paths as version 1 has them with what to do instead.
async fn astray(call: Call<'_>) -> Result<Response, Fault> {
    let verb = match call.req.operation {
        Operation::List => "list",
        Operation::Delete => "delete",
        Operation::Create | Operation::Update | Operation::Patch => "put",
        Operation::Read | Operation::Help => "get",
    };
    Ok(hint(format!(
        "Invalid path for a versioned K/V secrets engine. See the API docs for the appropriate API endpoints to use. \
         If using the Vault CLI, use 'vault kv {verb}' for this operation."
    )))
}

fn hint(text: String) -> Response {
    Response::none().warn(text).with_status(404)
}
