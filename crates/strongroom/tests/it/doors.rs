//! The ways by which manifests come to lowering, as other programs call them: by names of the program, and by the
//! commands in the plugins that are shipped.

use crate::stand::program;
use serde_json::Value;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const POD: &str = "kind: Pod # kept\nmetadata: {name: p}\nspec:\n  containers:\n  - name: c\n    env: [{name: A, valueFrom: {vaultSecret: {name: s, key: k}}}]\n";

/// A folder on the PATH with the program under all its names, and a kubectl that builds by printing a file.
fn names() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["strongroom", "kubectl-strongroom", "strongroom-krm", "strongroom-post-renderer"] {
        symlink(program(), folder.path().join(name)).unwrap();
    }
    let kubectl = folder.path().join("kubectl");
    std::fs::write(&kubectl, "#!/bin/sh\ntest \"$1\" = kustomize && cat \"$2/built.yaml\"\n").unwrap();
    std::fs::set_permissions(&kubectl, std::fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

/// Runs a program of the folder with settings in its environment.
fn run(names: &Path, words: &[String], directory: &Path, stdin: &str) -> Output {
    let path = std::env::join_paths(
        std::iter::once(names.to_owned()).chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    );
    let first = names.join(&words[0]);
    let first = if first.exists() { first } else { PathBuf::from(&words[0]) };
    let mut child = Command::new(first)
        .args(&words[1..])
        .current_dir(directory)
        .env("PATH", path.unwrap())
        .env("ARGOCD_ENV_STRONGROOM_ROLE", "my-app")
        .env("STRONGROOM_ADDRESS", "https://s:8200")
        .env("STRONGROOM_TARGET", "fileKeyRef")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // One that reads no input may have ended.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    child.wait_with_output().unwrap()
}

fn assert_lowered(output: &Output) {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{err}");
    for part in ["fileKeyRef", "my-app", "# kept"] {
        assert!(out.contains(part), "{part} is not in {out}{err}");
    }
}

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

#[test]
fn the_programs_name_says_which_command_is_meant() {
    let (names, here) = (names(), tempfile::tempdir().unwrap());
    let list = format!("kind: ResourceList\nitems:\n- {}", POD.replace('\n', "\n  "));
    for (line, stdin) in [
        ("kubectl-strongroom render -f -", POD),
        ("kubectl-strongroom k8s render -f -", POD),
        ("strongroom k8s render -f -", POD),
        ("strongroom-post-renderer", POD),
        ("strongroom-krm", &list),
    ] {
        assert_lowered(&run(names.path(), &words(line), here.path(), stdin));
    }
}

/// A file that is shipped, as a tree.
fn shipped(path: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy").join(path);
    strongroom_k8s::documents(&std::fs::read_to_string(path).unwrap()).unwrap().remove(0)
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect()
}

#[test]
fn helm_4s_plugin_renders() {
    let plugin = shipped("helm-postrenderer/plugin.yaml");
    assert_eq!((&plugin["apiVersion"], &plugin["type"]), (&"v1".into(), &"postrenderer/v1".into()));
    let command = &plugin["runtimeConfig"]["platformCommand"][0];
    let mut line = vec![command["command"].as_str().unwrap().to_owned()];
    line.extend(texts(&command["args"]));
    let (names, here) = (names(), tempfile::tempdir().unwrap());
    assert_lowered(&run(names.path(), &line, here.path(), POD));
}

/// What the repo-server runs, in the application's folder: plain manifests, or what kustomize builds.
#[test]
fn argo_cds_plugin_generates() {
    let plugin = shipped("argocd/plugin.yaml");
    assert_eq!(plugin["kind"], "ConfigManagementPlugin");
    let generate = &plugin["spec"]["generate"];
    let mut line = texts(&generate["command"]);
    line.extend(texts(&generate["args"]));
    let (names, application) = (names(), tempfile::tempdir().unwrap());
    std::fs::create_dir(application.path().join("deep")).unwrap();
    std::fs::write(application.path().join("deep/pod.yaml"), POD).unwrap();
    assert_lowered(&run(names.path(), &line, application.path(), ""));
    std::fs::write(application.path().join("kustomization.yaml"), "resources: [deep/pod.yaml]\n").unwrap();
    std::fs::write(application.path().join("built.yaml"), POD).unwrap();
    assert_lowered(&run(names.path(), &line, application.path(), ""));
    std::fs::write(application.path().join("built.yaml"), POD.replace("key: k", "kee: k")).unwrap();
    let refused = run(names.path(), &line, application.path(), "");
    let err = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && refused.stdout.is_empty() && err.contains("env[0]"), "{err}");
}
