//! `sys/namespaces`: the namespaces below the one that the request is made in.

mod lock;

use crate::{Answering, mounts};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use strongroom_core::jobs::Job;
use strongroom_core::lease_quota::LeaseLimit;
use strongroom_core::quota::RateLimit;
use strongroom_core::{
    BoxFuture, Call, ExistsCall, Fault, Map, Namespace, NamespaceId, Operation, Response, Route, Txn, keys,
};
use strongroom_crypto::random;
use strongroom_wire::field::{Field, Kind};

pub(crate) fn routes() -> Vec<Route> {
    use Operation::{Delete, List, Patch, Read, Update};
    let mut routes = lock::routes();
    routes.extend([
        Route::new("namespaces", "The namespaces directly below.", &[]).on(List, list),
        Route::new("namespaces/{path:rest}", "Makes, shows, changes and deletes a namespace.", FIELDS)
            .exists(exists)
            .on(Read, read)
            .on(Update, write)
            .on(Patch, patch)
            .on(Delete, delete),
    ]);
    routes
}

const FIELDS: &[Field] = &[
    Field::new("path", Kind::Text, "The name of the namespace."),
    Field::new("custom_metadata", Kind::Object, "Key and value pairs; replaces those that are there."),
];

fn exists(call: ExistsCall<'_>) -> BoxFuture<'_, Result<bool, Fault>> {
    Box::pin(async move {
        let name = call.args.text_or_empty("path");
        let path = format!("{}{}/", call.space.namespace.path, name.strip_suffix('/').unwrap_or(name));
        call.txn.exists(&Namespace::key(&path)).await
    })
}

fn list(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let realm = call.core.realm();
        let children = realm.children(&call.namespace().path);
        if children.is_empty() {
            return Err(Fault::NotFound);
        }
        let names: Vec<&str> = children.iter().map(|t| t.namespace.name()).collect();
        let info: Map = children
            .iter()
            .map(|t| (t.namespace.name().to_owned(), Value::Object(shown(&t.namespace))))
            .collect();
        Ok(Response::json(json!({ "keys": names, "key_info": info })))
    })
}

fn read(mut call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let path = path(&call)?;
        let found = find(&mut call, &path).await?.ok_or(Fault::NotFound)?;
        Ok(Response::data(shown(&found)))
    })
}

/// A write replaces the metadata of one that is there.
fn write(mut call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let path = path(&call)?;
        let mut metadata = BTreeMap::new();
        merge(&mut metadata, call.args.object("custom_metadata"))?;
        let namespace = match find(&mut call, &path).await? {
            Some(found) => Namespace { custom_metadata: metadata, ..Namespace::clone(&found) },
            None => make(&mut call, path, metadata).await?,
        };
        call.txn.put(&namespace.record_key(), &namespace)?;
        Ok(Response::data(shown(&namespace)))
    })
}

fn patch(mut call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let path = path(&call)?;
        let found = find(&mut call, &path).await?.ok_or(Fault::NotFound)?;
        let mut namespace = Namespace::clone(&found);
        merge(&mut namespace.custom_metadata, call.args.object("custom_metadata"))?;
        call.txn.put(&namespace.record_key(), &namespace)?;
        Ok(Response::data(shown(&namespace)))
    })
}

/// The namespace is gone with this commit, with all that is in it; a job removes what is stored of it.
fn delete(mut call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let path = path(&call)?;
        let Some(found) = find(&mut call, &path).await? else { return Ok(Response::none()) };
        let key = found.record_key();
        if !call.txn.list(&key, Some(&key), 1).await?.is_empty() {
            return Err(Fault::invalid(format!(
                "cannot delete namespace \"{path}\": it contains other namespaces; delete those first"
            )));
        }
        call.txn.delete(&key);
        forget_limits(call.txn, &path).await?;
        let namespace = Box::new(Namespace::clone(&found));
        Job::RemoveNamespace { namespace }.enqueue(call.txn, call.core.random.as_ref())?;
        Ok(Response::none())
    })
}

/// A fresh namespace; what it begins with is nowhere on record.
async fn make(
    call: &mut Call<'_>,
    path: String,
    custom_metadata: BTreeMap<String, String>,
) -> Result<Namespace, Fault> {
    let name = path.strip_prefix(call.namespace().path.as_str()).unwrap_or(&path);
    check_name(name.trim_end_matches('/'))?;
    if path.len() > MAX_PATH {
        return Err(Fault::invalid(format!("a namespace's path must not be longer than {MAX_PATH} bytes")));
    }
    let here = call.namespace().id.clone();
    let mounts = mounts::live_on_record(call.txn, &here).await?;
    if let Some(taken) = mounts.iter().map(|m| m.full_path()).find(|p| p.starts_with(name)) {
        return Err(Fault::invalid(format!("cannot make namespace {name}: there is a mount at {taken}")));
    }
    let uuid = random::uuid(call.core.random.as_ref());
    Ok(Namespace { id: fresh_id(call).await?, uuid, path, custom_metadata, lock: None })
}

/// The longest path of a namespace, in bytes.
const MAX_PATH: usize = 1024;
/// Characters of an id. They end every identifier of the namespace.
const ID_LENGTH: usize = 6;

/// An id that no namespace has, nor anything that is left of one.
async fn fresh_id(call: &mut Call<'_>) -> Result<NamespaceId, Fault> {
    loop {
        let id = random::base62(call.core.random.as_ref(), ID_LENGTH);
        if call.txn.list(&keys::all_of(&id), None, 1).await?.is_empty()
            && call.core.realm().by_id(&id).is_none()
        {
            return Ok(NamespaceId::new(&id));
        }
    }
}

/// Names that belong to the server, or could be taken for something else.
const RESERVED: [&str; 7] = ["root", "sys", "audit", "auth", "cubbyhole", "identity", "api-lock"];

fn check_name(name: &str) -> Result<(), Fault> {
    let refuse = |why: &str| Err(Fault::invalid(format!("namespace name {:?}: {why}", name)));
    if name.is_empty() || name.len() > 128 {
        return refuse("a name must have 1 to 128 bytes");
    }
    if RESERVED.iter().any(|reserved| name.eq_ignore_ascii_case(reserved)) {
        return refuse("it is reserved");
    }
    if name.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return refuse("white space and control characters are not allowed");
    }
    // Whoever stands between client and server goes up at these.
    if matches!(name, "." | "..") {
        return refuse("no path could name it");
    }
    // Policies give these a meaning of their own.
    if name.contains('*') || name == "+" {
        return refuse("policies could not name it: leave \"*\" out, and do not call it \"+\"");
    }
    Ok(())
}

/// The path from root of the namespace that the request names.
fn path(call: &Call<'_>) -> Result<String, Fault> {
    let given = call.args.text_or_empty("path");
    let name = given.strip_suffix('/').unwrap_or(given);
    if name.is_empty() || name.contains('/') {
        return Err(Fault::invalid(
            "path must be the name of one namespace, without slashes: name the namespace that it lies in by \
             X-Vault-Namespace or before sys/",
        ));
    }
    Ok(format!("{}{name}/", call.namespace().path))
}

async fn find(call: &mut Call<'_>, path: &str) -> Result<Option<Arc<Namespace>>, Fault> {
    call.txn.get::<Namespace>(&Namespace::key(path)).await
}

fn shown(namespace: &Namespace) -> Map {
    let shown = json!({
        "id": namespace.id,
        "uuid": namespace.uuid,
        "path": namespace.path,
        "custom_metadata": namespace.custom_metadata,
        "tainted": false,
        "locked": namespace.lock.is_some(),
    });
    match shown {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// Takes over pairs; null removes one. The limits are those that Vault documents.
fn merge(metadata: &mut BTreeMap<String, String>, given: Option<&Map>) -> Result<(), Fault> {
    const MAX_PAIRS: usize = 64;
    const MAX_KEY: usize = 128;
    const MAX_VALUE: usize = 512;
    let refuse = |why: String| Err(Fault::invalid(format!("field \"custom_metadata\": {why}")));
    for (key, value) in given.into_iter().flatten() {
        let value = match value {
            Value::Null => {
                metadata.remove(key);
                continue;
            }
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Bool(flag) => flag.to_string(),
            _ => return refuse(format!("the value of {key:?} must be a text")),
        };
        if key.is_empty() || key.len() > MAX_KEY {
            return refuse(format!("a key must have 1 to {MAX_KEY} bytes"));
        }
        if value.len() > MAX_VALUE {
            return refuse(format!("the value of {key:?} has more than {MAX_VALUE} bytes"));
        }
        metadata.insert(key.clone(), value);
    }
    if metadata.len() > MAX_PAIRS {
        return refuse(format!("more than {MAX_PAIRS} keys"));
    }
    Ok(())
}

/// Rate limits and lease limits for a namespace go with it.
async fn forget_limits(txn: &mut Txn, path: &str) -> Result<(), Fault> {
    for name in txn.names(&keys::core(keys::QUOTA, "")).await? {
        let key = keys::core(keys::QUOTA, &name);
        if txn.get::<RateLimit>(&key).await?.is_some_and(|limit| limit.path.starts_with(path)) {
            txn.delete(&key);
        }
    }
    for name in txn.names(&keys::core(keys::LEASE_QUOTA, "")).await? {
        let key = keys::core(keys::LEASE_QUOTA, &name);
        if txn.get::<LeaseLimit>(&key).await?.is_some_and(|limit| limit.path.starts_with(path)) {
            txn.delete(&key);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The class of CVE-2026-55775: no name stands for another namespace.
    #[test]
    fn names_that_mean_something_else_are_refused() {
        for bad in [
            "",
            "root",
            "ROOT",
            "Sys",
            "auth",
            "a b",
            "a\n",
            "+",
            ".",
            "..",
            "a*",
            "*",
            "api-lock",
            &"a".repeat(129),
        ] {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
        for good in ["a", "team-1", "a.b", "...", "rooted", "a+b", "\u{fc}"] {
            assert!(check_name(good).is_ok(), "{good:?}");
        }
    }

    #[test]
    fn metadata_is_merged_within_limits() {
        let mut metadata = BTreeMap::from([("a".to_owned(), "1".to_owned())]);
        let given = json!({ "a": null, "b": 2, "c": "x" });
        merge(&mut metadata, given.as_object()).unwrap();
        let wanted = [("b", "2"), ("c", "x")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        assert_eq!(metadata, BTreeMap::from(wanted));
        for bad in [json!({"a": []}), json!({"": "x"}), json!({"k": "v".repeat(513)})] {
            assert!(merge(&mut metadata.clone(), bad.as_object()).is_err(), "{bad}");
        }
        let many: Map = (0..65).map(|n| (n.to_string(), json!("v"))).collect();
        assert!(merge(&mut BTreeMap::new(), Some(&many)).is_err());
    }
}
