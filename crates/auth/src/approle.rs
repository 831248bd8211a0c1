//! Roles for programs: a role id names the role, a secret id proves that it may be used.
//!
//! What is kept at the mount:
//!
//! | key | what |
//! |---|---|
//! | `hash-key` | the key that role ids and secret ids are hashed with |
//! | `role/<name>` | a role; `<name>` in lower case |
//! | `role-id/<hash>` | the role's name, by its role id |
//! | `id/<role's own id>/s/<hash>` | a secret id |
//! | `id/<role's own id>/a/<accessor>` | the secret id's hash |
//! | `gone/<role's own id>` | a deleted role whose secret ids are not all removed yet |
//! | `tidied` | when expired secret ids were looked for last |
//!
//! A secret id is never kept, only its keyed hash, and it stands below its role's own id, which is
//! drawn anew when a role is created again: no role can reach another's secret ids or accessors, nor
//! those of an earlier role of the same name.

mod addresses;
mod hash_key;
mod login;
mod metadata;
mod role;
mod roles;
mod secret_id;
mod secret_ids;
mod settings;
mod tidy;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use strongroom_core::engine::Times;
use strongroom_core::token::TokenEntry;
use strongroom_core::{
    AuthMethod, BoxFuture, Core, Engine, Fault, Map, Mount, Operation, Route, RouteTable, Txn, token_params,
    with_token_fields,
};
use strongroom_wire::field::{Arg, Field, Kind, convert};

/// The auth method `approle`.
pub struct AppRole {
    table: Arc<RouteTable>,
}

impl AppRole {
    /// The method with its routes.
    pub fn new() -> Self {
        Self { table: Arc::new(RouteTable::new(routes())) }
    }
}

impl Default for AppRole {
    fn default() -> Self {
        Self::new()
    }
}

impl Engine for AppRole {
    fn kind(&self) -> &'static str {
        "approle"
    }

    fn routes(&self, _mount: &Mount) -> Arc<RouteTable> {
        self.table.clone()
    }
}

impl AuthMethod for AppRole {
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

    /// The role id: whatever secret ids are tried, they are tried on one role.
    fn lockout_name(&self, local: &str, body: &Map) -> Option<String> {
        // Read as the login reads it: a number is counted like its text.
        let given = body.get("role_id").and_then(|value| convert(&ROLE_ID, value).ok());
        let Some(Arg::Text(role_id)) = given else { return None };
        let role_id = role_id.trim();
        let counts =
            local.trim_matches('/') == "login" && !role_id.is_empty() && role_id.len() <= MAX_ID_BYTES;
        counts.then(|| role_id.to_owned())
    }
}

/// Role ids and secret ids that somebody chose may be this long.
const MAX_ID_BYTES: usize = 4096;

const ROLE_NAME: Field =
    Field::new("role_name", Kind::Text, "Name of the role; letters are folded to lower case.").folded();
const ROLE_ID: Field =
    Field::new("role_id", Kind::Text, "What names the role at login; drawn at random by default.");
const BIND_SECRET_ID: Field =
    Field::new("bind_secret_id", Kind::Bool, "Whether logins need a secret id; true by default.");
const SECRET_ID_BOUND_CIDRS: Field =
    Field::new("secret_id_bound_cidrs", Kind::CommaList, "Addresses or blocks that logins may come from.");
const BOUND_CIDR_LIST: Field =
    Field::new("bound_cidr_list", Kind::CommaList, "Old name of secret_id_bound_cidrs.");
const SECRET_ID_NUM_USES: Field =
    Field::new("secret_id_num_uses", Kind::Int, "Logins a secret id is good for; 0 for no limit.");
const SECRET_ID_TTL: Field = Field::new("secret_id_ttl", Kind::Seconds, "Life of a secret id; 0 for no end.");
const LOCAL_SECRET_IDS: Field =
    Field::new("local_secret_ids", Kind::Bool, "Kept and shown; fixed when the role is created.");
const OLD_POLICIES: Field = Field::new("policies", Kind::CommaList, "Old name of token_policies.");
const OLD_PERIOD: Field = Field::new("period", Kind::Seconds, "Old name of token_period.");
const SECRET_ID: Field = Field::new("secret_id", Kind::Text, "The secret id.").secret();
const ACCESSOR: Field = Field::new("secret_id_accessor", Kind::Text, "The accessor of a secret id.");
const METADATA: Field =
    Field::new("metadata", Kind::Text, "Metadata of tokens: JSON with texts, or k=v pairs.");
const CIDR_LIST: Field = Field::new(
    "cidr_list",
    Kind::CommaList,
    "Addresses or blocks that logins with this secret id may come from.",
);
const NUM_USES: Field =
    Field::new("num_uses", Kind::Int, "Logins this secret id is good for, within the role's limit.");
const SECRET_TTL: Field =
    Field::new("ttl", Kind::Seconds, "Life of this secret id, within the role's limit.");

const ROLE_FIELDS: &[Field] = with_token_fields![
    ROLE_NAME,
    ROLE_ID,
    BIND_SECRET_ID,
    SECRET_ID_BOUND_CIDRS,
    BOUND_CIDR_LIST,
    SECRET_ID_NUM_USES,
    SECRET_ID_TTL,
    LOCAL_SECRET_IDS,
    OLD_POLICIES,
    OLD_PERIOD,
];
const NEW_SECRET_ID_FIELDS: &[Field] =
    &[ROLE_NAME, METADATA, CIDR_LIST, token_params::BOUND_CIDRS, NUM_USES, SECRET_TTL];
const CUSTOM_SECRET_ID_FIELDS: &[Field] =
    &[ROLE_NAME, SECRET_ID, METADATA, CIDR_LIST, token_params::BOUND_CIDRS, NUM_USES, SECRET_TTL];

fn routes() -> Vec<Route> {
    use Operation::{Delete, List, Read, Update};
    let mut routes = vec![
        Route::new("login", "Logs in with a role id and a secret id.", &[ROLE_ID, SECRET_ID])
            .open(Update, login::login),
        Route::new("tidy/secret-id", "Removes expired secret ids.", &[]).on(Update, tidy::start).goes_on(),
        Route::new("role", "Lists the roles.", &[]).on(List, roles::list),
        Route::new("role/{role_name}", "Creates, changes, shows and deletes a role.", ROLE_FIELDS)
            .on(Read, roles::read)
            .on(Update, roles::write)
            .on(Delete, roles::delete)
            .exists(roles::exists),
        Route::new("role/{role_name}/role-id", "Shows and changes the role id.", &[ROLE_NAME, ROLE_ID])
            .on(Read, roles::read_role_id)
            .on(Update, roles::write_role_id),
    ];
    routes.extend(secret_id_routes());
    routes.extend(settings::routes());
    routes
}

fn secret_id_routes() -> Vec<Route> {
    use Operation::{Delete, List, Update};
    vec![
        Route::new(
            "role/{role_name}/secret-id",
            "Makes a secret id; lists the accessors of all secret ids.",
            NEW_SECRET_ID_FIELDS,
        )
        .on(Update, secret_ids::generate)
        .on(List, secret_ids::list),
        Route::new(
            "role/{role_name}/custom-secret-id",
            "Takes a secret id that was chosen.",
            CUSTOM_SECRET_ID_FIELDS,
        )
        .on(Update, secret_ids::take_custom),
        Route::new(
            "role/{role_name}/secret-id/lookup",
            "Shows a secret id's properties.",
            &[ROLE_NAME, SECRET_ID],
        )
        .on(Update, secret_ids::look_up),
        Route::new("role/{role_name}/secret-id/destroy", "Destroys a secret id.", &[ROLE_NAME, SECRET_ID])
            .on(Update, secret_ids::destroy)
            .on(Delete, secret_ids::destroy)
            .asked(&[SECRET_ID]),
        Route::new(
            "role/{role_name}/secret-id-accessor/lookup",
            "Shows a secret id's properties by its accessor.",
            &[ROLE_NAME, ACCESSOR],
        )
        .on(Update, secret_ids::look_up_accessor),
        Route::new(
            "role/{role_name}/secret-id-accessor/destroy",
            "Destroys a secret id by its accessor.",
            &[ROLE_NAME, ACCESSOR],
        )
        .on(Update, secret_ids::destroy_accessor)
        .on(Delete, secret_ids::destroy_accessor)
        .asked(&[ACCESSOR]),
    ]
}
