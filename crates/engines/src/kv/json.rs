//! A secret's data as the JSON it is stored as. It is looked into only where that is needed: most of it
//! is written once and then sent out as it is, digit for digit.

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
use serde_json::value::RawValue;
use strongroom_core::{Fault, Map};

/// One object in JSON. No `Debug`: it holds secrets. Where it was read, it is a part of the entry it was
/// read from, which is wiped when nobody has it any more.
#[derive(Clone)]
pub(super) struct Json(Bytes);

impl Json {
    /// The JSON of an object.
    pub(super) fn of(object: &Map) -> Result<Self, Fault> {
        let text = serde_json::to_vec(object)
            .map_err(|e| Fault::Internal(format!("data cannot be put into JSON: {e}")))?;
        Ok(Self(text.into()))
    }

    /// What stands at `part` of `whole`.
    pub(super) fn part(whole: &Bytes, part: &RawValue) -> Self {
        Self(whole.slice_ref(part.get().as_bytes()))
    }

    /// The text.
    pub(super) fn text(&self) -> &[u8] {
        &self.0
    }

    /// The object, or some of it.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, Fault> {
        // What the parser says may quote the text.
        serde_json::from_slice(&self.0)
            .map_err(|_| Fault::Internal("the data of a secret cannot be read".to_owned()))
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serde_json::from_slice::<&RawValue>(&self.0).map_err(ser::Error::custom)?.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer).map_err(de::Error::custom)?;
        Ok(Self(String::from(Box::<str>::from(raw)).into()))
    }
}
