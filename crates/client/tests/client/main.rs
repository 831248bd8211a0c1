//! The client against servers of its own.

#![allow(clippy::unwrap_used, reason = "tests may panic")]

mod canned;
mod requests;
mod tls;
