//! The recorded conversations of a Vault-compatible server, held with ours.
//!
//! What does not hold yet is named in `misses.txt` with the reason; the list may only shrink.

use crate::stand::program;
use std::collections::BTreeSet;
use std::path::Path;
use strongroom_testkit::replay;
use strongroom_testkit::server::Server;

const MISSES: &str = include_str!("misses.txt");

/// Replays one file against a fresh server; the misses must be those that are known.
fn hold(file: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testkit/cases").join(format!("{file}.json"));
    let cases = replay::read(&std::fs::read_to_string(path).unwrap()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let server = Server::dev(program(), folder.path(), &[]).unwrap();
    let mut missed = BTreeSet::new();
    let mut story = String::new();
    for case in &cases {
        let failures = case.run(&server.address, "root");
        if !failures.is_empty() {
            missed.insert(case.name.as_str());
            story.push_str(&failures.join("\n"));
            story.push('\n');
        }
    }
    let known: BTreeSet<&str> = MISSES
        .lines()
        .filter(|l| !l.starts_with('#') && !l.trim().is_empty())
        .filter_map(|l| l.split_whitespace().next())
        .filter(|name| cases.iter().any(|c| c.name == *name))
        .collect();
    println!("{file}: {} of {} conversations hold", cases.len() - missed.len(), cases.len());
    let news: Vec<_> = missed.difference(&known).collect();
    let mended: Vec<_> = known.difference(&missed).collect();
    assert!(news.is_empty(), "conversations that do not hold: {news:?}\n{story}");
    assert!(mended.is_empty(), "these hold now, take them off misses.txt: {mended:?}");
}

#[test]
fn sys() {
    hold("sys");
}

#[test]
fn token() {
    hold("token");
}

#[test]
fn kv() {
    hold("kv");
}

#[test]
fn approle() {
    hold("approle");
}

#[test]
fn userpass() {
    hold("userpass");
}

#[test]
fn malformed() {
    hold("malformed");
}

#[test]
fn transit() {
    hold("transit");
}

#[test]
fn jwt() {
    hold("jwt");
}

#[test]
fn kubernetes() {
    hold("kubernetes");
}

#[test]
fn cert() {
    hold("cert");
}

#[test]
fn namespace() {
    hold("namespace");
}
