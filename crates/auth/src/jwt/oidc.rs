//! Logins through a browser.
//!
//! Who logs in asks for an address of the provider, opens it in a browser, and comes back with a code that
//! is exchanged for an ID token. What was asked for is kept meanwhile under the state
//! ([`strongroom_core::once`]): it holds for some minutes and for one login.
//!
//! A provider that answers with a form posts it to this server; then the code or the token is kept with the
//! state, and the login is ended by who began it.

mod callback;
mod exchange;
mod request;

pub(super) use callback::{callback, form};
pub(super) use request::auth_url;

use super::config::Config;
use super::role::{Role, RoleType};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use strongroom_core::{BoxFuture, Call, Fault, Mount, Record, Response, Txn};

/// What was asked of the provider.
#[derive(Clone, Serialize, Deserialize)]
struct State {
    /// Name of the role.
    role: String,
    redirect_uri: String,
    nonce: String,
    /// What the one who ends the login has to show; empty if nothing.
    client_nonce: String,
    /// What the code was asked for with (RFC 7636); none where an ID token was asked for.
    verifier: Option<String>,
    /// What the provider has posted.
    posted: Posted,
}

impl Record for State {}

/// What a provider posts.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Posted {
    code: String,
    id_token: String,
}

/// How long a user may take at the provider.
const TTL: SignedDuration = SignedDuration::from_mins(10);
/// States begin so, as Vault's do.
const STATE_MARK: &str = "st_";

fn states(mount: &Mount) -> Vec<u8> {
    mount.key("oidc-state/")
}

/// The name in the store of a state as the provider gave it back. What follows a comma names the namespace.
fn name_of(state: &str) -> &str {
    state.split(',').next().unwrap_or_default().strip_prefix(STATE_MARK).unwrap_or_default()
}

/// The configuration, if it is for logins through a browser.
async fn configured(txn: &mut Txn, mount: &Mount) -> Result<Arc<Config>, Fault> {
    let config = Config::find(txn, mount).await?;
    let config = config.ok_or_else(|| Fault::invalid("could not load configuration: write config first"))?;
    if config.oidc_client_id.is_empty() {
        return Err(Fault::invalid(
            "OIDC login is not configured for this mount: 'oidc_client_id' and 'oidc_client_secret' are needed",
        ));
    }
    Ok(config)
}

/// The role, if it is for logins through a browser.
async fn role(txn: &mut Txn, mount: &Mount, name: &str) -> Result<Arc<Role>, Fault> {
    let role = Role::find(txn, mount, name).await?;
    let role = role.ok_or_else(|| Fault::invalid(format!("role {name:?} could not be found")))?;
    if role.role_type == RoleType::Jwt {
        return Err(Fault::invalid(
            "role with jwt role_type is not allowed here; log in with a signed token, at login",
        ));
    }
    Ok(role)
}

pub(super) fn poll(_call: Call<'_>) -> BoxFuture<'_, Result<Response, Fault>> {
    Box::pin(async { Err(Fault::invalid(NO_POLL)) })
}

const NO_POLL: &str = "waiting for a login by asking again and again (callback_mode \"direct\" and \"device\") is not supported; ask for an auth_url without callback_mode and end the login at oidc/callback";
