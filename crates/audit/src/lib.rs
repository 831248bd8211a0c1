//! The audit trail: entries in Vault's format, keyed hashing of what is secret, devices, and the
//! broker that lets a request go on only when an entry has been written.

pub mod broker;
mod cache;
mod client_id;
pub mod config;
mod device;
pub mod entry;
mod hasher;
mod json;
mod queue;
mod render;
mod sink;
pub mod status;
mod ticket;

pub use broker::{AuditFailed, Broker, DeviceInfo, EnableError, Enabled, Limits};
pub use config::{ConfigError, DeviceConfig};
pub use entry::{AuthView, Entry, Phase, RequestView, ResponseView};
pub use status::{DeviceStatus, Health};
pub use ticket::Pending;
