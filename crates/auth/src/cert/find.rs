//! The role that a shown certificate fits.

use super::bindings;
use super::config::Config;
use super::revocation::{self, Refusal};
use super::role::{FOLDER, Role};
use crate::x509::{Certificate, Chain};
use std::sync::Arc;
use strongroom_core::{Core, Fault, Mount, Txn};

/// A role and the certificate that fits it.
pub(super) struct Match {
    pub(super) name: String,
    pub(super) role: Arc<Role>,
    pub(super) certificate: Certificate,
}

/// Where to look for roles.
pub(super) struct Scope<'a> {
    pub(super) core: &'a Arc<Core>,
    pub(super) mount: &'a Mount,
    pub(super) config: &'a Config,
    /// The one role that is meant; empty for any.
    pub(super) wanted: &'a str,
}

/// The role that the shown certificates fit: one that names the first of them before those that trust its
/// issuer.
pub(super) async fn find(scope: &Scope<'_>, txn: &mut Txn, shown: &[Vec<u8>]) -> Result<Match, Fault> {
    let (first, rest) =
        shown.split_first().ok_or_else(|| Fault::invalid("client certificate must be supplied"))?;
    let certificate = Certificate::parse(first)
        .map_err(|why| Fault::invalid(format!("the client certificate cannot be read: {why}")))?;
    let now = scope.core.clock.now().as_second();
    let roles = roles(scope, txn).await?;
    let pinned =
        roles.iter().filter_map(|(name, role)| Some((name, role, role.pinned_chain(&certificate, now)?)));
    let signed = roles
        .iter()
        .filter_map(|(name, role)| Some((name, role, role.signed_chain(&certificate, rest, now)?)));
    let candidates: Vec<(&String, &Arc<Role>, Chain)> = pinned.chain(signed).collect();
    if candidates.is_empty() {
        return Err(Fault::invalid("invalid certificate or no client certificate supplied"));
    }
    let mut unclear = false;
    for (name, role, chain) in candidates {
        if let Some(binding) = bindings::unmet(&role.bound, &certificate) {
            tracing::debug!(role = name, binding, "a certificate does not satisfy a role");
            continue;
        }
        match revocation::check(scope, txn, role, &chain).await {
            Ok(()) => return Ok(Match { name: name.clone(), role: role.clone(), certificate }),
            Err(Refusal::Revoked) => tracing::debug!(role = name, "a certificate is revoked"),
            Err(Refusal::Unclear(why)) => {
                tracing::warn!(role = name, why, "whether a certificate is revoked cannot be told");
                unclear = true;
            }
            Err(Refusal::Fault(fault)) => return Err(fault),
        }
    }
    let more = if unclear { "; whether it is revoked could not be told" } else { "" };
    Err(Fault::invalid(format!(
        "no chain matching all constraints could be found for this login certificate{more}"
    )))
}

async fn roles(scope: &Scope<'_>, txn: &mut Txn) -> Result<Vec<(String, Arc<Role>)>, Fault> {
    let names = match scope.wanted {
        "" => txn.names(&scope.mount.key(FOLDER)).await?,
        name => vec![name.to_owned()],
    };
    let mut roles = Vec::new();
    for name in names {
        if let Some(role) = Role::find(txn, scope.mount, &name).await? {
            roles.push((name, role));
        }
    }
    Ok(roles)
}
