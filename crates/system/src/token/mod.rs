//! `auth/token`: making, looking up, renewing and revoking tokens, and the roles that shape them.

mod create;
mod life;
mod roles;
mod tidy;

use std::sync::{Arc, LazyLock};
use strongroom_core::engine::Times;
use strongroom_core::token::TokenEntry;
use strongroom_core::{AuthMethod, BoxFuture, Core, Engine, Fault, Mount, RouteTable, Txn};

/// The auth method of type `token`.
pub struct TokenMethod;

static TABLE: LazyLock<Arc<RouteTable>> = LazyLock::new(|| {
    let mut routes = create::routes();
    routes.extend(life::routes());
    routes.extend(roles::routes());
    routes.extend(tidy::routes());
    Arc::new(RouteTable::new(routes))
});

impl Engine for TokenMethod {
    fn kind(&self) -> &'static str {
        "token"
    }

    fn routes(&self, _mount: &Mount) -> Arc<RouteTable> {
        TABLE.clone()
    }
}

impl AuthMethod for TokenMethod {
    /// A token made through a role lives by what the role says now; without it, it is not renewed.
    fn renew_login<'a>(
        &'a self,
        _core: &'a Arc<Core>,
        txn: &'a mut Txn,
        _mount: &'a Mount,
        entry: &'a TokenEntry,
        _shown: &'a [Vec<u8>],
    ) -> BoxFuture<'a, Result<Times, Fault>> {
        Box::pin(async move {
            let own = Times { ttl: entry.granted_ttl, max_ttl: 0, period: entry.period };
            if entry.role.is_empty() {
                return Ok(own);
            }
            let role = roles::load(txn, &entry.role).await?.ok_or_else(|| {
                Fault::invalid(format!(
                    "original token role {:?} could not be found, not renewing",
                    entry.role
                ))
            })?;
            let period = [own.period, role.token_period].into_iter().filter(|p| *p > 0).min().unwrap_or(0);
            Ok(Times { max_ttl: role.token_explicit_max_ttl, period, ..own })
        })
    }
}
