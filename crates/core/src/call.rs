//! What a handler is given.

use crate::mount::Mounted;
use crate::request::Request;
use crate::token::Token;
use crate::{Core, Mount, Txn};
use std::sync::Arc;
use strongroom_wire::Operation;
use strongroom_wire::field::Args;

/// A request that policy has let through. Only this crate can make one, and only its pipeline does.
#[derive(Debug)]
#[non_exhaustive]
pub struct Authorized<'a> {
    /// The request.
    pub request: &'a Request,
    /// The operation, create and update told apart.
    pub operation: Operation,
    /// The caller's token; none on open routes.
    pub token: Option<&'a Token>,
    /// Whether policy gives `sudo` on this path.
    pub sudo: bool,
    /// Where the request was routed.
    pub mounted: &'a Arc<Mounted>,
    /// The path below the mount.
    pub local: &'a str,
}

/// One call of a handler.
pub struct Call<'a> {
    /// The server.
    pub core: &'a Arc<Core>,
    /// The request.
    pub req: &'a Authorized<'a>,
    /// Its decoded fields.
    pub args: &'a Args,
    /// The transaction: reads are recorded, writes are buffered until the one commit.
    pub txn: &'a mut Txn,
}

impl Call<'_> {
    /// The mount.
    pub fn mount(&self) -> &Mount {
        &self.req.mounted.entry
    }

    /// A key in the mount's own storage.
    pub fn key(&self, name: &str) -> Vec<u8> {
        self.req.mounted.entry.key(name)
    }

    /// Whether an answer may be given as JSON made before: nobody wraps it or adds to it.
    pub fn may_be_rendered(&self) -> bool {
        self.req.request.wrap_ttl.is_none() && self.req.request.body.is_empty()
    }

    /// The current time, the same for the whole call.
    pub fn now(&self) -> jiff::Timestamp {
        self.core.clock.now()
    }
}

/// One call of an existence check: nothing is authorised yet, so it sees the path only.
pub struct ExistsCall<'a> {
    /// The server.
    pub core: &'a Arc<Core>,
    /// Where the request was routed.
    pub mounted: &'a Arc<Mounted>,
    /// The caller's token.
    pub token: Option<&'a Token>,
    /// What the pattern captured.
    pub args: &'a Args,
    /// For reading.
    pub txn: &'a mut Txn,
}

impl ExistsCall<'_> {
    /// A key in the mount's own storage.
    pub fn key(&self, name: &str) -> Vec<u8> {
        self.mounted.entry.key(name)
    }
}
