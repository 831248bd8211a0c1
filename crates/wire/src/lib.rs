//! What travels on the wire: Vault's JSON shapes, durations, times, request paths and the weakly
//! typed decoding of request fields. No I/O, no clock of its own, no dependency on other crates here.

pub mod clock;
pub mod duration;
pub mod envelope;
pub mod field;
pub mod json;
pub mod operation;
pub mod path;
pub mod time;

pub use clock::{Clock, SystemClock};
pub use operation::Operation;
pub use path::{Path, PathError};

/// A JSON object with sorted keys, as Go prints maps.
pub type Map = serde_json::Map<String, serde_json::Value>;
pub use serde_json::Value;
