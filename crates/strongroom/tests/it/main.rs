//! Tests of the whole program, as a person or a client meets it. One binary: linking costs more than
//! running.

// A test whose server cannot be set up has to end there and then.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod arrows;
mod canary;
mod certificate;
mod cli;
mod conformance;
mod crash;
mod disk;
mod doors;
mod gates;
mod init;
mod kubernetes;
mod namespaces;
mod openapi;
mod process;
mod remembered;
mod stand;
