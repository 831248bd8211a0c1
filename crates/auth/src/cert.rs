//! Logins of programs and machines with the certificates of their TLS connections.
//!
//! | key | what |
//! |---|---|
//! | `config` | what holds for the whole mount |
//! | `cert/<name>` | a role: whom it trusts and which certificates it is for; `<name>` in lower case |
//! | `crl/<name>` | a list of revoked certificates |
//!
//! The listener proves that the client has the key of the certificate it shows and nothing else. Who
//! issued it, whether it is revoked and whether it is one of a role's is decided here, at every login and
//! every renewal. Certificates that a proxy passes on in a header are not taken.

mod bindings;
mod config;
mod crl;
mod crls;
mod find;
mod login;
mod revocation;
mod role;
mod roles;
mod status;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use strongroom_core::engine::Times;
use strongroom_core::token::TokenEntry;
use strongroom_core::{
    AuthMethod, BoxFuture, Core, Engine, Fault, Mount, Operation, Route, RouteTable, Txn, with_token_fields,
};
use strongroom_wire::field::{Field, Kind};

/// The auth method `cert`.
pub struct CertAuth {
    table: Arc<RouteTable>,
}

impl CertAuth {
    /// The method with its routes.
    pub fn new() -> Self {
        Self { table: Arc::new(RouteTable::new(routes())) }
    }
}

impl Default for CertAuth {
    fn default() -> Self {
        Self::new()
    }
}

impl Engine for CertAuth {
    fn kind(&self) -> &'static str {
        "cert"
    }

    fn routes(&self, _mount: &Mount) -> Arc<RouteTable> {
        self.table.clone()
    }
}

impl AuthMethod for CertAuth {
    fn renew_login<'a>(
        &'a self,
        core: &'a Arc<Core>,
        txn: &'a mut Txn,
        mount: &'a Mount,
        entry: &'a TokenEntry,
        shown: &'a [Vec<u8>],
    ) -> BoxFuture<'a, Result<Times, Fault>> {
        Box::pin(login::renew(core, txn, mount, entry, shown))
    }
}

const NAME: Field = Field::new("name", Kind::Text, "Name of the role; folded to lower case.").folded();
const LIST: Field = Field::new("name", Kind::Text, "Name of the list; folded to lower case.").folded();
const LOGIN: Field =
    Field::new("name", Kind::Text, "The role to log in with; any that fits by default.").folded();

const ROLE_FIELDS: &[Field] = with_token_fields![
    NAME,
    Field::new(
        "certificate",
        Kind::Text,
        "In PEM, the authorities whose certificates may log in, or the one certificate that may.",
    ),
    Field::new(
        "allowed_names",
        Kind::CommaList,
        "Patterns, one of which the common name, a DNS name or a mail address must match.",
    ),
    Field::new("allowed_common_names", Kind::CommaList, "Patterns for the common name."),
    Field::new("allowed_dns_sans", Kind::CommaList, "Patterns, one of which a DNS name must match."),
    Field::new("allowed_email_sans", Kind::CommaList, "Patterns, one of which a mail address must match."),
    Field::new("allowed_uri_sans", Kind::CommaList, "Patterns, one of which a URI must match."),
    Field::new(
        "allowed_organizational_units",
        Kind::CommaList,
        "Patterns, one of which an organizational unit must match.",
    ),
    Field::new(
        "required_extensions",
        Kind::CommaList,
        "Extensions that must all be there, as oid:pattern for texts or hex:oid:pattern for any value.",
    ),
    Field::new(
        "allowed_metadata_extensions",
        Kind::CommaList,
        "Object identifiers of extensions whose texts become metadata of the token.",
    ),
    Field::new("display_name", Kind::Text, "Name shown for tokens; the role's name by default."),
    Field::new("ocsp_enabled", Kind::Bool, "Ask OCSP responders whether certificates are revoked."),
    Field::new(
        "ocsp_ca_certificates",
        Kind::Text,
        "In PEM, further authorities that may sign the answers of OCSP responders.",
    ),
    Field::new(
        "ocsp_servers_override",
        Kind::CommaList,
        "Addresses of responders, in place of those that certificates name.",
    ),
    Field::new(
        "ocsp_fail_open",
        Kind::Bool,
        "Let certificates through of which no responder knows the status.",
    ),
    Field::new("ocsp_query_all_servers", Kind::Bool, "Ask all responders; all must vouch for a certificate."),
    Field::new(
        "ocsp_this_update_max_age",
        Kind::Seconds,
        "How old answers may be; 0 for as long as they say themselves.",
    ),
    Field::new("ocsp_max_retries", Kind::Int, "How often a responder is asked again that does not answer."),
    Field::new("policies", Kind::CommaList, "Old name of token_policies."),
    Field::new("ttl", Kind::Seconds, "Old name of token_ttl."),
    Field::new("max_ttl", Kind::Seconds, "Old name of token_max_ttl."),
    Field::new("period", Kind::Seconds, "Old name of token_period."),
    Field::new("num_uses", Kind::Int, "Old name of token_num_uses."),
    Field::new("bound_cidrs", Kind::CommaList, "Old name of token_bound_cidrs."),
];

const CONFIG_FIELDS: &[Field] = &[
    Field::new("disable_binding", Kind::Bool, "Let renewals through without the certificate of the login."),
    Field::new(
        "enable_identity_alias_metadata",
        Kind::Bool,
        "Keep what certificates say as metadata of identity aliases.",
    ),
    Field::new("ocsp_cache_size", Kind::Int, "Answers of OCSP responders that are remembered; 0 for 100."),
];

const CRL_FIELDS: &[Field] = &[
    LIST,
    Field::new("crl", Kind::Text, "The list, in PEM or as DER in base64."),
    Field::new("url", Kind::Text, "Where the list is published; it is fetched again when it is outdated."),
];

fn routes() -> Vec<Route> {
    use Operation::{Delete, List, Read, Update};
    vec![
        Route::new("login", "Logs in with the certificate of the connection.", &[LOGIN])
            .open(Update, login::login),
        Route::new("config", "Says what holds for all roles.", CONFIG_FIELDS)
            .on(Read, config::read)
            .on(Update, config::write),
        Route::new("certs", "Lists the roles.", &[]).on(List, roles::list),
        Route::new("certs/{name}", "Creates, changes, shows and deletes a role.", ROLE_FIELDS)
            .on(Read, roles::read)
            .on(Update, roles::write)
            .on(Delete, roles::delete)
            .exists(roles::exists),
        Route::new("crls", "Lists the lists of revoked certificates.", &[]).on(List, crls::list),
        Route::new("crls/{name}", "Sets, shows and deletes a list of revoked certificates.", CRL_FIELDS)
            .on(Read, crls::read)
            .on(Update, crls::write)
            .on(Delete, crls::delete),
    ]
}
