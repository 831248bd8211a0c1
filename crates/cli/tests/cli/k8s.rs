//! `k8s`: what kubectl is given, what is printed, how it ends. A script stands in for kubectl.

use crate::Stage;
use crate::canned::json;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

const POD: &str = "kind: Pod # kept\nmetadata: {name: p}\nspec:\n  containers:\n  - name: c\n    env: [{name: A, valueFrom: {vaultSecret: {name: s, key: k}}}]\n";

/// A stage with a kubectl that writes down what it is given, and says what `get` and the rest print and end with.
fn stage(get: &str, exit: u8) -> Stage {
    let mut stage = Stage::new(|_| json(500, "{}"));
    let home = stage.home.path();
    let script = format!(
        "#!/bin/sh\necho \"$@\" >>{0}/called\ncase $1 in\nget) {get} ;;\nkustomize) cat {0}/pod.yaml ;;\n*) cat >{0}/given; exit {exit} ;;\nesac\n",
        home.display()
    );
    let kubectl = home.join("kubectl");
    std::fs::write(&kubectl, script).unwrap();
    std::fs::set_permissions(&kubectl, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::write(home.join("pod.yaml"), POD).unwrap();
    stage.variables.insert("STRONGROOM_KUBECTL".to_owned(), kubectl.to_string_lossy().into_owned());
    stage
}

fn text(home: &Path, name: &str) -> String {
    std::fs::read_to_string(home.join(name)).unwrap_or_default()
}

#[test]
fn apply_gives_kubectl_the_lowered_text_and_all_other_options() {
    let config = r#"echo '{"items":[{"data":{"address":"https://s:8200","role":"r"}},{"data":{"nodes":"{\"nodes\":[{\"name\":\"n\",\"kubeletVersion\":\"v1.35.4\",\"envFiles\":true}]}"}}]}'"#;
    let stage = stage(config, 3);
    let home = stage.home.path();
    let pod = home.join("pod.yaml");
    let ran = stage.run(&format!(
        "k8s apply --server-side --context other -f {} -n team --wait=false --image=i --force",
        pod.display()
    ));
    assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (3, "", ""));
    let given = text(home, "given");
    assert!(
        given.contains("fileKeyRef") && given.contains("# kept") && given.contains("image: i"),
        "{given}"
    );
    assert_eq!(
        text(home, "called"),
        "get configmap strongroom-config strongroom-nodes --ignore-not-found --namespace strongroom --output json \
         --context other\napply -f - --server-side --context other -n team --wait=false --force\n"
    );
}

#[test]
fn diff_ends_as_kubectl_does_and_asks_nothing_without_need() {
    let mut stage = stage("exit 9", 1);
    stage.stdin = "kind: Service\n".to_owned();
    let ran = stage.run("k8s diff -f -");
    assert_eq!((ran.code, ran.err.as_str()), (1, ""));
    assert_eq!(text(stage.home.path(), "given"), "kind: Service\n");
    assert_eq!(text(stage.home.path(), "called"), "diff -f -\n");
}

#[test]
fn a_cluster_that_cannot_be_read_is_told_and_one_that_may_not_be_is_warned_of() {
    let broken = stage("echo 'connection refused' >&2; exit 1", 0);
    let pod = broken.home.path().join("pod.yaml").display().to_string();
    let ran = broken.run(&format!("k8s apply -f {pod}"));
    assert!(ran.code == 1 && ran.err.contains("connection refused"), "{}", ran.err);
    let forbidden = stage("echo 'Error from server (Forbidden): x' >&2; exit 1", 0);
    let pod = forbidden.home.path().join("pod.yaml").display().to_string();
    let ran = forbidden.run(&format!("k8s apply -k {pod} -address=https://s -role=r -target=fileKeyRef"));
    assert!(ran.code == 0 && ran.err.contains("may not be read"), "{}", ran.err);
    assert!(text(forbidden.home.path(), "given").contains("fileKeyRef"));
    let ran = forbidden.run(&format!("k8s apply -f {pod}"));
    assert!(ran.code == 1 && ran.err.contains(&format!("{pod}: document 1, Pod/p: ")), "{}", ran.err);
}

#[test]
fn folders_are_read_in_order_and_settings_by_rank() {
    let mut stage = stage("exit 9", 0);
    let home = stage.home.path().to_owned();
    std::fs::create_dir_all(home.join("d/deep")).unwrap();
    std::fs::write(home.join("d/b.yaml"), POD.replace("name: p", "name: b")).unwrap();
    std::fs::write(home.join("d/a.json"), r#"{"kind":"Service"}{"kind":"Secret"}"#).unwrap();
    std::fs::write(home.join("d/ignored.txt"), "vaultSecret: [").unwrap();
    std::fs::write(home.join("d/deep/c.yml"), "---\nkind: Last\n").unwrap();
    std::fs::write(home.join("config.yaml"), "address: https://file\nrole: file\nimage: file\n").unwrap();
    stage.variables.insert("STRONGROOM_ROLE".to_owned(), "variable".to_owned());
    stage.variables.insert("ARGOCD_ENV_STRONGROOM_IMAGE".to_owned(), "argo".to_owned());
    let line = format!(
        "k8s render -R -f {0}/d -config={0}/config.yaml -address=https://flag -set target=fileKeyRef",
        home.display()
    );
    let ran = stage.run(&line);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert!(
        ran.out
            .starts_with("---\n{\"kind\":\"Service\"}\n---\n{\"kind\":\"Secret\"}\n---\nkind: Pod # kept\n"),
        "{}",
        ran.out
    );
    assert!(ran.out.ends_with("---\nkind: Last\n"), "{}", ran.out);
    for part in ["https://flag", "\"role\":\"variable\"", "image: argo"] {
        assert!(ran.out.contains(part), "{part}: {}", ran.out);
    }
    assert_eq!(text(&home, "called"), "", "no cluster was asked");
}

#[test]
fn mistakes_are_told() {
    let mut stage = stage("exit 9", 0);
    stage.stdin = POD.replace("key: k", "kee: k");
    for (line, told) in [
        ("k8s apply --server-side", "-f FILE"),
        ("k8s apply -fpod.yaml", "with a space"),
        ("k8s render -f /nowhere.yaml", "/nowhere.yaml"),
        ("k8s render -f https://x/y.yaml", "download it first"),
        ("k8s render -f - -target=secrets", "auto, fileKeyRef, shim or secret"),
        ("k8s render -f - -set colour=red", "no setting is called \"colour\""),
        ("k8s render -f - -set red", "NAME=VALUE"),
        ("k8s render -f - -role=r -address=https://s", "spec.containers[0].env[0].valueFrom.vaultSecret.kee"),
        ("k8s post-render -role=r -address=https://s", "standard input: document 1, Pod/p"),
        ("k8s krm", "no ResourceList"),
    ] {
        let ran = stage.run(line);
        assert!(ran.code == 1 && ran.err.contains(told), "{line}: {} {}", ran.code, ran.err);
    }
    let ran = stage.run("k8s lint -f - -role=r");
    assert!(
        ran.code == 1 && ran.out.starts_with("error: standard input: document 1, Pod/p: "),
        "{}",
        ran.out
    );
    stage.stdin = POD.to_owned();
    assert_eq!(stage.run("k8s lint -f - -role=r").code, 0, "warnings are no errors");
}

#[test]
fn functions_and_post_renderers_go_from_input_to_output() {
    let mut stage = stage("exit 9", 0);
    stage.stdin = POD.to_owned();
    let ran = stage.run("k8s post-render -role=r -address=https://s -target=fileKeyRef");
    assert!(ran.code == 0 && ran.out.contains("fileKeyRef"), "{}", ran.err);
    let item = POD.replace('\n', "\n  ");
    stage.stdin = format!(
        "kind: ResourceList\nfunctionConfig: {{spec: {{role: r, address: \"https://s\"}}}}\nitems:\n- {item}"
    );
    let ran = stage.run("k8s krm -target=fileKeyRef");
    assert!(ran.code == 0 && ran.out.contains("fileKeyRef"), "{} {}", ran.err, ran.out);
    let ran = stage.run("k8s krm -target=shim");
    assert!(
        ran.code == 1 && ran.out.contains("\"results\"") && ran.err.contains("command is not set"),
        "{}",
        ran.err
    );
}
