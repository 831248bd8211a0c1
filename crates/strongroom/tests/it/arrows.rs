//! Which crate may use which: arrows point one way.

use std::collections::BTreeMap;

/// What each crate may use among ours, besides what those use.
const MAY_USE: &[(&str, &[&str])] = &[
    ("wire", &[]),
    ("crypto", &[]),
    ("policy", &["wire"]),
    ("storage", &[]),
    ("barrier", &["crypto", "storage"]),
    ("audit", &["wire", "crypto"]),
    ("core", &["wire", "policy", "barrier", "audit", "crypto", "storage"]),
    ("system", &["wire", "policy", "barrier", "audit", "crypto", "core", "storage"]),
    ("engines", &["wire", "core", "crypto"]),
    ("auth", &["wire", "core", "crypto"]),
    ("http", &["wire", "core", "crypto"]),
    ("client", &["wire"]),
    ("plan", &[]),
    ("init", &["client", "plan", "wire"]),
    ("k8s", &["client", "crypto", "plan", "wire"]),
    ("cli", &["client", "k8s", "policy", "wire"]),
    ("testkit", &["wire", "crypto", "storage", "barrier", "audit", "core"]),
];

#[test]
fn arrows_point_one_way() {
    let output = std::process::Command::new(env!("CARGO"))
        .args(["metadata", "--offline", "--no-deps", "--format-version", "1"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let rules: BTreeMap<&str, &[&str]> = MAY_USE.iter().copied().collect();
    let mut seen = 0;
    for package in metadata["packages"].as_array().unwrap() {
        let Some(name) = package["name"].as_str().unwrap().strip_prefix("strongroom-") else { continue };
        let Some(allowed) = rules.get(name) else {
            assert_eq!(name, "bench", "the crate strongroom-{name} has no row here");
            continue;
        };
        seen += 1;
        for dependency in package["dependencies"].as_array().unwrap() {
            let Some(used) = dependency["name"].as_str().unwrap().strip_prefix("strongroom-") else {
                continue;
            };
            if dependency["kind"] != "dev" {
                assert!(allowed.contains(&used), "strongroom-{name} may not use strongroom-{used}");
            }
        }
    }
    assert_eq!(seen, MAY_USE.len());
}
