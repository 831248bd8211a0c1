//! `sys/`: mounts, policies, quotas, settings and the other endpoints that run the server.
//!
//! One module per topic, each with its table of routes; [`System`] puts the tables together.

mod capabilities;
mod config;
mod counters;
mod explain;
mod internal_ui;
mod locked_users;
mod mounts;
mod passwords;
mod plugins;
mod policies;
mod quotas;
mod token;
mod tools;

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
        Self { table: Arc::new(RouteTable::new(routes())) }
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
    [
        mounts::routes(),
        policies::routes(),
        passwords::routes(),
        capabilities::routes(),
        explain::routes(),
        internal_ui::routes(),
        quotas::routes(),
        tools::routes(),
        config::routes(),
        locked_users::routes(),
        plugins::routes(),
        counters::routes(),
    ]
    .concat()
}

#[cfg(test)]
mod tests;
