//! What engines check of the free-form data that clients store.

use strongroom_core::{Fault, Map, Value};

/// How deep stored data may be nested. Readers of JSON give up not far beyond that: what is stored
/// must come back, also inside the envelope of a wrapped answer.
const MAX_DEPTH: usize = 100;

/// Refuses data that is nested too deep to be read back.
pub(crate) fn check_depth(data: &Map) -> Result<(), Fault> {
    if data.values().all(|v| fits(v, MAX_DEPTH - 1)) {
        return Ok(());
    }
    Err(Fault::invalid(format!("the data is nested deeper than {MAX_DEPTH} levels")))
}

fn fits(value: &Value, left: usize) -> bool {
    match value {
        Value::Array(items) => left > 0 && items.iter().all(|v| fits(v, left - 1)),
        Value::Object(map) => left > 0 && map.values().all(|v| fits(v, left - 1)),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deepest_data_that_is_taken_can_be_read_back() {
        let nested = |levels: usize| {
            let value = (1..levels).fold(Value::Null, |inner, _| Value::Array(vec![inner]));
            Map::from_iter([("a".to_owned(), value)])
        };
        let deepest = nested(MAX_DEPTH);
        assert!(check_depth(&deepest).is_ok());
        assert!(check_depth(&nested(MAX_DEPTH + 1)).is_err());
        let wrapped = serde_json::json!({ "data": { "data": { "data": deepest } } }).to_string();
        assert!(serde_json::from_str::<Value>(&wrapped).is_ok());
    }
}
