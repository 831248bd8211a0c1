//! The key-value engine, version 1 (one value per path) and version 2 (versions, check-and-set, soft
//! deletion).
//!
//! Both keep a secret as the same record: its settings, what is known of its versions, and the data
//! of the newest one; older versions stand in records of their own right behind it. So the usual
//! read is one look-up, a write touches one entry or two neighbours, and a mount that is tuned from
//! version 1 to version 2 has its secrets there at once, as version 1 of each.

mod config;
mod data;
mod glob;
mod json;
mod merge;
mod metadata;
mod plain;
mod rotation;
mod scan;
mod secret;
mod subkeys;
mod transfer;
mod versioned;
mod versions;

pub use transfer::routes as transfer_routes;

use std::sync::{Arc, OnceLock};
use strongroom_core::engine::Meant;
use strongroom_core::{Engine, Fault, Mount, Operation, RouteTable};

/// The engine of type `kv`; the mount option `version` says which of the two it is.
#[derive(Default)]
pub struct Kv {
    plain: OnceLock<Arc<RouteTable>>,
    versioned: OnceLock<Arc<RouteTable>>,
}

impl Engine for Kv {
    fn kind(&self) -> &'static str {
        "kv"
    }

    fn routes(&self, mount: &Mount) -> Arc<RouteTable> {
        match version(mount) {
            Ok(Version::Two) => self.versioned.get_or_init(|| Arc::new(versioned::table())).clone(),
            _ => self.plain.get_or_init(|| Arc::new(plain::table())).clone(),
        }
    }

    fn check(&self, mount: &mut Mount) -> Result<(), Fault> {
        version(mount).map(|_| ())
    }

    fn meant(&self, mount: &Mount, operation: Operation, local: &str) -> Option<Meant> {
        match version(mount) {
            Ok(Version::Two) => meant(operation, local),
            _ => None,
        }
    }

    fn retune(&self, before: &Mount, after: &mut Mount) -> Result<Vec<String>, Fault> {
        match (version(before)?, version(after)?) {
            (Version::Two, Version::One) => Err(Fault::invalid(
                "option \"version\": a mount of version 2 cannot become version 1, its older versions would be lost",
            )),
            (Version::One, Version::Two) => Ok(vec![
                "Upgraded the mount from version 1 to version 2: what each path held is now version 1 of its secret."
                    .to_owned(),
            ]),
            _ => Ok(Vec::new()),
        }
    }
}

/// What a path of a mount of version 2 may have been meant to be.
fn meant(operation: Operation, local: &str) -> Option<Meant> {
    const SECTIONS: [&str; 6] = ["data/", "metadata/", "subkeys/", "delete/", "undelete/", "destroy/"];
    if local.is_empty() || local == "config" {
        return None;
    }
    if let Some(path) = SECTIONS.iter().find_map(|section| local.strip_prefix(section)) {
        return (!path.is_empty()).then(|| Meant::Rule(path.to_owned()));
    }
    let section = if operation == Operation::List { "metadata" } else { "data" };
    Some(Meant::Path(format!("{section}/{local}")))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

fn version(mount: &Mount) -> Result<Version, Fault> {
    match mount.options.get("version").map(String::as_str) {
        None | Some("1") => Ok(Version::One),
        Some("2") => Ok(Version::Two),
        Some(other) => {
            let shown: String = other.chars().take(20).collect();
            Err(Fault::invalid(format!("option \"version\": cannot take {shown:?}, want \"1\" or \"2\"")))
        }
    }
}

#[cfg(test)]
mod tests;
