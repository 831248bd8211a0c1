//! The auth methods whose logins grant tokens: user names with passwords, roles with secret ids, signed
//! tokens, and service accounts of Kubernetes.

pub mod approle;
mod glob;
pub mod jwt;
pub mod kubernetes;
#[cfg(test)]
mod outside;
pub mod userpass;
pub mod web_token;
