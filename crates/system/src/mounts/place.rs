//! Where a mount may be.

use std::sync::Arc;
use strongroom_core::{Class, Fault, Mount};

/// The longest path of a mount, in bytes.
const MAX_BYTES: usize = 1024;

/// First segments that belong to the server.
const RESERVED: [&str; 5] = ["sys", "cubbyhole", "identity", "auth", "audit"];

/// Checks the path of a new mount, given with its final slash.
pub(super) fn check_path(class: Class, path: &str) -> Result<(), Fault> {
    check_form(path)?;
    match reserved(class, path) {
        Some(head) => {
            Err(Fault::invalid(format!("cannot mount at \"{path}\": \"{head}/\" belongs to the server")))
        }
        None => Ok(()),
    }
}

fn check_form(path: &str) -> Result<(), Fault> {
    let refuse = |why: &str| Err(Fault::invalid(format!("the mount path \"{}\" {why}", path.escape_debug())));
    let inner = path.strip_suffix('/').unwrap_or(path);
    if inner.is_empty() {
        return Err(Fault::invalid("the mount path must not be empty"));
    }
    if inner.len() > MAX_BYTES {
        return Err(Fault::invalid(format!("the mount path must not be longer than {MAX_BYTES} bytes")));
    }
    if inner.chars().any(char::is_control) {
        return refuse("has control characters");
    }
    if inner.split('/').any(|s| matches!(s, "" | "." | "..")) {
        return refuse("has empty or dot segments");
    }
    if inner.split('/').any(|s| s.trim() != s) {
        return refuse("has segments that begin or end in white space");
    }
    Ok(())
}

fn reserved(class: Class, path: &str) -> Option<&'static str> {
    let head = path.split('/').next().unwrap_or(path);
    if class == Class::Secret { RESERVED.into_iter().find(|r| *r == head) } else { None }
}

/// Checks that no mount contains, or lies within, the full path.
pub(super) fn check_free(mounts: &[Arc<Mount>], full_path: &str) -> Result<(), Fault> {
    for taken in mounts.iter().map(|m| m.full_path()) {
        if taken == full_path {
            return Err(Fault::invalid(format!("path is already in use at {taken}")));
        }
        if taken.starts_with(full_path) || full_path.starts_with(&taken) {
            return Err(Fault::invalid(format!("cannot mount at {full_path}: existing mount at {taken}")));
        }
    }
    Ok(())
}

/// The server's own mounts keep their settings.
pub(super) fn check_tunable(class: Class, path: &str) -> Result<(), Fault> {
    if class == Class::Secret && matches!(path, "sys/" | "cubbyhole/" | "identity/") {
        return Err(Fault::invalid(format!("cannot tune \"{path}\": it belongs to the server")));
    }
    Ok(())
}

/// The server's own mounts stay.
pub(super) fn check_removable(class: Class, path: &str) -> Result<(), Fault> {
    if class == Class::Auth && path == "token/" {
        return Err(Fault::invalid("the auth method at \"token/\" cannot be disabled"));
    }
    if reserved(class, path).is_some() {
        return Err(Fault::invalid(format!("cannot unmount \"{path}\": it belongs to the server")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_is_not_a_plain_path() {
        for bad in
            ["/", "a//", "a/./", "../a/", "a/../b/", " a/", "a /b/", "a\n/", "sys/", "auth/x/", "identity/x/"]
        {
            assert!(check_path(Class::Secret, bad).is_err(), "{bad:?}");
        }
        for good in ["a/", "a/b/", "a..b/", "SYS/", "a b/", "ü/"] {
            assert!(check_path(Class::Secret, good).is_ok(), "{good:?}");
        }
        assert!(check_path(Class::Auth, "sys/").is_ok());
        assert!(check_path(Class::Secret, &format!("{}/", "a".repeat(MAX_BYTES + 1))).is_err());
    }
}
