//! One operation in the document: what it takes and what it answers.

use super::{Document, Place, property, schema, words};
use crate::route::Op;
use crate::{Access, Answers, Map, Operation, Route, Value};
use serde_json::json;
use strongroom_wire::field::Field;

/// The verb that asks for an operation.
pub(super) fn method(operation: Operation) -> &'static str {
    match operation {
        Operation::Read | Operation::List | Operation::Help => "get",
        Operation::Create | Operation::Update => "post",
        Operation::Patch => "patch",
        Operation::Delete => "delete",
    }
}

impl Document {
    pub(super) fn describe(&mut self, place: &Place, route: &Route, op: &Op) -> Value {
        let name = self.name(place, route, op.operation);
        let token = json!([{ "token": [] }, { "bearer": [] }]);
        let mut described = Map::new();
        let mut put = |key: &str, value: Value| {
            described.insert(key.to_owned(), value);
        };
        put("summary", json!(route.summary));
        put("operationId", json!(name));
        put("tags", json!([place.tag]));
        put("responses", responses_of(route, op.operation));
        match op.access {
            Access::Token | Access::Holder => put("security", token),
            Access::Sudo => {
                put("security", token);
                put("x-vault-sudo", json!(true));
            }
            Access::Open => {
                // Who shows a token all the same may be told more.
                put("security", json!([{}, { "token": [] }, { "bearer": [] }]));
                put("x-vault-unauthenticated", json!(true));
            }
        }
        let fields = route.taken(op.operation);
        if op.operation.writes() {
            if let Some(body) = self.body(&name, route, &fields, op.operation) {
                put("requestBody", body);
            }
            return Value::Object(described);
        }
        let mut query: Vec<Value> = fields.into_iter().map(queried).collect();
        if op.operation == Operation::List {
            let schema = json!({ "type": "string", "enum": ["true"] });
            query.push(json!({ "name": "list", "in": "query", "required": true, "schema": schema }));
        }
        if !query.is_empty() {
            put("parameters", Value::Array(query));
        }
        Value::Object(described)
    }

    /// A name that no other operation has: of the mount, the verb and the path's fixed words; where that is
    /// taken, of its parameters too.
    fn name(&mut self, place: &Place, route: &Route, operation: Operation) -> String {
        let verb = match operation {
            Operation::Create | Operation::Update => "write",
            other => other.as_str(),
        };
        let fixed = words(&route.pattern.literals().collect::<Vec<_>>().join("-"));
        let short = words(&format!("{}-{verb}-{fixed}", place.name));
        let captured = route.pattern.parameters().map(|(name, _)| words(name)).collect::<Vec<_>>();
        let long = words(&format!("{short}-with-{}", captured.join("-")));
        let numbered = (2..).map(|number: u32| format!("{long}-{number}"));
        let name = [short, long.clone()].into_iter().chain(numbered).find(|name| !self.names.contains(name));
        let name = name.unwrap_or(long);
        self.names.insert(name.clone());
        name
    }

    /// The body; none for those that take none.
    fn body(
        &mut self,
        name: &str,
        route: &Route,
        fields: &[&'static Field],
        operation: Operation,
    ) -> Option<Value> {
        if route.raw_body {
            let bytes = json!({ "type": "string", "format": "binary" });
            let content = json!({ "application/octet-stream": { "schema": bytes } });
            return Some(json!({ "required": true, "content": content }));
        }
        if fields.is_empty() && !route.free_form {
            return None;
        }
        let properties: Map = fields.iter().map(|f| (f.name.to_owned(), property(f))).collect();
        let mut schema = json!({ "type": "object", "properties": properties });
        if let (true, Some(schema)) = (route.free_form, schema.as_object_mut()) {
            schema.insert("additionalProperties".to_owned(), json!(true));
        }
        let schema_name = format!("{}Request", pascal(name));
        let reference = json!({ "schema": { "$ref": format!("#/components/schemas/{schema_name}") } });
        self.schemas.insert(schema_name, schema);
        let media_type = match operation {
            Operation::Patch => "application/merge-patch+json",
            _ => "application/json",
        };
        Some(json!({ "required": true, "content": { media_type: reference } }))
    }
}

/// Schemas of answers, by name.
pub(super) fn answers() -> Map {
    let of = |kind: &str| json!({ "type": kind });
    let or_null = |kind: &str| json!({ "type": kind, "nullable": true });
    let texts = json!({ "type": "array", "items": { "type": "string" } });
    let text_or_null = json!({ "type": "array", "items": { "type": "string" }, "nullable": true });
    let envelope = json!({
        "request_id": of("string"),
        "lease_id": of("string"),
        "renewable": of("boolean"),
        "lease_duration": of("integer"),
        "data": or_null("object"),
        "wrap_info": or_null("object"),
        "warnings": text_or_null,
        "auth": or_null("object"),
        "mount_type": of("string"),
    });
    let required: Vec<&String> = envelope.as_object().into_iter().flat_map(Map::keys).collect();
    Map::from_iter([
        ("Envelope".to_owned(), json!({ "type": "object", "properties": envelope, "required": required })),
        ("Errors".to_owned(), json!({ "type": "object", "properties": { "errors": texts } })),
    ])
}

/// Answers that operations share, by name.
pub(super) fn responses() -> Value {
    let json = |schema: Value| json!({ "application/json": { "schema": schema } });
    let named = |name: &str| json(json!({ "$ref": format!("#/components/schemas/{name}") }));
    let bytes = json!({ "*/*": { "schema": { "type": "string", "format": "binary" } } });
    json!({
        "Envelope": { "description": "Done.", "content": named("Envelope") },
        "Plain": { "description": "Done.", "content": json(json!({ "type": "object" })) },
        "Bytes": { "description": "Done.", "content": bytes },
        "GoesOn": { "description": "Begun.", "content": named("Envelope") },
        "Nothing": { "description": "Done, with nothing to tell." },
        "Errors": { "description": "Refused, or there is no such thing.", "content": named("Errors") },
    })
}

fn responses_of(route: &Route, operation: Operation) -> Value {
    let shared = |name: &str| json!({ "$ref": format!("#/components/responses/{name}") });
    let done = match route.answers {
        Answers::Envelope => "Envelope",
        Answers::Plain => "Plain",
        Answers::Bytes => "Bytes",
    };
    let mut all = Map::new();
    all.insert("200".to_owned(), shared(done));
    if route.goes_on && operation == Operation::Update {
        all.insert("202".to_owned(), shared("GoesOn"));
    }
    if operation.writes() || operation == Operation::Delete {
        all.insert("204".to_owned(), shared("Nothing"));
    }
    all.insert("default".to_owned(), shared("Errors"));
    Value::Object(all)
}

/// A field as a parameter of the query.
fn queried(field: &Field) -> Value {
    json!({ "name": field.name, "in": "query", "description": field.help, "schema": schema(field.kind) })
}

fn pascal(words: &str) -> String {
    let capital = |word: &str| -> String {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
    };
    words.split('-').map(capital).collect()
}
