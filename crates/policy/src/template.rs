//! `{{...}}` in paths: filled in with something of the caller's identity.

use crate::Rule;
use std::borrow::Cow;

impl Rule {
    /// The rule with its templates filled in; none if `value` does not know one of them, or if a value
    /// would make the rule match more than the one text that it is.
    pub(crate) fn fill(&self, value: impl Fn(&str) -> Option<String>) -> Option<Cow<'_, Self>> {
        if !self.is_template() {
            return Some(Cow::Borrowed(self));
        }
        let path = fill(&self.path, value, self.capabilities.denies())?;
        Some(Cow::Owned(Self { path, ..self.clone() }))
    }
}

/// A denying rule is filled in with whatever the value is: should it deny more than was meant, nothing
/// is given away, while leaving it out would.
fn fill(template: &str, value: impl Fn(&str) -> Option<String>, denies: bool) -> Option<String> {
    let (mut path, mut rest) = (String::with_capacity(template.len() + 32), template);
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, tail) = after.split_once("}}")?;
        let value = value(name.trim()).filter(|v| denies || is_plain(v))?;
        path.push_str(before);
        path.push_str(&value);
        rest = tail;
    }
    path.push_str(rest);
    Some(path)
}

/// Whether a value can only stand for itself: `*` and a lone `+` are wildcards, `/` reaches into other
/// folders, and nothing at all turns `a/{{x}}*` into `a/*`.
fn is_plain(value: &str) -> bool {
    !value.is_empty() && value != "+" && !value.contains(['*', '/'])
}

#[cfg(test)]
mod tests {
    use crate::{Acl, Ask, parse};
    use proptest::prelude::*;
    use strongroom_wire::{Map, Operation};

    fn reads(rules: &str, value: Option<&str>, path: &str) -> bool {
        let policy = parse("p", rules).unwrap();
        let acl = Acl::filled([&policy], |name| if name == "x" { value.map(str::to_owned) } else { None });
        acl.decide(&Ask {
            operation: Operation::Read,
            path,
            written: None,
            params: &Map::new(),
            wrap_ttl: None,
            needs_sudo: false,
        })
        .allowed
    }

    fn rule(path: &str) -> String {
        format!("path \"{path}\" {{ capabilities = [\"read\"] }}")
    }

    #[test]
    fn a_rule_is_filled_in_or_left_out() {
        let rules = rule("a/{{ x }}/*");
        assert!(reads(&rules, Some("bob"), "a/bob/c") && !reads(&rules, Some("bob"), "a/ann/c"));
        assert!(!reads(&rules, None, "a//c") && !reads(&rules, None, "a/{{ x }}/c"));
        assert!(!reads(&rule("a/{{x}}/{{y}}"), Some("bob"), "a/bob/"));
        assert!(reads(&rule("a/{{x}}"), Some("bob+tag@example.com"), "a/bob+tag@example.com"));
    }

    #[test]
    fn a_deny_is_never_lost_through_its_value() {
        let rules = rule("a/*") + "\npath \"a/{{x}}\" { capabilities = [\"deny\"] }";
        for (value, path) in [("b", "a/b"), ("*", "a/b"), ("b/c", "a/b/c"), ("+", "a/b"), ("{{", "a/{{")] {
            assert!(!reads(&rules, Some(value), path), "{value}");
        }
        assert!(reads(&rules, None, "a/b"));
    }

    proptest! {
        /// Names against policy: whatever a value is made of, the rule reaches what the value names and
        /// nothing beside it.
        #[test]
        fn a_value_stands_for_itself_only(
            value in "[a+*/{}. ]{0,4}",
            other in "[a+*{}. ]{1,4}",
            template in prop::sample::select(vec!["k/{{x}}", "k/{{x}}/*", "k/{{x}}/+/z", "k/p{{x}}*"]),
        ) {
            let rules = rule(template);
            let path = |v: &str| match template {
                "k/{{x}}" => format!("k/{v}"),
                "k/{{x}}/*" => format!("k/{v}/y"),
                "k/{{x}}/+/z" => format!("k/{v}/y/z"),
                _ => format!("k/p{v}"),
            };
            if template == "k/p{{x}}*" {
                prop_assume!(value.is_empty() || !other.starts_with(&value));
            }
            prop_assume!(other != value);
            prop_assert!(!reads(&rules, Some(&value), &path(&other)), "{} filled with {:?}", template, value);
            if super::is_plain(&value) {
                prop_assert!(reads(&rules, Some(&value), &path(&value)), "{} filled with {:?}", template, value);
            }
        }
    }
}
