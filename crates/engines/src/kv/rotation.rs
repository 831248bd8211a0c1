//! `owner` and `rotate_by` of a secret: who answers for it, and until when it is to be replaced. Clients that
//! do not know them leave them as they are.

use super::secret::{Secret, Settings};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use strongroom_core::{Fault, Map, Value};
use strongroom_wire::field::{Args, Field, Kind};
use strongroom_wire::{duration, time};

pub(super) const OWNER: &str = "owner";
pub(super) const ROTATE_BY: &str = "rotate_by";
pub(super) const OWNER_FIELD: Field =
    Field::new(OWNER, Kind::Text, "Who answers for the secret; left as it is if not given, \"\" for nobody.");
pub(super) const ROTATE_BY_FIELD: Field = Field::new(
    ROTATE_BY,
    Kind::Any,
    "Until when it is to be replaced: a time (RFC 3339), or how long a version may be used, as in 90d; \"\" for ever. \
     Left as it is if not given.",
);

const MAX_OWNER: usize = 256;

/// Until when a secret is to be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum RotateBy {
    /// A version from after this time is wanted.
    At(Timestamp),
    /// A version may be used for so many seconds.
    Every(u64),
}

/// Takes over what was given; `null` and the empty text reset.
pub(super) fn set(settings: &mut Settings, args: &Args) -> Result<(), Fault> {
    if args.has(OWNER) {
        settings.owner = owner(args.text_or_empty(OWNER))?;
    }
    if args.has(ROTATE_BY) {
        settings.rotate_by = RotateBy::read(args.any(ROTATE_BY).unwrap_or(&Value::Null))?;
    }
    Ok(())
}

/// Adds both to what is shown of a secret, and when it is due; nothing where they are not set.
pub(super) fn describe(secret: &Secret, now: Timestamp, shown: &mut Map) {
    let settings = &secret.settings;
    if !settings.owner.is_empty() {
        shown.insert(OWNER.to_owned(), settings.owner.clone().into());
    }
    if let Some(rotate_by) = settings.rotate_by {
        shown.insert(ROTATE_BY.to_owned(), rotate_by.shown().into());
    }
    if let Some(due) = due(secret, now) {
        shown.insert("rotation_due".to_owned(), time::rfc3339(due).into());
        shown.insert("overdue".to_owned(), (due <= now).into());
    }
}

/// When the newest version is to be replaced; none if it need not be, or is gone.
pub(super) fn due(secret: &Secret, now: Timestamp) -> Option<Timestamp> {
    let newest = secret.version(secret.current).filter(|v| !v.is_gone(now))?;
    match secret.settings.rotate_by? {
        RotateBy::At(at) => (newest.created < at).then_some(at),
        RotateBy::Every(seconds) => Some(time::after(newest.created, seconds)),
    }
}

fn owner(given: &str) -> Result<String, Fault> {
    let given = given.trim();
    if given.len() > MAX_OWNER || given.chars().any(char::is_control) {
        return Err(Fault::invalid(format!(
            "field \"{OWNER}\": want at most {MAX_OWNER} bytes without control characters"
        )));
    }
    Ok(given.to_owned())
}

impl RotateBy {
    fn read(given: &Value) -> Result<Option<Self>, Fault> {
        match given {
            Value::Null => return Ok(None),
            Value::String(text) if text.trim().is_empty() => return Ok(None),
            Value::String(text) => {
                if let Some(at) = time::parse(text.trim()) {
                    return Ok(Some(Self::At(at)));
                }
            }
            _ => {}
        }
        match duration::from_json(given).map(|d| d.as_secs()) {
            Ok(0) => Ok(None),
            Ok(seconds) => Ok(Some(Self::Every(seconds))),
            Err(_) => Err(Fault::invalid(format!(
                "field \"{ROTATE_BY}\": want a time such as 2027-01-31T00:00:00Z or a duration such as 90d"
            ))),
        }
    }

    fn shown(self) -> String {
        match self {
            Self::At(at) => time::rfc3339(at),
            Self::Every(seconds) => duration::go(Duration::from_secs(seconds)),
        }
    }
}
