//! `sys/`: mounts, policies, quotas, settings and the other endpoints that run the server.
//!
//! One module per topic, each with its table of routes; [`System`] puts the tables together.

mod audit;
mod caller;
mod capabilities;
mod config;
mod counters;
mod explain;
mod generate_root;
mod health;
mod host_info;
mod identity;
mod init;
mod internal_ui;
mod leader;
mod leases;
mod locked_users;
mod loggers;
mod metrics;
mod mounts;
mod namespaces;
mod passwords;
mod plugins;
mod policies;
mod policy_lint;
mod quotas;
mod rekey;
mod rotate;
mod seal;
mod shares;
mod snapshot;
mod specs;
mod token;
mod tokens;
mod tools;
mod wrapping;

pub use identity::Identity;
pub use token::TokenMethod;

use std::sync::Arc;
use strongroom_core::{BoxFuture, Engine, Fault, Mount, Response, Route, RouteTable};

/// The engine at `sys/`.
pub struct System {
    table: Arc<RouteTable>,
}

impl System {
    /// The engine with all its routes.
    pub fn new() -> Self {
        Self::with([])
    }

    /// The same with further routes, for work that goes across mounts.
    pub fn with(further: impl IntoIterator<Item = Route>) -> Self {
        Self { table: Arc::new(RouteTable::new(routes().into_iter().chain(further).collect())) }
    }
}

impl Default for System {
    fn default() -> Self {
        Self::new()
    }
}

impl Engine for System {
    fn kind(&self) -> &'static str {
        "system"
    }

    fn routes(&self, _mount: &Mount) -> Arc<RouteTable> {
        self.table.clone()
    }
}

/// What a handler gives back.
pub(crate) type Answering<'a> = BoxFuture<'a, Result<Response, Fault>>;

fn routes() -> Vec<Route> {
    let of_the_server = [
        health::routes(),
        seal::routes(),
        init::routes(),
        leader::routes(),
        rekey::routes(),
        generate_root::routes(),
        rotate::routes(),
        audit::routes(),
        snapshot::routes(),
        loggers::routes(),
        host_info::routes(),
        metrics::routes(),
        quotas::routes(),
        config::routes(),
    ];
    let of_every_namespace = [
        leases::routes(),
        wrapping::routes(),
        namespaces::routes(),
        mounts::routes(),
        policies::routes(),
        policy_lint::routes(),
        passwords::routes(),
        capabilities::routes(),
        explain::routes(),
        internal_ui::routes(),
        specs::routes(),
        tokens::routes(),
        tools::routes(),
        locked_users::routes(),
        plugins::routes(),
        counters::routes(),
    ];
    let of_the_server = of_the_server.into_iter().flatten().map(Route::root_only);
    of_the_server.chain(of_every_namespace.into_iter().flatten()).collect()
}

#[cfg(test)]
mod tests;
