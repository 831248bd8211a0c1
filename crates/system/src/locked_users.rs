//! `sys/locked-users`: who may not log in after too many failures.

use crate::Answering;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use strongroom_core::lockout::Failures;
use strongroom_core::{Call, Class, Fault, Map, Namespace, Operation, Response, Route, keys};
use strongroom_wire::field::{Field, Kind};

pub(crate) fn routes() -> Vec<Route> {
    use Operation::{List, Read, Update};
    vec![
        Route::new("locked-users", "The names that are locked out, by auth method.", LIST_FIELDS)
            .on(Read, list)
            .on(List, list),
        Route::new("locked-users/{mount_accessor}/unlock/{alias_identifier:rest}", "Unlocks a name.", UNLOCK)
            .on(Update, unlock),
    ]
}

const LIST_FIELDS: &[Field] =
    &[Field::new("mount_accessor", Kind::Text, "Only of the auth method with this accessor.")];
const UNLOCK: &[Field] = &[
    Field::new("mount_accessor", Kind::Text, "The accessor of the auth method."),
    Field::new("alias_identifier", Kind::Text, "The name, as a user or role name."),
];

fn unknown_accessor() -> Fault {
    Fault::invalid("field \"mount_accessor\": no auth method has this accessor")
}

fn list(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let mounts = call.mounts();
        let wanted = call.args.text_or_empty("mount_accessor");
        if !wanted.is_empty() && !mounts.of(Class::Auth).iter().any(|m| m.entry.accessor == wanted) {
            return Err(unknown_accessor());
        }
        let mut locked: BTreeMap<String, Vec<String>> = BTreeMap::new();
        if !wanted.is_empty() {
            locked.insert(wanted.to_owned(), Vec::new());
        }
        for counted in call.txn.names(&call.txn.key(keys::LOCKOUT, "")).await? {
            let Some((id, _)) = counted.split_once('/') else { continue };
            let Some(mounted) = mounts.by_id(id) else { continue };
            let mount = &mounted.entry;
            let failures = call.txn.get::<Failures>(&call.txn.key(keys::LOCKOUT, &counted)).await?;
            let Some(name) = failures.map(|f| f.name.clone()) else { continue };
            if (wanted.is_empty() || mount.accessor == wanted)
                && call.core.is_locked_out(mount, &name).await?
            {
                locked.entry(mount.accessor.clone()).or_default().push(name);
            }
        }
        Ok(Response::data(shown(call.namespace(), &locked)))
    })
}

fn shown(namespace: &Namespace, locked: &BTreeMap<String, Vec<String>>) -> Map {
    let total: usize = locked.values().map(Vec::len).sum();
    let row = |(accessor, names): (&String, &Vec<String>)| {
        let identifiers = if names.is_empty() { Value::Null } else { json!(names) };
        json!({ "mount_accessor": accessor, "counts": names.len(), "alias_identifiers": identifiers })
    };
    let by_mount: Vec<Value> = locked.iter().map(row).collect();
    let by_namespace = if by_mount.is_empty() {
        json!([])
    } else {
        let (id, path) = (&namespace.id, &namespace.path);
        json!([{ "namespace_id": id, "namespace_path": path, "counts": total, "mount_accessors": by_mount }])
    };
    Map::from_iter([("by_namespace".to_owned(), by_namespace), ("total".to_owned(), json!(total))])
}

/// Names are counted as the auth method resolves them; some fold letters, so both forms are forgotten.
fn unlock(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let mounts = call.mounts();
        let mounted = mounts.by_accessor(call.args.text_or_empty("mount_accessor"));
        let mounted = mounted.filter(|m| m.entry.class == Class::Auth).ok_or_else(unknown_accessor)?;
        let name = call.args.text_or_empty("alias_identifier");
        if name.is_empty() {
            return Err(Fault::invalid("field \"alias_identifier\": the name to unlock is needed"));
        }
        for name in [name.to_owned(), name.to_lowercase()] {
            let key = call.core.lockout_key(&mounted.entry, &name)?;
            if call.txn.exists(&key).await? {
                call.txn.delete(&key);
            }
        }
        Ok(Response::none())
    })
}
