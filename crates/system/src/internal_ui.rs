//! `sys/internal/ui`: what clients ask before they know what a token may do.

use crate::Answering;
use crate::mounts::mount_info;
use serde_json::{Value, json};
use std::sync::Arc;
use strongroom_core::mount::Mounted;
use strongroom_core::{Call, Class, Fault, Map, Operation, Response, Route};
use strongroom_policy::Acl;
use strongroom_wire::field::{Field, Kind};

pub(crate) fn routes() -> Vec<Route> {
    use Operation::Read;
    vec![
        Route::new("internal/ui/mounts", "The mounts that everybody or the caller may see.", &[])
            .open(Read, mounts),
        Route::new("internal/ui/mounts/{path:rest}", "The mount of a path that the caller may use.", PATH)
            .open(Read, mount),
        Route::new("internal/ui/namespaces", "The namespaces below that the caller may work in.", &[])
            .open(Read, namespaces),
        Route::new("internal/ui/resultant-acl", "All that the caller's token may do.", &[])
            .on(Read, resultant),
    ]
}

const PATH: &[Field] = &[Field::new("path", Kind::Text, "A path in the mount.")];

pub(crate) async fn acl(call: &Call<'_>) -> Result<Option<Arc<Acl>>, Fault> {
    match call.req.token {
        Some(token) => match call.core.rights(&token.entry).await {
            Ok(rights) => Ok(Some(rights.acl)),
            // As good as no token.
            Err(Fault::Denied) => Ok(None),
            Err(fault) => Err(fault),
        },
        None => Ok(None),
    }
}

/// The mounts of a class that everybody may see, and those that the caller's policies reach.
pub(crate) fn visible<'a>(call: &Call<'a>, acl: Option<&Acl>, class: Class) -> Vec<&'a Arc<Mounted>> {
    let mut mounts = call.mounts().of(class);
    mounts.retain(|m| {
        m.entry.config.listing_visibility == "unauth"
            || acl.is_some_and(|a| a.touches(&call.as_policies_have_it(&m.full_path)))
    });
    mounts
}

fn mounts(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let acl = acl(&call).await?;
        let described = |class: Class| -> Map {
            let shown = visible(&call, acl.as_deref(), class).into_iter();
            shown.map(|m| (m.entry.path.clone(), Value::Object(describe(m, acl.is_some())))).collect()
        };
        Ok(Response::json(json!({ "auth": described(Class::Auth), "secret": described(Class::Secret) })))
    })
}

/// Strangers see no more of a mount than what a login page needs.
fn describe(mounted: &Mounted, known: bool) -> Map {
    let mut info = mount_info(&mounted.entry);
    if !known {
        info.retain(|key, _| matches!(key.as_str(), "description" | "options" | "type"));
    }
    info
}

/// A mount that is not there is refused like one that the caller may not use.
fn mount(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let acl = acl(&call).await?.ok_or(Fault::Denied)?;
        let path = call.args.text_or_empty("path");
        let realm = call.core.realm();
        // The path may begin with the way to a namespace below.
        let found = realm.find(&call.namespace().path, path).and_then(|(table, skip)| {
            let (between, local) = path.split_at_checked(skip)?;
            let mounted = table.resolve(local)?;
            let full = format!("{between}{}", mounted.full_path);
            acl.touches(&call.as_policies_have_it(&full)).then_some((mounted, full))
        });
        let (mounted, full) = found.ok_or_else(|| {
            Fault::Refused(format!(
                "there is no mount at {path:?}, or the token's policies do not reach below it: see \
                 `secrets list` and `auth list`"
            ))
        })?;
        let mut info = describe(mounted, true);
        info.insert("path".to_owned(), json!(full));
        Ok(Response::data(info))
    })
}

/// Named from where the request is made.
fn namespaces(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let acl = acl(&call).await?.ok_or(Fault::Denied)?;
        let (here, realm) = (call.namespace().path.as_str(), call.core.realm());
        let below = realm.others().filter_map(|t| t.namespace.path.strip_prefix(here));
        let reached = below.filter(|path| !path.is_empty() && acl.touches(&call.as_policies_have_it(path)));
        let mut names: Vec<String> = reached.map(str::to_owned).collect();
        names.sort_unstable();
        Ok(Response::json(json!({ "keys": names })))
    })
}

fn resultant(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let acl = acl(&call).await?.ok_or(Fault::Denied)?;
        Ok(Response::data(acl.resultant()))
    })
}
