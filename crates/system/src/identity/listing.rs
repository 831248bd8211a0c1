//! Lists: `keys`, and what belongs to each in `key_info`.

use serde_json::json;
use strongroom_core::identity::Pointer;
use strongroom_core::{Fault, Map, Response, Txn};

/// The answer of a LIST.
pub(super) fn answer(ids: &[String], info: Map) -> Result<Response, Fault> {
    if ids.is_empty() {
        return Err(Fault::NotFound);
    }
    Ok(Response::json(json!({ "keys": ids, "key_info": info })))
}

/// The ids of a kind of record, in order.
pub(super) async fn ids(txn: &mut Txn, kind: &str) -> Result<Vec<String>, Fault> {
    txn.names(&txn.key(kind, "")).await
}

/// The names in an index, as they were written.
pub(super) async fn names(txn: &mut Txn, kind: &str) -> Result<Response, Fault> {
    let mut names = Vec::new();
    for folded in ids(txn, kind).await? {
        names.extend(txn.get::<Pointer>(&txn.key(kind, &folded)).await?.map(|p| p.name.clone()));
    }
    names.sort_unstable();
    Response::keys(names)
}
