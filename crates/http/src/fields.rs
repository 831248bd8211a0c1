//! From the bytes of a body to fields.

use crate::refusal::Refusal;
use crate::settings::JsonLimits;
use crate::{json_limits, query};
use serde::de::IgnoredAny;
use strongroom_wire::{Map, Value};

/// The fields of a body: JSON whatever its media type says, unless it says form and does not look like
/// JSON. Nothing and `null` are no fields.
pub(crate) fn decode(bytes: &[u8], media_type: Option<&str>, limits: &JsonLimits) -> Result<Map, Refusal> {
    let first = bytes.iter().find(|b| !matches!(b, b' ' | b'\t' | b'\n' | b'\r'));
    let Some(first) = first else { return Ok(Map::new()) };
    // curl says form unless it is told otherwise, and what is taken for the name of a field is shown in audit
    // entries: JSON behind a byte order mark, or that is no object, is refused as JSON.
    let like_json = matches!(first, b'{' | b'[' | b'"') || bytes.starts_with(BYTE_ORDER_MARK);
    if !like_json && media_type == Some("application/x-www-form-urlencoded") {
        return form(bytes, limits);
    }
    json(bytes, limits)
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Checks a body as a listener does: its fields, or the message that its sender gets.
pub fn check(bytes: &[u8], media_type: Option<&str>, limits: &JsonLimits) -> Result<Map, String> {
    decode(bytes, media_type, limits).map_err(|refusal| match refusal {
        Refusal::Error(_, message) => message.into_owned(),
        other => format!("{other:?}"),
    })
}

fn json(bytes: &[u8], limits: &JsonLimits) -> Result<Map, Refusal> {
    json_limits::check(bytes, limits).map_err(|e| Refusal::invalid(e.to_string()))?;
    let mut values = serde_json::Deserializer::from_slice(bytes).into_iter::<Value>();
    let value = match values.next() {
        Some(Ok(value)) => value,
        Some(Err(error)) => return Err(malformed(&error)),
        None => Value::Null,
    };
    let rest = bytes.get(values.byte_offset()..).unwrap_or(&[]);
    for further in serde_json::Deserializer::from_slice(rest).into_iter::<IgnoredAny>() {
        further
            .map_err(|_| Refusal::invalid("failed to parse JSON input: there is text after the object"))?;
    }
    match value {
        Value::Object(map) => Ok(map),
        Value::Null => Ok(Map::new()),
        _ => Err(Refusal::invalid(
            "failed to parse JSON input: the body must be an object, as in {\"name\": \"value\"}",
        )),
    }
}

/// The parser tells the place and the kind of the mistake, never what stands there.
fn malformed(error: &serde_json::Error) -> Refusal {
    Refusal::invalid(format!("failed to parse JSON input: {error}"))
}

fn form(bytes: &[u8], limits: &JsonLimits) -> Result<Map, Refusal> {
    let text = std::str::from_utf8(bytes).map_err(|_| Refusal::invalid("the form is not UTF-8 text"))?;
    let pairs = text.bytes().filter(|b| *b == b'&').count() + 1;
    if pairs > limits.entries {
        return Err(Refusal::invalid(format!("the form has more than {} entries", limits.entries)));
    }
    // A secret sent by mistake, in the place of the fields.
    if !text.contains('=') {
        return Err(no_fields());
    }
    let map = query::fields(text.trim());
    if map.keys().any(|name| strongroom_wire::json::is_reserved(name)) {
        return Err(Refusal::invalid(json_limits::Exceeded::Reserved.to_string()));
    }
    if map.is_empty() { Err(no_fields()) } else { Ok(map) }
}

fn no_fields() -> Refusal {
    Refusal::invalid("the form has no fields, as in name=value")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const FORM: Option<&str> = Some("application/x-www-form-urlencoded");

    fn of(text: &str, media_type: Option<&str>) -> Result<Value, u16> {
        decode(text.as_bytes(), media_type, &JsonLimits::default()).map(Value::Object).map_err(|r| match r {
            Refusal::Error(status, _) => status,
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn takes_json_whatever_it_is_called() {
        for kind in [None, Some("application/json"), Some("text/plain"), Some("nonsense"), FORM] {
            assert_eq!(of(" {\"a\":1}\n", kind), Ok(json!({"a": 1})), "{kind:?}");
        }
        assert_eq!(of("a=1&b=two", FORM), Ok(json!({"a": "1", "b": "two"})));
        assert_eq!(of("a=1&b=two", None), Err(400));
    }

    #[test]
    fn nothing_is_no_fields() {
        for text in ["", " \n", "null", "{}"] {
            assert_eq!(of(text, None), Ok(json!({})), "{text:?}");
        }
    }

    #[test]
    fn refuses_what_is_no_object() {
        for text in [
            "[1]",
            "\"secret\"",
            "5",
            "true",
            "{",
            "{\"a\":",
            "{'a':1}",
            "{a:1}",
            "{\"a\":01}",
            "{\"a\":1,}",
            "{\"a\":NaN}",
            "not json",
            "\u{feff}{\"a\":1}",
            "{\"a\":1} trailing",
            "{\"a\":1}}",
        ] {
            assert_eq!(of(text, Some("application/json")), Err(400), "{text}");
        }
        assert!(decode(b"{\"a\":\"\xff\"}", None, &JsonLimits::default()).is_err());
    }

    #[test]
    fn the_first_object_and_the_last_key_count() {
        assert_eq!(of("{\"a\":\"1\"}{\"a\":\"2\"}", None), Ok(json!({"a": "1"})));
        assert_eq!(of("{\"k\":\"first\",\"k\":\"second\"}", None), Ok(json!({"k": "second"})));
    }

    /// What is taken for the name of a field stands in the clear in audit entries.
    #[test]
    fn no_secret_becomes_the_name_of_a_field() {
        for text in ["\u{feff}{\"password\":\"a=b\"}", "[\"a=b\"]", "\"a=b\"", " \n[1]", "hunter2", "null"] {
            assert!(of(text, FORM).is_err() || of(text, FORM) == Ok(json!({})), "{text}");
        }
        assert_eq!(of("a=&b", FORM), Ok(json!({"a": "", "b": ""})));
    }

    #[test]
    fn no_form_holds_the_parsers_own_names() {
        assert_eq!(of("a=1&%24serde_json::private::Number=2", FORM), Err(400));
    }

    #[test]
    fn numbers_stay_as_they_are() {
        let text = "{\"big\":123456789012345678901234567890,\"f\":1.10,\"e\":1E5}";
        let map = decode(text.as_bytes(), None, &JsonLimits::default()).unwrap();
        assert_eq!(map.get("big").unwrap().to_string(), "123456789012345678901234567890");
        assert_eq!(map.get("f").unwrap().to_string(), "1.10");
    }

    #[test]
    fn errors_carry_nothing_of_the_body() {
        for text in
            ["{\"a\":\"hunter2\"", "\"hunter2\"", "{\"a\":hunter2}", "[\"hunter2\"]", "{\"a\":1} hunter2"]
        {
            let refusal = decode(text.as_bytes(), None, &JsonLimits::default()).unwrap_err();
            assert!(!format!("{refusal:?}").contains("hunter2"), "{refusal:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = decode(&bytes, None, &JsonLimits::default());
            let _ = decode(&bytes, FORM, &JsonLimits::default());
        }
    }
}
