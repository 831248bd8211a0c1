//! The program as a process, against a server that answers as each test wants it. Against the real server:
//! `crates/strongroom/tests/it/init.rs`.

// A test whose server cannot be set up has to end there and then.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod exec;
mod init;
mod kubelet;
mod server;
mod stand;
mod watch;
