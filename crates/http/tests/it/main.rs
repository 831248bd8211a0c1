//! The listeners over real sockets, with an echo behind them in place of the core.

mod connections;
mod echo;
mod requests;
mod sockets;
mod tls;
