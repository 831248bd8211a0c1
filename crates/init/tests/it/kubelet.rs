//! Environment files through the kubelet's own parser: a value comes back byte for byte, or was refused.

use crate::stand::Stand;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::json;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The parser as a program, built from Kubernetes' own module.
fn parser(folder: &Path) -> PathBuf {
    let program = folder.join("kubelet-env");
    let built = Command::new("go")
        .args(["build", "-o", program.to_str().unwrap(), "."])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kubelet"))
        .output()
        .expect("Go builds the kubelet's parser");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    program
}

/// What the kubelet reads for each file and variable.
fn read(program: &Path, questions: &[(PathBuf, &str)]) -> Vec<String> {
    let mut child = Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let text: String = questions.iter().map(|(file, name)| format!("{}\t{name}\n", file.display())).collect();
    let writer = std::thread::spawn(move || stdin.write_all(text.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn hex(text: &str) -> String {
    text.bytes().map(|b| format!("{b:02x}")).collect()
}

/// Values with what such a file has trouble with.
fn values() -> Vec<String> {
    let mut runner = TestRunner::deterministic();
    let piece = prop_oneof![
        4 => "[ -&(-~]{0,8}",
        2 => Just("\n".to_owned()),
        1 => Just("\r".to_owned()),
        1 => Just("\r\n".to_owned()),
        1 => Just("# ".to_owned()),
        1 => Just("B=".to_owned()),
        1 => "\\PC{0,4}",
        1 => prop_oneof![9 => Just(String::new()), 1 => Just("'".to_owned()), 1 => Just("\0".to_owned())],
    ];
    let value = prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat());
    let mut values: Vec<String> = (0..300).map(|_| value.new_tree(&mut runner).unwrap().current()).collect();
    // Around the longest line, at the beginning (`A='`), in the middle and at the end (`'`).
    for length in 65_528..65_540 {
        let line = "x".repeat(length);
        values.extend([line.clone(), format!("a\n{line}\nb"), format!("a\n{line}")]);
    }
    values
}

#[test]
fn a_value_comes_through_the_kubelet_or_is_refused_for_a_reason() {
    let stand = Stand::new();
    let program = parser(stand.folder.path());
    let (mut written, mut refused) = (Vec::new(), Vec::new());
    for (n, value) in values().into_iter().enumerate() {
        stand.server.secret("app", json!({"k": value}));
        let name = format!("{n}.env");
        let file = stand.env_file(&name, &[("A", "app", "k"), ("B", "app", "k")]);
        let end = stand.run(&["init"], &stand.plan(json!({"envFiles": [file]})));
        if end.code == Some(0) {
            written.push((stand.path(&name), value));
            continue;
        }
        assert!(end.message.contains("which an environment file cannot carry"), "{end:?}");
        // What would have been written.
        std::fs::write(stand.path(&name), format!("A='{value}'\n")).unwrap();
        refused.push((stand.path(&name), value));
    }
    assert!(
        written.len() > 150 && refused.len() > 30,
        "{} written, {} refused",
        written.len(),
        refused.len()
    );
    let ask = |of: &[(PathBuf, String)], variable| {
        let questions: Vec<_> = of.iter().map(|(file, _)| (file.clone(), variable)).collect();
        let answers = read(&program, &questions);
        assert_eq!(answers.len(), of.len());
        answers
    };
    for variable in ["A", "B"] {
        for ((file, value), answer) in written.iter().zip(ask(&written, variable)) {
            assert_eq!(answer, hex(value), "{}", file.display());
        }
    }
    for ((_, value), answer) in refused.iter().zip(ask(&refused, "A")) {
        // An empty value counts as missing; a NUL passes the parser, and nothing behind it.
        let comes_through = answer == hex(value) && !value.is_empty() && !value.contains('\0');
        assert!(!comes_through, "{value:.80?} was refused, and comes through");
    }
}
