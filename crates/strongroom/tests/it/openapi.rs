//! The OpenAPI document, held against the tables that serve requests, both ways.

use crate::canary::routes::{filled, tables};
use crate::stand::Stand;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use strongroom_core::{Access, Operation, Route};

const DOCUMENT: &str = "sys/internal/specs/openapi";

/// One operation, as a table or the document has it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Described {
    access: &'static str,
    takes: BTreeSet<String>,
}

/// By verb and path.
type All = BTreeMap<(String, String), Described>;

/// What the tables say: the pattern's kinds left out, lists below a slash.
fn of_tables(stand: &Stand) -> All {
    let mut all = All::new();
    for (mount, routes) in tables(stand) {
        for route in routes.iter().filter(|route| !route.refuses) {
            let segments = route.pattern.text().split('/').map(|segment| match segment.split_once(':') {
                Some((name, _)) => format!("{name}}}"),
                None => segment.to_owned(),
            });
            let path = format!("/{mount}{}", segments.collect::<Vec<_>>().join("/"));
            for op in &route.operations {
                let (verb, slash) = match op.operation {
                    Operation::List => ("get", "/"),
                    Operation::Read => ("get", ""),
                    Operation::Delete => ("delete", ""),
                    Operation::Patch => ("patch", ""),
                    _ => ("post", ""),
                };
                let access = match op.access {
                    Access::Open => "open",
                    Access::Sudo => "sudo",
                    Access::Token | Access::Holder => "policy",
                };
                let mut takes: BTreeSet<String> =
                    route.taken(op.operation).into_iter().map(|field| field.name.to_owned()).collect();
                if op.operation == Operation::List {
                    takes.insert("list".to_owned());
                }
                let known = all.insert((verb.to_owned(), path.clone() + slash), Described { access, takes });
                assert!(known.is_none(), "{verb} {path}{slash} stands in the tables twice");
            }
        }
    }
    all
}

fn of_document(document: &Value) -> All {
    let mut all = All::new();
    let of_path = |(path, item): (&String, &Value)| {
        for verb in ["get", "post", "patch", "delete"] {
            if let Some(op) = item.get(verb) {
                all.insert((verb.to_owned(), path.clone()), described(document, op));
            }
        }
    };
    document["paths"].as_object().unwrap().iter().for_each(of_path);
    all
}

fn described(document: &Value, op: &Value) -> Described {
    let access = match (op.get("x-vault-unauthenticated"), op.get("x-vault-sudo")) {
        (Some(_), None) => "open",
        (None, Some(_)) => "sudo",
        _ => "policy",
    };
    assert_eq!(op["security"][0] == json!({}), access == "open", "{op}");
    let query = op["parameters"].as_array().into_iter().flatten();
    let mut takes: BTreeSet<String> = query.map(|p| p["name"].as_str().unwrap().to_owned()).collect();
    let contents = op["requestBody"]["content"].as_object().into_iter().flatten();
    for (_, content) in contents {
        let reference = content["schema"]["$ref"].as_str().map(|r| r.trim_start_matches('#'));
        let schema = reference.and_then(|r| document.pointer(r)).unwrap_or(&content["schema"]);
        takes.extend(schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name.clone()));
    }
    Described { access, takes }
}

#[test]
fn every_route_stands_in_the_document_and_nothing_else() {
    let stand = Stand::new("");
    let tables = of_tables(&stand);
    let document = of_document(&stand.must("GET", DOCUMENT, Value::Null));
    assert!(tables.len() > 250, "only {} operations were found", tables.len());
    let missing: Vec<_> = tables.iter().filter(|&(at, op)| document.get(at) != Some(op)).collect();
    let more: Vec<_> = document.iter().filter(|&(at, op)| tables.get(at) != Some(op)).collect();
    assert!(missing.is_empty() && more.is_empty(), "in tables only: {missing:#?}\nelsewhere: {more:#?}");
}

#[test]
fn what_is_left_out_does_nothing_and_what_is_asked_is_declared() {
    let stand = Stand::new("");
    let tables = tables(&stand);
    let routes = || tables.iter().flat_map(|(mount, routes)| routes.iter().map(move |r| (mount, r)));
    let refuse = |(mount, route): (&String, &Route)| {
        for op in &route.operations {
            let method = match op.operation {
                Operation::Read => "GET",
                Operation::List => "LIST",
                Operation::Delete => "DELETE",
                _ => "POST",
            };
            let path = filled(&format!("{mount}{}", route.pattern.text()));
            let status = stand.server.call(&stand.root, method, &path, &json!({})).unwrap().status;
            assert!((400..500).contains(&status), "{method} {path} answers {status}");
        }
    };
    routes().filter(|(_, route)| route.refuses).for_each(refuse);
    for (mount, route) in routes() {
        for asked in route.asked.unwrap_or_default() {
            let path = route.pattern.text();
            assert!(
                route.fields.iter().any(|f| f.name == asked.name && f.kind == asked.kind),
                "{} is no field of {mount}{path}",
                asked.name
            );
        }
    }
}

#[test]
fn everybody_sees_the_mounts_that_he_may_use() {
    let stand = Stand::new("");
    for (path, visibility) in [("open", "unauth"), ("closed", "hidden")] {
        stand.must(
            "POST",
            &format!("sys/auth/{path}"),
            json!({"type": "userpass", "config": {"listing_visibility": visibility}}),
        );
    }
    stand.must("POST", "sys/namespaces/team", Value::Null);
    stand.must(
        "PUT",
        "sys/policies/acl/kv",
        json!({"policy": "path \"cubbyhole/*\" { capabilities = [\"read\"] }"}),
    );
    let made =
        stand.must("POST", "auth/token/create", json!({"policies": ["kv"], "no_default_policy": true}));
    let token = made["auth"]["client_token"].as_str().unwrap();
    let mounts = |token: &str, path: &str| -> BTreeSet<String> {
        let document = stand.server.call(token, "GET", path, &Value::Null).unwrap();
        assert_eq!(document.status, 200);
        let document = document.json();
        let paths = document["paths"].as_object().unwrap().keys();
        paths.map(|path| path.split('/').filter(|s| *s != "auth").nth(1).unwrap().to_owned()).collect()
    };
    let are = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(mounts("", DOCUMENT), are(&["open"]));
    assert_eq!(mounts(token, DOCUMENT), are(&["cubbyhole", "open"]));
    let all = ["closed", "cubbyhole", "identity", "open", "sys", "token"];
    assert_eq!(mounts(&stand.root, DOCUMENT), are(&all));
    let of_namespace = stand.must("GET", &format!("team/{DOCUMENT}"), Value::Null);
    let paths = of_namespace["paths"].as_object().unwrap();
    assert!(paths.contains_key("/sys/mounts") && !paths.contains_key("/sys/health"));
}
