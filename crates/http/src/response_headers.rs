//! Headers that an operator wants on answers, for all of them, a class of statuses or one status.

use http::{HeaderMap, HeaderName, HeaderValue};

/// Headers of answers.
#[derive(Debug, Clone, Default)]
pub struct ResponseHeaders {
    rules: Vec<(Statuses, Vec<(HeaderName, HeaderValue)>)>,
}

/// Which answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Statuses {
    All,
    /// The first digit.
    Class(u16),
    One(u16),
}

impl ResponseHeaders {
    /// Adds headers for `default`, a class such as `2xx` or a status such as `404`. What is more exact
    /// replaces what is less. Several values of one header are joined as Vault joins them.
    pub fn add(&mut self, statuses: &str, headers: &[(String, Vec<String>)]) -> Result<(), String> {
        let statuses = read(statuses)?;
        let mut parsed = Vec::with_capacity(headers.len());
        for (name, values) in headers {
            let header =
                HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("{name:?} is no header name"))?;
            if header.as_str().starts_with("x-vault-") {
                return Err(format!("{name:?}: headers that begin with X-Vault- are the server's own"));
            }
            let value = HeaderValue::from_str(&values.join("; "))
                .map_err(|_| format!("{name}: this is no header value"))?;
            parsed.push((header, value));
        }
        self.rules.push((statuses, parsed));
        self.rules.sort_by_key(|(statuses, _)| *statuses);
        Ok(())
    }

    /// Puts what is set for a status into `headers`.
    pub(crate) fn apply(&self, status: u16, headers: &mut HeaderMap) {
        for (statuses, values) in &self.rules {
            let fits = match statuses {
                Statuses::All => true,
                Statuses::Class(digit) => status / 100 == *digit,
                Statuses::One(one) => status == *one,
            };
            if fits {
                for (name, value) in values {
                    headers.insert(name, value.clone());
                }
            }
        }
    }
}

fn read(text: &str) -> Result<Statuses, String> {
    let wrong =
        || format!("{text:?} is no status: use \"default\", a class like \"2xx\" or a status like \"404\"");
    if text == "default" {
        return Ok(Statuses::All);
    }
    if let Some(digit) = text.strip_suffix("xx") {
        return digit.parse().ok().filter(|d| (1..=5).contains(d)).map(Statuses::Class).ok_or_else(wrong);
    }
    text.parse().ok().filter(|s| (100..600).contains(s)).map(Statuses::One).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_more_exact_wins() {
        let mut rules = ResponseHeaders::default();
        let header = |value: &str| vec![("X-Test".to_owned(), vec![value.to_owned(), "b".to_owned()])];
        rules.add("404", &header("one")).unwrap();
        rules.add("default", &header("all")).unwrap();
        rules.add("4xx", &header("class")).unwrap();
        for (status, wanted) in [(200, "all; b"), (400, "class; b"), (404, "one; b")] {
            let mut headers = HeaderMap::new();
            rules.apply(status, &mut headers);
            assert_eq!(headers.get("x-test").unwrap(), wanted);
        }
    }

    #[test]
    fn refuses_what_cannot_be() {
        let mut rules = ResponseHeaders::default();
        assert!(rules.add("6xx", &[]).is_err());
        assert!(rules.add("99", &[]).is_err());
        assert!(rules.add("all", &[]).is_err());
        assert!(rules.add("200", &[("X-Vault-Token".into(), vec![])]).is_err());
        assert!(rules.add("200", &[("a b".into(), vec![])]).is_err());
        assert!(rules.add("200", &[("a".into(), vec!["\n".into()])]).is_err());
    }
}
