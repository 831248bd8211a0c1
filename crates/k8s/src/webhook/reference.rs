//! References in environment values, in the syntax of Bank-Vaults.

use crate::lower::expansion;
use strongroom_plan::{Part, Reference};

/// Whether a value refers to a secret, or tries to. The admission policy of the chart asks the same.
pub(crate) fn refers(value: &str) -> bool {
    value.starts_with("vault:")
        || value.contains("${vault:")
        || value.starts_with(">>vault:")
        || value.contains("${>>vault:")
}

/// Reads a value: `vault:PATH#KEY[#VERSION]`, or text with such references as `${vault:PATH#KEY}`. None if it refers
/// to nothing.
pub(crate) fn read(value: &str, optional: bool) -> Result<Option<Vec<Part>>, String> {
    if value.starts_with(">>vault:") || value.contains("${>>vault:") {
        return Err(
            "`>>vault:` writes to the server, which a Pod's environment must not do; write `vault:` and \
                    create the secret beforehand"
                .to_owned(),
        );
    }
    if let Some(text) = value.strip_prefix("vault:") {
        return Ok(Some(vec![Part::Secret(reference(text, optional)?)]));
    }
    let mut parts = Vec::new();
    let mut rest = value;
    while let Some((before, after)) = rest.split_once("${vault:") {
        let inner = after.split_once('}');
        let (inner, after) = inner.ok_or("`${vault:` has no closing brace: write ${vault:PATH#KEY}")?;
        parts.extend(expansion(before));
        parts.push(Part::Secret(reference(inner, optional)?));
        rest = after;
    }
    if parts.is_empty() {
        return Ok(None);
    }
    parts.extend(expansion(rest));
    Ok(Some(parts))
}

/// Reads `PATH#KEY[#VERSION]`.
fn reference(text: &str, optional: bool) -> Result<Reference, String> {
    let (path, rest) = text.split_once('#').ok_or_else(|| without_key(text))?;
    if rest.contains("${") {
        return Err(
            "templates as keys (`#${...}`) are not supported: write one ${vault:PATH#KEY} for each value"
                .to_owned(),
        );
    }
    let (key, version) = match rest.split_once('#') {
        Some((key, version)) => (key, Some(version)),
        None => (rest, None),
    };
    if key.is_empty() {
        return Err("no key stands after the `#`: write vault:PATH#KEY".to_owned());
    }
    let version = version.map(|version| match version.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(format!(
            "{version:?} is no version: write a whole number from 1, or leave it out for the newest"
        )),
    });
    let (mount, path) = place(path)?;
    let key = key.to_owned();
    Ok(Reference { mount, path, key, version: version.transpose()?, role: None, namespace: None, optional })
}

fn without_key(text: &str) -> String {
    let digits = text.strip_prefix('v').and_then(|rest| rest.split_once(':')).map(|(digits, _)| digits);
    if digits.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())) {
        return "text that transit encrypted is not decrypted here: store the value as a secret and write \
                vault:PATH#KEY"
            .to_owned();
    }
    "it names no key: write vault:PATH#KEY".to_owned()
}

/// Mount and path of a secret, from the path that the API has for it: `MOUNT/data/PATH` where the mount is KV version
/// 2, else `MOUNT/PATH`, whose mount is one word.
fn place(path: &str) -> Result<(String, String), String> {
    let wrong = |why: &str| Err(format!("{path:?} is no path of a secret: {why}"));
    let words: Vec<&str> = path.split('/').collect();
    if words.iter().any(|word| word.is_empty() || matches!(*word, "." | "..")) {
        return wrong("write it without slashes at its ends and without empty parts, `.` and `..`");
    }
    let data = words.iter().skip(1).position(|word| *word == "data").map(|index| index + 1);
    let (mount, rest) = match (data, words.as_slice()) {
        (Some(at), _) => (words.iter().take(at), words.iter().skip(at + 1)),
        (None, words) => (words.iter().take(1), words.iter().skip(1)),
    };
    let join = |words: Vec<&str>| words.join("/");
    let (mount, rest) = (join(mount.copied().collect()), join(rest.copied().collect()));
    if rest.is_empty() {
        return wrong("write MOUNT/data/PATH for a KV version 2 mount, MOUNT/PATH for others");
    }
    Ok((mount, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(mount: &str, path: &str, key: &str, version: Option<u64>) -> Part {
        let (mount, path, key) = (mount.to_owned(), path.to_owned(), key.to_owned());
        Part::Secret(Reference { mount, path, key, version, role: None, namespace: None, optional: false })
    }

    fn text(text: &str) -> Part {
        Part::Text(text.to_owned())
    }

    #[test]
    fn forms_are_read() {
        for (value, parts) in [
            ("vault:secret/data/app#password", vec![secret("secret", "app", "password", None)]),
            ("vault:secret/data/app#password#3", vec![secret("secret", "app", "password", Some(3))]),
            ("vault:team/kv/data/a/data/b#k.x", vec![secret("team/kv", "a/data/b", "k.x", None)]),
            ("vault:kv1/app/db#k", vec![secret("kv1", "app/db", "k", None)]),
            ("vault:database/creds/app#username", vec![secret("database", "creds/app", "username", None)]),
            (
                "mysql://${vault:secret/data/db#user}:${vault:secret/data/db#pass#2}@$(HOST):3306",
                vec![
                    text("mysql://"),
                    secret("secret", "db", "user", None),
                    text(":"),
                    secret("secret", "db", "pass", Some(2)),
                    text("@"),
                    Part::Variable("HOST".to_owned()),
                    text(":3306"),
                ],
            ),
        ] {
            assert_eq!(read(value, false), Ok(Some(parts)), "{value}");
            assert!(refers(value));
        }
        for value in ["", "plain", "https://vault:8200", "a vault:secret/data/x#y", "$(vault:x)", "${HOME}"] {
            assert_eq!(read(value, false), Ok(None), "{value}");
            assert!(!refers(value));
        }
    }

    #[test]
    fn what_cannot_be_read_says_what_would_be_right() {
        for (value, told) in [
            (">>vault:secret/data/app#password", ">>vault:"),
            ("x ${>>vault:pki/root/generate/internal#certificate}", ">>vault:"),
            ("vault:secret/data/app", "names no key"),
            ("vault:secret/data/app#", "no key stands after"),
            ("vault:secret/data/app#key#0", "is no version"),
            ("vault:secret/data/app#key#new", "is no version"),
            ("vault:secret/data/app#${.user}:${.password}", "templates"),
            ("vault:v1:8SDd3WHDOjf7mq69CyCqYjBXAiQQAVZRkFM13ok481zoCmHnSeDX9vyf7w==", "transit"),
            ("vault:app#key", "MOUNT/data/PATH"),
            ("vault:secret/data#key", "MOUNT/data/PATH"),
            ("vault:/secret/data/app#key", "slashes"),
            ("vault:secret/../sys/data/x#key", "`..`"),
            ("${vault:secret/data/app#key", "closing brace"),
            ("${vault:secret/data/app}", "names no key"),
        ] {
            let error = read(value, false).unwrap_err();
            assert!(error.contains(told), "{value}: {error}");
            assert!(refers(value), "{value}");
        }
    }
}
