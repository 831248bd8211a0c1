//! Lists of revoked certificates.

use super::signed::Signed;
use super::{Certificate, X509Error};
use std::collections::BTreeSet;
use x509_cert::certificate::Raw;
use x509_cert::crl::CertificateList;
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::{Decode, Encode};
use x509_cert::ext::pkix::IssuingDistributionPoint;

/// A list, read and not yet believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevocationList {
    der: Vec<u8>,
    issuer: Vec<u8>,
    /// The serial numbers that it revokes, big-endian.
    pub serials: BTreeSet<Vec<u8>>,
    /// When the next list comes out, in seconds since 1970.
    pub next_update: Option<u64>,
    /// It speaks of certificates of other issuers too.
    is_indirect: bool,
}

impl RevocationList {
    /// Reads DER.
    pub fn parse(der: &[u8]) -> Result<Self, X509Error> {
        let list = CertificateList::<Raw>::from_der(der)?.tbs_cert_list;
        let extensions = list.crl_extensions.unwrap_or_default();
        if extensions.iter().any(|e| e.extn_id == DELTA) {
            return Err(X509Error("a delta CRL says too little by itself; use a complete one"));
        }
        let scope = extensions.iter().find(|e| e.extn_id == SCOPE);
        let scope = scope.map(|e| IssuingDistributionPoint::from_der(e.extn_value.as_bytes())).transpose()?;
        let revoked = list.revoked_certificates.unwrap_or_default();
        Ok(Self {
            der: der.to_vec(),
            issuer: list.issuer.to_der()?,
            serials: revoked.iter().map(|entry| entry.serial_number.as_bytes().to_vec()).collect(),
            next_update: list.next_update.map(|time| time.to_unix_duration().as_secs()),
            is_indirect: scope.is_some_and(|scope| scope.indirect_crl),
        })
    }

    /// Whether it revokes a certificate. Lists that speak of several issuers are taken by the serial number
    /// alone: rather one login too few.
    pub fn revokes(&self, certificate: &Certificate) -> bool {
        (self.is_indirect || self.is_of_issuer(&certificate.issuer))
            && self.serials.contains(&certificate.serial)
    }

    /// Whether it is one of this issuer, by name.
    pub fn is_of_issuer(&self, name: &[u8]) -> bool {
        self.issuer == name
    }

    /// Whether the issuer that it names has signed it.
    pub fn is_issued_by(&self, issuer: &Certificate) -> bool {
        self.is_of_issuer(&issuer.subject)
            && Signed::read(&self.der).is_ok_and(|signed| signed.is_signed_by(&issuer.public_key))
    }
}

const DELTA: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.27");
const SCOPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.28");
