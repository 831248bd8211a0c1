//! Every route stands in a reviewed list with who may call it.

use crate::{Identity, TokenMethod, explain, routes};
use std::fmt::Write;
use std::path::PathBuf;
use strongroom_core::{Engine, Route};

/// One line per operation: who may call it, whether it works sealed, and the path.
fn listing(mount: &str, routes: &[Route]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for route in routes {
        for op in &route.operations {
            let sealed = if route.works_sealed { "sealed" } else { "-" };
            let mut line = String::new();
            let access = explain::access(op.access);
            write!(line, "{access:<6}{sealed:<7}{:<7}{mount}{}", op.operation.as_str(), route.pattern.text())
                .unwrap();
            lines.push(line);
        }
    }
    lines.sort();
    lines
}

async fn actual() -> String {
    let h = super::start().await;
    let token = h.core.mounts().at("auth/token/").unwrap().entry.clone();
    let mut lines = listing("sys/", &routes());
    lines.extend(listing("auth/token/", TokenMethod.routes(&token).routes()));
    lines.extend(listing("identity/", Identity.routes(&token).routes()));
    lines.join("\n") + "\n"
}

#[tokio::test]
async fn every_route_and_who_may_call_it_has_been_reviewed() {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/routes.snap");
    let actual = actual().await;
    if std::env::var_os("UPDATE_ROUTES").is_some() {
        std::fs::write(&file, &actual).unwrap();
    }
    let reviewed = std::fs::read_to_string(&file).unwrap_or_default();
    let missing = |of: &str, among: &str| -> Vec<String> {
        of.lines().filter(|l| !among.lines().any(|m| m == *l)).map(str::to_owned).collect()
    };
    let (new, gone) = (missing(&actual, &reviewed), missing(&reviewed, &actual));
    assert!(
        new.is_empty() && gone.is_empty(),
        "routes differ from src/routes.snap; review them, then UPDATE_ROUTES=1 cargo test\nnew: {new:#?}\ngone: {gone:#?}"
    );
}

#[test]
fn metrics_are_all_that_listeners_may_open() {
    let opened = routes().into_iter().filter(|r| r.opened_with_metrics);
    assert_eq!(opened.map(|r| r.pattern.text().to_owned()).collect::<Vec<_>>(), ["metrics"]);
}

#[test]
fn no_path_is_routed_twice() {
    let routes = routes();
    for (at, route) in routes.iter().enumerate() {
        let again = routes.iter().skip(at + 1).find(|r| r.pattern.text() == route.pattern.text());
        assert!(again.is_none(), "sys/{} stands in two tables", route.pattern.text());
    }
}
