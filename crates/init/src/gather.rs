//! Reading every secret of a plan, each once.

use crate::patience::{Kind, Patience};
use crate::report::Ending;
use crate::sessions::Sessions;
use crate::source::{Reading, Secrets, Source, references};
use std::collections::BTreeMap;
use strongroom_plan::Plan;

/// Reads all; the first that cannot be had ends it.
pub(crate) async fn all(
    plan: &Plan,
    sessions: &mut Sessions,
    patience: &Patience,
) -> Result<Secrets, Ending> {
    let mut secrets = Secrets::new();
    for (source, optional) in sources(plan) {
        let what = source.to_string();
        let reading = match patience.hold(&what, async || sessions.read(&source).await).await {
            Ok(found) => Reading::Found(found),
            Err(fault) if fault.kind == Kind::Missing && optional => Reading::Missing,
            Err(fault) => return Err(Ending::failed(fault.text)),
        };
        secrets.insert(source, reading);
    }
    Ok(secrets)
}

/// A leased secret ends while its container may start again from the same file: only watch keeps it alive.
pub(crate) fn refuse_leases(secrets: &Secrets, way_out: &str) -> Result<(), Ending> {
    let leased = secrets.iter().find_map(|(source, reading)| match reading {
        Reading::Found(found) => found.lease.as_ref().map(|lease| (source, lease)),
        Reading::Missing => None,
    });
    match leased {
        None => Ok(()),
        Some((source, lease)) => Err(Ending::failed(format!(
            "{source}: this secret is leased for {} seconds, and nothing would renew it after the start: {way_out}",
            lease.seconds
        ))),
    }
}

/// Each secret, and whether everyone who refers to it can do without.
fn sources(plan: &Plan) -> BTreeMap<Source, bool> {
    let mut sources = BTreeMap::new();
    for reference in references(plan) {
        let source = Source::of(reference, &plan.server);
        *sources.entry(source).or_insert(true) &= reference.optional;
    }
    sources
}
