//! The OpenAPI document of a namespace, made of the tables that serve its requests.

mod operation;

use crate::mount::Mounted;
use crate::{Access, Class, Map, Operation, Route, Value};
use serde_json::json;
use std::collections::HashSet;
use strongroom_wire::field::{Field, Kind};

/// How paths name the mounts that can stand anywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Naming {
    /// By their own path.
    Paths,
    /// By a parameter for each type of mount, as programs that write clients want it.
    Parameters,
}

/// The document of these mounts.
pub fn document<'a>(mounts: impl IntoIterator<Item = &'a Mounted>, naming: Naming, version: &str) -> Value {
    let mut document = Document::default();
    for mounted in mounts {
        let place = Place::of(mounted, naming);
        let in_root = mounted.entry.namespace.is_root();
        let shown = mounted.table.routes().iter().filter(|r| !r.refuses && (in_root || !r.root_only));
        shown.for_each(|route| document.add(&place, route));
    }
    document.finish(version)
}

/// The document of one route.
pub(crate) fn of_route(mounted: &Mounted, route: &Route, version: &str) -> Value {
    let mut document = Document::default();
    document.add(&Place::of(mounted, Naming::Paths), route);
    document.finish(version)
}

/// Where the routes of a mount stand in the document.
struct Place {
    /// What their paths begin with.
    prefix: String,
    /// What the names of their operations begin with.
    name: String,
    /// What their operations are grouped by.
    tag: &'static str,
    /// The parameter in `prefix`.
    parameter: Option<Value>,
}

impl Place {
    fn of(mounted: &Mounted, naming: Naming) -> Self {
        let entry = &mounted.entry;
        let tag = match (entry.kind.as_str(), entry.class) {
            ("system", _) => "system",
            ("identity", _) => "identity",
            (_, Class::Auth) => "auth",
            (_, Class::Secret) => "secrets",
        };
        if naming == Naming::Paths || entry.is_built_in() {
            let path = mounted.full_path.replace('{', "%7B").replace('}', "%7D");
            let name = words(&mounted.full_path);
            return Self { prefix: format!("/{path}"), name, tag, parameter: None };
        }
        let kind = match entry.options.get("version") {
            Some(version) => format!("{}-v{version}", entry.kind),
            None => entry.kind.clone(),
        };
        let parameter = format!("{}_mount_path", kind.replace('-', "_"));
        let above = if entry.class == Class::Auth { "auth/" } else { "" };
        let schema = json!({ "type": "string", "default": kind });
        let about = json!({
            "name": parameter,
            "in": "path",
            "description": "Path that the mount stands at.",
            "required": true,
            "schema": schema,
        });
        Self { prefix: format!("/{above}{{{parameter}}}/"), name: kind, tag, parameter: Some(about) }
    }
}

/// A document in the making.
#[derive(Default)]
struct Document {
    paths: Map,
    /// Schemas of what operations take.
    schemas: Map,
    /// Names of operations, which are given once.
    names: HashSet<String>,
}

impl Document {
    /// Adds a route: under its path, and what lists under that path with a slash, as Vault's document has
    /// it. Of mounts that share their paths the first one counts.
    fn add(&mut self, place: &Place, route: &Route) {
        let path = format!("{}{}", place.prefix, route.pattern.template());
        let (listing, others): (Vec<_>, Vec<_>) =
            route.operations.iter().partition(|op| op.operation == Operation::List);
        for (path, operations) in
            [(format!("{}/", path.trim_end_matches('/')), listing), (path.clone(), others)]
        {
            if operations.is_empty() || self.paths.contains_key(&path) {
                continue;
            }
            let mut item = about(place, route);
            for op in &operations {
                let described = self.describe(place, route, op);
                item.insert(operation::method(op.operation).to_owned(), described);
            }
            for (key, access) in [("x-vault-sudo", Access::Sudo), ("x-vault-unauthenticated", Access::Open)] {
                if operations.iter().all(|op| op.access == access) {
                    item.insert(key.to_owned(), json!(true));
                }
            }
            self.paths.insert(path, Value::Object(item));
        }
    }

    fn finish(self, version: &str) -> Value {
        let mut schemas = operation::answers();
        schemas.extend(self.schemas);
        json!({
            "openapi": "3.0.2",
            "info": {
                "title": "Strongroom API",
                "description": "The HTTP API. All paths are prefixed with `/v1/`.",
                "version": version,
                "license": { "name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0" },
            },
            "servers": [{ "url": "/v1" }],
            "paths": self.paths,
            "components": {
                "schemas": schemas,
                "responses": operation::responses(),
                "securitySchemes": {
                    "token": { "type": "apiKey", "in": "header", "name": "X-Vault-Token" },
                    "bearer": { "type": "http", "scheme": "bearer" },
                },
            },
        })
    }
}

/// What holds for all operations at a path.
fn about(place: &Place, route: &Route) -> Map {
    let captured = route.pattern.parameters().map(|(name, taken)| {
        let field = route.fields.iter().find(|field| field.name == name);
        let mut schema = schema(field.map_or(Kind::Text, |field| field.kind));
        if !taken.is_empty() && schema.get("type").is_some_and(|kind| kind == "string") {
            schema.insert("pattern".to_owned(), json!(taken));
        }
        json!({
            "name": name,
            "in": "path",
            "description": field.map_or("", |field| field.help),
            "required": true,
            "schema": schema,
        })
    });
    let parameters: Vec<Value> = place.parameter.clone().into_iter().chain(captured).collect();
    let mut item = Map::new();
    item.insert("description".to_owned(), json!(route.summary));
    if !parameters.is_empty() {
        item.insert("parameters".to_owned(), Value::Array(parameters));
    }
    if route.exists.is_some() {
        item.insert("x-vault-createSupported".to_owned(), json!(true));
    }
    item
}

/// A field as a property of a body.
fn property(field: &Field) -> Value {
    let mut schema = schema(field.kind);
    schema.insert("description".to_owned(), json!(field.help));
    if field.secret {
        schema.insert("x-vault-displayAttrs".to_owned(), json!({ "sensitive": true }));
    }
    Value::Object(schema)
}

/// What a kind of field takes at its plainest; see `wire::field` for what is taken besides.
fn schema(kind: Kind) -> Map {
    let schema = match kind {
        Kind::Text => json!({ "type": "string" }),
        Kind::Int => json!({ "type": "integer", "format": "int64" }),
        Kind::Bool => json!({ "type": "boolean" }),
        Kind::Seconds => json!({ "type": "string", "format": "duration" }),
        Kind::CommaList | Kind::List => json!({ "type": "array", "items": { "type": "string" } }),
        Kind::Pairs => {
            json!({ "type": "object", "format": "kvpairs", "additionalProperties": { "type": "string" } })
        }
        Kind::Object => json!({ "type": "object", "format": "map" }),
        Kind::Any => json!({}),
    };
    if let Value::Object(schema) = schema { schema } else { Map::new() }
}

/// The letters and digits of a text, with `-` in place of all else.
fn words(text: &str) -> String {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests;
