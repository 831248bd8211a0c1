//! Manifests before and after. Each file in `tests/golden` is lowered with usual settings and those of its
//! `# set` lines, and compared with the file of the same name in `golden/out`; refusals stand in a `.refused`
//! file there. `UPDATE_GOLDEN=1` writes what comes out.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may panic")]

use serde_json::Value;
use std::path::{Path, PathBuf};
use strongroom_k8s::{Lowering, Settings};

/// All manifests, with their settings.
fn manifests() -> Vec<(PathBuf, String, Settings)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let mut settings = Settings::default();
        settings.set("address", "https://strongroom.strongroom:8200").unwrap();
        settings.set("role", "app").unwrap();
        settings.set("image", "strongroom:test").unwrap();
        for line in text.lines().filter_map(|line| line.strip_prefix("# set ")) {
            let (name, value) = line.split_once('=').unwrap();
            if name == "role" && value.is_empty() {
                settings.role = None;
            } else if name == "address" && value.is_empty() {
                settings.address = None;
            } else {
                assert!(settings.set(name, value).unwrap(), "{path:?}: {line}");
            }
        }
        found.push((path, text, settings));
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

#[test]
fn manifests_lower_to_what_is_recorded() {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut wrong = Vec::new();
    for (path, text, settings) in manifests() {
        let out = path.parent().unwrap().join("out").join(path.file_name().unwrap());
        let (file, got) = match Lowering::new(&settings).text(&text) {
            Ok(lowered) => {
                let again = Lowering::new(&settings).text(&lowered);
                assert_eq!(again.as_ref(), Ok(&lowered), "{path:?}: a second time changes something");
                assert_kept(&text, &lowered);
                (out, lowered)
            }
            Err(refusals) => {
                let lines: Vec<String> = refusals.iter().map(|refusal| format!("{refusal}\n")).collect();
                (out.with_extension("refused"), lines.concat())
            }
        };
        if update {
            std::fs::write(&file, &got).unwrap();
        }
        if std::fs::read_to_string(&file).unwrap_or_default() != got {
            wrong.push(format!("--- {} should be:\n{got}", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Comments, and fields marked as unknown, are still there.
fn assert_kept(before: &str, after: &str) {
    for line in before.lines().map(str::trim) {
        if line.starts_with('#') || line.contains("x-kept") {
            assert!(after.contains(line), "{line:?} is lost");
        }
    }
}

#[test]
fn refusals_say_where_and_what_to_do() {
    let mut seen = 0;
    for (path, text, settings) in manifests() {
        let Err(refusals) = Lowering::new(&settings).text(&text) else { continue };
        for refusal in refusals {
            seen += 1;
            assert!(!refusal.way_out.is_empty() && !refusal.problem.is_empty(), "{path:?}: {refusal}");
            assert!(refusal.object.contains('/') || refusal.object.is_empty(), "{path:?}: {refusal}");
        }
    }
    assert!(seen > 30, "{seen}");
}

/// The same manifest as JSON lowers to the same tree.
#[test]
fn json_and_yaml_give_the_same_tree() {
    let mut seen = 0;
    for (path, text, settings) in manifests() {
        let lowering = Lowering::new(&settings);
        let Ok(lowered) = lowering.text(&text) else { continue };
        let as_json = |text: &str| -> Vec<Value> { strongroom_k8s::documents(text).unwrap() };
        let json: String =
            as_json(&text).iter().map(|value| serde_json::to_string_pretty(value).unwrap() + "\n").collect();
        let lowered_json = lowering.text(&json).unwrap_or_else(|e| panic!("{path:?}: {e:?}"));
        let values: Vec<Value> = serde_json::Deserializer::from_str(&lowered_json)
            .into_iter()
            .collect::<Result<_, _>>()
            .unwrap_or_else(|e| panic!("{path:?}: no JSON: {e}\n{lowered_json}"));
        assert_eq!(values, as_json(&lowered), "{path:?}");
        seen += 1;
    }
    assert!(seen > 10, "{seen}");
}
