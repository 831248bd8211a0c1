//! The request pipeline and what it decides with: mounts, tokens, leases, wrapping, policies,
//! quotas. Engines and auth methods plug in through [`Engine`] and [`AuthMethod`]; they declare
//! their routes as data and see nothing but an [`Authorized`] request and a [`Txn`].
//!
//! The way of a request is written down in ARCHITECTURE.md; [`pipeline`] follows it step by step.

pub mod allowance;
mod audit;
pub mod bootstrap;
pub mod call;
pub mod cidr;
pub mod core;
pub mod cors;
mod effects;
pub mod engine;
mod expiry;
pub mod explain;
pub mod fault;
pub mod hashing;
pub mod headers;
mod help;
mod housekeeping;
pub mod identity;
pub mod in_flight;
pub mod jobs;
pub mod jwk;
pub mod keys;
mod last_use;
pub mod lease;
pub mod lease_quota;
pub mod lockout;
pub mod loggers;
pub mod metrics;
pub mod mount;
pub mod namespace;
pub mod once;
pub mod openapi;
pub mod outbound;
pub mod pattern;
pub mod pipeline;
pub mod policies;
mod presence;
pub mod quota;
pub mod realm;
pub mod redirect;
pub mod render;
pub mod request;
pub mod response;
pub mod route;
mod striped;
pub mod token;
pub mod token_params;
pub mod tokens;
pub mod ttl;
pub mod txn;
mod uses;
pub mod versions;
pub mod web_token;
pub mod wrap;

pub use crate::core::Core;
pub use allowance::Allowance;
pub use call::{Authorized, Call, ExistsCall};
pub use engine::{AuthMethod, Backend, Engine};
pub use fault::Fault;
pub use mount::{Class, Mount, MountConfig};
pub use namespace::{Namespace, NamespaceId};
pub use pipeline::BodyForm;
pub use request::{Remote, Request};
pub use response::{Answer, Body, Grant, LeaseGrant, Renewed, Response};
pub use route::{Access, Answers, Route, RouteTable};
pub use strongroom_wire::{Map, Operation, Path, Value};
pub use txn::{Record, Txn};

/// A boxed future, as trait objects and handler tables need.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn std::future::Future<Output = T> + Send + 'a>>;
