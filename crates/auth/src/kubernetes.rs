//! Logins of Pods: service-account tokens, reviewed by the cluster that issued them.
//!
//! | key | what |
//! |---|---|
//! | `config` | where the cluster's API is and how it is asked |
//! | `role/<name>` | a role; `<name>` in lower case |
//!
//! What a token says of itself only serves to refuse early what cannot be right. Whether it holds is
//! for the cluster to say: every login asks it for a TokenReview, and what the review says has to be
//! what the token says.

mod account;
mod cluster;
mod config;
mod local;
mod login;
mod review;
mod role;
mod roles;
mod selector;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use strongroom_core::engine::Times;
use strongroom_core::token::TokenEntry;
use strongroom_core::{
    AuthMethod, BoxFuture, Core, Engine, Fault, Mount, Operation, Route, RouteTable, Txn, with_token_fields,
};
use strongroom_wire::field::{Field, Kind};

/// The auth method `kubernetes`.
pub struct KubernetesAuth {
    table: Arc<RouteTable>,
}

impl KubernetesAuth {
    /// The method with its routes.
    pub fn new() -> Self {
        Self { table: Arc::new(RouteTable::new(routes())) }
    }
}

impl Default for KubernetesAuth {
    fn default() -> Self {
        Self::new()
    }
}

impl Engine for KubernetesAuth {
    fn kind(&self) -> &'static str {
        "kubernetes"
    }

    fn routes(&self, _mount: &Mount) -> Arc<RouteTable> {
        self.table.clone()
    }
}

impl AuthMethod for KubernetesAuth {
    fn renew_login<'a>(
        &'a self,
        _core: &'a Arc<Core>,
        txn: &'a mut Txn,
        mount: &'a Mount,
        entry: &'a TokenEntry,
        _shown: &'a [Vec<u8>],
    ) -> BoxFuture<'a, Result<Times, Fault>> {
        Box::pin(login::renew(txn, mount, entry))
    }
}

const CONFIG_FIELDS: &[Field] = &[
    Field::new("kubernetes_host", Kind::Text, "Address of the cluster's API, such as https://host:6443."),
    Field::new(
        "kubernetes_ca_cert",
        Kind::Text,
        "Authorities that vouch for the cluster's API, in PEM; by default those of the Pod that this server runs in.",
    ),
    Field::new(
        "token_reviewer_jwt",
        Kind::Text,
        "The token to ask for reviews with; by default that of the Pod that this server runs in, else the caller's own.",
    )
    .secret(),
    Field::new(
        "pem_keys",
        Kind::CommaList,
        "Public keys or certificates in PEM; tokens that none of them has signed are refused without a review.",
    ),
    Field::new(
        "disable_local_ca_jwt",
        Kind::Bool,
        "Do not use the authorities and the token of the Pod that this server runs in.",
    ),
    Field::new("issuer", Kind::Text, "The issuer that tokens must name, if that is checked."),
    Field::new("disable_iss_validation", Kind::Bool, "Do not check the issuer; true by default."),
    Field::new(
        "use_annotations_as_alias_metadata",
        Kind::Bool,
        "Take metadata of identity aliases from annotations of the service account.",
    ),
];

const NAME: Field = Field::new("name", Kind::Text, "Name of the role; folded to lower case.").folded();
const ROLE: Field = Field::new("role", Kind::Text, "The role to log in with.").folded();
const JWT: Field = Field::new("jwt", Kind::Text, "A service-account token.").secret();

const ROLE_FIELDS: &[Field] = with_token_fields![
    NAME,
    Field::new(
        "bound_service_account_names",
        Kind::CommaList,
        "Names of service accounts; * stands for any text."
    ),
    Field::new(
        "bound_service_account_namespaces",
        Kind::CommaList,
        "Namespaces of service accounts; * stands for any text."
    ),
    Field::new(
        "bound_service_account_namespace_selector",
        Kind::Text,
        "A label selector in JSON for further namespaces."
    ),
    Field::new("audience", Kind::Text, "The audience that tokens must be for; the cluster's own by default."),
    Field::new(
        "alias_name_source",
        Kind::Text,
        "What names the caller to identity: serviceaccount_uid or serviceaccount_name."
    ),
    Field::new("policies", Kind::CommaList, "Old name of token_policies."),
    Field::new("ttl", Kind::Seconds, "Old name of token_ttl."),
    Field::new("max_ttl", Kind::Seconds, "Old name of token_max_ttl."),
    Field::new("period", Kind::Seconds, "Old name of token_period."),
    Field::new("num_uses", Kind::Int, "Old name of token_num_uses."),
    Field::new("bound_cidrs", Kind::CommaList, "Old name of token_bound_cidrs."),
];

fn routes() -> Vec<Route> {
    use Operation::{Delete, List, Read, Update};
    vec![
        Route::new("login", "Logs in with a service-account token.", &[ROLE, JWT]).open(Update, login::login),
        Route::new("config", "Says where the cluster's API is.", CONFIG_FIELDS)
            .on(Read, config::read)
            .on(Update, config::write),
        Route::new("role", "Lists the roles.", &[]).on(List, roles::list),
        Route::new("role/{name}", "Creates, changes, shows and deletes a role.", ROLE_FIELDS)
            .on(Read, roles::read)
            .on(Update, roles::write)
            .on(Delete, roles::delete)
            .exists(roles::exists),
    ]
}
