//! The secret engines that come with the server, one module each.

pub mod cubbyhole;
mod folder;
pub mod kv;
mod payload;
pub mod transit;

pub use cubbyhole::Cubbyhole;
pub use kv::Kv;
pub use transit::Transit;
