//! The listeners over real sockets, with an echo behind them in place of the core.

// A test whose server cannot be set up has to end there and then.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod connections;
mod echo;
mod outbound;
mod requests;
mod sockets;
mod tls;
