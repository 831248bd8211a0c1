//! What `lint` finds.

#![allow(clippy::unwrap_used, reason = "tests may panic")]

use strongroom_k8s::{Lowering, Settings};

fn lint(text: &str) -> Vec<String> {
    let mut settings = Settings::default();
    settings.set("role", "r").unwrap();
    let findings = Lowering::new(&settings).lint(text);
    findings.iter().map(|f| format!("{} {}", if f.is_error { "E" } else { "W" }, f.refusal)).collect()
}

#[test]
fn mistakes_are_found() {
    let pod = |metadata: &str, container: &str| {
        format!(
            "kind: Pod\nmetadata: {{name: p, {metadata}}}\nspec: {{containers: [{{name: c, command: [x], {container}}}]}}\n"
        )
    };
    let good = "env: [{name: A, valueFrom: {vaultSecret: {name: s, key: k}}}]";
    assert_eq!(lint(&pod("", good)), Vec::<String>::new());
    assert_eq!(lint(&pod("annotations: {helm.sh/hook: test}", "")), Vec::<String>::new());
    for (text, found) in [
        (pod("annotations: {helm.sh/hook: pre-install}", good), "E document 1, Pod/p: metadata.annotations[helm.sh/hook]"),
        (pod("annotations: {strongroom.io/rol: x}", good), "W document 1, Pod/p: metadata.annotations[strongroom.io/rol]"),
        (pod("", &good.replace("name: s", "name: data/s")), "W document 1, Pod/p: spec.containers[0].env[0].valueFrom.vaultSecret.name"),
        (pod("", &good.replace("vaultSecret", "vault_secret")), "E document 1, Pod/p: spec.containers[0].env[0].valueFrom.vault_secret"),
        (pod("", good).replace("command: [x], ", ""), "W document 1, Pod/p: spec.containers[0]: works only where every kubelet"),
        (format!("---\nkind: Deployment\nmetadata: {{name: d, annotations: {{strongroom.io/role: x}}}}\nspec: {{template: {{spec: {{containers: [{{name: c, command: [x], {good}}}]}}}}}}\n"), "E document 1, Deployment/d: metadata.annotations[strongroom.io/role]: only annotations of the Pod template"),
        ("kind: List\nitems:\n- {kind: Job, metadata: {name: j, annotations: {helm.sh/hook: x}}, spec: {template: {spec: {containers: [{name: c, command: [x], env: [{name: A, valueFrom: {vaultSecret: {name: s, key: k}}}]}]}}}}\n".to_owned(), "E document 1, Job/j: metadata.annotations[helm.sh/hook]"),
        ("a: {{ .Values.x }}\nb: vaultSecret\n- c".to_owned(), "E neither YAML nor JSON"),
    ] {
        let findings = lint(&text);
        assert!(findings.len() == 1 && findings[0].starts_with(found), "{text}{findings:#?}");
    }
}

#[test]
fn a_missing_role_is_found_without_a_cluster() {
    let text = "kind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, command: [x], env: [{name: A, valueFrom: {vaultSecret: {name: s, key: k}}}]}]}\n";
    let findings = Lowering::new(&Settings::default()).lint(text);
    assert!(findings.len() == 1 && findings[0].refusal.to_string().contains("which role"), "{findings:?}");
}
