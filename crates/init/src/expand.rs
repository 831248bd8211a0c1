//! `$(NAME)` in the words of a command, as Kubernetes expands it.

/// Expands one word. A name that `value` does not know stays as it is written; `$$` stands for `$`, so that
/// `$$(NAME)` is kept from being expanded.
pub(crate) fn expand(word: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(word.len());
    let mut rest = word;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        if let Some(escaped) = after.strip_prefix('$') {
            out.push('$');
            rest = escaped;
        } else if let Some((name, behind)) = after.strip_prefix('(').and_then(|inner| inner.split_once(')')) {
            match value(name) {
                Some(value) => out.push_str(&value),
                None => out.extend(["$(", name, ")"]),
            }
            rest = behind;
        } else {
            out.push('$');
            rest = after;
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Kubernetes's own tests of its expansion say.
    #[test]
    fn expands_as_kubernetes_does() {
        let known = |name: &str| {
            let value = match name {
                "VAR_A" => "A",
                "VAR_B" => "B",
                "VAR_EMPTY" => "",
                "VAR_REF" => "$(VAR_A)",
                _ => return None,
            };
            Some(value.to_owned())
        };
        for (word, expected) in [
            ("$(VAR_A)", "A"),
            ("___$(VAR_B)___$(VAR_A)", "___B___A"),
            ("$$(VAR_A)_$(VAR_A)", "$(VAR_A)_A"),
            ("$$$(VAR_A)", "$A"),
            ("$$$$(VAR_A)", "$$(VAR_A)"),
            ("$(VAR_EMPTY)", ""),
            ("$(VAR_REF)", "$(VAR_A)"),
            ("$(UNKNOWN)_$(VAR_A)", "$(UNKNOWN)_A"),
            ("foo$(VAR", "foo$(VAR"),
            ("foo$", "foo$"),
            ("$", "$"),
            ("$$", "$"),
            ("$VAR_A", "$VAR_A"),
            ("$()", "$()"),
            ("$(VAR_A))", "A)"),
            ("$((VAR_A)", "$((VAR_A)"),
            ("$ü$(VAR_A)", "$üA"),
            ("", ""),
        ] {
            assert_eq!(expand(word, known), expected, "{word}");
        }
    }
}
