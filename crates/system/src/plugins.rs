//! `sys/plugins`: engines and auth methods are part of the program; the catalog can be read, not changed.

use crate::Answering;
use serde_json::{Value, json};
use strongroom_core::mount::BUILT_IN;
use strongroom_core::{Call, Class, Core, Fault, Operation, Response, Route};
use strongroom_wire::field::{Field, Kind};

/// The version that engines and auth methods show.
pub(crate) const BUILT_IN_VERSION: &str = "v1.20.4+builtin.vault";

pub(crate) fn routes() -> Vec<Route> {
    use Operation::{Delete, List, Read, Update};
    vec![
        Route::new("plugins/catalog", "All types of engines and auth methods.", &[])
            .on(Read, read_all)
            .on(List, read_all),
        Route::new("plugins/catalog/{type}", "The types of a class.", FIELDS).sudo(List, list),
        Route::new("plugins/catalog/{type}/{name}", "One type of engine or auth method.", FIELDS)
            .sudo(Read, read)
            .sudo(Update, refuse)
            .sudo(Delete, refuse),
        Route::new("plugins/reload/backend", "Plugins cannot be reloaded.", RELOAD).on(Update, reload),
    ]
}

const FIELDS: &[Field] = &[
    Field::new("type", Kind::Text, "secret, auth or database."),
    Field::new("name", Kind::Text, "The type, such as kv."),
    Field::new("version", Kind::Text, "A version; only the built-in one is there."),
    Field::new("sha256", Kind::Text, "Of a program; not supported."),
    Field::new("command", Kind::Text, "Of a program; not supported."),
    Field::new("args", Kind::List, "Of a program; not supported."),
    Field::new("env", Kind::List, "Of a program; not supported.").secret(),
];
const RELOAD: &[Field] = &[
    Field::new("plugin", Kind::Text, "A type."),
    Field::new("mounts", Kind::CommaList, "Paths of mounts."),
    Field::new("scope", Kind::Text, "Ignored: there is nothing to reload."),
];

/// The types that can be mounted.
pub(crate) fn kinds(core: &Core, class: Class) -> Vec<&'static str> {
    core.plugs.kinds(class).into_iter().filter(|k| !BUILT_IN.contains(k)).collect()
}

/// The types of a class as the catalog names it; database plugins are none yet.
fn kinds_of(core: &Core, class: &str) -> Result<Vec<&'static str>, Fault> {
    match class {
        "secret" => Ok(kinds(core, Class::Secret)),
        "auth" => Ok(kinds(core, Class::Auth)),
        "database" => Ok(Vec::new()),
        _ => Err(Fault::invalid("field \"type\": must be secret, auth or database")),
    }
}

fn read_all(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let (auth, secret) = (kinds(call.core, Class::Auth), kinds(call.core, Class::Secret));
        let row = |class: &str, name: &str| {
            json!({
                "name": name, "type": class, "version": BUILT_IN_VERSION, "builtin": true,
                "deprecation_status": "supported",
            })
        };
        let rows = auth.iter().map(|n| row("auth", n)).chain(secret.iter().map(|n| row("secret", n)));
        let detailed: Vec<Value> = rows.collect();
        Ok(Response::json(json!({ "auth": auth, "database": [], "secret": secret, "detailed": detailed })))
    })
}

fn list(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let kinds = kinds_of(call.core, call.args.text_or_empty("type"))?;
        Response::keys(kinds.into_iter().map(str::to_owned).collect())
    })
}

fn read(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let name = call.args.text_or_empty("name");
        let version = call.args.text_or_empty("version");
        let known = kinds_of(call.core, call.args.text_or_empty("type"))?.contains(&name);
        if !known || !matches!(version, "" | BUILT_IN_VERSION) {
            return Err(Fault::NotFound);
        }
        Ok(Response::json(json!({
            "args": null,
            "builtin": true,
            "command": "",
            "deprecation_status": "supported",
            "name": name,
            "sha256": "",
            "version": BUILT_IN_VERSION,
        })))
    })
}

fn refuse(_call: Call<'_>) -> Answering<'_> {
    Box::pin(async {
        Err(Fault::invalid(
            "engines and auth methods are part of this program: plugins cannot be added or removed",
        ))
    })
}

fn reload(call: Call<'_>) -> Answering<'_> {
    Box::pin(async move {
        let (plugin, mounts) =
            (call.args.text_or_empty("plugin"), call.args.list("mounts").unwrap_or_default());
        if plugin.is_empty() == mounts.is_empty() {
            return Err(Fault::invalid("give one of \"plugin\" and \"mounts\""));
        }
        let table = call.mounts();
        let folder = |path: &str| format!("{}/", path.trim_matches('/'));
        if let Some(missing) = mounts.iter().find(|m| table.at(&folder(m)).is_none()) {
            return Err(Fault::invalid(format!("field \"mounts\": no mount at {missing:?}")));
        }
        Err(Fault::invalid("engines and auth methods are part of this program: there is nothing to reload"))
    })
}
