//! The auth methods whose logins grant tokens: user names with passwords, and roles with secret ids.

pub mod approle;
pub mod userpass;
