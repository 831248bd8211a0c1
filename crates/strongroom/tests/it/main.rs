//! Tests of the whole program, as a person or a client meets it. One binary: linking costs more than
//! running.

mod arrows;
mod canary;
mod conformance;
mod crash;
mod disk;
mod stand;
