//! `custom_response_headers` of a listener.

use super::ConfigError;
use super::keys::Keys;
use strongroom_http::ResponseHeaders;
use strongroom_policy::hcl::{Kind, Value};

/// Reads `custom_response_headers { "default" = { "Name" = ["value"] } }`.
pub(super) fn read(keys: &Keys<'_>) -> Result<ResponseHeaders, ConfigError> {
    let mut headers = ResponseHeaders::default();
    for block in keys.blocks("custom_response_headers")? {
        for entry in &block.entries {
            let mut objects = Vec::new();
            collect(&entry.value, &mut objects);
            if objects.is_empty() {
                return Err(keys.wrong(
                    entry.line,
                    format!("{:?} needs headers, as in {{ \"Name\" = [\"value\"] }}", entry.key),
                ));
            }
            for object in objects {
                let pairs = object.entries.iter().map(|e| Some((e.key.clone(), values(&e.value)?)));
                let pairs: Option<Vec<_>> = pairs.collect();
                let pairs = pairs.ok_or_else(|| {
                    keys.wrong(entry.line, "a header's value must be a text or a list of texts")
                })?;
                headers.add(&entry.key, &pairs).map_err(|why| keys.wrong(entry.line, why))?;
            }
        }
    }
    Ok(headers)
}

fn collect<'a>(value: &'a Value, found: &mut Vec<&'a strongroom_policy::hcl::Object>) {
    match &value.kind {
        Kind::Object(object) => found.push(object),
        Kind::List(items) => items.iter().for_each(|item| collect(item, found)),
        _ => {}
    }
}

fn values(value: &Value) -> Option<Vec<String>> {
    match &value.kind {
        Kind::Text(text) => Some(vec![text.clone()]),
        Kind::List(items) => items.iter().map(|i| i.as_text().map(str::to_owned)).collect(),
        _ => None,
    }
}
