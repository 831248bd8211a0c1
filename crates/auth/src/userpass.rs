//! User names and passwords.
//!
//! Names are folded to lower case before policy sees them, so that no casing is another user or gets
//! further tries. Passwords are kept as bcrypt hashes; a login takes the same work and gives the same
//! answer whether or not the user is there.

mod login;
mod password;
mod users;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use strongroom_core::engine::Times;
use strongroom_core::token::TokenEntry;
use strongroom_core::{
    AuthMethod, BoxFuture, Core, Engine, Fault, Map, Mount, Operation, Route, RouteTable, Txn, token_params,
    with_token_fields,
};
use strongroom_wire::field::{Field, Kind};

/// The auth method `userpass`.
pub struct UserPass {
    table: Arc<RouteTable>,
}

impl UserPass {
    /// The method with its routes.
    pub fn new() -> Self {
        Self { table: Arc::new(RouteTable::new(routes())) }
    }
}

impl Default for UserPass {
    fn default() -> Self {
        Self::new()
    }
}

impl Engine for UserPass {
    fn kind(&self) -> &'static str {
        "userpass"
    }

    fn routes(&self, _mount: &Mount) -> Arc<RouteTable> {
        self.table.clone()
    }
}

impl AuthMethod for UserPass {
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

    fn lockout_name(&self, local: &str, _body: &Map) -> Option<String> {
        let name = local.strip_prefix("login/")?.trim_matches('/');
        (!name.is_empty()).then(|| name.to_lowercase())
    }
}

const USERNAME: Field =
    Field::new("username", Kind::Text, "Name of the user; letters are folded to lower case.").folded();
const PASSWORD: Field = Field::new("password", Kind::Text, "The password, at most 72 bytes.").secret();
const PASSWORD_HASH: Field =
    Field::new("password_hash", Kind::Text, "A bcrypt hash ($2a$, $2b$ or $2y$) in place of the password.")
        .secret();
const OLD_POLICIES: Field = Field::new("policies", Kind::CommaList, "Old name of token_policies.");
const OLD_TTL: Field = Field::new("ttl", Kind::Seconds, "Old name of token_ttl.");
const OLD_MAX_TTL: Field = Field::new("max_ttl", Kind::Seconds, "Old name of token_max_ttl.");
const OLD_BOUND_CIDRS: Field = Field::new("bound_cidrs", Kind::CommaList, "Old name of token_bound_cidrs.");

const USER_FIELDS: &[Field] = with_token_fields![
    USERNAME,
    PASSWORD,
    PASSWORD_HASH,
    OLD_POLICIES,
    OLD_TTL,
    OLD_MAX_TTL,
    OLD_BOUND_CIDRS
];

fn routes() -> Vec<Route> {
    use Operation::{Delete, List, Read, Update};
    vec![
        Route::new("users", "Lists the users.", &[]).on(List, users::list),
        Route::new("users/{username}", "Creates, changes, shows and deletes a user.", USER_FIELDS)
            .on(Read, users::read)
            .on(Update, users::write)
            .on(Delete, users::delete)
            .exists(users::exists),
        Route::new(
            "users/{username}/password",
            "Changes a user's password.",
            &[USERNAME, PASSWORD, PASSWORD_HASH],
        )
        .on(Update, users::write_password),
        Route::new(
            "users/{username}/policies",
            "Changes the policies of a user's tokens.",
            &[USERNAME, OLD_POLICIES, token_params::POLICIES],
        )
        .on(Update, users::write_policies),
        Route::new("login/{username}", "Logs in with a user name and password.", &[USERNAME, PASSWORD])
            .open(Update, login::login),
    ]
}
