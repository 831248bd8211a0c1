//! Which tokens are meant.

use jiff::{SignedDuration, Timestamp};
use strongroom_core::Fault;
use strongroom_core::token::TokenEntry;
use strongroom_wire::field::Args;

/// What a token must be; all that is given must hold.
#[derive(Debug, Default)]
pub(super) struct Filter<'a> {
    made_before: Option<Timestamp>,
    made_after: Option<Timestamp>,
    unused_since: Option<Timestamp>,
    role: &'a str,
    entity: &'a str,
    policy: String,
    path: &'a str,
    display_name: &'a str,
}

impl<'a> Filter<'a> {
    pub(super) fn read(args: &'a Args, now: Timestamp) -> Result<Self, Fault> {
        let ago = |field: &str| -> Result<Option<Timestamp>, Fault> {
            let Some(seconds) = args.seconds(field).filter(|s| *s > 0) else { return Ok(None) };
            let past =
                i64::try_from(seconds).ok().and_then(|s| now.checked_sub(SignedDuration::from_secs(s)).ok());
            past.map(Some).ok_or_else(|| Fault::invalid(format!("{field} goes back before all time")))
        };
        Ok(Self {
            made_before: ago("older_than")?,
            made_after: ago("younger_than")?,
            unused_since: ago("unused_for")?,
            role: args.text_or_empty("role"),
            entity: args.text_or_empty("entity_id"),
            policy: args.text_or_empty("policy").trim().to_lowercase(),
            path: args.text_or_empty("path").trim_matches('/'),
            display_name: args.text_or_empty("display_name"),
        })
    }

    /// Whether every token would be taken.
    pub(super) fn is_empty(&self) -> bool {
        let texts = [self.role, self.entity, &self.policy, self.path, self.display_name];
        self.made_before.is_none()
            && self.made_after.is_none()
            && self.unused_since.is_none()
            && texts.iter().all(|text| text.is_empty())
    }

    /// Whether a token is meant, which was used last in the hour that begins at `used`.
    pub(super) fn takes(&self, entry: &TokenEntry, used: Option<Timestamp>) -> bool {
        let is = |wanted: &str, what: &str| wanted.is_empty() || wanted == what;
        self.made_before.is_none_or(|at| entry.issued < at)
            && self.made_after.is_none_or(|at| entry.issued > at)
            // To the hour, in favour of the token.
            && self.unused_since.is_none_or(|at| used.map_or(entry.issued, end_of_hour) < at)
            && is(self.role, role(entry).unwrap_or_default())
            && is(self.entity, &entry.entity)
            && is(self.display_name, &entry.display_name)
            && (self.policy.is_empty() || entry.policies.contains(&self.policy))
            && is_below(self.path, &entry.path)
    }
}

/// The role that a token was made through: a token role, or what the login calls so.
pub(super) fn role(entry: &TokenEntry) -> Option<&str> {
    if !entry.role.is_empty() {
        return Some(&entry.role);
    }
    let meta = entry.meta.as_ref()?;
    ["role", "role_name", "cert_name"].iter().find_map(|key| meta.get(*key)).map(String::as_str)
}

fn end_of_hour(start: Timestamp) -> Timestamp {
    start.saturating_add(SignedDuration::from_hours(1)).unwrap_or(start)
}

fn is_below(folder: &str, path: &str) -> bool {
    let rest = path.trim_end_matches('/').strip_prefix(folder);
    folder.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens::REVOKE_FIELDS;
    use serde_json::{Value, json};

    fn takes(given: Value, entry: &TokenEntry, used: Option<i64>) -> bool {
        let args = Args::decode(REVOKE_FIELDS, &[], given.as_object().unwrap()).unwrap();
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        Filter::read(&args, at(1_000_000)).unwrap().takes(entry, used.map(at))
    }

    #[test]
    fn every_part_of_a_filter_takes_and_leaves() {
        let entry = TokenEntry {
            issued: Timestamp::from_second(900_000).unwrap(),
            role: "deploy".into(),
            entity: "e1".into(),
            policies: vec!["default".into(), "p".into()],
            path: "auth/userpass/login/ada".into(),
            display_name: "userpass-ada".into(),
            ..TokenEntry::default()
        };
        for (takes_it, leaves_it) in [
            (json!({"older_than": 99_999}), json!({"older_than": 100_001})),
            (json!({"younger_than": 100_001}), json!({"younger_than": 99_999})),
            (json!({"unused_for": 99_999}), json!({"unused_for": 100_001})),
            (json!({"role": "deploy"}), json!({"role": "deploys"})),
            (json!({"entity_id": "e1"}), json!({"entity_id": "e"})),
            (json!({"policy": "P"}), json!({"policy": "q"})),
            (json!({"path": "auth/userpass/"}), json!({"path": "auth/user"})),
            (json!({"display_name": "userpass-ada"}), json!({"display_name": "ada"})),
            (json!({}), json!({"role": "deploy", "entity_id": "e2"})),
        ] {
            assert!(takes(takes_it.clone(), &entry, None), "{takes_it}");
            assert!(!takes(leaves_it.clone(), &entry, None), "{leaves_it}");
        }
    }

    #[test]
    fn a_use_counts_to_the_end_of_its_hour() {
        let entry = TokenEntry { issued: Timestamp::from_second(1000).unwrap(), ..TokenEntry::default() };
        assert!(takes(json!({"unused_for": 1000}), &entry, Some(995_300)));
        assert!(!takes(json!({"unused_for": 1000}), &entry, Some(995_500)));
    }

    #[test]
    fn logins_have_roles_too() {
        let meta = [("role_name".to_owned(), "r".to_owned())].into();
        assert_eq!(role(&TokenEntry { meta: Some(meta), ..TokenEntry::default() }), Some("r"));
        assert_eq!(role(&TokenEntry::default()), None);
    }
}
