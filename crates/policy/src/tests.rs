//! Tests of the crate as a whole.

mod cases;
mod model;
mod security;
