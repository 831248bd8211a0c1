//! Certificates, revocation lists and OCSP, as far as logins need them. Bytes come from strangers: whatever
//! cannot be read is an error, and nothing that was read is believed before a chain is verified.
//!
//! Chains are verified by webpki. What names and extensions say is read by `x509-cert`, which takes DER only.

mod certificate;
mod chain;
pub mod ocsp;
mod pem;
mod revocation_list;
mod signed;

pub use certificate::Certificate;
pub use chain::{Chain, client_chain};
pub use pem::{certificates, first_block};
pub use revocation_list::RevocationList;

/// The bytes are not what they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct X509Error(&'static str);

impl std::fmt::Display for X509Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for X509Error {}

impl From<x509_cert::der::Error> for X509Error {
    fn from(_: x509_cert::der::Error) -> Self {
        Self("not the DER of what it should be")
    }
}
