//! The cubbyhole: secrets that belong to one token and go with it.

use crate::{folder, payload};
use std::sync::{Arc, OnceLock};
use strongroom_core::token::{Kind as TokenKind, Token};
use strongroom_core::wrap::CubbyEntry;
use strongroom_core::{
    Call, Engine, ExistsCall, Fault, Mount, Operation, Response, Route, RouteTable, tokens,
};
use strongroom_wire::field::{Field, Kind};

/// The engine at `cubbyhole/`. Entries stand under their token's accessor, where the core empties
/// them when the token ends and where it keeps wrapped answers.
#[derive(Default)]
pub struct Cubbyhole {
    table: OnceLock<Arc<RouteTable>>,
}

impl Engine for Cubbyhole {
    fn kind(&self) -> &'static str {
        "cubbyhole"
    }

    fn routes(&self, _mount: &Mount) -> Arc<RouteTable> {
        self.table.get_or_init(|| Arc::new(table())).clone()
    }
}

const PATH: &str = "path";
static FIELDS: [Field; 1] = [Field::new(PATH, Kind::Text, "Path of the secret.")];

fn table() -> RouteTable {
    let secrets = Route::new("{path:rest}", "Secrets that only this token sees.", &FIELDS)
        .on(Operation::Read, |call| Box::pin(read(call)))
        .on(Operation::Update, |call| Box::pin(write(call)))
        .on(Operation::Delete, |call| Box::pin(delete(call)))
        .on(Operation::List, |call| Box::pin(list(call)))
        .exists(|call| Box::pin(exists(call)))
        .free_form();
    RouteTable::new(vec![secrets])
}

async fn exists(call: ExistsCall<'_>) -> Result<bool, Fault> {
    // A batch token has no cubbyhole; the handler says so once policy has been asked.
    match owner(call.token) {
        Ok(accessor) => call.txn.exists(&call.key(&place(accessor, call.args.text_or_empty(PATH)))).await,
        Err(_) => Ok(false),
    }
}

async fn read(call: Call<'_>) -> Result<Response, Fault> {
    let key = entry_key(&call)?;
    let entry = call.txn.get::<CubbyEntry>(&key).await?.ok_or(Fault::NotFound)?;
    Ok(Response::data(entry.data.clone()))
}

async fn write(call: Call<'_>) -> Result<Response, Fault> {
    let key = entry_key(&call)?;
    let data = call.req.request.body.clone();
    if data.is_empty() {
        return Err(Fault::invalid("missing data fields: give at least one key and value"));
    }
    payload::check_depth(&data)?;
    let accessor = owner(call.req.token)?;
    if !call.owns(accessor) {
        tokens::note_away(call.txn, accessor)?;
    }
    call.txn.put(&key, &CubbyEntry { data })?;
    Ok(Response::none())
}

async fn delete(call: Call<'_>) -> Result<Response, Fault> {
    let key = entry_key(&call)?;
    call.txn.delete(&key);
    Ok(Response::none())
}

async fn list(call: Call<'_>) -> Result<Response, Fault> {
    let key = entry_key(&call)?;
    Response::keys(folder::list(call.txn, &key).await?)
}

fn entry_key(call: &Call<'_>) -> Result<Vec<u8>, Fault> {
    Ok(call.key(&place(owner(call.req.token)?, call.args.text_or_empty(PATH))))
}

fn place(accessor: &str, path: &str) -> String {
    format!("{accessor}/{path}")
}

/// The accessor under which a token's entries stand.
fn owner(token: Option<&Token>) -> Result<&str, Fault> {
    match token {
        Some(token) if token.entry.kind == TokenKind::Service && !token.entry.accessor.is_empty() => {
            Ok(&token.entry.accessor)
        }
        _ => Err(Fault::invalid("cubbyhole operations are only supported by service tokens")),
    }
}

#[cfg(test)]
mod tests;
