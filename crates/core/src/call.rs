//! What a handler is given.

use crate::mount::{MountTable, Mounted};
use crate::namespace::Namespace;
use crate::request::Request;
use crate::token::{self, Token, TokenEntry};
use crate::{Core, Fault, Mount, Txn};
use std::borrow::Cow;
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
    /// The namespace that the request is made in, with its mounts.
    pub space: &'a Arc<MountTable>,
    /// What the policies of the caller's token have before a path of this namespace: the way from the
    /// token's namespace to it.
    pub from_token: &'a str,
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

impl<'a> Call<'a> {
    /// The mount.
    pub fn mount(&self) -> &Mount {
        &self.req.mounted.entry
    }

    /// The mounts of the request's namespace.
    pub fn mounts(&self) -> &'a Arc<MountTable> {
        self.req.space
    }

    /// The namespace that the request is made in.
    pub fn namespace(&self) -> &'a Namespace {
        &self.req.space.namespace
    }

    /// A key in the mount's own storage.
    pub fn key(&self, name: &str) -> Vec<u8> {
        self.req.mounted.entry.key(name)
    }

    /// A path below the request's namespace as the policies of the caller's token have it.
    pub fn as_policies_have_it<'p>(&self, path: &'p str) -> Cow<'p, str> {
        match self.req.from_token {
            "" => Cow::Borrowed(path),
            between => Cow::Owned(format!("{between}{path}")),
        }
    }

    /// The record of a good token that belongs to the request's namespace; none for any other.
    pub async fn find_token(&self, token: &str) -> Result<Option<Arc<TokenEntry>>, Fault> {
        if self.namespace().id.as_str() == token::namespace_of(token) {
            self.core.find_token(token).await
        } else {
            Ok(None)
        }
    }

    /// The same by accessor.
    pub async fn find_accessor(&self, accessor: &str) -> Result<Option<Arc<TokenEntry>>, Fault> {
        if self.owns(accessor) { self.core.find_accessor(accessor).await } else { Ok(None) }
    }

    /// The record of a wrapping token of the request's namespace that was not used yet; none for anything
    /// else.
    pub async fn find_wrapping(&self, token: &str) -> Result<Option<Arc<TokenEntry>>, Fault> {
        if self.namespace().id.as_str() == token::namespace_of(token) {
            self.core.find_wrapping(token).await
        } else {
            Ok(None)
        }
    }

    /// Whether an accessor, a lease id or the id of an entity, an alias or a group belongs to the request's
    /// namespace. What does not is not there, for whoever asks here.
    pub fn owns(&self, identifier: &str) -> bool {
        self.namespace().id.owns(identifier)
    }

    /// Whether an answer may be given as JSON: nobody wraps it or adds to it.
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
    /// The namespace that the request is made in, with its mounts.
    pub space: &'a Arc<MountTable>,
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
