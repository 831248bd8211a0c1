//! `identity/oidc`: tokens that say who their holder is, signed for those who cannot ask this server,
//! and the provider of OpenID Connect, which signs users in to applications.
//!
//! | key in the storage of the mount | what |
//! |---|---|
//! | `oidc/config` | the issuer |
//! | `oidc/key/<name>` | a named key: settings, the pair in use, the next one, and old ones still published |
//! | `oidc/role/<name>` | what identity tokens say, and the key that signs them |
//! | `oidc/assignment/<name>` | entities and groups that may use an application |
//! | `oidc/scope/<name>` | claims that an application may ask for |
//! | `oidc/client/<name>`, `oidc/client-id/<id>` | an application, and its name by its id |
//! | `oidc/provider/<name>` | applications and scopes under one issuer |
//! | `oidc/code/...` | codes that were given out and not taken back ([`strongroom_core::once`]) |
//!
//! The key and the provider `default` and the assignment `allow_all` are there without being stored; the
//! pairs of the key are made when the first role or client refers to it.
//!
//! A key rotates when it signs after its period, in the commit of that use, or when an operator asks. The
//! next pair is published before it signs anything, so that those who keep our key set for a while know it.
//! An old one stays published until `verification_ttl` after the rotation, and no token may live longer.

mod assignment;
mod authorize;
mod claims;
mod client;
mod code;
mod config;
mod discovery;
mod introspect;
mod key;
mod keys;
mod named;
mod oauth;
mod pair;
mod provider;
mod role;
mod scope;
mod template;
mod token;
mod token_endpoint;
mod userinfo;

use strongroom_core::Route;

pub(super) fn routes() -> Vec<Route> {
    [
        config::routes(),
        discovery::routes(),
        keys::routes(),
        role::routes(),
        token::routes(),
        introspect::routes(),
        assignment::routes(),
        scope::routes(),
        client::routes(),
        provider::routes(),
        authorize::routes(),
        token_endpoint::routes(),
        userinfo::routes(),
    ]
    .concat()
}
