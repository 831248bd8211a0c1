//! Password policies: read, checked, and followed.

use strongroom_crypto::Random;
use strongroom_policy::hcl::{self, Kind, Object};

/// The shortest password a policy may ask for.
const MIN_LENGTH: usize = 4;
/// The longest.
const MAX_LENGTH: usize = 100;
/// Characters that a policy may choose from.
const MAX_CHARSET: usize = 256;
/// Whole passwords that are drawn before the needed characters are placed first.
const DRAWS: usize = 64;

/// What passwords must look like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PasswordPolicy {
    length: usize,
    rules: Vec<Rule>,
    /// The characters of all rules, each once.
    charset: Vec<char>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    charset: Vec<char>,
    min_chars: usize,
}

/// Why a password policy was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused(String);

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<hcl::Error> for Refused {
    fn from(e: hcl::Error) -> Self {
        Self(e.to_string())
    }
}

impl PasswordPolicy {
    /// Reads `length = 20` and `rule "charset" { charset = "..." min-chars = 1 }` blocks.
    pub(super) fn parse(text: &str) -> Result<Self, Refused> {
        let root = hcl::parse(text)?;
        if let Some(entry) = root.entries.iter().find(|e| !matches!(e.key.as_str(), "length" | "rule")) {
            let problem = format!(
                "line {}: unknown key {:?}: a password policy has \"length\" and rules",
                entry.line, entry.key
            );
            return Err(Refused(problem));
        }
        let length = whole(&root, "length")?.ok_or_else(|| Refused("\"length\" is missing".to_owned()))?;
        let rules = root.labelled("rule")?.into_iter().map(|b| match b.label {
            "charset" => Rule::read(b.body),
            other => {
                Err(Refused(format!("line {}: unknown rule {other:?}: the only one is \"charset\"", b.line)))
            }
        });
        let rules = rules.collect::<Result<Vec<_>, _>>()?;
        let charset = distinct(rules.iter().flat_map(|r| r.charset.iter().copied()));
        let policy = Self { length, rules, charset };
        policy.check()?;
        Ok(policy)
    }

    fn check(&self) -> Result<(), Refused> {
        let refuse = |problem: String| Err(Refused(problem));
        if !(MIN_LENGTH..=MAX_LENGTH).contains(&self.length) {
            return refuse(format!("\"length\" must be between {MIN_LENGTH} and {MAX_LENGTH}"));
        }
        if self.charset.is_empty() {
            return refuse("a rule \"charset\" with characters to choose from is missing".to_owned());
        }
        if self.charset.len() > MAX_CHARSET {
            return refuse(format!("there must not be more than {MAX_CHARSET} different characters"));
        }
        let needed = self.rules.iter().fold(0, |sum: usize, r| sum.saturating_add(r.min_chars));
        if needed > self.length {
            return refuse(format!("the rules need {needed} characters, but \"length\" is {}", self.length));
        }
        Ok(())
    }

    /// A password. Whole passwords are drawn until one follows the rules, so that all that do are equally
    /// likely. Where that fails again and again, as rules that need most of the length make it, the
    /// characters that the rules need are drawn first and then shuffled among the others.
    pub(super) fn generate(&self, random: &dyn Random) -> String {
        let mut dice = Dice::new(random);
        for _ in 0..DRAWS {
            let drawn: Vec<char> = (0..self.length).filter_map(|_| dice.pick(&self.charset)).collect();
            if self.rules.iter().all(|r| r.holds(&drawn)) {
                return drawn.into_iter().collect();
            }
        }
        let mut drawn: Vec<char> = Vec::with_capacity(self.length);
        for rule in &self.rules {
            drawn.extend((0..rule.min_chars).filter_map(|_| dice.pick(&rule.charset)));
        }
        let rest = self.length.saturating_sub(drawn.len());
        drawn.extend((0..rest).filter_map(|_| dice.pick(&self.charset)));
        for last in (1..drawn.len()).rev() {
            drawn.swap(last, dice.below(last + 1));
        }
        drawn.into_iter().collect()
    }
}

impl Rule {
    fn read(body: &Object) -> Result<Self, Refused> {
        if let Some(entry) = body.entries.iter().find(|e| !matches!(e.key.as_str(), "charset" | "min-chars"))
        {
            return Err(Refused(format!(
                "line {}: unknown key {:?} in a charset rule",
                entry.line, entry.key
            )));
        }
        let charset =
            body.get("charset").ok_or_else(|| Refused("a charset rule has no \"charset\"".to_owned()))?;
        let text = charset.as_text().ok_or_else(|| Refused("\"charset\" must be a text".to_owned()))?;
        if text.is_empty() || text.chars().any(char::is_control) {
            return Err(Refused("\"charset\" must be printable characters, at least one".to_owned()));
        }
        let min_chars = whole(body, "min-chars")?.unwrap_or(0);
        Ok(Self { charset: distinct(text.chars()), min_chars })
    }

    fn holds(&self, drawn: &[char]) -> bool {
        self.min_chars == 0 || drawn.iter().filter(|c| self.charset.contains(c)).count() >= self.min_chars
    }
}

fn whole(object: &Object, key: &str) -> Result<Option<usize>, Refused> {
    let Some(value) = object.get(key) else { return Ok(None) };
    let number = match &value.kind {
        Kind::Number(n) => n.to_string().parse().ok(),
        Kind::Text(t) => t.parse().ok(),
        _ => None,
    };
    number
        .map(Some)
        .ok_or_else(|| Refused(format!("line {}: {key:?} must be a whole number from 0", value.line)))
}

fn distinct(chars: impl Iterator<Item = char>) -> Vec<char> {
    let mut all: Vec<char> = chars.collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Choices without bias, out of random bytes drawn many at a time.
struct Dice<'a> {
    random: &'a dyn Random,
    bytes: Vec<u8>,
}

impl<'a> Dice<'a> {
    fn new(random: &'a dyn Random) -> Self {
        Self { random, bytes: Vec::new() }
    }

    fn byte(&mut self) -> usize {
        loop {
            if let Some(byte) = self.bytes.pop() {
                return usize::from(byte);
            }
            self.bytes = vec![0; 256];
            self.random.fill(&mut self.bytes);
        }
    }

    /// A number below `bound`, which is from 1 to 256. Bytes above the largest multiple are skipped.
    fn below(&mut self, bound: usize) -> usize {
        let limit = 256 - 256 % bound.clamp(1, 256);
        loop {
            let byte = self.byte();
            if byte < limit {
                return byte % bound;
            }
        }
    }

    fn pick(&mut self, from: &[char]) -> Option<char> {
        let at = self.below(from.len());
        from.get(at).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use strongroom_testkit::SeededRandom;

    fn rule(charset: &str, min: usize) -> String {
        format!("rule \"charset\" {{ charset = \"{charset}\" min-chars = {min} }}\n")
    }

    #[test]
    fn every_password_follows_the_rules() {
        let random = SeededRandom::new(7);
        let tight = format!("length = 100\n{}{}", rule("a", 99), rule("bcdefghijklmnopq", 1));
        let usual = format!("length = 20\n{}{}", rule("abcdefghij", 1), rule("0123456789", 2));
        for text in [tight, usual] {
            let policy = PasswordPolicy::parse(&text).unwrap();
            for _ in 0..200 {
                let password: Vec<char> = policy.generate(&random).chars().collect();
                assert_eq!(password.len(), policy.length);
                assert!(policy.rules.iter().all(|r| r.holds(&password)), "{password:?}");
                assert!(password.iter().all(|c| policy.charset.contains(c)));
            }
        }
    }

    #[test]
    fn characters_are_equally_likely_wherever_they_stand() {
        // 100 does not divide 256: a plain remainder would show in the counts.
        let charset: String = ('\u{21}'..='\u{7e}').filter(|c| !"\"\\$".contains(*c)).take(90).collect();
        let random = SeededRandom::new(11);
        for text in [
            format!("length = 100\n{}", rule(&charset, 0)),
            // Drawn the second way: no whole password of the first way has ninety-nine of these two.
            format!("length = 100\n{}{}", rule("xy", 99), rule("01234567", 1)),
        ] {
            let policy = PasswordPolicy::parse(&text).unwrap();
            let mut firsts: BTreeMap<char, u32> = BTreeMap::new();
            let mut counts: BTreeMap<char, u32> = BTreeMap::new();
            for _ in 0..2000 {
                let password = policy.generate(&random);
                *firsts.entry(password.chars().next().unwrap()).or_default() += 1;
                password.chars().for_each(|c| *counts.entry(c).or_default() += 1);
            }
            if policy.rules.len() == 1 {
                let (low, high) = (counts.values().min().unwrap(), counts.values().max().unwrap());
                assert!(*low > 1900 && *high < 2600, "{low} {high}");
            } else {
                assert!(counts[&'x'].abs_diff(counts[&'y']) < 2500, "{counts:?}");
                let digits: u32 = firsts.iter().filter(|(c, _)| c.is_ascii_digit()).map(|(_, n)| n).sum();
                assert!((5..60).contains(&digits), "the needed digit is anywhere: {digits} of 2000");
            }
        }
    }

    #[test]
    fn refuses_what_cannot_be_followed() {
        for text in [
            String::new(),
            "length = 20".to_owned(),
            format!("length = 3\n{}", rule("abc", 1)),
            format!("length = 101\n{}", rule("abc", 1)),
            format!("length = 8\n{}", rule("abc", 9)),
            format!("length = 8\n{}{}", rule("abc", 5), rule("def", 4)),
            format!("length = -8\n{}", rule("abc", 1)),
            format!("length = 8\ncolour = 1\n{}", rule("abc", 1)),
            rule("abc", 1),
            "length = 8\nrule \"nope\" {}".to_owned(),
            "length = 8\nrule \"charset\" {}".to_owned(),
            "length = 8\nrule \"charset\" { charset = \"\" }".to_owned(),
            "length = 8\nrule \"charset\" { charset = \"a\\n\" }".to_owned(),
            "length = 8\nrule \"charset\" { charset = \"a\" min-chars = 18446744073709551615 }".to_owned(),
            "length = [".to_owned(),
        ] {
            assert!(PasswordPolicy::parse(&text).is_err(), "{text}");
        }
    }

    #[test]
    fn one_character_leaves_no_choice() {
        let random = SeededRandom::new(1);
        let json = r#"{"length":6,"rule":[{"charset":{"charset":"q","min-chars":1}}]}"#;
        assert_eq!(PasswordPolicy::parse(json).unwrap().generate(&random), "qqqqqq");
        let utf8 = "length = 4\nrule \"charset\" { charset = \"ß\" }";
        assert_eq!(PasswordPolicy::parse(utf8).unwrap().generate(&random), "ßßßß");
    }
}
