//! The canary in every field of every route, as the tables declare them: a route that is added is tested
//! without anybody thinking of it.

use super::CANARY;
use crate::stand::Stand;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use strongroom_core::{Class, Mount, MountConfig, Operation, Route};
use strongroom_wire::field::{Field, Kind};

/// Stands in fields that are not secret. Errors may name it, the audit trail holds its hash.
const PLAIN: &str = "plain-5e1f0a-may-be-named";
/// Requests that would end the test.
const LEFT_OUT: &[&str] = &["sys/seal"];

/// Fields that take anything and hold no secret all the same: errors show what cannot be read.
const SETTINGS: &[&str] = &["delete_version_after"];

/// One operation of one route, with the fields it declares.
struct Target {
    method: &'static str,
    path: String,
    pattern: String,
    fields: Vec<Field>,
}

#[test]
fn the_canary_in_every_field_of_every_route_is_seen_nowhere() {
    let stand = Stand::new("log_level = \"trace\"");
    let audit = stand.folder.path().join("audit.log");
    stand.must("POST", "sys/audit/file", json!({"type": "file", "options": {"file_path": audit}}));
    let targets = targets(&stand);
    assert!(targets.len() > 250, "only {} operations were found", targets.len());
    let (mut seen, mut token) = (Vec::new(), fresh_root(&stand));
    for target in &targets {
        for body in bodies(&target.fields) {
            let mut reply = stand.server.call(&token, target.method, &target.path, &body).unwrap();
            if reply.status == 403 {
                // Some requests revoke the token that they come with.
                token = fresh_root(&stand);
                reply = stand.server.call(&token, target.method, &target.path, &body).unwrap();
            }
            let text = String::from_utf8_lossy(&reply.body);
            assert!(!text.contains("no handler for route"), "{} {} is no route", target.method, target.path);
            // Vault answers 500 to some mistakes in requests to transit, so Strongroom does.
            let own_fault = reply.status >= 500 && !target.pattern.starts_with("ctransit/");
            if own_fault || (reply.status >= 400 && text.contains(CANARY)) {
                seen.push(format!("{} {} answers {body} with {text}", target.method, target.pattern));
            }
        }
    }
    assert!(
        seen.is_empty(),
        "{} errors repeat the secret, or are the server's own:\n{}",
        seen.len(),
        seen.join("\n")
    );
    let trail = std::fs::read_to_string(audit).unwrap();
    let shown: Vec<&str> = trail.lines().filter(|line| line.contains(CANARY)).collect();
    assert!(shown.is_empty(), "the audit trail shows the secret: {shown:#?}");
    for line in trail.lines() {
        let mut entry: Value = serde_json::from_str(line).unwrap();
        entry.as_object_mut().unwrap().remove("error");
        let path = entry["request"]["path"].clone();
        let (asked, answered) = (entry["request"]["data"].take(), entry["response"]["data"].take());
        assert!(!holds_plain(&asked), "the audit trail shows what {path} was sent: {asked}");
        assert!(!holds_plain(&answered), "the audit trail shows what {path} answered: {answered}");
    }
    let log = std::fs::read_to_string(&stand.server.log).unwrap();
    let shown: Vec<&str> = log.lines().filter(|line| line.contains(CANARY)).collect();
    assert!(shown.is_empty(), "the log shows the secret: {shown:#?}");
    assert!(!stand.must("GET", "sys/metrics", Value::Null).to_string().contains(CANARY));
    let data = std::fs::read(stand.folder.path().join("data/strongroom.redb")).unwrap();
    assert!(!data.windows(CANARY.len()).any(|w| w == CANARY.as_bytes()), "the store shows the secret");
}

fn fresh_root(stand: &Stand) -> String {
    let made = stand.must("POST", "auth/token/create", json!({"policies": ["root"]}));
    made["auth"]["client_token"].as_str().unwrap().to_owned()
}

/// Whether a text in it is in the clear. Names are, as in Vault.
fn holds_plain(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains(PLAIN),
        Value::Array(items) => items.iter().any(holds_plain),
        Value::Object(map) => map.values().any(holds_plain),
        _ => false,
    }
}

/// All operations of all engines and auth methods, each mounted once and kv in both versions.
fn targets(stand: &Stand) -> Vec<Target> {
    let of_mount = |(path, routes): &(String, Vec<Route>)| -> Vec<Target> {
        routes.iter().flat_map(|route| of_route(path, route)).collect()
    };
    tables(stand).iter().flat_map(of_mount).collect()
}

/// The routes of all engines and auth methods with the path they are mounted at.
pub(crate) fn tables(stand: &Stand) -> Vec<(String, Vec<Route>)> {
    let plugs = strongroom_server::plugs();
    let mut tables = Vec::new();
    for class in [Class::Secret, Class::Auth] {
        for kind in plugs.kinds(class) {
            for version in if kind == "kv" { &["1", "2"][..] } else { &[""] } {
                let mount = mounted(stand, class, kind, version);
                let backend = plugs.find(class, kind).unwrap();
                tables.push((mount.full_path(), backend.engine().routes(&mount).routes().to_vec()));
            }
        }
    }
    tables
}

fn mounted(stand: &Stand, class: Class, kind: &str, version: &str) -> Mount {
    let own = match kind {
        "system" => "sys/",
        "cubbyhole" | "identity" | "token" => kind,
        _ => "",
    };
    let path =
        if own.is_empty() { format!("c{kind}{version}/") } else { format!("{}/", own.trim_end_matches('/')) };
    let options: BTreeMap<String, String> =
        (!version.is_empty()).then(|| ("version".to_owned(), version.to_owned())).into_iter().collect();
    if own.is_empty() {
        let at = if class == Class::Auth { "sys/auth" } else { "sys/mounts" };
        stand.must(
            "POST",
            &format!("{at}/{}", path.trim_end_matches('/')),
            json!({"type": kind, "options": options}),
        );
    }
    Mount {
        id: "m".to_owned(),
        namespace: strongroom_core::NamespaceId::ROOT,
        class,
        path,
        kind: kind.to_owned(),
        uuid: String::new(),
        accessor: String::new(),
        description: String::new(),
        options,
        config: MountConfig::default(),
        local: false,
        seal_wrap: false,
        external_entropy_access: false,
        removed: false,
    }
}

fn of_route(mount: &str, route: &Route) -> Vec<Target> {
    let pattern = format!("{mount}{}", route.pattern.text());
    let captured: Vec<&str> = route.pattern.text().split('/').filter_map(capture).collect();
    let path = filled(&pattern);
    let fields: Vec<Field> = route.fields.iter().filter(|f| !captured.contains(&f.name)).copied().collect();
    let operations = route.operations.iter().filter(|_| !LEFT_OUT.contains(&pattern.as_str()));
    operations
        .filter_map(|op| {
            let method = match op.operation {
                Operation::Read => "GET",
                Operation::List => "LIST",
                Operation::Delete => "DELETE",
                Operation::Update | Operation::Create => "POST",
                _ => return None,
            };
            let fields = if op.operation == Operation::Update { fields.clone() } else { Vec::new() };
            Some(Target { method, path: path.clone(), pattern: pattern.clone(), fields })
        })
        .collect()
}

/// A path that the pattern matches.
pub(crate) fn filled(pattern: &str) -> String {
    let path = pattern.split('/').map(|s| if capture(s).is_some() { "n1" } else { s });
    path.collect::<Vec<_>>().join("/")
}

fn capture(segment: &str) -> Option<&str> {
    let name = segment.strip_prefix('{')?.strip_suffix('}')?;
    Some(name.split(':').next().unwrap_or(name))
}

/// Bodies with the canary: in all fields, in each alone, of a type that fits and of types that do not.
fn bodies(fields: &[Field]) -> Vec<Value> {
    let stray = || Map::from_iter([("stray".to_owned(), json!(CANARY))]);
    let mut bodies = vec![Value::Object(stray())];
    let all = |value: &dyn Fn(&Field) -> Value| {
        let mut body = stray();
        body.extend(fields.iter().map(|f| (f.name.to_owned(), value(f))));
        Value::Object(body)
    };
    if fields.is_empty() {
        return bodies;
    }
    bodies.push(all(&|f| json!(word(f))));
    bodies.push(all(&fitting));
    for field in fields {
        for value in [json!(word(field)), json!([word(field)]), json!({ "k": word(field) }), fitting(field)] {
            let mut body = stray();
            body.insert(field.name.to_owned(), value);
            bodies.push(Value::Object(body));
        }
    }
    bodies
}

/// Objects hold whatever a client puts there, so what is in them counts as secret.
fn word(field: &Field) -> &'static str {
    let holds_anything = matches!(field.kind, Kind::Object | Kind::Any) && !SETTINGS.contains(&field.name);
    if field.secret || holds_anything { CANARY } else { PLAIN }
}

fn fitting(field: &Field) -> Value {
    let word = word(field);
    match field.kind {
        Kind::Text => json!(word),
        Kind::Int | Kind::Seconds => json!(1),
        Kind::Bool => json!(true),
        Kind::CommaList | Kind::List => json!([word, word]),
        Kind::Pairs => json!({ "k": word }),
        Kind::Object | Kind::Any => json!({ "k": word, "deep": [{ "k": word }] }),
    }
}
