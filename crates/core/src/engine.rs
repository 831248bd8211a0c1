//! The two plugs: secret engines and auth methods.

use crate::token::TokenEntry;
use crate::{BoxFuture, Core, Fault, Mount, Operation, RouteTable, Txn};
use std::sync::Arc;
use strongroom_wire::Map;

/// A secret engine: a table of routes, and what is done when it is mounted.
pub trait Engine: Send + Sync + 'static {
    /// The type in `sys/mounts`: `kv`, `transit`.
    fn kind(&self) -> &'static str;

    /// The routes of one mount; options (such as kv's version) choose among tables.
    fn routes(&self, mount: &Mount) -> Arc<RouteTable>;

    /// Checks options and fills in defaults before a mount is made or tuned.
    fn check(&self, _mount: &mut Mount) -> Result<(), Fault> {
        Ok(())
    }

    /// Checks a mount that was tuned against what it was before; gives warnings for the client.
    fn retune(&self, _before: &Mount, after: &mut Mount) -> Result<Vec<String>, Fault> {
        self.check(after)?;
        Ok(Vec::new())
    }

    /// What a path below the mount that policy refused may have been meant to be, for a hint.
    fn meant(&self, _mount: &Mount, _operation: Operation, _local: &str) -> Option<Meant> {
        None
    }

    /// Extends a lease: the seconds granted, out of the seconds asked for.
    fn renew<'a>(
        &'a self,
        _core: &'a Arc<Core>,
        _txn: &'a mut Txn,
        _internal: &'a Map,
        _increment: u64,
    ) -> BoxFuture<'a, Result<u64, Fault>> {
        Box::pin(async { Err(Fault::invalid("this engine's leases cannot be renewed")) })
    }

    /// Undoes what a lease stands for.
    fn revoke<'a>(
        &'a self,
        _core: &'a Arc<Core>,
        _txn: &'a mut Txn,
        _internal: &'a Map,
    ) -> BoxFuture<'a, Result<(), Fault>> {
        Box::pin(async { Ok(()) })
    }
}

/// What a path below a mount may have been meant to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meant {
    /// There is nothing at the path; what is meant stands at this one.
    Path(String),
    /// The path is right, but policies are often written for this one in its place.
    Rule(String),
}

/// An auth method: an engine whose logins grant tokens.
pub trait AuthMethod: Engine {
    /// Checks again, at renewal, that the login would still be granted, and says with which times.
    /// An error refuses the renewal. `shown` are the certificates that the caller has shown.
    fn renew_login<'a>(
        &'a self,
        core: &'a Arc<Core>,
        txn: &'a mut Txn,
        mount: &'a Mount,
        entry: &'a TokenEntry,
        shown: &'a [Vec<u8>],
    ) -> BoxFuture<'a, Result<Times, Fault>>;

    /// The name under which failed logins at this path are counted for the user lockout; none where
    /// there is no lockout.
    fn lockout_name(&self, _local: &str, _body: &Map) -> Option<String> {
        None
    }
}

/// Times of a login as its role has them now, in seconds; 0 leaves it to the mount.
#[derive(Debug, Clone, Copy, Default)]
pub struct Times {
    /// Time to live.
    pub ttl: u64,
    /// Maximum time to live.
    pub max_ttl: u64,
    /// Period of periodic tokens.
    pub period: u64,
}

/// What is plugged in at a mount.
#[derive(Clone)]
pub enum Backend {
    /// A secret engine.
    Secret(Arc<dyn Engine>),
    /// An auth method.
    Auth(Arc<dyn AuthMethod>),
}

impl Backend {
    /// The plug as an engine.
    pub fn engine(&self) -> &dyn Engine {
        match self {
            Self::Secret(e) => e.as_ref(),
            Self::Auth(a) => a.as_ref(),
        }
    }
}
