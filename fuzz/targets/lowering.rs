//! Manifests: whatever is given is lowered or refused with a reason; what comes out is lowered already, and the same
//! as lowering the tree gives.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use strongroom_k8s::{Lowering, Settings, documents};

/// The first byte chooses the target.
static SETTINGS: LazyLock<[Settings; 2]> = LazyLock::new(|| {
    ["fileKeyRef", "shim"].map(|target| {
        let mut settings = Settings::default();
        for (name, value) in [("address", "https://s:8200"), ("role", "r"), ("target", target)] {
            assert_eq!(settings.set(name, value), Ok(true));
        }
        settings
    })
});

fuzz_target!(|text: &str| {
    let settings = &SETTINGS[usize::from(text.starts_with('#'))];
    let lowering = Lowering::new(settings);
    let _ = lowering.lint(text);
    match lowering.text(text) {
        Ok(out) => {
            assert_eq!(lowering.text(&out).as_ref(), Ok(&out), "a second time changes something");
            let Ok(mut trees) = documents(text) else {
                assert_eq!(out, text);
                return;
            };
            if Lowering::concerns(text) {
                for tree in &mut trees {
                    lowering.object(tree).expect("the text was lowered");
                }
            }
            assert_eq!(documents(&out), Ok(trees));
        }
        Err(refusals) => {
            assert!(!refusals.is_empty());
            assert!(refusals.iter().all(|refusal| !refusal.way_out.is_empty()));
        }
    }
});
