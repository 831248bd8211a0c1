//! The data of requests and answers: every text is hashed wherever it stands, numbers, booleans and
//! keys stay.

use super::{Format, raw};
use crate::ResponseView;
use crate::json::{self, Object};
use strongroom_wire::{Map, Value};

/// What is exempt in one map.
pub(super) struct DataRule<'a> {
    /// Top-level keys that the mount's tuning leaves in the clear.
    pub(super) clear_keys: &'a [String],
    /// Whether top-level accessors stay in the clear.
    pub(super) clear_accessors: bool,
    /// Whether listings become counts.
    pub(super) elide: bool,
}

/// Top-level keys of an answer that hold an accessor.
const ACCESSOR_KEYS: [&str; 4] = ["accessor", "wrapping_accessor", "wrapped_accessor", "token_accessor"];

/// What Vault calls the type of a raw answer among its data.
const RAW_CONTENT_TYPE: &str = "http_content_type";

impl Format {
    /// `data` of an answer, left out when there is none.
    pub(super) fn response_data(&self, o: &mut Object<'_>, response: &ResponseView<'_>) {
        if !response.json.is_empty() {
            return self.json_data(o, response);
        }
        let data = response.data.filter(|d| !d.is_empty());
        if data.is_none() && response.raw_content_type.is_empty() {
            return;
        }
        let mut map = Object::open(o.key("data"));
        if !response.raw_content_type.is_empty() && !data.is_some_and(|d| d.contains_key(RAW_CONTENT_TYPE)) {
            map.text(RAW_CONTENT_TYPE, response.raw_content_type);
        }
        if let Some(data) = data {
            self.data(&mut map, data, &self.response_rule(response));
        }
        map.close();
    }

    /// The same for data that comes as JSON. What is none, which nothing here makes, is hashed as a whole.
    fn json_data(&self, o: &mut Object<'_>, response: &ResponseView<'_>) {
        let out = o.key("data");
        let start = out.len();
        let mut map = Object::open(out);
        match self.raw_data(&mut map, response.json, &self.response_rule(response)) {
            Ok(()) => map.close(),
            Err(raw::Malformed) => {
                out.truncate(start);
                self.hasher.write(out, response.json);
            }
        }
    }

    fn response_rule<'r>(&self, response: &ResponseView<'r>) -> DataRule<'r> {
        DataRule {
            clear_keys: response.clear_keys,
            clear_accessors: !self.hmac_accessor,
            elide: self.elide_list_responses && response.is_list,
        }
    }

    /// The members of a map.
    pub(super) fn data(&self, map: &mut Object<'_>, data: &Map, rule: &DataRule<'_>) {
        for (key, value) in data {
            let out = map.foreign_key(key);
            match value {
                Value::Array(items) if rule.elide && key == "keys" => json::display(out, items.len()),
                Value::Object(items) if rule.elide && key == "key_info" => json::display(out, items.len()),
                _ => self.value(out, value, self.log_raw || rule.is_clear(key)),
            }
        }
    }

    fn value(&self, out: &mut Vec<u8>, value: &Value, clear: bool) {
        match value {
            Value::Null => out.extend_from_slice(b"null"),
            Value::Bool(value) => json::boolean(out, *value),
            // The digits as they came: nothing is rounded on the way.
            Value::Number(number) => out.extend_from_slice(number.as_str().as_bytes()),
            Value::String(text) if clear => json::string(out, text),
            Value::String(text) => self.hasher.write(out, text.as_bytes()),
            Value::Array(items) => json::list(out, items, |out, item| self.value(out, item, clear)),
            Value::Object(members) => {
                let mut map = Object::open(out);
                for (key, member) in members {
                    self.value(map.foreign_key(key), member, clear);
                }
                map.close();
            }
        }
    }
}

impl DataRule<'_> {
    pub(super) fn is_clear(&self, key: &str) -> bool {
        self.clear_keys.iter().any(|clear| clear == key)
            || self.clear_accessors && ACCESSOR_KEYS.contains(&key)
    }
}
