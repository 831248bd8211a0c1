//! Who asks, and whether policy lets them.

use super::case::Case;
use crate::route::Access;
use crate::token::{self, Token};
use crate::{Core, ExistsCall, Fault, Map, Operation, Txn};
use std::sync::Arc;
use strongroom_crypto::Secret;
use strongroom_policy::Ask;
use strongroom_wire::field::Args;

/// What a good token is told where its policies do not reach; without one it is the bare words.
const DENIED_BY_POLICY: &str = "1 error occurred:\n\t* permission denied\n\n";

impl Core {
    /// Token, existence check, policy.
    pub(super) async fn authorise(self: &Arc<Self>, case: &mut Case) -> Result<(), Fault> {
        if self.is_sealed() && !case.works_sealed() {
            return Err(Fault::Sealed);
        }
        if case.lost {
            return Err(Fault::NoNamespace);
        }
        if !case.space.namespace.id.is_root() {
            self.check_namespace(case)?;
        }
        if case.operation.writes() && case.request.path.is_folder() {
            return Err(Fault::invalid("cannot write to a path ending in '/'"));
        }
        let open = case.is_open();
        self.identify(case, open).await?;
        if open {
            case.allowed = true;
            return Box::pin(self.check_lockout(case)).await;
        }
        if case.operation == Operation::Update {
            let (is_there, looked) = Box::pin(self.exists(case)).await?;
            case.looked = looked;
            if !is_there {
                case.operation = Operation::Create;
            }
        }
        self.ask_policy(case).await?;
        match case.op() {
            Some(_) => Ok(()),
            // Help is answered from the route itself.
            None if case.operation == Operation::Help && (case.route().is_some() || case.is_mount()) => {
                Ok(())
            }
            None => Err(case.unroutable()),
        }
    }

    /// What is refused in namespaces other than root whoever asks.
    fn check_namespace(&self, case: &Case) -> Result<(), Fault> {
        let route = case.route();
        if route.is_some_and(|r| r.root_only) {
            return Err(Fault::invalid(
                "operation unavailable in namespaces: it belongs to the root namespace",
            ));
        }
        match self.realm().locked(&case.space.namespace.path) {
            Some(locked) if !route.is_some_and(|r| r.unlocks) => Err(Fault::Status(
                503,
                format!(
                    "API access to this namespace has been locked by an administrator - \"{locked}\" must be \
                     unlocked to gain access."
                ),
            )),
            _ => Ok(()),
        }
    }

    /// Finds out whose token it is and what it may do. On open routes a bad token is as good as none.
    async fn identify(self: &Arc<Self>, case: &mut Case, open: bool) -> Result<(), Fault> {
        let reach = |token: &Secret<String>| {
            self.realm().reach(token::namespace_of(token.expose()), &case.space.namespace.path)
        };
        // The token of another namespace is as good as none, unless that one contains this one.
        let token = case.request.token.clone().and_then(|token| Some((reach(&token)?, token)));
        let Some((reach, token)) = token else {
            return if open { Ok(()) } else { Err(Fault::Denied) };
        };
        case.reach = reach;
        let mut rights = None;
        let found = if !open {
            let found = self.present(&token, case.request.remote).await?;
            found.map(|presented| {
                rights = Some(presented.rights);
                case.under_way = presented.under_way;
                presented.token
            })
        } else if self.is_sealed() {
            None
        } else {
            let entry = Box::pin(self.find_token(token.expose())).await?;
            entry
                .filter(|e| crate::cidr::allows(&e.bound_cidrs, case.request.remote.address))
                .map(|entry| Token { id: token, entry })
        };
        if let Some(token) = &found
            && !self.audit.is_idle()
        {
            case.token_issued = strongroom_wire::time::rfc3339(token.entry.issued);
        }
        case.token = found;
        case.rights = rights.transpose()?;
        if open || case.token.is_some() { Ok(()) } else { Err(Fault::Denied) }
    }

    pub(super) async fn check_lockout(&self, case: &Case) -> Result<(), Fault> {
        let Some((mounted, name)) = case.lockout_name() else { return Ok(()) };
        if self.is_locked_out(&mounted.entry, &name).await? { Err(Fault::Denied) } else { Ok(()) }
    }

    /// Whether what a write names is there, and what was read to tell; routes without a check always
    /// update.
    pub(super) async fn exists(self: &Arc<Self>, case: &Case) -> Result<(bool, Option<Txn>), Fault> {
        let (Some(routed), Some(route)) = (&case.routed, case.route()) else { return Ok((true, None)) };
        let (Some(check), Some((_, captures))) = (route.exists, &routed.route) else {
            return Ok((true, None));
        };
        let args = Args::decode(route.fields, captures, &Map::new())?;
        let mut txn = self.txn_in(&case.space.namespace);
        let call = ExistsCall {
            core: self,
            space: &case.space,
            mounted: &routed.mounted,
            token: case.token.as_ref(),
            args: &args,
            txn: &mut txn,
        };
        let is_there = check(call).await?;
        Ok((is_there, Some(txn)))
    }

    pub(super) async fn ask_policy(&self, case: &mut Case) -> Result<(), Fault> {
        let Some(acl) = case.rights.as_ref().map(|r| &r.acl) else { return Err(Fault::Denied) };
        let written = case.for_policies(case.request.path.as_str());
        let written = written.as_deref().unwrap_or(case.request.path.as_str());
        let folded = case.folded_path();
        let folded = folded.map(|folded| case.for_policies(&folded).unwrap_or(folded));
        let ask = Ask {
            operation: case.operation,
            path: folded.as_deref().unwrap_or(written),
            written: folded.is_some().then_some(written),
            params: &case.request.body,
            wrap_ttl: case.request.wrap_ttl.filter(|t| *t > 0),
            needs_sudo: case.op().is_some_and(|op| op.access == Access::Sudo),
        };
        if case.op().is_some_and(|op| op.access == Access::Holder) {
            case.allowed = acl.grants_anything() && !acl.denies(ask.path);
            return if case.allowed { Ok(()) } else { Err(Fault::Refused(DENIED_BY_POLICY.to_owned())) };
        }
        let decision = acl.decide(&ask);
        // Handlers take `x/` for `x` here and there, so what is denied by the one name is denied by both.
        let plain = ask.path.strip_suffix('/').filter(|_| case.operation != Operation::List);
        let allowed =
            decision.allowed && (plain.is_none() || acl.decide(&Ask { written: plain, ..ask }).allowed);
        let sudo = decision.sudo;
        let advice = if allowed { None } else { super::advice::of(case, acl) };
        case.allowed = allowed;
        case.sudo = sudo;
        if allowed {
            return Ok(());
        }
        Err(match advice {
            Some(advice) => Fault::Advised(DENIED_BY_POLICY.to_owned(), advice),
            None => Fault::Refused(DENIED_BY_POLICY.to_owned()),
        })
    }
}
