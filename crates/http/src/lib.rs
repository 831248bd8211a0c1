//! Listeners: sockets, TLS, HTTP/1.1 and HTTP/2, and the way from an HTTP request to a logical one.
//!
//! - [`settings`] says how a listener is set up, [`bind`] opens its socket, [`server`] serves it.
//! - [`tls`] reads certificates, again on demand, and takes client certificates without judging them.
//! - [`outbound`] sends requests to other servers.
//! - `exchange` turns one HTTP request into a [`strongroom_core::Request`] and its answer into bytes,
//!   with everything about it that can be refused refused before any body is parsed.

pub mod api;
pub mod bind;
mod body;
mod connection;
mod connections;
mod cors;
mod exchange;
mod fields;
pub mod forwarded;
mod headers;
mod json_limits;
pub mod outbound;
mod outgoing;
mod pulse;
mod query;
mod refusal;
mod request_log;
pub mod response_headers;
pub mod server;
pub mod settings;
mod target;
pub mod tls;

pub use api::Api;
pub use bind::{BindError, Bound, bind};
pub use fields::check as check_body;
pub use forwarded::Forwarded;
pub use outbound::HttpOut;
pub use request_log::RequestLog;
pub use response_headers::ResponseHeaders;
pub use server::{Running, serve};
pub use settings::{Bind, JsonLimits, Limits, Settings, Timeouts};
