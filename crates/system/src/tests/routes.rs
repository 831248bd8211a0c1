//! Every route stands in a reviewed list with who may call it.

use crate::{explain, routes};
use std::fmt::Write;
use std::path::PathBuf;
use strongroom_core::Route;

/// One line per operation: who may call it, whether it works sealed, and the path.
fn listing(routes: &[Route]) -> String {
    let mut lines: Vec<String> = Vec::new();
    for route in routes {
        for op in &route.operations {
            let sealed = if route.works_sealed { "sealed" } else { "-" };
            let mut line = String::new();
            let access = explain::access(op.access);
            write!(line, "{access:<6}{sealed:<7}{:<7}sys/{}", op.operation.as_str(), route.pattern.text())
                .unwrap();
            lines.push(line);
        }
    }
    lines.sort();
    lines.join("\n") + "\n"
}

#[test]
fn every_route_and_who_may_call_it_has_been_reviewed() {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/routes.snap");
    let actual = listing(&routes());
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
fn no_path_is_routed_twice() {
    let routes = routes();
    for (at, route) in routes.iter().enumerate() {
        let again = routes.iter().skip(at + 1).find(|r| r.pattern.text() == route.pattern.text());
        assert!(again.is_none(), "sys/{} stands in two tables", route.pattern.text());
    }
}
