//! A client of the HTTP API, used by the command line, the operator and the init program.
//!
//! [`Config::from_env`] reads the environment as Vault's own client does, [`Client`] sends
//! [`Request`]s: redirects, retries, TLS and unix sockets included. Numbers in answers stay as
//! they came, digit for digit.

mod address;
mod client;
mod config;
mod connection;
mod error;
mod preview;
mod request;
mod response;
mod secret;
mod tls;

pub use address::{Address, AddressError, Endpoint};
pub use client::Client;
pub use config::{Addresses, Config, ConfigError, DEFAULT_ADDRESS, Lookup, Tls};
pub use error::{ApiError, Error};
pub use preview::Preview;
pub use request::{Method, Request};
pub use response::Response;
pub use secret::{Auth, Secret, WrapInfo};
pub use tls::client_config;
