//! The auth methods whose logins grant tokens: user names with passwords, roles with secret ids, signed
//! tokens, service accounts of Kubernetes, and TLS client certificates.

pub mod approle;
pub mod cert;
mod glob;
pub mod jwt;
pub mod kubernetes;
#[cfg(test)]
mod outside;
pub mod userpass;
pub mod web_token;
pub mod x509;
