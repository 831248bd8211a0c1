//! `identity/`: entities, their aliases, groups, looking them up, and saying to others who they are.

mod alias;
mod entity;
mod group;
mod group_alias;
mod listing;
mod lookup;
mod oidc;
mod show;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use strongroom_core::{Call, Class, Engine, Fault, Mount, RouteTable};
use strongroom_wire::field::Args;

/// The engine at `identity/`.
pub struct Identity;

static TABLE: LazyLock<Arc<RouteTable>> = LazyLock::new(|| {
    let routes = [
        entity::routes(),
        alias::routes(),
        group::routes(),
        group_alias::routes(),
        lookup::routes(),
        oidc::routes(),
    ];
    Arc::new(RouteTable::new(routes.concat()))
});

impl Engine for Identity {
    fn kind(&self) -> &'static str {
        "identity"
    }

    fn routes(&self, _mount: &Mount) -> Arc<RouteTable> {
        TABLE.clone()
    }
}

/// The auth mount with the accessor in `mount_accessor`.
fn mount_named(call: &Call<'_>, accessor: &str) -> Result<Mount, Fault> {
    let found = call.mounts().by_accessor(accessor).filter(|m| m.entry.class == Class::Auth);
    found.map(|m| m.entry.clone()).ok_or_else(|| {
        Fault::invalid(format!(
            "field \"mount_accessor\": invalid mount accessor {accessor:?}, no auth mount has it"
        ))
    })
}

/// The name that a path captured, with the letters of the request.
fn written<'a>(call: &Call<'a>, prefix: &str) -> Result<&'a str, Fault> {
    match call.req.local.strip_prefix(prefix).map(|name| name.strip_suffix('/').unwrap_or(name)) {
        Some(name) if !name.is_empty() => Ok(name),
        _ => Err(Fault::invalid("field \"name\": a name is needed in the path")),
    }
}

/// Metadata: given as pairs, cleared by null, otherwise as it was.
fn take_pairs(args: &Args, field: &'static str, target: &mut Option<BTreeMap<String, String>>) {
    if let Some(pairs) = args.pairs(field) {
        *target = Some(pairs.clone());
    } else if args.is_null(field) {
        *target = None;
    }
}
