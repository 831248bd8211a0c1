//! Templates of claims: JSON with placeholders such as `{{identity.entity.name}}`, each of which becomes
//! a JSON value. What is filled in is quoted, so it can never be more than a value; where a placeholder
//! stands for a key, the key is judged after it was filled in.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use strongroom_core::identity::{Alias, Entity, Group, groups};
use strongroom_core::{Fault, Map, Txn, Value};
use strongroom_wire::{duration, json};

/// A template, read.
#[derive(Debug)]
pub(super) struct Template {
    parts: Vec<Part>,
}

/// Whom a template is filled in for.
pub(super) struct Subject {
    entity: Arc<Entity>,
    groups: Vec<Arc<Group>>,
    now: Timestamp,
}

#[derive(Debug)]
enum Part {
    Text(String),
    Value(Selector),
}

#[derive(Debug)]
enum Selector {
    Id,
    Name,
    Metadata(Option<String>),
    GroupIds,
    GroupNames,
    Alias(String, OfAlias),
    /// Seconds from now.
    Now(i64),
}

#[derive(Debug)]
enum OfAlias {
    Id,
    Name,
    Metadata(Option<String>),
    CustomMetadata(Option<String>),
}

/// Claims that say what a token is, and that no template may say.
pub(super) const RESERVED: [&str; 6] = ["iat", "aud", "exp", "iss", "sub", "namespace"];
/// The same in tokens of a provider.
pub(super) const RESERVED_OF_SCOPES: [&str; 10] =
    ["iat", "aud", "exp", "iss", "sub", "namespace", "nonce", "auth_time", "at_hash", "c_hash"];

/// Longer templates would make tokens that nobody takes.
const MAX_BYTES: usize = 64 * 1024;

impl Template {
    /// Reads a template and checks it as far as it can be without knowing for whom: gives the claims as
    /// they are for somebody of whom nothing is known.
    pub(super) fn check(text: &str, reserved: &[&str]) -> Result<Map, Fault> {
        let refuse = |why: &str| Fault::invalid(format!("field \"template\": error parsing template: {why}"));
        if text.is_empty() {
            return Ok(Map::new());
        }
        let template = Self::read(text).map_err(|why| refuse(&why))?;
        template.fill(&Subject::nobody(), reserved).map_err(|why| refuse(&why))
    }

    /// The claims that a stored template gives its subject.
    pub(super) fn claims(text: &str, subject: &Subject, reserved: &[&str]) -> Result<Map, Fault> {
        if text.is_empty() {
            return Ok(Map::new());
        }
        let refuse = |why: String| Fault::invalid(format!("error populating the template: {why}"));
        Self::read(text).map_err(refuse)?.fill(subject, reserved).map_err(refuse)
    }

    fn read(text: &str) -> Result<Self, String> {
        if text.len() > MAX_BYTES {
            return Err(format!("it has more than {MAX_BYTES} bytes"));
        }
        let (mut parts, mut rest) = (Vec::new(), text);
        while let Some((before, after)) = rest.split_once("{{") {
            let (inside, following) =
                after.split_once("}}").ok_or("{{ without }}; placeholders are written {{...}}")?;
            parts.push(Part::Text(before.to_owned()));
            parts.push(Part::Value(Selector::read(inside.trim())?));
            rest = following;
        }
        parts.push(Part::Text(rest.to_owned()));
        Ok(Self { parts })
    }

    fn fill(&self, subject: &Subject, reserved: &[&str]) -> Result<Map, String> {
        let mut filled = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::Value(selector) => filled.push_str(&subject.value(selector).to_string()),
            }
        }
        let claims: Map = json::read(filled.as_bytes())
            .map_err(|_| "with its placeholders filled in it is no JSON object".to_owned())?;
        match claims.keys().find(|key| reserved.contains(&key.as_str())) {
            Some(key) => {
                Err(format!("top level key {key:?} not allowed. Restricted keys: {}", reserved.join(", ")))
            }
            None => Ok(claims),
        }
    }
}

impl Selector {
    fn read(text: &str) -> Result<Self, String> {
        let unknown = || format!("{{{{{}}}}} is not known", text.chars().take(64).collect::<String>());
        if let Some(rest) = text.strip_prefix("identity.entity.") {
            return Self::of_entity(rest).ok_or_else(unknown);
        }
        let rest = text.strip_prefix("time.now").ok_or_else(unknown)?;
        if rest.is_empty() {
            return Ok(Self::Now(0));
        }
        let (sign, length) = match (rest.strip_prefix(".plus."), rest.strip_prefix(".minus.")) {
            (Some(length), _) => (1, length),
            (_, Some(length)) => (-1, length),
            _ => return Err(unknown()),
        };
        let seconds = duration::parse(length).ok().and_then(|d| i64::try_from(d.as_secs()).ok());
        seconds.map(|s| Self::Now(sign * s)).ok_or_else(unknown)
    }

    fn of_entity(text: &str) -> Option<Self> {
        match text {
            "id" => Some(Self::Id),
            "name" => Some(Self::Name),
            "groups.ids" => Some(Self::GroupIds),
            "groups.names" => Some(Self::GroupNames),
            _ => {
                if let Some(rest) = text.strip_prefix("aliases.") {
                    let (accessor, field) = rest.split_once('.')?;
                    return Some(Self::Alias(accessor.to_owned(), OfAlias::read(field)?));
                }
                pairs(text, "metadata").map(Self::Metadata)
            }
        }
    }
}

impl OfAlias {
    fn read(text: &str) -> Option<Self> {
        match text {
            "id" => Some(Self::Id),
            "name" => Some(Self::Name),
            _ => pairs(text, "metadata")
                .map(Self::Metadata)
                .or_else(|| pairs(text, "custom_metadata").map(Self::CustomMetadata)),
        }
    }
}

/// All pairs, `metadata`, or one of them, `metadata.key`.
fn pairs(text: &str, name: &str) -> Option<Option<String>> {
    match text.strip_prefix(name)? {
        "" => Some(None),
        rest => Some(Some(rest.strip_prefix('.').filter(|key| !key.is_empty())?.to_owned())),
    }
}

impl Subject {
    /// An entity with its groups as they are now.
    pub(super) async fn of(txn: &mut Txn, entity: Arc<Entity>, now: Timestamp) -> Result<Self, Fault> {
        let (mut groups, inherited) = groups::memberships(txn, &entity.id).await?;
        groups.extend(inherited);
        Ok(Self { entity, groups, now })
    }

    /// The entity.
    pub(super) fn entity(&self) -> &Entity {
        &self.entity
    }

    /// Whether it is in one of these groups, be it through others.
    pub(super) fn is_in(&self, groups: &[String]) -> bool {
        self.groups.iter().any(|group| groups.contains(&group.id))
    }

    fn nobody() -> Self {
        Self { entity: Arc::default(), groups: Vec::new(), now: Timestamp::UNIX_EPOCH }
    }

    fn value(&self, selector: &Selector) -> Value {
        match selector {
            Selector::Id => json!(self.entity.id),
            Selector::Name => json!(self.entity.name),
            Selector::Metadata(key) => of_pairs(self.entity.metadata.as_ref(), key.as_deref()),
            Selector::GroupIds => self.groups.iter().map(|g| json!(g.id)).collect(),
            Selector::GroupNames => self.groups.iter().map(|g| json!(g.name)).collect(),
            Selector::Alias(accessor, field) => {
                let nobody = Alias::default();
                let found = self.entity.aliases.iter().find(|a| a.mount_accessor == *accessor);
                of_alias(found.unwrap_or(&nobody), field)
            }
            Selector::Now(offset) => {
                let moved = self.now.checked_add(SignedDuration::from_secs(*offset));
                json!(moved.unwrap_or(self.now).as_second())
            }
        }
    }
}

fn of_alias(alias: &Alias, field: &OfAlias) -> Value {
    match field {
        OfAlias::Id => json!(alias.id),
        OfAlias::Name => json!(alias.name),
        OfAlias::Metadata(key) => of_pairs(alias.metadata.as_ref(), key.as_deref()),
        OfAlias::CustomMetadata(key) => of_pairs(alias.custom_metadata.as_ref(), key.as_deref()),
    }
}

/// All pairs as an object, or one as a text, empty if it is not there.
fn of_pairs(pairs: Option<&BTreeMap<String, String>>, key: Option<&str>) -> Value {
    match key {
        Some(key) => json!(pairs.and_then(|p| p.get(key)).map_or("", String::as_str)),
        None => pairs.map_or_else(|| json!({}), |p| json!(p)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(name: &str) -> Subject {
        let alias = Alias {
            id: "alias-id".to_owned(),
            mount_accessor: "auth_door_1".to_owned(),
            name: name.to_owned(),
            custom_metadata: Some(BTreeMap::from([("team".to_owned(), "a\"b".to_owned())])),
            ..Alias::default()
        };
        let entity = Entity {
            id: "entity-id".to_owned(),
            name: name.to_owned(),
            metadata: Some(BTreeMap::from([("a.b".to_owned(), "c".to_owned())])),
            aliases: vec![alias],
            ..Entity::default()
        };
        let group =
            |id: &str, name: &str| Arc::new(Group { id: id.into(), name: name.into(), ..Group::default() });
        Subject {
            entity: Arc::new(entity),
            groups: vec![group("1", "ops"), group("2", "a\nb")],
            now: Timestamp::from_second(1000).unwrap(),
        }
    }

    #[test]
    fn every_selector_gives_its_value() {
        for (selector, value) in [
            ("identity.entity.id", json!("entity-id")),
            ("identity.entity.name", json!("ann")),
            ("identity.entity.metadata", json!({"a.b": "c"})),
            ("identity.entity.metadata.a.b", json!("c")),
            ("identity.entity.metadata.none", json!("")),
            ("identity.entity.groups.ids", json!(["1", "2"])),
            ("identity.entity.groups.names", json!(["ops", "a\nb"])),
            ("identity.entity.aliases.auth_door_1.id", json!("alias-id")),
            ("identity.entity.aliases.auth_door_1.name", json!("ann")),
            ("identity.entity.aliases.auth_door_1.metadata", json!({})),
            ("identity.entity.aliases.auth_door_1.metadata.x", json!("")),
            ("identity.entity.aliases.auth_door_1.custom_metadata", json!({"team": "a\"b"})),
            ("identity.entity.aliases.auth_door_1.custom_metadata.team", json!("a\"b")),
            ("identity.entity.aliases.auth_other_2.name", json!("")),
            ("time.now", json!(1000)),
            ("time.now.plus.1h", json!(4600)),
            (" time.now.minus.10 ", json!(990)),
        ] {
            let text = format!("{{\"v\": {{{{{selector}}}}}, \"w\": 1}}");
            let claims = Template::claims(&text, &subject("ann"), &RESERVED).unwrap();
            assert_eq!(Value::Object(claims), json!({"v": value, "w": 1}), "{selector}");
            assert!(Template::check(&text, &RESERVED).is_ok(), "{selector}");
        }
    }

    #[test]
    fn what_is_filled_in_stays_one_value() {
        let evil = "x\", \"sub\": \"root\", \"y\": \"{{identity.entity.id}}\u{2028}\\";
        let text = "{\"name\": {{identity.entity.name}}}";
        let claims = Template::claims(text, &subject(evil), &RESERVED).unwrap();
        assert_eq!(Value::Object(claims), json!({"name": evil}));
        // Between quotes, what is filled in ends the text: such a template is refused when it is written.
        assert!(Template::check("{\"name\": \"{{identity.entity.name}}\"}", &RESERVED).is_err());
    }

    #[test]
    fn a_key_that_is_filled_in_is_judged_then() {
        let text = "{ {{identity.entity.name}}: \"root\" }";
        assert!(Template::check(text, &RESERVED).is_ok());
        assert!(Template::claims(text, &subject("other"), &RESERVED).is_ok());
        for name in RESERVED {
            assert!(Template::claims(text, &subject(name), &RESERVED).is_err(), "{name}");
        }
    }

    #[test]
    fn bad_templates_are_refused() {
        for bad in [
            "{bad}",
            "[]",
            "1",
            "{\"a\": {{identity.entity.id}",
            "{\"a\": {{identity.entity.nothing}}}",
            "{\"a\": {{identity.entity.metadata.}}}",
            "{\"a\": {{identity.entity.aliases.x}}}",
            "{\"a\": {{identity.groups.names.x.id}}}",
            "{\"a\": {{time.now.plus}}}",
            "{\"a\": {{time.now.times.1h}}}",
            "{\"a\": {{time.later}}}",
            "{\"a\": {{}}}",
            "{\"iss\": 1}",
            "{\"$serde_json::private::RawValue\": \"1\"}",
        ] {
            assert!(Template::check(bad, &RESERVED).is_err(), "{bad}");
        }
        assert!(Template::check("{\"nonce\": 1}", &RESERVED).is_ok());
        assert!(Template::check("{\"nonce\": 1}", &RESERVED_OF_SCOPES).is_err());
    }
}
