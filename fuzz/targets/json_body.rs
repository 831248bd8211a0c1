//! Bodies of requests, as a listener reads them.

#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_http::{JsonLimits, check_body};
use strongroom_wire::Value;

/// Small ones, so that every limit is reached.
const LIMITS: JsonLimits = JsonLimits { depth: 8, string: 64, entries: 16, elements: 16, values: 64 };

fuzz_target!(|bytes: &[u8]| {
    for limits in [LIMITS, JsonLimits::default()] {
        let Ok(map) = check_body(bytes, Some("application/json"), &limits) else { continue };
        let mut values = 0;
        measure(&Value::Object(map.clone()), 1, &mut values, &limits);
        assert!(values <= limits.values, "{values} values were taken");
        // What was taken can be written and is read again as the same.
        let text = serde_json::to_vec(&map).expect("a map is writable");
        let again: strongroom_wire::Map = serde_json::from_slice(&text).expect("what was written is JSON");
        assert_eq!(map, again);
    }
    let _ = check_body(bytes, Some("application/x-www-form-urlencoded"), &LIMITS);
});

/// Holds what was taken against the limits. Names count as values there, as they do in memory.
fn measure(value: &Value, depth: usize, values: &mut usize, limits: &JsonLimits) {
    *values += 1;
    match value {
        Value::String(text) => assert!(text.len() <= limits.string),
        Value::Array(elements) => {
            assert!(depth <= limits.depth && elements.len() <= limits.elements);
            elements.iter().for_each(|inner| measure(inner, depth + 1, values, limits));
        }
        Value::Object(map) => {
            assert!(depth <= limits.depth && map.len() <= limits.entries);
            map.values().for_each(|inner| measure(inner, depth + 1, values, limits));
        }
        _ => {}
    }
}
