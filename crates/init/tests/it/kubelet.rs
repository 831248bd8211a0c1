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
fn a_value_comes_through_the_kubelet_or_is_refused() {
    let stand = Stand::new();
    let program = parser(stand.folder.path());
    let values = values();
    let all: serde_json::Map<_, _> =
        values.iter().enumerate().map(|(n, v)| (n.to_string(), json!(v))).collect();
    stand.server.secret("app", all.into());
    let (mut written, mut refused) = (Vec::new(), 0);
    for (n, value) in values.iter().enumerate() {
        let name = format!("{n}.env");
        let key = n.to_string();
        let entries = [("A", "app", key.as_str()), ("B", "app", key.as_str())];
        let end = stand.run(&["init"], &stand.plan(json!({"envFiles": [stand.env_file(&name, &entries)]})));
        match end.code {
            Some(0) => written.push((stand.path(&name), value)),
            _ => {
                assert!(end.message.contains("which an environment file cannot carry"), "{end:?}");
                refused += 1;
            }
        }
    }
    assert!(written.len() > 150 && refused > 30, "{} written, {refused} refused", written.len());
    for variable in ["A", "B"] {
        let questions: Vec<_> = written.iter().map(|(file, _)| (file.clone(), variable)).collect();
        let answers = read(&program, &questions);
        assert_eq!(answers.len(), questions.len());
        for ((file, value), answer) in written.iter().zip(&answers) {
            assert_eq!(*answer, hex(value), "{}", file.display());
        }
    }
}

/// The other half: what is refused is refused for a reason.
#[test]
fn nothing_is_refused_that_the_kubelet_would_read() {
    let stand = Stand::new();
    let program = parser(stand.folder.path());
    let mut questions = Vec::new();
    let mut wanted = Vec::new();
    for (n, value) in values().into_iter().enumerate() {
        stand.server.secret("app", json!({"k": value}));
        let file = stand.env_file("e", &[("A", "app", "k")]);
        if stand.run(&["init"], &stand.plan(json!({"envFiles": [file]}))).code == Some(0)
            || value.contains('\0')
        {
            continue;
        }
        // What would have been written.
        let path = stand.path(&format!("{n}.env"));
        std::fs::write(&path, format!("A='{value}'\n")).unwrap();
        questions.push((path, "A"));
        wanted.push(value);
    }
    for (answer, value) in read(&program, &questions).iter().zip(&wanted) {
        // A value that the kubelet would read as empty it takes for missing.
        assert!(answer != &hex(value) || answer.is_empty(), "{value:.80?} was refused, and comes through");
    }
}
