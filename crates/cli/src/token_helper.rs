//! The token between two calls: `~/.vault-token`, readable by its owner only.

use crate::failure::Failure;
use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The stored token, if there is one.
pub(crate) fn load(variable: Variables<'_>) -> Result<Option<String>, Failure> {
    let Some(file) = file(variable)? else { return Ok(None) };
    match fs::read_to_string(&file) {
        Ok(text) => Ok(Some(text.trim().to_owned()).filter(|t| !t.is_empty())),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(Failure::local(format!("Error reading the stored token from {}: {e}", file.display()))),
    }
}

/// Stores a token. Either the whole of it is there afterwards or what was there before.
pub(crate) fn store(variable: Variables<'_>, token: &str) -> Result<(), Failure> {
    let file = file(variable)?.ok_or_else(|| Failure::local("Error storing the token: HOME is not set"))?;
    replace(&file, token.as_bytes())
        .map_err(|e| Failure::local(format!("Error storing the token in {}: {e}", file.display())))
}

/// Where it is stored. A helper program configured for Vault is refused rather than ignored: its
/// user expects the token elsewhere.
fn file(variable: Variables<'_>) -> Result<Option<PathBuf>, Failure> {
    let home = variable("HOME").filter(|h| !h.is_empty()).map(PathBuf::from);
    let config = variable("VAULT_CONFIG_PATH").filter(|p| !p.is_empty()).map(PathBuf::from);
    if let Some(config) = config.or_else(|| home.as_ref().map(|h| h.join(".vault"))) {
        let text = fs::read_to_string(&config).unwrap_or_default();
        let names_helper =
            text.lines().map(str::trim_start).any(|l| l.trim_start_matches('"').starts_with("token_helper"));
        if names_helper {
            return Err(Failure::local(format!(
                "{} names a token_helper, which is not supported: remove that line, or set VAULT_TOKEN and \
                 point VAULT_CONFIG_PATH to a file without it",
                config.display()
            )));
        }
    }
    Ok(home.map(|h| h.join(".vault-token")))
}

fn replace(file: &Path, content: &[u8]) -> std::io::Result<()> {
    let scratch = file.with_extension(format!("{}.tmp", std::process::id()));
    // A leftover of a process that had the same id may have other rights.
    let _ = fs::remove_file(&scratch);
    let written = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&scratch)
        .and_then(|mut f| f.write_all(content).and_then(|()| f.sync_all()))
        .and_then(|()| fs::rename(&scratch, file));
    if written.is_err() {
        let _ = fs::remove_file(&scratch);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn home(dir: &Path) -> impl Fn(&str) -> Option<String> {
        let home = dir.to_string_lossy().into_owned();
        move |name| (name == "HOME").then(|| home.clone())
    }

    #[test]
    fn keeps_a_token_for_its_owner_only() {
        let dir = tempfile::tempdir().unwrap();
        let env = home(dir.path());
        let file = dir.path().join(".vault-token");
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(load(&env), Ok(Some("old".to_owned())));
        store(&env, "hvs.new").unwrap();
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(load(&env), Ok(Some("hvs.new".to_owned())));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no scratch file is left");
        fs::remove_file(&file).unwrap();
        assert_eq!(load(&env), Ok(None));
    }

    #[test]
    fn refuses_external_helpers_and_missing_homes() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(".vault"), "  token_helper = \"/bin/x\"\n").unwrap();
        assert!(load(&home(dir.path())).unwrap_err().message.contains("token_helper"));
        assert!(store(&|_| None, "t").unwrap_err().message.contains("HOME"));
    }
}
