//! Logins through a browser, which are still to come.

use strongroom_core::{BoxFuture, Call, Fault, Response};

pub(super) fn unavailable(_call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(async { Err(Fault::invalid(UNAVAILABLE)) })
}

/// Said to who writes a role that only such logins could use.
pub(super) const WARNING: &str = "Logins through a browser are not supported yet: nobody can log in with this role until they are. A role of role_type \"jwt\" takes signed tokens.";

/// Said to who tries such a login.
pub(super) const UNAVAILABLE: &str = "logins through a browser are not supported yet; log in with a signed token and a role of role_type \"jwt\"";
