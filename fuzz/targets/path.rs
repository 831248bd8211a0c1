//! What stands after `/v1/`: whatever is taken is free of everything that could be read in two ways.

#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_wire::Path;
use strongroom_wire::path::{MAX_BYTES, PathError};

fuzz_target!(|raw: &str| {
    match Path::parse(raw) {
        Ok(path) => check(&path),
        Err(PathError::Redirect(to)) => {
            // Following the redirect ends.
            assert!(!matches!(Path::parse(&to), Err(PathError::Redirect(_))), "{raw:?} leads to {to:?}");
        }
        Err(_) => {}
    }
});

fn check(path: &Path) {
    let text = path.as_str();
    assert!(text.len() <= MAX_BYTES && !text.chars().any(char::is_control), "{text:?}");
    let body = text.strip_suffix('/').unwrap_or(text);
    if !text.is_empty() {
        assert!(body.split('/').all(|segment| !matches!(segment, "" | "." | "..")), "{text:?}");
    }
    assert_eq!(path.is_folder(), text.ends_with('/'));
    let folder = path.clone().into_folder();
    assert!(text.is_empty() || folder.is_folder() && folder.as_str().trim_end_matches('/') == body);
    // Nothing is decoded twice: a path without escapes is taken as it is.
    if !text.contains('%') {
        assert_eq!(Path::parse(text).as_ref(), Ok(path));
    }
}
