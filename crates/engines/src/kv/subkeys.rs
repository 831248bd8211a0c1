//! `subkeys/`: which keys a secret has, without their values.

use super::versioned::{self, Found, PATH_FIELD, VERSION_FIELD};
use strongroom_core::{Call, Fault, Map, Operation, Response, Route, Value};
use strongroom_wire::field::{Field, Kind};

const DEPTH: &str = "depth";
static FIELDS: [Field; 3] =
    [PATH_FIELD, VERSION_FIELD, Field::new(DEPTH, Kind::Int, "Levels of keys to show; 0 for all.")];

pub(super) fn route() -> Route {
    Route::new("subkeys/{path:rest}", "The keys of a secret without their values.", &FIELDS)
        .on(Operation::Read, |call| Box::pin(read(call)))
}

async fn read(mut call: Call<'_>) -> Result<Response, Fault> {
    if let Some(answer) = versioned::at_root(&call) {
        return Ok(answer);
    }
    // Nothing and less than nothing mean all levels.
    let depth =
        call.args.int(DEPTH).and_then(|d| u32::try_from(d).ok()).filter(|d| *d > 0).unwrap_or(u32::MAX);
    let now = call.now();
    let found = Found::find(&mut call, now).await?;
    let keys = found.data()?.map_or(Value::Null, |data| Value::Object(without_values(&data, depth)));
    Ok(found.answer("subkeys", keys))
}

fn without_values(data: &Map, depth: u32) -> Map {
    let below = |value: &Value| match value {
        Value::Object(inner) if depth > 1 && !inner.is_empty() => {
            Value::Object(without_values(inner, depth - 1))
        }
        _ => Value::Null,
    };
    data.iter().map(|(key, value)| (key.clone(), below(value))).collect()
}
