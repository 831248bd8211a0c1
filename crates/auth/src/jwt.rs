//! Logins with JSON web tokens that others have signed: build systems, clouds, identity providers.
//!
//! | key | what |
//! |---|---|
//! | `config` | who signs: keys, a key set's address, or a provider's |
//! | `role/<name>` | a role; `<name>` in lower case |
//! | `oidc-state/...` | logins through a browser that are under way |
//!
//! A token is verified against the keys, then its times, issuer and audience are checked, then what
//! the role binds. Key sets that are fetched are used for some minutes; a token that no known key has
//! signed makes them be fetched again, though not more often than every ten seconds.
//!
//! The same method is mounted as `oidc`. Logins through a browser are in [`oidc`].

mod claims;
mod config;
mod dates;
mod keys;
mod login;
mod oidc;
mod role;
mod roles;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use strongroom_core::engine::Times;
use strongroom_core::token::TokenEntry;
use strongroom_core::{
    AuthMethod, BoxFuture, Core, Engine, Fault, Mount, Operation, Route, RouteTable, Txn, with_token_fields,
};
use strongroom_wire::field::{Field, Kind};

/// The auth method `jwt`, and `oidc`, which is the same under another name.
pub struct JwtAuth {
    kind: &'static str,
    table: Arc<RouteTable>,
}

impl JwtAuth {
    /// The method with its routes.
    pub fn new() -> Self {
        Self { kind: "jwt", table: Arc::new(RouteTable::new(routes())) }
    }

    /// The same as a type of its own.
    pub fn oidc() -> Self {
        Self { kind: "oidc", ..Self::new() }
    }
}

impl Default for JwtAuth {
    fn default() -> Self {
        Self::new()
    }
}

impl Engine for JwtAuth {
    fn kind(&self) -> &'static str {
        self.kind
    }

    fn routes(&self, _mount: &Mount) -> Arc<RouteTable> {
        self.table.clone()
    }
}

impl AuthMethod for JwtAuth {
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

const OIDC_DISCOVERY_URL: Field =
    Field::new("oidc_discovery_url", Kind::Text, "Address of a provider, without /.well-known.");
const OIDC_DISCOVERY_CA: Field = Field::new(
    "oidc_discovery_ca_pem",
    Kind::Text,
    "Authorities that vouch for the provider, in PEM; the system's list by default.",
);
const OIDC_CLIENT_ID: Field = Field::new("oidc_client_id", Kind::Text, "Client id at the provider.");
const OIDC_CLIENT_SECRET: Field =
    Field::new("oidc_client_secret", Kind::Text, "Client secret at the provider.").secret();
const OIDC_RESPONSE_MODE: Field =
    Field::new("oidc_response_mode", Kind::Text, "How the provider answers: query or form_post.");
const OIDC_RESPONSE_TYPES: Field =
    Field::new("oidc_response_types", Kind::CommaList, "What the provider answers with: code, id_token.");
const JWKS_URL: Field = Field::new("jwks_url", Kind::Text, "Address of a key set.");
const JWKS_CA: Field = Field::new(
    "jwks_ca_pem",
    Kind::Text,
    "Authorities that vouch for the key set's server, in PEM; the system's list by default.",
);
const JWKS_PAIRS: Field =
    Field::new("jwks_pairs", Kind::Any, "Several key sets: a list of objects with jwks_url and jwks_ca_pem.");
const DEFAULT_ROLE: Field =
    Field::new("default_role", Kind::Text, "Role of logins that name none; folded to lower case.").folded();
const PUBKEYS: Field = Field::new(
    "jwt_validation_pubkeys",
    Kind::CommaList,
    "Public keys or certificates in PEM; any of them may have signed.",
);
const SUPPORTED_ALGS: Field =
    Field::new("jwt_supported_algs", Kind::CommaList, "Signature algorithms that are taken; all by default.");
const BOUND_ISSUER: Field = Field::new("bound_issuer", Kind::Text, "The issuer that tokens must name.");
const PROVIDER_CONFIG: Field =
    Field::new("provider_config", Kind::Object, "Settings of certain providers; none is supported yet.");
const NAMESPACE_IN_STATE: Field = Field::new(
    "namespace_in_state",
    Kind::Bool,
    "Whether states name the namespace of the login; true by default.",
);

const CONFIG_FIELDS: &[Field] = &[
    OIDC_DISCOVERY_URL,
    OIDC_DISCOVERY_CA,
    OIDC_CLIENT_ID,
    OIDC_CLIENT_SECRET,
    OIDC_RESPONSE_MODE,
    OIDC_RESPONSE_TYPES,
    JWKS_URL,
    JWKS_CA,
    JWKS_PAIRS,
    DEFAULT_ROLE,
    PUBKEYS,
    SUPPORTED_ALGS,
    BOUND_ISSUER,
    PROVIDER_CONFIG,
    NAMESPACE_IN_STATE,
];

const NAME: Field = Field::new("name", Kind::Text, "Name of the role; folded to lower case.").folded();
const ROLE: Field = Field::new("role", Kind::Text, "The role to log in with.").folded();
const JWT: Field = Field::new("jwt", Kind::Text, "The signed token.").secret();
const AUTH_URL_FIELDS: &[Field] = &[
    ROLE,
    Field::new("redirect_uri", Kind::Text, "Where a login through a browser comes back to."),
    Field::new(
        "client_nonce",
        Kind::Text,
        "What the callback has to bring, so that nobody else ends the login.",
    )
    .secret(),
    Field::new("callback_mode", Kind::Text, "client; other modes are not supported."),
];
const CALLBACK_FIELDS: &[Field] = &[
    Field::new("state", Kind::Text, "The state, as the provider gave it back.").secret(),
    Field::new("code", Kind::Text, "The provider's code.").secret(),
    Field::new("id_token", Kind::Text, "The provider's ID token, where no code was asked for.").secret(),
    Field::new("client_nonce", Kind::Text, "What the login began with.").secret(),
    Field::new("nonce", Kind::Text, "Without meaning; some clients send it.").secret(),
    Field::new("error", Kind::Text, "The error that the provider answered with."),
    Field::new("error_description", Kind::Text, "Without meaning here."),
    Field::new("session_state", Kind::Text, "Without meaning here.").secret(),
];

const ROLE_FIELDS: &[Field] = with_token_fields![
    NAME,
    Field::new("role_type", Kind::Text, "jwt or oidc; oidc by default."),
    Field::new("user_claim", Kind::Text, "The claim that names the caller."),
    Field::new("user_claim_json_pointer", Kind::Bool, "Whether user_claim may be a JSON pointer."),
    Field::new("bound_audiences", Kind::CommaList, "Audiences; the token must be for one of them."),
    Field::new("bound_subject", Kind::Text, "The subject that tokens must name."),
    Field::new(
        "bound_claims",
        Kind::Object,
        "Claims, or JSON pointers to them, with the values they may have."
    ),
    Field::new("bound_claims_type", Kind::Text, "How those values are compared: string or glob."),
    Field::new(
        "claim_mappings",
        Kind::Pairs,
        "Claims, or JSON pointers to them, with their names as metadata."
    ),
    Field::new(
        "groups_claim",
        Kind::Text,
        "The claim, or a JSON pointer to it, that lists the caller's groups."
    ),
    Field::new(
        "expiration_leeway",
        Kind::Text,
        "Life of tokens without exp; 150s by default, negative for none."
    ),
    Field::new(
        "not_before_leeway",
        Kind::Text,
        "How long before exp a token without nbf and iat holds; 150s by default, negative for none."
    ),
    Field::new(
        "clock_skew_leeway",
        Kind::Text,
        "How far clocks may differ; 60s by default, negative for none."
    ),
    Field::new("allowed_redirect_uris", Kind::CommaList, "Where logins through a browser may come back to."),
    Field::new("oidc_scopes", Kind::CommaList, "Scopes asked for in logins through a browser."),
    Field::new("max_age", Kind::Seconds, "How long ago a login at the provider may have been."),
    Field::new("verbose_oidc_logging", Kind::Bool, "Log what the provider says; for finding errors only."),
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
        Route::new("login", "Logs in with a signed token.", &[ROLE, JWT]).open(Update, login::login),
        Route::new("config", "Says who signs tokens.", CONFIG_FIELDS)
            .on(Read, config::read)
            .on(Update, config::write),
        Route::new("role", "Lists the roles.", &[]).on(List, roles::list),
        Route::new("role/{name}", "Creates, changes, shows and deletes a role.", ROLE_FIELDS)
            .on(Read, roles::read)
            .on(Update, roles::write)
            .on(Delete, roles::delete)
            .exists(roles::exists),
        Route::new("oidc/auth_url", "Begins a login through a browser.", AUTH_URL_FIELDS)
            .open(Update, oidc::auth_url),
        Route::new(
            "oidc/callback",
            "Ends a login through a browser, or keeps what a provider posts.",
            CALLBACK_FIELDS,
        )
        .open(Read, oidc::callback)
        .open(Update, oidc::form)
        .asked(CALLBACK_FIELDS)
        .bytes(),
        Route::new("oidc/poll", "Not supported.", &[]).open(Update, oidc::poll).refuses(),
    ]
}
