//! Records that stand under a name in the storage of the identity mount, some without being stored.

use crate::Answering;
use std::sync::Arc;
use strongroom_core::{BoxFuture, Call, ExistsCall, Fault, Mount, Record, Response, Txn};
use strongroom_wire::field::{Field, Kind};

/// A kind of record.
pub(super) trait Named: Record + Clone {
    /// The folder it stands in.
    const FOLDER: &'static str;
    /// What errors call it.
    const WHAT: &'static str;
    /// The name of the one that is always there.
    const BUILT_IN: Option<&'static str> = None;

    /// The one that is always there, as it is until it is changed.
    fn built_in() -> Option<Self> {
        None
    }
}

/// The name in the path.
pub(super) const NAME: Field = Field::new("name", Kind::Text, "Name.");

/// Where a record stands. All keys of `identity/oidc` are made here.
pub(super) fn place(mount: &Mount, folder: &str, name: &str) -> Vec<u8> {
    mount.key(&format!("oidc/{folder}{name}"))
}

/// The record of this name.
pub(super) async fn find<T: Named>(
    txn: &mut Txn,
    mount: &Mount,
    name: &str,
) -> Result<Option<Arc<T>>, Fault> {
    let stored = txn.get::<T>(&place(mount, T::FOLDER, name)).await?;
    Ok(match stored {
        None if T::BUILT_IN == Some(name) => T::built_in().map(Arc::new),
        stored => stored,
    })
}

/// The record that a field names.
pub(super) async fn named_in<T: Named>(
    txn: &mut Txn,
    mount: &Mount,
    field: &str,
    name: &str,
) -> Result<Arc<T>, Fault> {
    let found = find::<T>(txn, mount, name).await?;
    found.ok_or_else(|| Fault::invalid(format!("field {field:?}: {} {name:?} does not exist", T::WHAT)))
}

/// All of a kind, in order of their names.
pub(super) async fn all<T: Named>(txn: &mut Txn, mount: &Mount) -> Result<Vec<(String, Arc<T>)>, Fault> {
    let mut names = txn.names(&place(mount, T::FOLDER, "")).await?;
    if let Some(built_in) = T::BUILT_IN
        && !names.iter().any(|name| name == built_in)
    {
        names.push(built_in.to_owned());
    }
    names.sort_unstable();
    let mut found = Vec::with_capacity(names.len());
    for name in names {
        if let Some(record) = find::<T>(txn, mount, &name).await? {
            found.push((name, record));
        }
    }
    Ok(found)
}

/// Writes a record.
pub(super) fn put<T: Named>(txn: &mut Txn, mount: &Mount, name: &str, record: &T) -> Result<(), Fault> {
    txn.put(&place(mount, T::FOLDER, name), record)
}

/// Deletes a record, which must not be the one that is always there.
pub(super) fn delete<T: Named>(txn: &mut Txn, mount: &Mount, name: &str) -> Result<(), Fault> {
    if T::BUILT_IN == Some(name) {
        return Err(Fault::invalid(format!("deletion of {} {name:?} not allowed", T::WHAT)));
    }
    txn.delete(&place(mount, T::FOLDER, name));
    Ok(())
}

/// Answers LIST with the names.
pub(super) fn list<T: Named>(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let found = all::<T>(call.txn, &call.req.mounted.entry).await?;
        Response::keys(found.into_iter().map(|(name, _)| name).collect())
    })
}

/// Tells creation from update.
pub(super) fn exists<T: Named>(call: ExistsCall<'_>) -> BoxFuture<'_, Result<bool, Fault>> {
    Box::pin(async move {
        let name = call.args.text_or_empty("name");
        Ok(find::<T>(call.txn, &call.mounted.entry, name).await?.is_some())
    })
}

/// Refuses with the names of those that still refer to a record.
pub(super) fn refuse_used(what: &str, name: &str, by: &str, users: &[String]) -> Result<(), Fault> {
    if users.is_empty() {
        return Ok(());
    }
    let users = users.join(", ");
    Err(Fault::invalid(format!(
        "unable to delete {what} {name:?} because it is currently referenced by these {by}: {users}"
    )))
}
