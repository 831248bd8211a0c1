//! Metadata of a secret id as clients give it: one text with JSON, JSON in base64, or `k=v` pairs.

use std::collections::BTreeMap;
use strongroom_core::Fault;

/// Reads it; the empty text is no metadata.
pub(super) fn parse(text: &str) -> Result<BTreeMap<String, String>, Fault> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(BTreeMap::new());
    }
    json(text).or_else(|| json(&from_base64(text)?)).or_else(|| pairs(text)).ok_or_else(|| {
        Fault::invalid("'metadata' is neither a JSON object of texts nor a list of key=value pairs")
    })
}

fn json(text: &str) -> Option<BTreeMap<String, String>> {
    serde_json::from_str::<Option<BTreeMap<String, String>>>(text).ok().map(Option::unwrap_or_default)
}

fn from_base64(text: &str) -> Option<String> {
    use base64::Engine as _;
    String::from_utf8(base64::engine::general_purpose::STANDARD.decode(text).ok()?).ok()
}

/// Each key once.
fn pairs(text: &str) -> Option<BTreeMap<String, String>> {
    let mut all = BTreeMap::new();
    for pair in text.split(',').map(str::trim).filter(|p| !p.is_empty()) {
        let (key, value) = pair.split_once('=')?;
        let (key, value) = (key.trim(), value.trim());
        if key.is_empty() || value.is_empty() || all.insert(key.to_owned(), value.to_owned()).is_some() {
            return None;
        }
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_form() {
        let expected: BTreeMap<String, String> =
            [("a", "1"), ("b", "x=y")].map(|(k, v)| (k.into(), v.into())).into();
        assert_eq!(parse(r#"{"a":"1","b":"x=y"}"#).unwrap(), expected);
        assert_eq!(parse("eyJhIjoiMSIsImIiOiJ4PXkifQ==").unwrap(), expected);
        assert_eq!(parse(" a = 1, b=x=y,").unwrap(), expected);
        assert_eq!(parse("").unwrap(), BTreeMap::new());
        assert_eq!(parse("{}").unwrap(), BTreeMap::new());
        for bad in ["not json", r#"{"a":1}"#, "[]", "a=1,a=2", "=1", "a=", "1"] {
            assert_eq!(parse(bad).unwrap_err().status(), 400, "{bad}");
        }
    }
}
