//! Data that comes as JSON: hashed while it is read, without a tree in between.

use super::Format;
use super::data::DataRule;
use crate::json::{self, Object};

/// JSON that is left to read.
struct Reader<'j> {
    rest: &'j str,
}

/// Text between quotes, as it stands.
struct Quoted<'j> {
    text: &'j str,
    escaped: bool,
}

/// The text is not one object of JSON, or nested deeper than anything that is stored.
#[derive(Debug)]
pub(super) struct Malformed;

/// Data may have 100 levels, with a few around it.
const MAX_DEPTH: usize = 120;

impl Format {
    /// The members of an object in JSON.
    pub(super) fn raw_data(
        &self,
        map: &mut Object<'_>,
        text: &[u8],
        rule: &DataRule<'_>,
    ) -> Result<(), Malformed> {
        let mut reader = Reader { rest: std::str::from_utf8(text).map_err(|_| Malformed)? };
        let begun = reader.takes('{');
        if !begun {
            return Err(Malformed);
        }
        self.raw_members(&mut reader, map, MAX_DEPTH, |key| self.log_raw || rule.is_clear(key))?;
        if reader.rest.trim_start().is_empty() { Ok(()) } else { Err(Malformed) }
    }

    /// Members up to the closing brace; `clear` says which values are not hashed.
    fn raw_members(
        &self,
        reader: &mut Reader<'_>,
        map: &mut Object<'_>,
        depth: usize,
        clear: impl Fn(&str) -> bool,
    ) -> Result<(), Malformed> {
        if reader.takes('}') {
            return Ok(());
        }
        loop {
            let quoted = reader.quoted()?;
            let unescaped;
            let key = if quoted.escaped {
                unescaped = quoted.unescape()?;
                unescaped.as_str()
            } else {
                quoted.text
            };
            let out = map.foreign_key(key);
            if !reader.takes(':') {
                return Err(Malformed);
            }
            self.raw_value(reader, out, depth, clear(key))?;
            if reader.takes('}') {
                return Ok(());
            }
            if !reader.takes(',') {
                return Err(Malformed);
            }
        }
    }

    fn raw_value(
        &self,
        reader: &mut Reader<'_>,
        out: &mut Vec<u8>,
        depth: usize,
        clear: bool,
    ) -> Result<(), Malformed> {
        let below = depth.checked_sub(1).ok_or(Malformed)?;
        if reader.takes('{') {
            let mut map = Object::open(out);
            self.raw_members(reader, &mut map, below, |_| clear)?;
            map.close();
        } else if reader.takes('[') {
            self.raw_items(reader, out, below, clear)?;
        } else if reader.rest.starts_with('"') {
            let quoted = reader.quoted()?;
            if quoted.escaped {
                self.raw_text(out, &quoted.unescape()?, clear);
            } else {
                self.raw_text(out, quoted.text, clear);
            }
        } else {
            // The digits as they came: nothing is rounded on the way.
            out.extend_from_slice(reader.word()?.as_bytes());
        }
        Ok(())
    }

    fn raw_items(
        &self,
        reader: &mut Reader<'_>,
        out: &mut Vec<u8>,
        depth: usize,
        clear: bool,
    ) -> Result<(), Malformed> {
        out.push(b'[');
        let mut ended = reader.takes(']');
        while !ended {
            self.raw_value(reader, out, depth, clear)?;
            ended = reader.takes(']');
            if !ended {
                if !reader.takes(',') {
                    return Err(Malformed);
                }
                out.push(b',');
            }
        }
        out.push(b']');
        Ok(())
    }

    fn raw_text(&self, out: &mut Vec<u8>, text: &str, clear: bool) {
        if clear {
            json::string(out, text);
        } else {
            self.hasher.write(out, text.as_bytes());
        }
    }
}

impl<'j> Reader<'j> {
    /// Takes a character, with the white space before and after it, if it is the next.
    fn takes(&mut self, wanted: char) -> bool {
        match self.rest.trim_start().strip_prefix(wanted) {
            Some(rest) => {
                self.rest = rest.trim_start();
                true
            }
            None => false,
        }
    }

    /// Takes a text with its quotes.
    fn quoted(&mut self) -> Result<Quoted<'j>, Malformed> {
        let inner = self.rest.strip_prefix('"').ok_or(Malformed)?;
        // The library looks for a byte in strides; most texts have no backslash.
        let end = inner.find('"').ok_or(Malformed)?;
        let escaped = inner.get(..end).is_some_and(|text| text.contains('\\'));
        let end = if escaped { end_of_escaped(inner).ok_or(Malformed)? } else { end };
        let text = inner.get(..end).ok_or(Malformed)?;
        self.rest = inner.get(end + 1..).ok_or(Malformed)?;
        Ok(Quoted { text, escaped })
    }

    /// Takes a number, `true`, `false` or `null`.
    fn word(&mut self) -> Result<&'j str, Malformed> {
        let in_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
        let end = self.rest.find(|c| !in_word(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        if word.is_empty() { Err(Malformed) } else { Ok(word) }
    }
}

/// The place of the first quote that no backslash escapes.
fn end_of_escaped(text: &str) -> Option<usize> {
    let mut after_backslash = false;
    text.bytes().position(|byte| {
        let ends = byte == b'"' && !after_backslash;
        after_backslash = byte == b'\\' && !after_backslash;
        ends
    })
}

impl Quoted<'_> {
    fn unescape(&self) -> Result<String, Malformed> {
        serde_json::from_str(&format!("\"{}\"", self.text)).map_err(|_| Malformed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use strongroom_crypto::SystemRandom;
    use strongroom_wire::{Map, Value};

    fn format(log_raw: bool) -> Format {
        Format {
            hasher: crate::hasher::Hasher::new(b"salt", &SystemRandom),
            client_ids: crate::client_id::ClientIds::new(&SystemRandom),
            log_raw,
            hmac_accessor: true,
            elide_list_responses: false,
            prefix: String::new(),
        }
    }

    fn rendered(log_raw: bool, text: &str) -> Option<String> {
        let clear_keys = ["clear".to_owned()];
        let rule = DataRule { clear_keys: &clear_keys, clear_accessors: false, elide: false };
        let mut out = Vec::new();
        let mut map = Object::open(&mut out);
        format(log_raw).raw_data(&mut map, text.as_bytes(), &rule).ok()?;
        map.close();
        Some(String::from_utf8(out).unwrap())
    }

    fn from_tree(log_raw: bool, data: &Map) -> String {
        let clear_keys = ["clear".to_owned()];
        let rule = DataRule { clear_keys: &clear_keys, clear_accessors: false, elide: false };
        let mut out = Vec::new();
        let mut map = Object::open(&mut out);
        format(log_raw).data(&mut map, data, &rule);
        map.close();
        String::from_utf8(out).unwrap()
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<String>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<bool>().prop_map(Value::from),
            Just(Value::Null),
            Just(serde_json::from_str("1.10e-7").unwrap()),
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                proptest::collection::btree_map("clear|[a-z\"\\\\\n]{0,6}", inner, 0..5)
                    .prop_map(|m| Value::Object(m.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// What is told of JSON is what is told of the fields in it, however it is spaced.
        #[test]
        fn agrees_with_fields(value in values(), log_raw in any::<bool>()) {
            let data = Map::from_iter([("clear".to_owned(), value.clone()), ("hashed".to_owned(), value)]);
            let wanted = from_tree(log_raw, &data);
            prop_assert_eq!(rendered(log_raw, &serde_json::to_string(&data).unwrap()), Some(wanted.clone()));
            prop_assert_eq!(rendered(log_raw, &serde_json::to_string_pretty(&data).unwrap()), Some(wanted));
        }

        #[test]
        fn what_is_cut_is_refused(value in values(), at in any::<prop::sample::Index>()) {
            let text = serde_json::to_string(&Map::from_iter([("a".to_owned(), value)])).unwrap();
            let at = at.index(text.len());
            if let Some(cut) = text.get(..at) {
                prop_assert_eq!(rendered(false, cut), None);
            }
        }
    }

    #[test]
    fn refuses_what_is_no_object() {
        for text in
            ["", "1", "\"a\"", "[]", "{} {}", "{\"a\"}", "{\"a\":}", "{\"a\":1,}x", "{\"a\":'b'}", "{a:1}"]
        {
            assert_eq!(rendered(false, text), None, "{text}");
        }
        let deep = |levels: usize| format!("{{\"a\":{}{}}}", "[".repeat(levels), "]".repeat(levels));
        assert!(rendered(false, &deep(100)).is_some());
        assert!(rendered(false, &deep(100_000)).is_none());
    }
}
