//! A request on its way, with what is known of it so far.

use super::Routed;
use crate::engine::Backend;
use crate::identity::standing::Rights;
use crate::mount::{Class, MountTable, Mounted};
use crate::response::Sent;
use crate::route::{Access, Op, Route};
use crate::token::Token;
use crate::{Fault, Operation, Request, Response, Txn};
use jiff::Timestamp;
use std::sync::Arc;
use strongroom_audit::Pending;

/// A request on its way, with what is known of it so far.
pub(crate) struct Case {
    pub(crate) request: Request,
    pub(crate) started: Timestamp,
    /// The namespace that it is made in; root where `lost`.
    pub(crate) space: Arc<MountTable>,
    /// Whether there is no such namespace.
    pub(crate) lost: bool,
    /// How many bytes of the namespace's path the token's own namespace has. Policies see the path with
    /// the rest before it.
    pub(super) reach: usize,
    pub(crate) routed: Option<Routed>,
    pub(crate) operation: Operation,
    pub(crate) token: Option<Token>,
    /// This request, if the token is good for a number of them.
    pub(crate) under_way: Option<crate::uses::Use>,
    /// RFC 3339; for the audit trail.
    pub(crate) token_issued: String,
    /// Of the certificate that the client has shown; for the audit trail.
    pub(crate) certificate_serial: String,
    pub(crate) allowed: bool,
    /// What the token may do; known once it was asked, never on open routes.
    pub(crate) rights: Option<Rights>,
    /// What told a creation from an update, for the first try to begin with.
    pub(super) looked: Option<Txn>,
    pub(super) sudo: bool,
    /// The request's own entry, where it is waited for together with the answer's.
    pub(super) asked: Option<Pending>,
    /// Which unsealing the request began under.
    pub(super) era: u64,
}

impl Case {
    pub(super) fn route(&self) -> Option<&Route> {
        self.routed.as_ref().and_then(Routed::route)
    }

    pub(super) fn op(&self) -> Option<&Op> {
        self.route().and_then(|r| r.operation(self.operation))
    }

    /// Whether anybody may ask; also for operations that a route has not got, if it has only open ones.
    pub(super) fn is_open(&self) -> bool {
        let is_open = |op: &Op| op.access == Access::Open;
        match self.op() {
            Some(op) => is_open(op) || self.is_opened(),
            None if self.operation == Operation::Help => false,
            None => {
                self.route().is_some_and(|r| !r.operations.is_empty() && r.operations.iter().all(is_open))
            }
        }
    }

    /// Whether the listener opens what the route keeps closed.
    fn is_opened(&self) -> bool {
        self.request.opens_metrics && self.route().is_some_and(|r| r.opened_with_metrics)
    }

    /// Whether a sealed server answers.
    pub(super) fn works_sealed(&self) -> bool {
        self.route().is_some_and(|r| r.works_sealed) || self.is_opened()
    }

    /// A path as the policies of the token have it; none where they have it as it is.
    pub(super) fn for_policies(&self, path: &str) -> Option<String> {
        let between = self.between();
        (!between.is_empty()).then(|| format!("{between}{path}"))
    }

    /// The way from the token's namespace to the request's.
    pub(super) fn between(&self) -> &str {
        self.space.namespace.path.get(self.reach..).unwrap_or("")
    }

    /// Id and path of the namespace, for the audit trail.
    pub(crate) fn named(&self) -> (&str, &str) {
        if self.lost {
            return ("", &self.request.namespace);
        }
        (self.space.namespace.id.as_str(), &self.space.namespace.path)
    }

    pub(super) fn local(&self) -> &str {
        let skip = self.routed.as_ref().map_or(0, |r| r.mounted.full_path.len());
        self.request.path.as_str().get(skip..).unwrap_or("")
    }

    /// Whether the path is a mount's own.
    pub(super) fn is_mount(&self) -> bool {
        self.routed.is_some() && self.local().is_empty()
    }

    pub(super) fn wants_wrapping(&self) -> bool {
        self.request.wrap_ttl.is_some_and(|t| t > 0)
    }

    pub(super) fn is_login(&self) -> bool {
        self.routed.as_ref().is_some_and(|r| r.mounted.entry.class == Class::Auth)
            && self.local().starts_with("login")
    }

    /// Whether the core has nothing to add to a response.
    pub(super) fn is_plain(&self, response: &Response) -> bool {
        response.grant.is_none()
            && response.renewed.is_none()
            && response.lease.is_none()
            && response.renewed_lease.is_none()
            && !self.wants_wrapping()
    }

    /// A response to which the core has nothing to add.
    pub(super) fn plainly(&self, response: Response) -> Sent {
        let kind = self.routed.as_ref().map_or("", |r| r.mounted.entry.shown_kind());
        let mount_type = kind.to_owned();
        Sent { mount_type, top_level: self.route().is_some_and(|r| r.top_level), ..Sent::plain(response) }
    }

    /// Why a request that policy allows cannot be served.
    pub(super) fn unroutable(&self) -> Fault {
        match self.route() {
            Some(_) if self.operation == Operation::Help => Fault::NotFound,
            // Only patterns that take the rest of the path can be listed; the others do not know the folder.
            Some(route)
                if self.operation == Operation::List
                    && !route.works_sealed
                    && !route.pattern.takes_rest() =>
            {
                Fault::NoRoute(self.request.path.to_string())
            }
            Some(_) => Fault::Unsupported,
            None => Fault::NoRoute(self.request.path.to_string()),
        }
    }

    pub(super) fn folded_path(&self) -> Option<String> {
        self.routed.as_ref()?.fold(self.request.path.as_str())
    }

    pub(super) fn lockout_name(&self) -> Option<(&Arc<Mounted>, String)> {
        let mounted = &self.routed.as_ref()?.mounted;
        let Backend::Auth(method) = &mounted.backend else { return None };
        if self.op()?.access != Access::Open || !self.operation.writes() {
            return None;
        }
        Some((mounted, method.lockout_name(self.local(), &self.request.body)?))
    }

    /// Whether the request is on the list of those under way. Reads of static secrets and probes are only
    /// counted: they are the bulk, and over before anybody looks.
    fn is_listed(&self) -> bool {
        let is_quick = |routed: &Routed| {
            routed.mounted.entry.kind == "kv" || routed.route().is_some_and(|r| r.works_sealed)
        };
        self.operation != Operation::Read || !self.routed.as_ref().is_some_and(is_quick)
    }

    pub(super) fn seen(&self) -> Option<crate::in_flight::Seen> {
        self.is_listed().then(|| crate::in_flight::Seen {
            id: self.request.id.clone(),
            started: self.started,
            operation: self.operation,
            path: format!("{}{}", self.space.namespace.path, self.request.path),
            remote: self.request.remote.address,
        })
    }
}
