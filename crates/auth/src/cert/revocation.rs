//! Whether anything in a chain is revoked.

use super::crl;
use super::find::Scope;
use super::role::Role;
use super::status;
use crate::x509::Chain;
use strongroom_core::{Fault, Txn};

/// Why a chain does not do.
#[derive(Debug)]
pub(super) enum Refusal {
    /// A certificate in it is revoked.
    Revoked,
    /// It cannot be told.
    Unclear(String),
    /// The store fails.
    Fault(Fault),
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// Asks the lists, and responders where the role wants it.
pub(super) async fn check(
    scope: &Scope<'_>,
    txn: &mut Txn,
    role: &Role,
    chain: &Chain,
) -> Result<(), Refusal> {
    for list in crl::current(scope.core, txn, scope.mount).await? {
        if list.revokes(chain)? {
            return Err(Refusal::Revoked);
        }
    }
    if role.ocsp.enabled { status::check(scope, &role.ocsp, chain).await } else { Ok(()) }
}
