//! JSON merge patch (RFC 7396).

use strongroom_core::{Map, Value};

/// Changes `target` as `patch` says: `null` removes, objects are merged, anything else replaces.
pub(super) fn apply(target: &mut Map, patch: Map) {
    for (key, change) in patch {
        match change {
            Value::Null => {
                target.remove(&key);
            }
            Value::Object(inner) => {
                let slot = target.entry(key).or_insert(Value::Null);
                match slot {
                    Value::Object(map) => apply(map, inner),
                    other => {
                        let mut map = Map::new();
                        apply(&mut map, inner);
                        *other = Value::Object(map);
                    }
                }
            }
            other => {
                target.insert(key, other);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn agrees_with_the_examples_of_the_rfc() {
        for (target, patch, result) in [
            (json!({"a":"b"}), json!({"a":"c"}), json!({"a":"c"})),
            (json!({"a":"b"}), json!({"b":"c"}), json!({"a":"b","b":"c"})),
            (json!({"a":"b"}), json!({"a":null}), json!({})),
            (json!({"a":["b"]}), json!({"a":"c"}), json!({"a":"c"})),
            (json!({"a":"c"}), json!({"a":["b"]}), json!({"a":["b"]})),
            (json!({"a":{"b":"c"}}), json!({"a":{"b":"d","c":null}}), json!({"a":{"b":"d"}})),
            (json!({"a":[{"b":"c"}]}), json!({"a":[1]}), json!({"a":[1]})),
            (json!({"e":null}), json!({"a":1}), json!({"e":null,"a":1})),
            (json!({}), json!({"a":{"bb":{"ccc":null}}}), json!({"a":{"bb":{}}})),
            (json!({"a":1}), json!({"a":{"b":null,"c":2}}), json!({"a":{"c":2}})),
        ] {
            let mut got = target.as_object().unwrap().clone();
            apply(&mut got, patch.as_object().unwrap().clone());
            assert_eq!(Value::Object(got), result, "{target} patched with {patch}");
        }
    }
}
